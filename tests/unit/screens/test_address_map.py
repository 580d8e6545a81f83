"""The address space as a picture, and what follows from single ranges."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from screens.draft.draft import Draft
from screens.networking.address_map import Named, clashes, endpoint_hint, picture, pods_hint, ranges_of, services_hint

NODES = """
nodes:
- {name: cp1, address: 10.90.0.11, role: control-plane}
- {name: w1, address: 10.90.0.12, role: worker}
"""


def draft(networking: str) -> Draft:
    return Draft.parse(f"networking: {{{networking}}}{NODES}")


def named(**ranges: str) -> list[Named]:
    return [Named(name, (IPv4Network(text),), text) for name, text in ranges.items()]


def test_ranges_lie_where_they_are() -> None:
    """A quarter of the /8 fills a quarter of the row; a small range is a thin line; names and ends stand beside."""
    lines = picture(named(pods="10.64.0.0/10", hosts="10.192.0.0/24"), 40).splitlines()
    assert lines[0].startswith("10.0.0.0/8 0") and "192" in lines[0]
    assert lines[1] == "pods       " + " " * 10 + "█" * 10 + " " * 20 + "  10.64.0.0/10"
    assert lines[2] == "hosts      " + " " * 30 + "▏" + " " * 9 + "  10.192.0.0/24"
    assert lines[3] == "✓ nothing overlaps"


def test_overlaps_stand_out_by_a_character_and_a_sentence() -> None:
    """Both rows are marked where they meet, and it is said what they share."""
    found = named(pods="10.0.0.0/9", services="10.96.0.0/11")
    assert clashes(found) == [("pods", "services", IPv4Network("10.96.0.0/11"))]
    pods, services, told = picture(found, 64).splitlines()[1:]
    assert pods.count("✗") == services.count("✗") == 8 and "█" in pods and "█" not in services
    assert told == "✗ pods and services overlap in 10.96.0.0/11"


def test_each_part_of_the_world_has_its_block() -> None:
    """Ranges in different /8s are drawn one block under the other, each with those that lie there."""
    text = picture(named(pods="10.244.0.0/16", services="172.20.0.0/16"), 32)
    assert text.index("10.0.0.0/8") < text.index("pods") < text.index("172.0.0.0/8") < text.index("services")


def test_hosts_of_the_answers_are_in_the_picture() -> None:
    """A node whose address lies in the pods' range is seen."""
    found = ranges_of(draft("podSubnet: 10.90.0.0/16"))
    assert [each.name for each in found] == ["pods", "services", "hosts"]
    assert {other for _, other, _ in clashes(found)} == {"hosts"}


@pytest.mark.parametrize("text", ["10.244.0.0/1", "10.244", "", "10.244.0.1/16", "0.0.0.0/0"])
def test_half_typed_ranges_are_left_out(text: str) -> None:
    """Every key that is pressed on the way to a range is drawn without a fault."""
    half = draft(f'podSubnet: "{text}"')
    assert picture(ranges_of(half), 40)
    assert isinstance(pods_hint(half), str)


def test_capacity_follows_from_the_ranges() -> None:
    """Nodes and pods on each, services, and the two addresses that are fixed by them."""
    small = draft("podSubnet: 10.244.0.0/20, nodeCIDRMaskSize: 26, serviceSubnet: 10.96.0.0/24")
    assert pods_hint(small) == "64 nodes, 61 pods on each"
    assert services_hint(small) == "254 services; API 10.96.0.1, DNS 10.96.0.10"
    assert endpoint_hint(small) == "10.90.0.11:6443, cp1"
