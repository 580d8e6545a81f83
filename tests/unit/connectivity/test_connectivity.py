"""Node × node, the pure part: who has to reach whom, what the programs' words mean, what follows for the cluster."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

from kinstall.cluster import CONTROL_PLANE, WORKER, ClusterSpec, Networking, Node, Preflight
from kinstall.cluster.check_names import CHECK_NAMES
from kinstall.connectivity import Attempt, Connection, Matrix, Port, Result, required_connections
from kinstall.connectivity.program import Call, calls, listen_program
from kinstall.connectivity.results import Listening, read_listening, read_matrix
from kinstall.facts.model import Listener, NodeFacts
from kinstall.findings import Finding, Severity
from kinstall.preflight.judge import check_peers
from kinstall.terminal.connectivity import show_preflight
from tests.unit.switch import FACTS

SPEC = ClusterSpec(
    nodes=(
        Node(name="cp1", address="10.90.0.11", role=CONTROL_PLANE),
        Node(name="w1", address="203.0.113.7", node_ip="10.90.0.12", role=WORKER),
        Node(name="w2", address="10.90.0.13", role=WORKER),
    )
)
OVERLAY = replace(SPEC, networking=Networking(pod_network="overlay"))
API, KUBELET, VXLAN = Port(6443, "tcp", "kube-apiserver"), Port(10250, "tcp", "kubelet"), Port(8472, "udp", "overlay")


def all_of(spec: ClusterSpec) -> dict[str, NodeFacts]:
    return {node.name: FACTS for node in spec.nodes}


def ways(connections: tuple[Connection, ...], *, needed: bool) -> set[str]:
    return {f"{each.source} {each.target} {each.port.number}" for each in connections if each.needed is needed}


def test_who_has_to_reach_whom() -> None:
    """The API from everywhere, kubelets from the control plane, the overlay between all; the rest is only used."""
    connections = required_connections(OVERLAY, all_of(OVERLAY))
    assert ways(connections, needed=True) == {
        "w1 cp1 6443", "w2 cp1 6443", "cp1 w1 10250", "cp1 w2 10250",
        *(f"{a} {b} 8472" for a in ("cp1", "w1", "w2") for b in ("cp1", "w1", "w2") if a != b),
    }  # fmt: skip
    assert {"w1 w2 10250", "w1 cp1 10256", "w2 w1 32767"} <= ways(connections, needed=False)
    assert not any(each.port.protocol == "udp" for each in required_connections(SPEC, all_of(SPEC)))


def test_etcd_members_reach_one_another() -> None:
    """Two control planes: 2379 and 2380 between them, and to no worker."""
    second = replace(SPEC.nodes[1], role=CONTROL_PLANE)
    connections = required_connections(replace(SPEC, nodes=(SPEC.nodes[0], second, SPEC.nodes[2])), all_of(SPEC))
    etcd = {(each.source, each.target) for each in connections if each.port.number in (2379, 2380)}
    assert etcd == {("cp1", "w1"), ("w1", "cp1")}


def test_only_what_begins_or_ends_at_a_new_node() -> None:
    """A second replay tries nothing, a third node only its own ways; nodes without facts take no part."""
    facts = all_of(SPEC)
    assert required_connections(SPEC, facts, set()) == ()
    assert {frozenset((w.source, w.target)) for w in required_connections(SPEC, facts, {"w2"})} == {
        frozenset(("cp1", "w2")), frozenset(("w1", "w2")),
    }  # fmt: skip
    assert {w.target for w in required_connections(SPEC, {"cp1": FACTS, "w1": FACTS})} == {"cp1", "w1"}


def test_the_sample_of_node_ports_is_free_everywhere() -> None:
    """A port that some node listens on already is not taken for it."""
    listener = Listener("tcp", "0.0.0.0", 32767, "nc")
    facts = all_of(SPEC) | {"w2": replace(FACTS, listeners=(listener,))}
    assert 32766 in {each.port.number for each in required_connections(SPEC, facts)}
    assert 32767 not in {each.port.number for each in required_connections(SPEC, facts)}


def test_what_is_sent_fills_a_packet() -> None:
    """A datagram is as large as the interface lets pass, a stream longer than one packet; the rest only connects."""
    text = calls([Call("10.0.0.2", API), Call("10.0.0.2", KUBELET, large=True), Call("10.0.0.2", VXLAN)], 9000)
    assert text.decode().splitlines() == [
        "tcp 10.0.0.2 6443 0", "tcp 10.0.0.2 10250 18000", "udp 10.0.0.2 8472 8972",
    ]  # fmt: skip


def test_the_listening_program_gets_its_ports() -> None:
    """TCP and UDP apart, and the address as /proc/net writes it."""
    text = listen_program("10.90.0.12", [VXLAN, KUBELET, replace(API, fills=True)], "kin-1", 2)
    settings = dict(re.findall(r"^(\w+)='?(.*?)'?$", text.partition("#")[0], re.MULTILINE))
    assert {name: settings[name] for name in ("ip", "hex", "tcp", "fill", "udp", "token", "datagrams")} == {
        "ip": "10.90.0.12", "hex": "0C005A0A", "tcp": "6443 10250", "fill": "6443", "udp": "8472", "token": "kin-1",
        "datagrams": "1032",
    }  # fmt: skip


ADDRESSES = {node.name: node.internal_ip for node in SPEC.nodes}
MTUS = dict.fromkeys(ADDRESSES, 1500)
LISTENS = ("listens tcp 6443", "listens tcp 10250", "listens udp 8472", "own tcp 10250", "own udp 8472", "ready")


def results(said: list[str], *, received: tuple[str, ...] = (), listens: tuple[str, ...] = LISTENS) -> list[Result]:
    """What came of w1's ways to cp1: API, kubelet, overlay."""
    connections = [Connection("w1", "cp1", port, True) for port in (API, KUBELET, VXLAN)]
    heard = {"cp1": read_listening(listens)}
    matrix = read_matrix(connections, ADDRESSES, MTUS, heard, {"cp1": received}, {"w1": said}, "kin-1")
    return [each.result for each in matrix.attempts]


def test_words_become_results() -> None:
    """Open, refused, unreachable, lost; silence is a drop. Bash's own complaints name address, port and cause."""
    both = ("kin-1 w1 small", "kin-1 w1 large" + " " * 1400)
    said = ["noise", "tcp 10.90.0.11 6443 open", "tcp 10.90.0.11 10250 open", "end"]
    assert results(said, received=both) == [Result.OPEN] * 3
    said = [
        "environment: connect: Connection refused",
        "environment: line 21: /dev/tcp/10.90.0.11/6443: Connection refused",
        "bash: /dev/tcp/10.90.0.11/10250: No route to host",
        "udp 10.90.0.11 8472 refused",
        "end",
    ]
    assert results(said) == [Result.REFUSED, Result.UNREACHABLE, Result.REFUSED]
    assert results(["tcp 10.90.0.11 10250 lost", "end"], received=both[:1]) == [
        Result.DROPPED, Result.TOO_LARGE, Result.TOO_LARGE,
    ]  # fmt: skip
    assert results(["end"], received=("kin-2 w1 large", "kin-1 w2 large")) == [Result.DROPPED] * 3
    assert results(["bash: /dev/tcp/10.90.0.11/6443: Connection timed out", "end"])[0] is Result.DROPPED


def test_a_flood_is_not_called_a_firewall() -> None:
    """Where strangers sent so much that the listener ended, that port is not judged; what arrived before is open."""
    said = ["tcp 10.90.0.11 6443 open", "tcp 10.90.0.11 10250 open", "udp 10.90.0.11 8472 refused", "end"]
    assert results(said, received=("flooded udp 8472",)) == [Result.OPEN, Result.OPEN, Result.UNKNOWN]
    assert results(said, received=("kin-1 w1 large", "flooded udp 8472")) == [Result.OPEN] * 3


def test_a_node_that_lies_ends_in_no_traceback() -> None:
    """Numbers that are none, programs that are none and lines of any length are passed over."""
    lies = ["listens tcp x", "own udp 99999999999", "listens tcp ²", "missing \x1b[31mrm", "listens"]
    assert read_listening(lies) == Listening()
    assert (
        results(["tcp 10.90.0.11 ² open", "/dev/tcp/10.90.0.11/99999999999: x", "missing " + "x" * 9999])
        == [Result.UNKNOWN] * 3
    )


def test_the_second_word_counts() -> None:
    """What was busy at first and open at the second try is open."""
    said = ["tcp 10.90.0.11 10250 lost", "end", "tcp 10.90.0.11 10250 open", "end"]
    assert results(said)[1] is Result.OPEN


def test_what_was_not_asked_is_not_called_blocked() -> None:
    """No bash at the source, a program that broke off, nobody listening, datagrams that the kernel takes itself."""
    assert set(results(["missing bash"])) == set(results(["tcp 10.90.0.11 6443 open"])) == {Result.UNKNOWN}
    assert set(results(["end"], listens=("missing systemd-socket-activate", "ready"))) == {Result.UNKNOWN}
    said = ["tcp 10.90.0.11 6443 open", "tcp 10.90.0.11 10250 open", "end"]
    taken = tuple(line for line in LISTENS if not line.startswith("own"))
    assert results(said, listens=taken) == [Result.OPEN, Result.OPEN, Result.UNKNOWN]


def test_a_path_that_bears_less_is_learned() -> None:
    """`ip route get` shows what the kernel learned from ICMP; what is not less than the interface's MTU is no news."""
    connections = [Connection("w1", target, KUBELET, False) for target in ("cp1", "w2")]
    said = ["route 10.90.0.11 via 10.9.0.1 dev eth0 src 10.90.0.12 uid 0 \\    cache expires 590sec mtu 1400 ",
            "route 10.90.0.13 dev eth0 src 10.90.0.12 \\    cache mtu 1500", "end"]  # fmt: skip
    matrix = read_matrix(connections, ADDRESSES, MTUS, {}, {}, {"w1": said}, "kin-1")
    assert matrix.paths == {("w1", "cp1"): 1400}


def found(
    *reached: Attempt, spec: ClusterSpec = SPEC, paths: dict[tuple[str, str], int] | None = None
) -> list[Finding]:
    return check_peers(spec, Matrix(reached, paths or {}, MTUS))


def way(source: str, target: str, port: Port, result: Result, *, needed: bool = True) -> Attempt:
    return Attempt(Connection(source, target, port, needed), result)


def test_what_is_alike_is_one_finding() -> None:
    """The same ports of a node from the same others; what the cluster needs is an error, the rest a warning."""
    error, warning = found(
        way("cp1", "w1", KUBELET, Result.DROPPED),
        way("cp1", "w1", VXLAN, Result.DROPPED),
        way("w2", "w1", KUBELET, Result.DROPPED, needed=False),
        way("w1", "w2", KUBELET, Result.OPEN),
    )
    assert (error.node, error.check, error.severity) == ("w1", "peers", Severity.ERROR)
    assert error.message == "8472/udp (overlay), 10250/tcp (kubelet): dropped from cp1"
    assert "accept 8472/udp, 10250/tcp from the nodes, on w1" in error.remedy
    assert (warning.severity, warning.message) == (Severity.WARNING, "10250/tcp (kubelet): dropped from w2")


def test_large_packets_and_narrow_paths() -> None:
    """Lost without a word is an error, also on a port that is only used; known to the kernel is a warning."""
    (lost,) = found(way("w2", "w1", KUBELET, Result.TOO_LARGE, needed=False))
    assert (lost.severity, lost.node) == (Severity.ERROR, "w1")
    assert lost.message == "packets of 1500 bytes from w2 are lost on the way, smaller ones arrive"
    open_way = way("w2", "w1", VXLAN, Result.OPEN)
    narrow, good = found(open_way, spec=OVERLAY, paths={("w2", "w1"): 1400})
    assert (narrow.severity, good.severity) == (Severity.WARNING, Severity.OK)
    assert narrow.remedy == "set networking.mtu: 1350"
    small = replace(OVERLAY, networking=replace(OVERLAY.networking, mtu=1350))
    assert [each.severity for each in found(open_way, spec=small, paths={("w2", "w1"): 1400})] == [Severity.OK]


def test_every_other_node_and_unreachable() -> None:
    """Many names become a word; where there is no way, no filter is blamed."""
    names = ("cp1", "w2", "w3")
    (finding,) = found(*(way(name, "w1", API, Result.UNREACHABLE) for name in names))
    assert finding.message == "6443/tcp (kube-apiserver): unreachable from every other node"
    assert "ip route get" in finding.remedy and "nft" not in finding.remedy


def test_not_asked_is_said_once_per_reason() -> None:
    """A node without bash is named, and what would have been tried is not called good."""
    reached = tuple(
        Attempt(Connection("w1", to, KUBELET, True), Result.UNKNOWN, "w1: there is no bash on it")
        for to in ("cp1", "w2")
    )
    warning, ok = found(*reached, way("w2", "w1", KUBELET, Result.OPEN))
    assert warning.message == "not every connection between nodes was tried: w1: there is no bash on it"
    assert ok.message.startswith("1 pair of nodes is connected")


def test_the_check_can_be_ignored_by_name() -> None:
    """Whoever knows better writes `preflight.ignore: [peers]`."""
    assert "peers" in CHECK_NAMES
    matrix = Matrix((way("cp1", "w1", KUBELET, Result.DROPPED),), {}, MTUS)
    assert [each.severity for each in check_peers(SPEC, matrix)] == [Severity.ERROR]
    relaxed = replace(SPEC, preflight=Preflight(ignore=("peers",)))
    assert [each.severity for each in check_peers(relaxed, matrix)] == [Severity.WARNING]


MATRIX = Matrix(
    (
        way("cp1", "w1", KUBELET, Result.DROPPED),
        way("w2", "w1", KUBELET, Result.DROPPED, needed=False),
        way("w1", "cp1", API, Result.REFUSED),
        Attempt(Connection("w2", "cp1", VXLAN, True), Result.UNKNOWN, "w2: no answer"),
        way("w2", "cp1", API, Result.OPEN),
    )
)


def test_the_table_shows_directions() -> None:
    """A row per port and direction, those that share an end together; nothing where nothing is blocked."""
    stream = io.StringIO()
    show_preflight([], MATRIX, stream, "text", everything=False)
    rows = [re.split(r"  +", line.strip()) for line in stream.getvalue().splitlines()[-3:]]
    assert rows == [
        ["FROM", "TO", "PORT", "RESULT"],
        ["cp1, w2", "w1", "10250/tcp (kubelet)", "dropped"],
        ["w1", "cp1", "6443/tcp (kube-apiserver)", "refused"],
    ]
    stream = io.StringIO()
    show_preflight([], Matrix(), stream, "text", everything=False)
    assert "FROM" not in stream.getvalue()


def test_the_json_has_every_way() -> None:
    """One document: findings as before, and each blocked way by itself."""
    stream = io.StringIO()
    show_preflight([], MATRIX, stream, "json", everything=False)
    told = json.loads(stream.getvalue())
    assert told["findings"] == [] and told["peers"]["tried"] == 4
    assert told["peers"]["blocked"][2] == {
        "from": "w1", "to": "cp1", "port": 6443, "protocol": "tcp", "what": "kube-apiserver",
        "needed": True, "result": "refused",
    }  # fmt: skip
    assert [(each["from"], each["why"]) for each in told["peers"]["notAsked"]] == [("w2", "w2: no answer")]
