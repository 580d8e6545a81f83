"""Addresses and ranges of either family: the one module that imports `ipaddress`. Pure arithmetic.

What it gives out are `ipaddress`' own objects; attributes that both families share (`prefixlen`, `network_address`,
`max_prefixlen`, `packed`, `version`) are used directly. The functions here are what the library does not have, or
where it raises TypeError for two families: an IPv4 range and an IPv6 range have nothing in common, that is all.
Whether a cluster may use IPv6 is for the rules of the answers to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_interface,
    ip_network,
)

Address = IPv4Address | IPv6Address
Range = IPv4Network | IPv6Network
Interface = IPv4Interface | IPv6Interface
"""An address with the prefix length of its subnet, as an interface has it."""


def _range(text: str) -> Range:
    return ip_network(text)


ANYWHERE = _range("0.0.0.0/0")
"""All IPv4 addresses: where a default route leads."""

SPECIAL: tuple[tuple[str, Range], ...] = (
    ("unspecified", _range("0.0.0.0/8")),
    ("loopback", _range("127.0.0.0/8")),
    ("link-local", _range("169.254.0.0/16")),
    ("multicast", _range("224.0.0.0/4")),
    ("unspecified", _range("::/128")),
    ("loopback", _range("::1/128")),
    ("link-local", _range("fe80::/10")),
    ("multicast", _range("ff00::/8")),
)
"""Ranges in which no pod, service or node can have its address (IANA's special-purpose registries)."""


def parse_address(text: str | bytes) -> Address:
    """An address as people write it, or its 4 or 16 bytes in network order. ValueError for anything else."""
    return ip_address(text)


def parse_range(text: str, *, aligned: bool = True) -> Range:
    """`10.244.0.0/16`; an address alone is the range of itself. ValueError for anything else.

    With `aligned`, bits beyond the prefix length are an error; without, they are dropped.
    """
    return ip_network(text, strict=aligned)


def parse_ranges(text: str) -> tuple[Range, ...]:
    """Ranges with commas between, the way Kubernetes writes one of each family. ValueError where one is not valid."""
    return tuple(parse_range(part.strip()) for part in text.split(","))


def parse_interface(text: str) -> Interface:
    """`192.0.2.11/24`; an address alone has the prefix length of one address. ValueError for anything else."""
    return ip_interface(text)


def is_address(text: str) -> bool:
    """Whether `text` is an IP address (and not a name)."""
    try:
        parse_address(text)
    except ValueError:
        return False
    return True


def host_range(text: str) -> Range | None:
    """The range that holds this one address (/32, /128); None where `text` is not an address."""
    return parse_range(text) if is_address(text) else None


def is_ipv4(thing: Address | Range | Interface) -> bool:
    return thing.version == 4


def within(inner: Range, outer: Range) -> bool:
    """Whether all of `inner` lies in `outer`; never for two families."""
    return inner.version == outer.version and inner.network_address in outer and inner.prefixlen >= outer.prefixlen


def overlap(some: Iterable[Range], others: Iterable[Range]) -> bool:
    """Whether any of the one ranges has an address in common with any of the others."""
    others = tuple(others)
    return any(one.overlaps(other) for one in some for other in others)


def nth(network: Range, number: int) -> Address:
    """The address `number` places after the range's first."""
    return network.network_address + number


def span(network: Range) -> tuple[int, int]:
    """The first and the last address as numbers. Only spans of one family can be compared."""
    return int(network.network_address), int(network.broadcast_address)


def split_count(network: Range, size: int) -> int:
    """How many ranges of /size a range holds; 0 where they are larger than it."""
    return 1 << (size - network.prefixlen) if size >= network.prefixlen else 0


def split(network: Range, size: int) -> Iterator[Range]:
    """The ranges of /size in a range, in ascending order; none where they are larger than it."""
    if size >= network.prefixlen:
        yield from network.subnets(new_prefix=size)


def collapse(networks: Iterable[Range]) -> tuple[Range, ...]:
    """The fewest ranges with the same addresses, IPv4 first, each family in ascending order."""
    networks = tuple(networks)
    return (
        *collapse_addresses(each for each in networks if isinstance(each, IPv4Network)),
        *collapse_addresses(each for each in networks if isinstance(each, IPv6Network)),
    )


def smallest_range(addresses: Iterable[Address]) -> Range:
    """The smallest range that holds all the addresses. ValueError where there are none, or of two families."""
    addresses = tuple(addresses)
    if len({address.version for address in addresses}) != 1:
        raise ValueError("there is no range of no addresses, or of two families")
    network = parse_range(str(min(addresses, key=int)))
    last = max(addresses, key=int)
    while last not in network:
        network = network.supernet()
    return network


def subnet_around(address: Address, size: int) -> Range:
    """The range of /size in which the address lies."""
    return parse_range(f"{address}/{size}", aligned=False)


def special_name(network: Range) -> str:
    """The name of the special range that `network` touches; empty where there is none."""
    return next((name for name, special in SPECIAL if network.overlaps(special)), "")
