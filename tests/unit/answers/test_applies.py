"""Where a field applies: declared once, and held by the rules of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from kinstall.answers import load
from kinstall.answers.applies import DECIDING, condition, conditional, decides, everywhere
from kinstall.answers.fields import describe_keys, keys_of, written
from kinstall.cluster import ClusterSpec, Images, Networking, Node, Security

PLANE = {"name": "cp1", "address": "10.90.0.11", "role": "control-plane"}
WORKER = {"name": "w1", "address": "10.90.0.12", "role": "worker"}
EVERY = [
    ((*around, *inside), key)
    for record, around in ((ClusterSpec, ()), (Node, ("nodes", 1)))
    for inside, key in conditional(record)
    if decides((*around, *inside), key)  # a role's components are declared by the same record as a node's
]
GIVEN: dict[str, Any] = {
    "networking.podNetworkManifest": "/srv/cni.yaml",
    "networking.mtu": 1400,
    "security.trustedNetworks": ["192.0.2.0/24"],
    "security.acknowledgeInsecure": True,
    "images.archives": "/srv/images",
    "images.haproxy": "3.2.4",
    "nodes[1].podCIDR": "10.244.9.0/24",
    **{
        f"nodes[1].components.{name}": {"extraArgs": {"v": "2"}}
        for name in ("kubeApiserver", "kubeControllerManager", "kubeScheduler", "etcd")
    },
}


def problems(path: tuple[str | int, ...], value: Any, place: tuple[str | int, ...], choice: str) -> set[str]:
    """The paths of the problems of answers with a value, and a choice that decides about it."""
    data: dict[str, Any] = {"nodes": [PLANE, dict(WORKER)]}
    for where, what in ((place, choice), (path, value)):
        at: Any = data
        for part in where[:-1]:
            at = at.setdefault(part, {}) if isinstance(at, dict) else at[part]
        at[where[-1]] = what
    return {problem.path for problem in load.examine(load.read(load.as_text(data))).problems}


@pytest.mark.parametrize(("path", "key"), EVERY, ids=[written(path) for path, _ in EVERY])
def test_a_value_without_effect_is_a_problem_unless_it_is_harmless(path: Any, key: Any) -> None:
    """Of every field that does not apply everywhere, by its own declaration: no rule repeats the condition."""
    when, place = key.when, decides(path, key)
    assert place is not None and condition(path) == (path, key) and place[-1] in DECIDING
    decider = next(each for each in describe_keys() if each.path == written(place).replace("[1]", "[]"))
    assert set(when.values) < set(decider.choices)
    other = next(choice for choice in decider.choices if choice not in when.values)
    assert (written(path) in problems(path, GIVEN[written(path)], place, other)) is not when.harmless
    assert written(path) not in problems(path, GIVEN[written(path)], place, when.values[0])


def test_what_has_no_such_declaration_applies_everywhere() -> None:
    """Also the overrides of a role, whose components are declared by the same record as a node's."""
    assert condition(("networking", "podSubnet")) is None
    found = condition(("roles", "control-plane", "components", "etcd", "config"))
    assert found is not None and decides(*found) is None
    assert len(list(everywhere(3))) == len(conditional()) + 3 * len(conditional(Node))


def test_a_choice_that_matters_has_a_line_for_each_value() -> None:
    """What it is, when to take it, what it costs: short enough for one row of 80 columns beside the longest name."""
    lines = [(each.path, name, line) for each in describe_keys() for name, line in each.lines.items()]
    assert {"networking.podNetwork", "security.mode", "images.source", "nodes[].role"} <= {path for path, *_ in lines}
    for each in describe_keys():
        assert not each.lines or tuple(each.lines) == each.choices
    panels = {key.name for key in (*keys_of(Networking), *keys_of(Security), *keys_of(Images)) if key.panel}
    room = {path: 60 if path.rpartition(".")[2] in panels else 78 for path, *_ in lines}
    assert panels == {"podNetwork", "mode", "source"}
    assert [row for row in lines if not 10 < len(row[2]) <= room[row[0]]] == []
