"""Answers that are text or a list, as the wizard's rows show and take them: keys and jump hosts."""

from typing import Any

import pytest

from kinstall.answers.fields import Key, keys_of
from kinstall.cluster import NodeSsh, Ssh
from screens.fields.values import NOTHING, Kind, kind_of, meant, shown
from screens.nodes.rows import login


def key(name: str, record: type = Ssh) -> Key:
    return next(each for each in keys_of(record) if each.name == name)


@pytest.mark.parametrize("record", [Ssh, NodeSsh])
@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("identityFile", "~/.ssh/id", "~/.ssh/id"),
        ("identityFile", "~/.ssh/a, ~/.ssh/b", ["~/.ssh/a", "~/.ssh/b"]),
        ("identityFile", '"~/a,b"', "~/a,b"),
        ("identityFile", "", NOTHING),
        ("proxyJump", "ops@b:2222", "ops@b:2222"),
        ("proxyJump", "a,ops@b", "a,ops@b"),
        ("proxyJump", '[{"address": "b", "user": "ops"}]', [{"address": "b", "user": "ops"}]),
        ("identitiesOnly", "false", False),
        ("identityAgent", "none", "none"),
    ],
)
def test_text_and_value(record: type, name: str, text: str, value: Any) -> None:
    """What is typed means the value, and the value is shown as what was typed."""
    field = key(name, record)
    assert meant(field, text) == value
    assert shown(field, None if value is NOTHING else value) == text


def test_they_are_asked_for_on_one_line() -> None:
    """A list of jump hosts too, so that a row stays a row."""
    assert (kind_of(key("identityFile")), kind_of(key("proxyJump"))) == (Kind.LIST, Kind.TEXT)
    assert meant(key("proxyJump"), "[{") == "[{"


def test_the_table_names_the_jump_hosts() -> None:
    """As text or by the addresses of their records."""
    jumps = [{"address": "a"}, {"address": "b", "user": "ops"}]
    assert login({}, {"proxyJump": jumps}) == "root via a, b"
    assert login({}, {"proxyJump": "ops@a,b"}) == "root via ops@a,b"
