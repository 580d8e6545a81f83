"""Files brought about and undone for real: programs run by sh as root, in a mount namespace of their own."""

from __future__ import annotations

import os
import time

from kinstall.engine.diff import Action, pending
from kinstall.engine.host import ShellHost
from kinstall.engine.steps import Directory, File, Image, Unit, Wait
from tests.unit.engine.applying import STORE, bring, left, undo
from tests.unit.local_node import LocalNode


def test_files_and_directories_get_content_mode_and_owner(node: LocalNode) -> None:
    """Modes are exact whatever the umask, secrets are never readable by others, and a second look finds nothing."""
    steps = (
        Directory("/mnt/private", 0o700),
        File("/mnt/private/key", b"secret\n", 0o600, secret=True),
        File("/mnt/deep/er/config", b"a: 1\n", 0o640, owner="root:daemon"),
        File('/mnt/it\'s a "name" $HOME', b"\0binary\xff", 0o755),
        File("/mnt/empty", b""),
    )
    assert [action for _, action in left(node, *steps)] == [Action.CREATE] * 5
    good, heard = bring(node, *steps)
    assert good and all(status == 0 for _, status in heard.ends) and len(heard.ends) == 5, heard
    assert node.mode("/mnt/private") == 0o700 and node.mode("/mnt/private/key") == 0o600
    assert node.mode("/mnt/deep") == 0o755 and node.mode("/mnt/deep/er/config") == 0o640
    assert node.path("/mnt/deep/er/config").stat().st_gid == 1
    assert node.path('/mnt/it\'s a "name" $HOME').read_bytes() == b"\0binary\xff"
    assert abs(node.path("/mnt/empty").stat().st_mtime - time.time()) < 60
    assert left(node, *steps) == []


def test_nothing_is_written_by_asking(node: LocalNode) -> None:
    """Observing without a run leaves no trace on a bare node."""
    left(node, File("/mnt/a", b"a"), Unit("x.service"), Image("i", STORE), Wait("w", "true", 1))
    assert not node.path("/var/lib/kinstall").exists() and not node.path("/run/kinstall").exists()


def test_drift_is_seen_and_mended(node: LocalNode) -> None:
    """Content, mode and owner that somebody changed are named, and put back by the next run."""
    steps = (Directory("/mnt/d", 0o750), File("/mnt/d/a", b"a"), File("/mnt/d/b", b"b"), File("/mnt/d/c", b"c"))
    bring(node, *steps)
    node.write("/mnt/d/a", "other")
    node.path("/mnt/d/b").chmod(0o666)
    node.path("/mnt/d/c").unlink()
    os.chown(node.path("/mnt/d"), 1, 0)
    details = {p.step.id: p.detail for p in pending(steps, ShellHost("local", node).observe(steps))}
    assert details == {
        "directory /mnt/d": "owner is daemon:root, shall be root:root",
        "file /mnt/d/a": "content differs",
        "file /mnt/d/b": "mode is 0666, shall be 0644",
        "file /mnt/d/c": "",
    }
    assert bring(node, *steps)[0]
    assert left(node, *steps) == [] and node.read("/mnt/d/a") == "a" and node.mode("/mnt/d/b") == 0o644


def test_an_unchanged_file_is_not_touched(node: LocalNode) -> None:
    """A second run moves no file's time, not even beside one that it replaces."""
    steps = (File("/mnt/a", b"a"), File("/mnt/b", b"b"))
    bring(node, *steps)

    def stamp() -> tuple[int, int, int]:
        found = node.path("/mnt/a").stat()
        return found.st_ino, found.st_mtime_ns, found.st_ctime_ns

    before = stamp()
    bring(node, steps[0], File("/mnt/b", b"new"))
    assert stamp() == before


def test_undo_restores_content_mode_owner_and_time(node: LocalNode) -> None:
    """What stood there before is back as it was, what was not there is gone, and so is kinstall's own folder."""
    node.write("/mnt/etc/kept", "before\n", 0o640)
    os.chown(node.path("/mnt/etc/kept"), 1, 1)
    os.utime(node.path("/mnt/etc/kept"), (1_000_000_000, 1_000_000_000))
    node.path("/mnt/etc").chmod(0o711)
    node.path("/mnt/etc/link").symlink_to("/nowhere/at/all")
    first = (
        Directory("/mnt/etc", 0o755),
        File("/mnt/etc/kept", b"first"),
        File("/mnt/etc/link", b"a file"),
        File("/mnt/new/sub/file", b"x"),
        Directory("/mnt/new/tree", tree=True),
    )
    assert bring(node, *first)[0]
    assert bring(node, first[0], File("/mnt/etc/kept", b"second"), *first[2:])[0]
    node.write("/mnt/new/tree/by/others", "it belongs to the tree")
    assert undo(node, *first)
    kept = node.path("/mnt/etc/kept").stat()
    assert node.read("/mnt/etc/kept") == "before\n"
    assert (kept.st_mode & 0o777, kept.st_uid, kept.st_gid, kept.st_mtime) == (0o640, 1, 1, 1_000_000_000)
    assert node.mode("/mnt/etc") == 0o711
    assert node.path("/mnt/etc/link").is_symlink(), "even a link that leads nowhere"
    assert not node.path("/mnt/new").exists()
    assert not node.path("/var/lib/kinstall").exists() and not node.path("/run/kinstall").exists()


def test_undo_leaves_what_others_put_there(node: LocalNode) -> None:
    """A folder that kinstall made stays when somebody else's file is in it; its own file goes."""
    steps = (Directory("/mnt/shared"), File("/mnt/shared/ours", b"x"))
    bring(node, *steps)
    node.write("/mnt/shared/theirs", "y")
    assert undo(node, *steps)
    assert [path.name for path in node.path("/mnt/shared").iterdir()] == ["theirs"]


def test_undo_empties_a_tree_that_was_empty_and_spares_one_that_was_not(node: LocalNode) -> None:
    """An existing folder is emptied only where nothing was in it before; mode and owner come back."""
    node.path("/mnt/empty").mkdir(mode=0o700)
    node.write("/mnt/full/theirs", "y")
    steps = (Directory("/mnt/empty", 0o755, tree=True), Directory("/mnt/full", 0o700, tree=True))
    bring(node, *steps)
    node.write("/mnt/empty/.hidden/data", "x")
    node.write("/mnt/full/data", "x")
    assert undo(node, *steps)
    assert list(node.path("/mnt/empty").iterdir()) == [] and node.mode("/mnt/empty") == 0o700
    assert sorted(path.name for path in node.path("/mnt/full").iterdir()) == ["data", "theirs"]


def test_a_torn_record_costs_only_its_torn_line(node: LocalNode) -> None:
    """After a crash in the middle of a line, what the next run records is not glued to it and lost."""
    bring(node, File("/mnt/a", b"a"))
    with node.path("/var/lib/kinstall/record").open("a") as record:
        record.write('{"kind":"file","subj')
    bring(node, File("/mnt/a", b"a"), File("/mnt/b", b"b"), run="r2")
    seen = ShellHost("local", node).observe(())
    assert [entry.subject for entry in seen.record] == ["/mnt/a", "/mnt/b"]


def test_directories_are_recorded_before_what_lies_in_them(node: LocalNode) -> None:
    """The record's order is one in which everything can be undone backwards."""
    bring(node, File("/mnt/x/y/z/file", b""), Directory("/mnt/x/q"), Directory("/mnt/x"))
    subjects = [e.subject for e in ShellHost("local", node).observe(()).record]
    assert subjects == ["/mnt/x", "/mnt/x/q", "/mnt/x/y", "/mnt/x/y/z", "/mnt/x/y/z/file"]
