"""What the matrix of nodes means for the cluster: ports that peers cannot reach, packets that are too large."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

from assets.pod_network import pod_network
from kinstall.cluster import ClusterSpec
from kinstall.connectivity.required import Port
from kinstall.connectivity.results import Attempt, Matrix, Result
from kinstall.findings import Finding, Severity
from kinstall.preflight.check import ClusterView, check, error, ok, warning
from kinstall.wording import listed

_NAMED = 6

_Key = tuple[str, Result, bool]


@check("peers", Severity.ERROR, "Does every node reach every other on the ports that the cluster uses?")
def peers(view: ClusterView) -> Iterator[Finding]:
    """One finding for what is alike: the same ports of a node, from the same others, in the same way."""
    matrix = view.matrix
    sources: dict[_Key, dict[Port, list[str]]] = defaultdict(lambda: defaultdict(list))
    for each in matrix.blocked:
        want = each.connection
        needed = want.needed or each.result is Result.TOO_LARGE
        sources[want.target, each.result, needed][want.port].append(want.source)
    for key, by_port in sources.items():
        alike: dict[tuple[str, ...], list[Port]] = defaultdict(list)
        for port, whom in by_port.items():
            alike[tuple(whom)].append(port)
        for names, ports in alike.items():
            yield _blocked(matrix, key, names, ports)
    yield from _narrow(view.spec, matrix)
    yield from _not_asked(matrix.unknown)
    if matrix.attempts and not matrix.blocked:
        asked = len(
            {(each.connection.source, each.connection.target) for each in matrix.attempts if each.result is Result.OPEN}
        )
        ways = "1 pair of nodes is" if asked == 1 else f"{asked} pairs of nodes are"
        yield ok(f"{ways} connected as the cluster needs")


def _blocked(matrix: Matrix, key: _Key, names: tuple[str, ...], ports: list[Port]) -> Finding:
    target, result, needed = key
    others = {each.connection.source for each in matrix.attempts if each.connection.target == target}
    whom = "every other node" if len(names) > 2 and set(names) == others else listed(names, _NAMED)
    finding = error if needed else warning
    if result is Result.TOO_LARGE:
        size = max(matrix.mtus[name] for name in names)
        message = f"packets of {size} bytes from {whom} are lost on the way, smaller ones arrive"
        remedy = (
            "give the nodes' interfaces the MTU of the path, or let ICMP `fragmentation needed` pass, from which the "
            "kernel learns it by itself"
        )
        return finding(message, remedy, target)
    ports_named = ", ".join(map(str, sorted(ports)))
    numbers = ", ".join(f"{port.number}/{port.protocol}" for port in sorted(ports))
    message = f"{ports_named}: {result} from {whom}"
    if result is Result.UNREACHABLE:
        return finding(message, f"`ip route get` on {names[0]} shows where its packets go", target)
    remedy = f"accept {numbers} from the nodes, on {target} (`nft list ruleset`) and on firewalls between them"
    return finding(message, remedy, target)


def _narrow(spec: ClusterSpec, matrix: Matrix) -> Iterator[Finding]:
    """The kernel copes, at a packet per connection; pods' packets are better cut to size before."""
    overhead, chosen = pod_network(spec).overhead, spec.networking.mtu
    narrow: dict[tuple[str, int], list[str]] = defaultdict(list)
    for (source, target), mtu in matrix.paths.items():
        if (chosen + overhead if chosen else matrix.mtus[source]) > mtu:
            narrow[target, mtu].append(source)
    for (target, mtu), names in narrow.items():
        yield warning(
            f"the path from {listed(names, _NAMED)} carries packets of at most {mtu} bytes, less than the interface's "
            "MTU",
            f"set networking.mtu: {mtu - overhead}",
            target,
        )


def _not_asked(unknown: Collection[Attempt]) -> Iterator[Finding]:
    if reasons := list(dict.fromkeys(each.why for each in unknown if each.why)):
        named = "; ".join(reasons[:_NAMED]) + (" …" if reasons[_NAMED:] else "")
        yield warning(
            f"not every connection between nodes was tried: {named}",
            "check by hand that the nodes' firewalls let one another through",
        )


CHECKS = (peers,)
