"""The node's record: lines, and the order in which they are undone."""

import pytest

from kinstall.engine.diff import Action, Pending, entries_for
from kinstall.engine.observation import Observation, PathState, UnitState
from kinstall.engine.record import Entry, Kind, Was, parse, undo_order
from kinstall.engine.steps import Directory, Download, File, Script, Step, Unit
from kinstall.errors import NewerFormat

ENTRIES = (
    Entry(Kind.DIRECTORY, "/etc/x", was=Was.KEPT, tree=True, mode="755", owner="root:root"),
    Entry(Kind.FILE, "/etc/x/a \"b\"\n'c'", backup="/var/lib/kinstall/backup/1"),
    Entry(Kind.UNIT, "x.service", enabled=True, active=True, undo="true\nfalse"),
    Entry(Kind.SCRIPT, "sysctls", undo="echo 'ü'"),
)


def test_an_entry_survives_its_line() -> None:
    """Any name and code comes back as it was, and every entry is one line."""
    lines = [entry.line() for entry in ENTRIES]
    assert all("\n" not in line for line in lines)
    assert parse(lines) == ENTRIES


def test_a_line_that_was_cut_off_is_left_out() -> None:
    """Wherever a crash cuts the last line, the ones before it are read."""
    last = ENTRIES[-1].line()
    for end in range(len(last)):
        assert parse([ENTRIES[0].line(), last[:end]]) == ENTRIES[:1], last[:end]


@pytest.mark.parametrize(
    "line",
    ['{"kind":"volume","subject":"x"}', '{"kind":"file","subject":"x","later":1}', '{"kind":"format","format":2}'],
)
def test_a_record_of_a_newer_kinstall_is_refused(line: str) -> None:
    """An unknown kind, field or format ends the reading: a change that is left out would never be undone."""
    with pytest.raises(NewerFormat, match="the node's record is of format"):
        parse([ENTRIES[0].line(), line, ENTRIES[3].line()])


def test_lines_that_are_no_entries_are_left_out() -> None:
    """What a crash cut off, and the line that names this format."""
    assert parse(["[]", '{"kind":"fi', '{"kind":"format","format":1}', ENTRIES[3].line()]) == ENTRIES[3:]


def test_undoing_walks_backwards_and_the_first_word_about_a_thing_counts() -> None:
    """The first entry says how it was before kinstall; later ones say how kinstall left it."""
    first = Entry(Kind.FILE, "/a", backup="/b")
    again = Entry(Kind.FILE, "/a")
    assert undo_order((first, ENTRIES[3], again)) == (ENTRIES[3], first)


def todo(*steps: Step) -> list[Pending]:
    return [Pending(step, Action.CREATE) for step in steps]


def test_the_record_says_what_stood_there_before() -> None:
    """Directories with mode and contents, files with their copy's place, units with their state."""
    seen = Observation(
        paths={
            "/": PathState("directory", 0o755, "root:root", ""),
            "/old": PathState("directory", 0o700, "a:b", "", empty=True),
            "/old/f": PathState("regular file", 0o644, "root:root", ""),
        },
        units={"u.service": UnitState(active=True, enabled=False)},
    )
    steps = (
        File("/old/f", b""),
        File("/new/f", b""),
        Directory("/old", tree=True),
        Unit("u.service", undo="x"),
        Script("s", "", "run"),
        Script("t", "", "run", undo="back"),
        Download("d", "u", "0", members=(("m", "/new/m"),)),
    )
    found = {entry.key: entry for entry in entries_for(todo(*steps), seen)}
    assert found[Kind.DIRECTORY, "/old"] == Entry(
        Kind.DIRECTORY, "/old", was=Was.EMPTY, tree=True, mode="700", owner="a:b"
    )
    assert found[Kind.FILE, "/old/f"].backup and not found[Kind.FILE, "/new/f"].backup
    assert found[Kind.DIRECTORY, "/new"].was is Was.ABSENT
    assert found[Kind.UNIT, "u.service"] == Entry(Kind.UNIT, "u.service", active=True, undo="x")
    assert (Kind.SCRIPT, "s") not in found and found[Kind.SCRIPT, "t"].undo == "back"
    assert (Kind.FILE, "/new/m") in found


def test_what_the_record_knows_is_not_recorded_again() -> None:
    """A later run never takes kinstall's own content for what was there before."""
    seen = Observation(
        paths={"/f": PathState("regular file", 0o644, "root:root", "")}, record=(Entry(Kind.FILE, "/f"),)
    )
    assert entries_for(todo(File("/f", b"new")), seen) == ()
