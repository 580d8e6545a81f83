"""Answers under work: nothing of a file is lost, defaults go away again, and what is wrong is what a replay says."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinstall.answers import document, load
from kinstall.errors import InvalidAnswers
from screens.draft.draft import Draft, default_at
from tests.unit.answers.generated_answers import generated_text

BAD = sorted((Path(__file__).parents[1] / "answers" / "bad_answers").glob("*.yaml"))
NODE = "nodes: [{name: a, address: 10.30.0.11, role: control-plane}]\n"


def readable(path: Path) -> bool:
    try:
        load.read(load.text_of(path))
    except InvalidAnswers:
        return False
    return True


def test_new_answers_name_the_newest_release_and_want_nodes() -> None:
    """What is missing is said at once, and nothing else is wrong."""
    draft = Draft.new()
    assert [problem.path for problem in draft.problems] == ["nodes"]
    assert draft.get(("kubernetesVersion",)) == "1.37.2" and not draft.dirty


@pytest.mark.parametrize("number", range(0, 200, 10))
def test_a_draft_of_valid_answers_says_the_same(number: int) -> None:
    """Opening and writing a valid file changes nothing that a replay would see."""
    text = generated_text(number)
    draft = Draft.parse(text)
    assert draft.problems == ()
    assert load.parse(draft.text()) == load.parse(text)


@pytest.mark.parametrize("path", [path for path in BAD if readable(path)], ids=lambda path: path.stem)
def test_a_bad_file_is_held_as_it_is(path: Path) -> None:
    """Its data, unclear words included, and its problems are the same after it was opened and written."""
    draft = Draft.load(path)
    before = document.read(load.text_of(path))
    assert document.read(draft.text()).data == before.data
    assert draft.problems
    again = Draft.parse(draft.text())
    kept = {(problem.path, problem.message) for problem in draft.problems if problem not in draft.lost_by_saving}
    assert {(problem.path, problem.message) for problem in again.problems} == kept


def test_what_yaml_refused_is_told_until_it_is_answered() -> None:
    """A key that stands there twice: saving would lose the second, so it is known before."""
    draft = Draft.parse("clusterName: a\nclusterName: b\n" + NODE)
    assert [problem.path for problem in draft.lost_by_saving] == ["clusterName"]
    draft.set(("clusterName",), "b")
    assert draft.problems == () and draft.lost_by_saving == ()


def test_a_file_that_is_no_yaml_is_refused_with_its_line() -> None:
    """There is nothing to show on a screen, and nothing of the file is touched."""
    with pytest.raises(InvalidAnswers, match="line 1"):
        Draft.parse("clusterName: 'a\n")


def test_a_default_that_is_said_again_goes_away() -> None:
    """A file says what differs; what it said before stays, also where it is the default."""
    draft = Draft.parse("networking: {dnsDomain: cluster.local}\n" + NODE)
    draft.set(("networking", "podSubnet"), "10.1.0.0/16")
    draft.set(("networking", "podSubnet"), default_at(("networking", "podSubnet")))
    assert draft.data["networking"] == {"dnsDomain": "cluster.local"}
    draft.set(("networking", "dnsDomain"), "k8s")
    draft.set(("networking", "dnsDomain"), "cluster.local")
    assert not draft.dirty
    draft.set(("security", "keyType"), "rsa")
    draft.unset(("security", "keyType"))
    assert "security" not in draft.data


def test_keys_come_where_a_reader_looks_for_them() -> None:
    """A key that is added stands in the order of the reference, not at the end."""
    draft = Draft.parse("clusterName: a\n" + NODE)
    draft.set(("networking", "podSubnet"), "10.1.0.0/16")
    draft.set(("kubernetesVersion",), "1.36.4")
    assert list(draft.data) == ["kubernetesVersion", "clusterName", "networking", "nodes"]
    assert draft.dirty


def test_text_that_is_no_number_is_kept_and_told() -> None:
    """Half a word typed into a number is a problem of the answers like any other, and is not lost."""
    draft = Draft.parse(NODE)
    draft.set(("networking", "mtu"), "15x")
    (problem,) = draft.problems
    assert problem.path == "networking.mtu" and draft.get(("networking", "mtu")) == "15x"
    assert not draft.intact("networking.mtu") and draft.intact("networking.podSubnet")


def test_those_who_listen_hear_of_every_change() -> None:
    """Screens repaint when they are told."""
    draft, heard = Draft.parse(NODE), []
    draft.on_change.append(lambda: heard.append(draft.dirty))
    draft.set(("nodes", 0, "labels"), {"zone": "a"})
    draft.unset(("nodes", 0, "labels"))
    assert heard == [True, False]
