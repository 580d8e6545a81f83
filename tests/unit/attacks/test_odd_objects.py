"""A control plane that lists objects of any form: checks of the cluster fail, in words, and none by an exception."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

import pytest

from kinstall.engine.events import Outcome
from kinstall.verify import read_only
from kinstall.wording import harmless
from tests.unit.attacks.child import steering
from tests.unit.verify.cluster import SPEC, FakeCluster, healthy_objects, pod

ODD: tuple[Any, ...] = (
    *(None, 5, -1.5, True, "", "x", "\x1b[2J\u202e" * 50, [], {}),
    *([None], [5], ["x"], [[]], {"a": 5}, {"": None}, {"state": "x"}, [{"type": 5, "status": []}]),
)  # fmt: skip


def spoilt(value: Any, dice: random.Random) -> Any:
    """The value with something else in one place of it."""
    if isinstance(value, dict) and value and dice.random() < 0.85:
        key = dice.choice(sorted(value))
        return {**value, key: spoilt(value[key], dice)}
    if isinstance(value, list) and value and dice.random() < 0.85:
        at = dice.randrange(len(value))
        return [*value[:at], spoilt(value[at], dice), *value[at + 1 :]]
    return deepcopy(dice.choice(ODD))


@pytest.mark.parametrize("seed", range(6))
def test_objects_of_any_form(seed: int) -> None:
    """Every check has a result, whatever is in a place of the objects that it looks at."""
    names = {(each.check, each.node) for each in read_only(SPEC, FakeCluster().channels())}
    dice = random.Random(seed)
    failures = 0
    for _ in range(40):
        objects: Any = [*healthy_objects(), pod("broken", ready=False)]
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(objects))
            objects[at] = spoilt(objects[at], dice)
        results = read_only(SPEC, FakeCluster(objects=objects).channels())
        assert {(each.check, each.node) for each in results} == names
        assert not steering(harmless("".join(each.message for each in results)))
        failures += any(each.outcome is Outcome.FAILED for each in results)
    assert failures
