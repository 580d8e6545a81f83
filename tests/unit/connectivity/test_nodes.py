"""Node × node between real sshds in network namespaces: what packet filters and paths do to it, and what it leaves."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kinstall.cluster import Networking
from kinstall.connectivity import Matrix, Result, required_connections, try_all
from kinstall.connectivity.probe import _Listener
from kinstall.connectivity.program import listen_program
from kinstall.connectivity.required import Port
from kinstall.transport.ssh.channel import SshChannel
from tests.unit.sshd import why_not
from tests.unit.switch import FACTS, Switch, ip

# The operator's own packets pass.
LOSES_LARGE = ("tcp dport != 22 ip length > 1400 drop", "udp dport 8472 ip length > 1400 drop")


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switch]:
    missing = [name for name in ("ip", "nft", "bash", "systemd-socket-activate") if not shutil.which(name)]
    if reason := why_not() or (f"not found: {', '.join(missing)}" if missing else ""):
        if os.environ.get("CI"):
            pytest.fail(f"CI must try the ways between nodes, but {reason}")
        pytest.skip(reason)
    switch = Switch(tmp_path_factory.mktemp("switch"), 3)
    try:
        yield switch
    finally:
        switch.close()


@pytest.fixture
def switch(joined: Switch) -> Iterator[Switch]:
    """Three nodes that reach one another; rules and routes of a test go with it."""
    yield joined
    for name in joined.names:
        joined.filter(name)


def asked(switch: Switch, channels: dict[str, SshChannel]) -> Matrix:
    spec = replace(switch.spec, networking=Networking(pod_network="overlay"))
    connections = required_connections(spec, dict.fromkeys(switch.names, FACTS))
    addresses = {node.name: node.internal_ip for node in spec.nodes}
    try:
        return try_all(connections, channels, addresses, dict.fromkeys(switch.names, 1500))
    finally:
        for channel in channels.values():
            channel.close()


def tried(switch: Switch) -> Matrix:
    return asked(switch, switch.channels())


def blocked(matrix: Matrix) -> set[str]:
    return {
        f"{each.connection.source} → {each.connection.target} {each.connection.port.number}: {each.result}"
        for each in matrix.blocked
    }


def listening(switch: Switch) -> str:
    return "".join(switch.inside(name, "ss", "-Hltun") for name in switch.names)


def test_all_open_and_nothing_left(switch: Switch) -> None:
    """Every way in both directions, TCP, UDP and full packets; afterwards no process and no listener more."""
    before, begun = listening(switch), time.monotonic()
    matrix = tried(switch)
    assert time.monotonic() - begun < 15
    assert {each.result for each in matrix.attempts} == {Result.OPEN} and len(matrix.attempts) == 26
    assert matrix.paths == {}
    assert switch.settled()
    assert listening(switch) == before


def test_what_filters_do_is_told_by_direction(switch: Switch) -> None:
    """A port that is dropped, one that is rejected, one that is prohibited, datagrams dropped and rejected; no more."""
    n1 = f"{switch.network}.2"
    switch.filter("n0", "tcp dport 6443 drop", "udp dport 8472 reject")
    switch.filter(
        "n1", "tcp dport 10250 reject with tcp reset", "tcp dport 10256 reject with icmp type admin-prohibited"
    )
    switch.filter("n2", f"ip saddr {n1} udp dport 8472 drop")
    assert blocked(tried(switch)) == {
        "n1 → n0 6443: dropped", "n2 → n0 6443: dropped", "n1 → n0 8472: refused", "n2 → n0 8472: refused",
        "n0 → n1 10250: refused", "n2 → n1 10250: refused", "n0 → n1 10256: unreachable", "n2 → n1 10256: unreachable",
        "n1 → n2 8472: dropped",
    }  # fmt: skip
    assert switch.settled()


def test_packets_that_get_lost_for_their_size(switch: Switch) -> None:
    """Connections come about and small datagrams arrive, full ones do not: found for TCP and for UDP."""
    switch.filter("n2", *LOSES_LARGE)
    assert blocked(tried(switch)) == {
        f"{name} → n2 {port}: too large" for name in ("n0", "n1") for port in (10250, 8472)
    }


def test_a_path_that_the_kernel_knows_to_be_narrow(switch: Switch) -> None:
    """What `ip route get` shows of a path is read, and the way is open: the kernel cuts to size."""
    route = (f"{switch.network}.2/32", "dev", "eth0")
    ip("-n", switch.space("n0"), "route", "add", *route, "mtu", "1400")
    try:
        matrix = tried(switch)
    finally:
        ip("-n", switch.space("n0"), "route", "delete", *route)
    assert matrix.paths == {("n0", "n1"): 1400}
    assert blocked(matrix) == set()


def test_who_listens_already_is_only_connected_to(switch: Switch) -> None:
    """A daemon on the port is its own listener: nothing is sent to it, and full packets are tried elsewhere."""
    code = (
        "import socket, sys\n"
        "s = socket.create_server(('0.0.0.0', 10250)); print('up', flush=True)\n"
        "got = b''\n"
        "for _ in range(2):\n"
        "    c, _ = s.accept(); c.settimeout(5); got += c.recv(100)\n"
        "print(got)\n"
    )
    command = ["ip", "netns", "exec", switch.space("n1"), sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout and daemon.stdout.readline() == "up\n"
        switch.filter("n1", *LOSES_LARGE)
        matrix = tried(switch)
        assert daemon.stdout.readline() == "b''\n"
    sample = next(
        each.connection.port.number for each in matrix.attempts if each.connection.port.what == "NodePort services"
    )
    tcp = {way for way in blocked(matrix) if "8472" not in way}
    assert tcp == {f"n0 → n1 {sample}: too large", f"n2 → n1 {sample}: too large"}


def test_listeners_end_with_the_connection(switch: Switch) -> None:
    """The operator's machine dies: what listened is gone at once, not only when its time is over."""
    channel = switch.nodes["n1"].channel("n1")
    program = listen_program(f"{switch.network}.2", [Port(6443, "tcp", ""), Port(8472, "udp", "")], "kin-1", 1)
    listener = _Listener(channel, program)
    assert listener.ready.wait(10) and "listens tcp 6443" in listener.lines
    assert any("socket-activate" in words for words in switch.processes())
    for pid in switch.nodes["n1"].sessions():
        os.kill(pid, signal.SIGKILL)
    listener.join()
    channel.close()
    assert switch.settled()


STRANGER = """
import socket, sys, time
ip, until = sys.argv[1], time.monotonic() + 3
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect((ip, 8472))
own = [b"kin-1 w1 small\\n", b"kin-1 w1 large" + b" " * 1400 + b"\\n"]
for each in own: s.send(each)
c = socket.create_connection((ip, 10250)); c.sendall(b"x" * 5000 + b"\\n"); c.settimeout(6)
try: print(c.recv(100))
except (TimeoutError, ConnectionError): print(b"")
c = socket.create_connection((ip, 10250)); c.sendall(b"kin-1 " + b"x" * 3000 + b"\\n"); print(c.recv(100), flush=True)
while time.monotonic() < until:
    for each in (b"forged\\nready\\nend\\n", b"kin-2 w1 large\\n", b"x" * 1400):
        try: s.send(each)
        except ConnectionError: pass
print("done", flush=True)
"""


def test_what_strangers_send_is_not_printed_and_gets_no_answer(switch: Switch) -> None:
    """A flood of datagrams and a connection without the run's token: nothing of it comes out, the run's own datagrams
    do, what listens is not root, and that there were too many is said."""
    channel, address = switch.nodes["n1"].channel("n1"), f"{switch.network}.2"
    ports = [Port(10250, "tcp", "", fills=True), Port(8472, "udp", "")]
    listener = _Listener(channel, listen_program(address, ports, "kin-1", 1))
    assert listener.ready.wait(10)
    for pid in Path("/proc").glob("[0-9]*"):
        try:
            words = (pid / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"systemd-socket-activate"):
            assert pid.stat().st_uid == 65533, words
    said = switch.inside("n2", sys.executable, "-c", STRANGER, address).splitlines()
    assert said == ["b''", "b'ok kin-1\\n'", "done"]
    listener.stop()
    listener.join()
    channel.close()
    after = listener.lines[listener.lines.index("ready") + 1 :]
    assert after == ["kin-1 w1 small", "kin-1 w1 large", "flooded udp 8472", "end"]
    assert switch.settled()


def test_a_node_that_is_lost_is_not_called_blocked(switch: Switch) -> None:
    """Its connections count as not tried, those of the others as they are."""
    channels = switch.channels()
    channels["n2"].close()
    matrix = asked(switch, channels)
    results = {each.result for each in matrix.attempts if "n2" not in (each.connection.source, each.connection.target)}
    assert results == {Result.OPEN}
    assert {each.result for each in matrix.attempts if "n2" in (each.connection.source, each.connection.target)} == {
        Result.UNKNOWN
    }
