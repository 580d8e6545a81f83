"""Every state a step can be found in, and what is then to be done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kinstall.engine.diff import Action, ancestors, download_mark, mark_name, paths_of, pending, stale_marks
from kinstall.engine.observation import Observation, PathState, UnitState
from kinstall.engine.steps import Directory, Download, File, Image, Script, Step, Unit, Wait, input_digest
from tests.unit.engine.applying import STORE

FILE = File("/etc/a", b"content", 0o644)
DOWNLOAD = Download("pack.tgz", "http://h/pack.tgz", "d" * 64, members=(("x", "/bin/x"), ("y", "/bin/y")))
UNIT = Unit("a.service", ("/etc/a", "/bin/x"))
SCRIPT = Script("s", "check", "run", inputs=("/etc/a",))
ONCE = Script("once", "", "run")
STEPS: tuple[Step, ...] = (
    Directory("/etc/d", 0o700),
    FILE,
    DOWNLOAD,
    Image("i:1", STORE),
    UNIT,
    SCRIPT,
    ONCE,
    Wait("w", "c", 1),
)


def regular(digest: str = "", mode: int = 0o644, owner: str = "root:root", stamp: str = "1:2:3") -> PathState:
    return PathState("regular file", mode, owner, stamp, digest)


IN_ORDER = Observation(
    paths={
        "/etc/d": PathState("directory", 0o700, "root:root", ""),
        "/etc/a": regular(FILE.digest),
        "/bin/x": regular(stamp="1:2:3"),
        "/bin/y": regular(stamp="4:5:6"),
    },
    units={"a.service": UnitState(active=True, enabled=True)},
    images=frozenset({"i:1"}),
    checks={"script s": True, "wait w": True},
    marks={
        mark_name(DOWNLOAD.id): download_mark(DOWNLOAD, ["1:2:3", "4:5:6"]),
        mark_name(UNIT.id): input_digest(UNIT.inputs, STEPS),
        mark_name(SCRIPT.id): input_digest(SCRIPT.inputs, STEPS),
        mark_name(ONCE.id): input_digest((), STEPS),
    },
)


def with_path(path: str, state: PathState | None) -> Observation:
    paths = {name: found for name, found in IN_ORDER.paths.items() if name != path}
    return replace(IN_ORDER, paths={**paths, path: state} if state else paths)


def without_mark(step: Step) -> Observation:
    return replace(IN_ORDER, marks={name: m for name, m in IN_ORDER.marks.items() if name != mark_name(step.id)})


def todo(seen: Observation, *steps: Step) -> list[tuple[str, str, str]]:
    return [(item.step.id, item.action.value, item.detail) for item in pending(steps or STEPS, seen)]


def test_where_all_is_in_order_nothing_is_to_be_done() -> None:
    """The base of all cases below."""
    assert todo(IN_ORDER) == []


def test_on_a_bare_node_everything_is_to_be_done() -> None:
    """In the plan's order."""
    assert [item.action for item in pending(STEPS, Observation())] == [
        Action.CREATE, Action.CREATE, Action.CREATE, Action.CREATE, Action.START, Action.RUN, Action.RUN, Action.WAIT,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "first"),
    [
        (with_path("/etc/d", None), ("directory /etc/d", "create", "")),
        (with_path("/etc/d", PathState("directory", 0o755, "root:root", "")),
         ("directory /etc/d", "change", "mode is 0755, shall be 0700")),
        (with_path("/etc/d", PathState("directory", 0o700, "u:g", "")),
         ("directory /etc/d", "change", "owner is u:g, shall be root:root")),
        (with_path("/etc/a", None), ("file /etc/a", "create", "")),
        (with_path("/etc/a", regular("0" * 64)), ("file /etc/a", "change", "content differs")),
        (with_path("/etc/a", regular(FILE.digest, 0o600)), ("file /etc/a", "change", "mode is 0600, shall be 0644")),
        (with_path("/etc/a", PathState("symbolic link", 0o777, "root:root", "", FILE.digest)),
         ("file /etc/a", "change", "is a symbolic link")),
        (with_path("/bin/y", None), ("download pack.tgz", "create", "/bin/y: not there")),
        (with_path("/bin/y", regular(stamp="4:5:7")), ("download pack.tgz", "change", "was changed")),
        (without_mark(DOWNLOAD), ("download pack.tgz", "change", "another version")),
        (replace(IN_ORDER, images=frozenset({"i:2"})), ("image i:1", "create", "not there")),
        (replace(IN_ORDER, units={}), ("unit a.service", "start", "not there")),
        (replace(IN_ORDER, units={"a.service": UnitState(False, True)}), ("unit a.service", "start", "not active")),
        (replace(IN_ORDER, units={"a.service": UnitState(True, False)}), ("unit a.service", "change", "not enabled")),
        (without_mark(UNIT), ("unit a.service", "restart", "its files changed since it started")),
        (replace(IN_ORDER, checks={"script s": False, "wait w": True}), ("script s", "run", "")),
        (without_mark(SCRIPT), ("script s", "run", "its files changed since it ran")),
        (without_mark(ONCE), ("script once", "run", "")),
        (replace(IN_ORDER, checks={"script s": True}), ("wait w", "wait", "")),
    ],
)  # fmt: skip
def test_each_difference_is_named(seen: Observation, first: tuple[str, str, str]) -> None:
    """What differs yields its step, with the action and what is found instead; besides only what follows from it."""
    found = todo(seen)
    assert found[0] == first
    assert {name for name, _, _ in found[1:]} <= {"unit a.service", "script s"}


def test_images_are_not_pulled_because_containerd_is_stopped() -> None:
    """Nobody can tell then: what was pulled once counts, until a containerd that runs says otherwise."""
    image = Image("i:1", STORE)
    pulled = {**IN_ORDER.marks, mark_name(image.id): "i:1"}
    assert todo(replace(IN_ORDER, images=None, marks=pulled)) == []
    assert todo(replace(IN_ORDER, images=None))[0] == ("image i:1", "create", "not there")
    assert todo(replace(IN_ORDER, images=frozenset(), marks=pulled))[0] == ("image i:1", "create", "not there")


def test_a_units_inputs_restart_it_and_say_which() -> None:
    """One changed input is named; several are counted; an input of another unit is nothing to it."""
    other = Unit("b.service", ("/etc/d",))
    changed = with_path("/etc/a", regular("0" * 64))
    assert todo(changed)[1] == ("unit a.service", "restart", "/etc/a changes")
    assert todo(changed)[2] == ("script s", "run", "/etc/a changes")
    both = replace(changed, marks={})
    assert ("unit a.service", "restart", "2 of its files change") in todo(both)
    assert other.id not in [name for name, _, _ in todo(changed)]


def test_inputs_are_looked_up_among_all_steps_of_the_node() -> None:
    """A phase's unit may depend on files of an earlier phase."""
    seen = replace(IN_ORDER, marks={mark_name(UNIT.id): input_digest(UNIT.inputs, STEPS)})
    assert pending((UNIT,), seen, STEPS) == ()


def test_a_files_mode_belongs_to_a_units_inputs() -> None:
    """The digest of inputs follows content, mode and owner."""
    digests = {input_digest(("/f",), (File("/f", c, m, o),)) for c in (b"1", b"2") for m in (1, 2) for o in ("a", "b")}
    assert len(digests) == 8


def test_an_input_that_nothing_provides_is_an_error_of_the_plan() -> None:
    """It is never taken for unchanged."""
    with pytest.raises(KeyError):
        input_digest(("/nowhere",), STEPS)


def test_marks_go_before_what_they_vouch_for_changes() -> None:
    """A crash between a file's change and its unit's restart leaves no mark that says all is well."""
    items = pending(STEPS, with_path("/bin/y", None))
    assert stale_marks([item for item in items if item.step is DOWNLOAD], STEPS) == (mark_name(UNIT.id),)
    assert stale_marks(pending((Image("new", STORE),), IN_ORDER), STEPS) == ()


def test_folders_above_what_is_planned_are_known() -> None:
    """Outer before inner, without those that a step names itself."""
    steps = (File("/a/b/c/f", b""), Directory("/a/b"), Download("x", "u", "0", members=(("m", "/q/r/m"),)))
    assert ancestors(steps) == ("/a", "/a/b/c", "/q", "/q/r")
    assert paths_of(steps) == ("/a/b/c/f", "/a/b", "/q/r/m")


def test_a_stopped_containerd_leaves_its_images_where_they_are() -> None:
    """What was pulled counts as there while containerd cannot tell; once it tells otherwise it is pulled again."""
    image, mark = Image("i:1", STORE), {mark_name("image i:1"): "i:1"}
    assert pending((image,), Observation(images=None, marks=mark)) == ()
    assert [each.step for each in pending((image,), Observation(images=None))] == [image]
    assert [each.step for each in pending((image,), Observation(images=frozenset(), marks=mark))] == [image]
