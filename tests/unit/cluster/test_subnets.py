"""Addresses and ranges: arithmetic that is the same for both families, and never mixes them up."""

from __future__ import annotations

import pytest

from kinstall.cluster.subnets import (
    collapse,
    host_range,
    is_address,
    is_ipv4,
    nth,
    overlap,
    parse_address,
    parse_interface,
    parse_range,
    parse_ranges,
    smallest_range,
    span,
    special_name,
    split,
    split_count,
    subnet_around,
    within,
)


@pytest.mark.parametrize(
    ("network", "name"),
    [
        ("10.0.0.0/8", ""),
        ("127.0.0.1/32", "loopback"),
        ("169.254.7.0/24", "link-local"),
        ("224.0.0.0/8", "multicast"),
        ("0.0.0.0/0", "unspecified"),
        ("100.64.0.0/10", ""),
        ("2001:db8::/64", ""),
        ("::1/128", "loopback"),
        ("fe80::/64", "link-local"),
        ("ff02::/16", "multicast"),
        ("::/0", "unspecified"),
    ],
)
def test_special_ranges(network: str, name: str) -> None:
    """Ranges in which nothing ordinary has its address are known by name; carrier-grade NAT's is usable."""
    assert special_name(parse_range(network)) == name


@pytest.mark.parametrize(
    ("inner", "outer", "wanted"),
    [
        ("10.244.1.0/24", "10.244.0.0/16", True),
        ("10.244.0.0/16", "10.244.0.0/16", True),
        ("10.244.0.0/16", "10.244.1.0/24", False),
        ("10.245.0.0/24", "10.244.0.0/16", False),
        ("2001:db8:0:1::/64", "2001:db8::/56", True),
        ("2001:db8::/64", "10.244.0.0/16", False),
        ("0.0.0.0/32", "::/0", False),
    ],
)
def test_within(inner: str, outer: str, wanted: bool) -> None:
    """A range lies in a larger one of its own family; one of the other family is no error, it just does not."""
    assert within(parse_range(inner), parse_range(outer)) is wanted


def test_overlap_of_lists() -> None:
    """One pair with an address in common is enough, and two families never have one."""
    mine = parse_ranges("10.244.0.0/16,2001:db8::/56")
    assert overlap(mine, parse_ranges("10.96.0.0/16, 2001:db8:0:80::/60"))
    assert not overlap(mine, parse_ranges("10.96.0.0/16,2001:db8:1::/112"))
    assert not overlap(mine[:1], mine[1:])
    assert not overlap(mine, ())


def test_numbers_in_a_range() -> None:
    """The tenth address, first and last as numbers, and how many smaller ranges fit."""
    four, six = parse_ranges("10.96.0.0/16,2001:db8::/112")
    assert [str(nth(each, 10)) for each in (four, six)] == ["10.96.0.10", "2001:db8::a"]
    assert span(parse_range("0.0.1.0/24")) == (256, 511)
    assert [split_count(four, 24), split_count(six, 120), split_count(four, 8)] == [256, 256, 0]
    assert [str(each) for each in split(parse_range("2001:db8::/47"), 48)] == ["2001:db8::/48", "2001:db8:1::/48"]
    assert list(split(four, 8)) == []


def test_collapse() -> None:
    """Neighbours become one range and what is contained goes; the families stay apart, IPv4 first."""
    given = ["2001:db8:1::/48", "10.0.1.0/24", "2001:db8::/48", "10.0.0.0/24", "10.0.0.7/32"]
    assert [str(each) for each in collapse(map(parse_range, given))] == ["10.0.0.0/23", "2001:db8::/47"]


@pytest.mark.parametrize(
    ("addresses", "wanted"),
    [
        ("192.0.2.11 192.0.2.13 192.0.2.12", "192.0.2.8/29"),
        ("192.0.2.11", "192.0.2.11/32"),
        ("10.0.0.255 10.0.1.0", "10.0.0.0/23"),
        ("2001:db8::1 2001:db8::fffe", "2001:db8::/112"),
    ],
)
def test_smallest_range(addresses: str, wanted: str) -> None:
    """The smallest range that holds all addresses, in whatever order they come."""
    assert str(smallest_range(map(parse_address, addresses.split()))) == wanted


@pytest.mark.parametrize("addresses", ["", "192.0.2.11 2001:db8::1"])
def test_no_smallest_range(addresses: str) -> None:
    """No addresses, or addresses of two families, lie in no range."""
    with pytest.raises(ValueError, match="no range"):
        smallest_range(map(parse_address, addresses.split()))


def test_reading() -> None:
    """Both families are read alike; what is not one, or has bits beyond its size, is a ValueError."""
    assert [is_ipv4(parse_address(text)) for text in ("192.0.2.1", "2001:db8::1")] == [True, False]
    assert parse_address(bytes((192, 0, 2, 1))) == parse_address("192.0.2.1")
    assert str(parse_interface("192.0.2.1/24").network) == "192.0.2.0/24"
    assert [str(host_range(text)) for text in ("192.0.2.1", "2001:db8::1", "n1", "192.0.2.0/24")] == [
        "192.0.2.1/32",
        "2001:db8::1/128",
        "None",
        "None",
    ]
    assert str(subnet_around(parse_address("192.0.2.77"), 26)) == "192.0.2.64/26"
    assert str(parse_range("192.0.2.77/26", aligned=False)) == "192.0.2.64/26"
    for text in ("192.0.2.77/26", "n1", "", "10.0.0.0/33"):
        with pytest.raises(ValueError):
            parse_range(text)
    assert not is_address("node-1")
