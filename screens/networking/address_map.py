"""A map of the address space: where pods, services and hosts are, and where they overlap. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, islice

from kinstall.cluster import ClusterSpec
from kinstall.cluster.pod_ranges import capacity
from kinstall.cluster.subnets import Range, collapse, host_range, is_ipv4, parse_range, split
from kinstall.findings import Problem
from kinstall.wording import count, cut
from screens.draft.draft import Draft

_BLOCK = 8
_MOST_BLOCKS = 4
_NAME = 9
FULL, PART, CLASH = "█", "▏", "✗"


@dataclass(frozen=True, slots=True)
class Named:
    """Ranges that belong together. `shown` is the text at the end of the row."""

    name: str
    networks: tuple[Range, ...]
    shown: str


def ranges_of(draft: Draft) -> list[Named]:
    """The ranges of the answers, as far as they are valid."""
    spec = draft.spec
    named = []
    for name, place, text in (
        ("pods", "networking.podSubnet", spec.networking.pod_subnet),
        ("services", "networking.serviceSubnet", spec.networking.service_subnet),
    ):
        network = _network(text)
        if network and place not in draft.examined.broken:
            named.append(Named(name, (network,), str(network)))
    hosts = _hosts(spec)
    if hosts:
        nodes = count(len(hosts), "node")
        named.append(Named("hosts", hosts, f"{nodes}, {hosts[0].network_address} …" if hosts[1:] else str(hosts[0][0])))
    return named


def _network(text: str) -> Range | None:
    try:
        network = parse_range(text)
    except ValueError:
        return None
    return network if is_ipv4(network) else None  # what is drawn are blocks of IPv4


def _hosts(spec: ClusterSpec) -> tuple[Range, ...]:
    return tuple(network for node in spec.nodes if (network := host_range(node.address)) and is_ipv4(network))


def clashes(named: Sequence[Named]) -> list[tuple[str, str, Range]]:
    """(name, name, what they share) of every two that overlap."""
    found = []
    for one, other in combinations(named, 2):
        for mine in one.networks:
            found += [
                (one.name, other.name, max(mine, theirs, key=_length))
                for theirs in other.networks
                if mine.overlaps(theirs)
            ]
    return found


def _length(network: Range) -> int:
    return network.prefixlen


def picture(named: Sequence[Named], cells: int, *, ends: int = 22) -> str:
    """The ranges in rows of `cells` characters, one block for each /8 in use, and the overlaps in words.

    `ends`: each row ends with what it shows, in so many characters at most.
    """
    if not named:
        return ""
    blocks = sorted({block for each in named for network in each.networks for block in _blocks(network)})
    lines: list[str] = []
    shared = [network for *_, network in clashes(named)]
    for block in blocks[:_MOST_BLOCKS]:
        lines += _block(block, named, shared, cells, ends)
    if len(blocks) > _MOST_BLOCKS:
        lines.append(f"… and {count(len(blocks) - _MOST_BLOCKS, 'more block')}")
    return "\n".join([*lines, *_in_words(named)])


def _blocks(network: Range) -> list[Range]:
    if network.prefixlen >= _BLOCK:
        return [network.supernet(new_prefix=_BLOCK)]
    return [*islice(split(network, _BLOCK), _MOST_BLOCKS)]


def _block(block: Range, named: Sequence[Named], shared: Sequence[Range], cells: int, ends: int) -> list[str]:
    ruler = "".join(str(value).ljust(cells // 4) for value in (0, 64, 128, 192))
    lines = [f"{block!s:<{_NAME + 2}}"[: _NAME + 2] + ruler]
    for each in named:
        row = [" "] * cells
        for network in collapse(each.networks):
            _paint(row, block, network, FULL)
        for network in shared:
            if any(network.overlaps(own) for own in each.networks):
                _paint(row, block, network, CLASH)
        if any(cell != " " for cell in row):
            lines.append(f"{each.name:<{_NAME + 2}}{''.join(row)}" + f"  {cut(each.shown, ends)}")
    return lines


def _paint(row: list[str], block: Range, network: Range, mark: str) -> None:
    """Mark the cells that a range covers; a range far smaller than a cell is a thin line."""
    if not network.overlaps(block):
        return
    per_cell = block.num_addresses / len(row)
    first = max(int(network.network_address) - int(block.network_address), 0)
    last = min(first + network.num_addresses, block.num_addresses) - 1
    thin = mark == FULL and network.num_addresses < per_cell / 8
    for cell in range(int(first / per_cell), int(last / per_cell) + 1):
        if row[cell] in (" ", PART) or mark == CLASH:
            row[cell] = PART if thin else mark


def _in_words(named: Sequence[Named]) -> list[str]:
    found = clashes(named)
    if not found:
        return ["✓ nothing overlaps"] if len(named) > 1 else []
    lines = [f"{CLASH} {one} and {other} overlap in {network}" for one, other, network in found[:3]]
    return [*lines, *([f"… and {len(found) - 3} more"] if len(found) > 3 else [])]


# Hints


def pods_hint(draft: Draft) -> str:
    """`256 nodes, 253 pods on each`."""
    if not _readable(draft, "networking.podSubnet", "networking.nodeCIDRMaskSize"):
        return ""
    held = capacity(draft.spec.networking)
    return f"{held.nodes:,} nodes, {held.pods_per_node:,} pods on each" if held.nodes else ""


def services_hint(draft: Draft) -> str:
    """`65,534 services; API 10.96.0.1, DNS 10.96.0.10`."""
    if not _readable(draft, "networking.serviceSubnet"):
        return ""
    networking = draft.spec.networking
    held = networking.services[0].num_addresses - 2
    return f"{held:,} services; API {networking.api_service_ip}, DNS {networking.dns_service_ip}" if held > 9 else ""


def endpoint_hint(draft: Draft) -> str:
    """The API's address if none is given."""
    if draft.get(("controlPlaneEndpoint",)):
        return ""
    planes = draft.spec.control_planes
    if planes and planes[0].address:
        return f"{planes[0].address}:6443, {planes[0].name}"
    return "the first control plane"


def mtu_hint(draft: Draft) -> str:
    return "the MTU of the node's interface" if draft.effective(("networking", "mtu")) == 0 else ""


def _readable(draft: Draft, *paths: str) -> bool:
    """Whether the values are ranges at all; whether they are large enough does not matter here."""
    texts = (draft.spec.networking.pod_subnet, draft.spec.networking.service_subnet)
    wrong: tuple[Problem, ...] = draft.problems_at(*paths)
    return all(map(_network, texts)) and not any(path in draft.examined.broken for path in paths) and len(wrong) < 2
