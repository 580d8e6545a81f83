"""Values as text that somebody types, and back: for every field of two hundred answers."""

from __future__ import annotations

from typing import Any

import pytest

from kinstall.answers.document import Unclear
from kinstall.answers.fields import Key, keys_of
from kinstall.cluster import ClusterSpec, Images, Networking, Node, Security
from screens.draft.draft import Draft
from screens.fields import placed
from screens.fields.values import NOTHING, Kind, kind_of, meant, shown, unreadable
from tests.unit.answers.generated_answers import generated_text


def key(record: type, attribute: str) -> Key:
    return next(key for key in keys_of(record) if key.attribute == attribute)


LABELS, MTU, SANS = key(Node, "labels"), key(Networking, "mtu"), key(Security, "extra_sans")
TAINTS, NAME = key(Node, "taints"), key(ClusterSpec, "cluster_name")


def test_what_is_shown_means_the_value_again() -> None:
    """Of all fields with a row, in 200 valid answers: text and value are two forms of one thing."""
    compared = 0
    for number in range(200):
        draft = Draft.parse(generated_text(number))
        for field in placed():
            value = draft.get(field.path, NOTHING)
            if value is NOTHING or value == "":
                continue
            again = meant(field.key, shown(field.key, value))
            assert again == value and type(again) is type(value), (number, field.written)
            compared += 1
    assert compared > 2000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (LABELS, {"a/b": "no", "c": "", "d": " x ", "e: f": 'g"h', '"': "1e3", "tab": "a\tb"}),
        (SANS, ["a.example.com", "*.b", "2001:db8::1"]),
        (SANS, ["with, comma", 'with "quote"']),
        (TAINTS, []),
        (TAINTS, [{"key": "a", "effect": "NoSchedule", "value": "no"}]),
        (NAME, "  spaces "),
    ],
)
def test_odd_values_stand_it(field: Key, value: Any) -> None:
    """Colons, quotes, spaces and empty texts are kept by whatever form they are typed in."""
    assert meant(field, shown(field, value)) == value


@pytest.mark.parametrize(
    ("field", "typed", "value"),
    [
        (MTU, "1450", 1450),
        (MTU, "14 50", "14 50"),
        (MTU, "0644", "0644"),
        (MTU, " ", NOTHING),
        (SANS, "a,b,, c ", ["a", "b", "c"]),
        (LABELS, "zone: a\n\nrack:   12", {"zone": "a", "rack": "12"}),
        (LABELS, "zone", "zone"),
        (LABELS, "a: 1\na: 2", "a: 1\na: 2"),
        (TAINTS, "[{key: a", "[{key: a"),
        (NAME, "", NOTHING),
        (key(Node, "name"), "", ""),
    ],
)
def test_what_somebody_types(field: Key, typed: str, value: Any) -> None:
    """What can be read becomes a value, what cannot stays the text, and an emptied field is left out."""
    assert meant(field, typed) == value


def test_a_word_that_readers_disagree_about_is_shown_as_written() -> None:
    """A file with `clusterName: no` shows no."""
    assert shown(NAME, Unclear("no")) == "no"


def test_lines_that_cannot_be_read_say_why() -> None:
    """The message names the line or the reason; what can be read has none."""
    assert "colon" in unreadable(LABELS, "zone") and unreadable(LABELS, "zone: a") == ""
    assert "line 1" in unreadable(TAINTS, "[{key: a") and unreadable(TAINTS, "[]") == ""


def test_a_key_may_hold_colons() -> None:
    """As in YAML, a key ends at the colon that a space or the line's end follows: an image with its tag is one."""
    digest = f"sha256:{'a' * 64}"
    images = key(Images, "digests")
    for line in (f"registry.k8s.io:443/pause:3.10: {digest}", f'"registry.k8s.io:443/pause:3.10": {digest}'):
        assert meant(images, line) == {"registry.k8s.io:443/pause:3.10": digest}
    assert meant(LABELS, "a: b: c") == {"a": "b: c"}
    assert "colon" in unreadable(LABELS, "a:b")


def test_kinds_follow_from_types() -> None:
    """One widget per kind of type, and nothing has to be said for a new field."""
    assert [kind_of(each) for each in (LABELS, MTU, SANS, TAINTS, NAME)] == [
        Kind.PAIRS,
        Kind.NUMBER,
        Kind.LIST,
        Kind.YAML,
        Kind.TEXT,
    ]
    assert kind_of(key(Networking, "masquerade")) is Kind.SWITCH
    assert kind_of(key(Networking, "pod_network")) is Kind.CHOICE
