"""What the examples become, compared with the golden files that a review reads."""

from difflib import unified_diff

import pytest

from tests.golden.making import golden, names, stored

AGAIN = "read the difference; where it is wanted: .venv/bin/python -m tests.golden"


@pytest.mark.parametrize("name", names())
def test_an_example_becomes_what_the_golden_files_show(name: str) -> None:
    """Every file on every node and the whole plan are as they were read and accepted."""
    kept, made = stored(name), golden(name)
    assert sorted(made) == sorted(kept), AGAIN
    different = [place for place in made if made[place] != kept[place]]
    shown = [
        line
        for place in different[:5]
        for line in unified_diff(kept[place].splitlines(), made[place].splitlines(), place, "now", lineterm="")
    ]
    assert not different, "\n".join([f"{len(different)} of {name}'s files differ; {AGAIN}", *shown])


@pytest.mark.parametrize("name", names())
def test_golden_files_hold_no_key(name: str) -> None:
    """Keys and certificates stand there as descriptions: nothing to leak, nothing that differs each time."""
    texts = stored(name)
    assert [place for place, text in texts.items() if "-----BEGIN" in text] == []
    assert "<certificate CN=kube-apiserver" in texts[next(place for place in texts if place.endswith("apiserver.crt"))]


def test_every_example_has_golden_files() -> None:
    """An example that is added is compared too, and none is left over."""
    assert len(names()) >= 3
    assert all("plan.txt" in stored(name) for name in names())
