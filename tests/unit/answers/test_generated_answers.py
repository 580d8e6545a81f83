"""Two hundred answers files: each is read, written and read again without a difference, and plans the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

import pytest
import yaml

from kinstall.answers import load
from kinstall.answers.fields import describe_keys, is_record, keys_of
from kinstall.cluster import ClusterSpec
from tests.golden.making import plan_of
from tests.unit.answers.generated_answers import generated, generated_text

NUMBERS = range(200)
WITHOUT_ANOTHER_VALUE = {
    "apiVersion",
    # These programs have no configuration file here, and a rule says so.
    *(
        f"{place}components.{name}.config"
        for place in ("", "roles.control-plane.", "nodes[].")
        for name in ("kubeApiserver", "kubeControllerManager", "kubeScheduler", "etcd")
    ),
}


@pytest.fixture(scope="module")
def specs() -> list[ClusterSpec]:
    """All of them are valid, or the generator is wrong."""
    return [load.parse(generated_text(number), f"number {number}") for number in NUMBERS]


def test_what_is_written_reads_as_what_it_was(specs: list[ClusterSpec]) -> None:
    """With and without defaults: nothing is lost, nothing becomes a number, a date or a boolean on the way."""
    for number, spec in enumerate(specs):
        text = load.dump(spec)
        again = load.parse(text, f"number {number}")
        assert again == spec
        assert load.dump(again) == text
    for spec in specs[::5]:
        assert load.parse(load.dump(spec, show_defaults=True)) == spec


def test_the_plan_of_what_is_written_is_the_same(specs: list[ClusterSpec]) -> None:
    """Files, units, commands and their order, for the first of each pod network, proxy mode and way of the API."""
    chosen: dict[tuple[str, ...], ClusterSpec] = {}
    for spec in specs:
        if spec.security.key_type != "rsa":  # making RSA keys takes seconds, and plans differ by them alone
            chosen.setdefault((spec.networking.pod_network, spec.networking.proxy_mode, spec.security.mode), spec)
    assert len(chosen) > 4
    for spec in chosen.values():
        assert plan_of(load.parse(load.dump(spec))) == plan_of(spec)


def backwards(value: Any) -> Any:
    """The same with the keys of all maps in the opposite order."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(each) for each in value] if isinstance(value, list) else value


def test_the_order_of_keys_changes_no_file(specs: list[ClusterSpec]) -> None:
    """Answers that a tool wrote anew, its own way, restart nothing: overrides come in the order of their names."""
    tuned = {"evictionHard": {"nodefs.available": "1Gi", "imagefs.available": "2Gi"}, "b": [{"y": 1, "x": 2}], "a": 1}
    few = [spec for spec in specs if spec.security.key_type != "rsa"][::25]
    assert len(few) > 4
    for spec in few:
        data = yaml.safe_load(load.dump(spec))
        data.setdefault("components", {}).setdefault("kubelet", {})["config"] = tuned
        one, other = (load.parse(json.dumps(each)) for each in (data, backwards(data)))
        assert plan_of(one) == plan_of(other)


def test_a_number_always_gives_the_same_answers(specs: list[ClusterSpec]) -> None:
    """A failure can be looked at again by its number; different numbers give different answers."""
    assert generated(7) == generated(7)
    assert len({load.dump(spec) for spec in specs}) > 190


def test_every_key_is_set_by_some_and_left_out_by_others(specs: list[ClusterSpec]) -> None:
    """A key that the generator does not know is named here, and one that it sets in each file."""
    told = [set(_paths(spec, "")) for spec in specs]
    known = {key.path: key for key in describe_keys()}
    assert sorted(set(known) - set().union(*told) - WITHOUT_ANOTHER_VALUE) == []
    always = set.intersection(*told)
    assert sorted(path for path in always if not known[path].required) == []


def test_every_choice_is_taken_by_some(specs: list[ClusterSpec]) -> None:
    """A choice that is added is among the files at once, or is named here."""
    taken: dict[str, set[str]] = {}
    for spec in specs:
        for path, value in _choices_of(spec, ""):
            taken.setdefault(path, set()).add(value)
    assert {key.path: set(key.choices) for key in describe_keys() if key.choices} == taken


def _paths(record: Any, prefix: str) -> Iterator[str]:
    """The keys, as describe_keys() writes them, that differ from their defaults."""
    for key in keys_of(type(record)):
        value, path = getattr(record, key.attribute), f"{prefix}{key.name}"
        if key.default is not MISSING and value == key.default:
            continue
        yield path
        for inner, step in _inside(value):
            yield from _paths(inner, path + step)


def _choices_of(record: Any, prefix: str) -> Iterator[tuple[str, str]]:
    for key in keys_of(type(record)):
        value, path = getattr(record, key.attribute), f"{prefix}{key.name}"
        if key.choices:
            yield path, value
        for inner, step in _inside(value):
            yield from _choices_of(inner, path + step)


def _inside(value: Any) -> Iterator[tuple[Any, str]]:
    """The records in a value, each with how the way to it is written."""
    if is_record(type(value)):
        yield value, "."
    elif isinstance(value, tuple):
        yield from ((each, "[].") for each in value if is_dataclass(each) and fields(each))
    elif isinstance(value, dict):
        yield from ((each, ".NAME.") for each in value.values() if is_record(type(each)))
