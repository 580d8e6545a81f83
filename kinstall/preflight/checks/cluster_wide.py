"""What only shows when the nodes are looked at together: clones, clocks, versions that differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from kinstall.cluster import ClusterSpec
from kinstall.facts.model import NodeFacts
from kinstall.findings import Finding, Severity

# etcd warns from one second on; leases and tokens bear a few.
SKEW_ERROR = 10.0
SKEW_WARNING = 2.0


def _shared(value_of: Callable[[str], str], names: Mapping[str, NodeFacts]) -> list[tuple[str, list[str]]]:
    """(value, nodes that share it) for every value that more than one node has."""
    holders: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if value := value_of(name):
            holders[value].append(name)
    return [(value, nodes) for value, nodes in holders.items() if len(nodes) > 1]


def unique(spec: ClusterSpec, facts: Mapping[str, NodeFacts]) -> Iterator[Finding]:
    def mac(name: str) -> str:
        held = facts[name].interface_of(spec.node(name).internal_ip)
        return held[0].mac if held else ""

    clone = "was one of them cloned from the other's disk? Run "
    kinds: tuple[tuple[str, str, Callable[[str], str], Severity, str], ...] = (
        ("hostname", "host name", lambda n: facts[n].hostname, Severity.WARNING, "`hostnamectl set-hostname NAME`"),
        (
            "machine-id",
            "machine-id",
            lambda n: facts[n].machine_id,
            Severity.ERROR,
            clone + "`rm /etc/machine-id && systemd-machine-id-setup` on one and reboot it",
        ),
        ("mac", "MAC address", mac, Severity.ERROR, "give one of the machines another network card address"),
        (
            "product-uuid",
            "product_uuid",
            lambda n: facts[n].product_uuid,
            Severity.WARNING,
            "give each virtual machine a UUID of its own",
        ),
    )
    for check, what, value_of, severity, remedy in kinds:
        if not any(value_of(name) for name in facts):
            continue  # no node tells it, as in containers
        shared = _shared(value_of, facts)
        for value, nodes in shared:
            yield Finding("", check, severity, f"{', '.join(nodes)} have the same {what} {value}", remedy)
        if not shared:
            yield Finding("", check, Severity.OK, f"every node has a {what} of its own")


def clocks(facts: Mapping[str, NodeFacts], asked: Mapping[str, tuple[float, float]]) -> Iterator[Finding]:
    """`asked`: node → (sent, received) of the operator. Only what the round trips cannot explain counts."""
    # Each node's offset from the operator lies between these two.
    spans = {
        name: (told.clock - asked[name][1], told.clock - asked[name][0])
        for name, told in facts.items()
        if told.clock and name in asked
    }
    if len(spans) < 2:
        return
    slow = min(spans, key=lambda name: spans[name][1])
    fast = max(spans, key=lambda name: spans[name][0])
    apart = spans[fast][0] - spans[slow][1]
    if apart <= SKEW_WARNING:
        yield Finding("", "clock-skew", Severity.OK, "the nodes' clocks agree")
        return
    yield Finding(
        "",
        "clock-skew",
        Severity.ERROR if apart > SKEW_ERROR else Severity.WARNING,
        f"the clock of {fast} is {apart:.0f} seconds ahead of that of {slow}",
        "let the same time service set both (chrony, systemd-timesyncd)",
    )


def nodes_told(spec: ClusterSpec, facts: Mapping[str, NodeFacts]) -> Iterator[Finding]:
    """A cluster's nodes that were not asked are named, so that silence is not taken for health."""
    if missing := [node.name for node in spec.nodes if node.name not in facts]:
        yield Finding(
            "", "nodes", Severity.WARNING, f"not looked at: {', '.join(missing)}", "mend the connection to them"
        )


def open_api(spec: ClusterSpec) -> Iterator[Finding]:
    """Mode http is said aloud at every run."""
    if spec.security.mode == "http":
        networks = ", ".join(spec.security.trusted_networks)
        yield Finding(
            "",
            "security",
            Severity.WARNING,
            f"mode http: everybody in {networks} is admin of the cluster without any credential, unencrypted",
            "take security.mode: https where that is not meant",
        )


CHECKS = ("hostname", "machine-id", "mac", "product-uuid", "clock-skew", "nodes", "security")
