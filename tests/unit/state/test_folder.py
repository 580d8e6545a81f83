"""The state folder: private, atomic, and refused with a sentence where it is not the operator's alone."""

import os
import stat
from pathlib import Path

import pytest

from kinstall.errors import UsageError
from kinstall.state.folder import StateFolder, state_home


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "kinstall" / "demo")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_the_usual_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG_STATE_HOME counts when it is absolute; --state wins over it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert StateFolder.of("demo").path == tmp_path / "kinstall" / "demo"
    assert StateFolder.of("demo", tmp_path / "mine").path == tmp_path / "mine"
    for ignored in ("", "relative/path"):
        monkeypatch.setenv("XDG_STATE_HOME", ignored)
        assert state_home() == Path.home() / ".local" / "state"


def test_a_name_that_leads_out_is_refused() -> None:
    """The cluster's name becomes a path: nothing in it may climb."""
    for name in ("..", "a/b", "", ".hidden"):
        with pytest.raises(UsageError, match="cannot name a folder"):
            StateFolder.of(name)


def test_prepare_makes_private_folders_whatever_the_umask(folder: StateFolder) -> None:
    """Folders are 0700 and files 0600 also where the umask would let others in."""
    before = os.umask(0)
    try:
        folder.prepare()
        folder.write(folder.pki / "etcd" / "ca.key", b"key")
    finally:
        os.umask(before)
    for made in (folder.path, folder.pki, folder.runs, folder.bin, folder.pki / "etcd"):
        assert mode(made) == 0o700
    assert mode(folder.pki / "etcd" / "ca.key") == 0o600
    assert folder.prepare().read(folder.pki / "etcd" / "ca.key") == b"key"


def test_check_touches_nothing(folder: StateFolder) -> None:
    """A command that only looks makes no folder."""
    folder.check()
    assert not folder.path.parent.exists()


def test_a_link_is_refused(folder: StateFolder, tmp_path: Path) -> None:
    """Keys must not end up where a link leads."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.path.parent.mkdir()
    folder.path.symlink_to(tmp_path / "elsewhere")
    for act in (folder.prepare, folder.check):
        with pytest.raises(UsageError, match="is a link"):
            act()
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("open_mode", [0o755, 0o770, 0o701])
def test_a_folder_open_to_others_is_refused(folder: StateFolder, open_mode: int) -> None:
    """An open folder is named, with the command that closes it; it is not mended silently."""
    folder.path.mkdir(parents=True)
    folder.path.chmod(open_mode)
    with pytest.raises(UsageError, match="open to others") as caught:
        folder.prepare()
    assert "chmod 700" in caught.value.remedy
    assert mode(folder.path) == open_mode


def test_a_parent_that_others_may_write_to_is_refused(folder: StateFolder) -> None:
    """Whoever may write to the parent could put another folder in this one's place; a sticky parent is fine."""
    folder.path.parent.mkdir()
    folder.path.parent.chmod(0o777)
    with pytest.raises(UsageError, match="others may write"):
        folder.prepare()
    folder.path.parent.chmod(0o1777)
    folder.prepare()


def test_a_folder_far_above_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    """Up to `/`, also where everything is there already and a command only looks: named with owner, mode and remedy."""
    folder = StateFolder(tmp_path / "home" / "state" / "kinstall" / "demo").prepare()
    (tmp_path / "home").chmod(0o777)
    for act in (folder.prepare, folder.check):
        with pytest.raises(
            UsageError, match=rf"others may write to {tmp_path}/home \(owner \S+, mode 0777\)"
        ) as caught:
            act()
        assert f"chmod go-w {tmp_path}/home" in caught.value.remedy and "--state" in caught.value.remedy


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_home_under_sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sudo that keeps HOME leads into the caller's home: root's folder there is in order. Any other user's is not."""
    (tmp_path / "home").mkdir()
    os.chown(tmp_path / "home", 12345, 12345)
    folder = StateFolder(tmp_path / "home" / "state" / "demo")
    with pytest.raises(UsageError, match="belongs to another user"):
        folder.prepare()
    assert list((tmp_path / "home").iterdir()) == []
    monkeypatch.setenv("SUDO_UID", "12345")
    folder.prepare().check()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_users_folder_is_refused(folder: StateFolder) -> None:
    """As root, a folder that somebody else owns is not trusted."""
    folder.path.mkdir(parents=True, mode=0o700)
    os.chown(folder.path, 12345, 12345)
    with pytest.raises(UsageError, match="another user"):
        folder.check()


def test_a_file_in_the_way_is_a_sentence(folder: StateFolder, tmp_path: Path) -> None:
    """A file where the folder should be, or above it, gives an error that names it."""
    (tmp_path / "kinstall").write_text("")
    with pytest.raises(UsageError, match="kinstall"):
        folder.prepare()
    other = StateFolder(tmp_path / "file")
    other.path.write_text("")
    with pytest.raises(UsageError, match="file"):
        other.prepare()


def test_a_write_that_fails_leaves_the_old_content(folder: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new content takes the old one's place in one step; a failed write leaves no temporary file."""
    folder.prepare().write(folder.answers, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        folder.write(folder.answers, "new")
    assert folder.read(folder.answers) == b"old"
    assert [path.name for path in folder.path.iterdir() if path.name.startswith(".")] == []


def test_writes_stay_in_the_folder(folder: StateFolder, tmp_path: Path) -> None:
    """A path from elsewhere is a mistake of the caller, and refused."""
    with pytest.raises(UsageError, match="not in the state folder"):
        folder.prepare().write(tmp_path / "x", b"")


def test_a_linked_file_is_not_read(folder: StateFolder, tmp_path: Path) -> None:
    """A link planted for a file leads nowhere."""
    (tmp_path / "target").write_text("x")
    folder.prepare().known_hosts.symlink_to(tmp_path / "target")
    with pytest.raises(UsageError, match="it is a link"):
        folder.read(folder.known_hosts)


def test_pod_ranges_are_kept(folder: StateFolder) -> None:
    """nodes.json round-trips, and is left alone when it says the same already."""
    folder.prepare()
    assert folder.read_nodes() == {}
    folder.write_nodes({"w1": "10.244.1.0/24", "cp1": "10.244.0.0/24"})
    assert folder.read_nodes() == {"cp1": "10.244.0.0/24", "w1": "10.244.1.0/24"}
    before = folder.nodes.stat().st_ino
    folder.write_nodes({"cp1": "10.244.0.0/24", "w1": "10.244.1.0/24"})
    assert folder.nodes.stat().st_ino == before


@pytest.mark.parametrize("damaged", ["", "[1]", '{"a": 1}', '{"a'])
def test_damaged_pod_ranges_are_a_sentence(folder: StateFolder, damaged: str) -> None:
    """A file that was cut short is named, not a traceback."""
    folder.prepare().nodes.write_text(damaged)
    with pytest.raises(UsageError, match="is damaged"):
        folder.read_nodes()


def test_forgetting_leaves_what_is_not_ours(folder: StateFolder, tmp_path: Path) -> None:
    """Keys, logs, kubectl and answers go; --state may have named a folder with the operator's own files: they stay, and
    what a link leads to; once nothing else is in it the folder goes, too."""
    folder.prepare()
    for path in (folder.answers, folder.pki / "ca.key", folder.runs / "1.jsonl", folder.bin / "kubectl", folder.report):
        folder.write(path, b"x")
    own = tmp_path / "own"
    own.mkdir()
    (own / "file").write_bytes(b"x")
    folder.runs.rename(own / "runs")
    folder.runs.symlink_to(own / "runs")
    for name in ("notes", "photos"):
        (folder.path / name).symlink_to(own)
    assert folder.forget() == ("notes", "photos")
    assert sorted(path.name for path in folder.path.iterdir()) == ["notes", "photos"]
    assert sorted(path.name for path in own.rglob("*")) == ["1.jsonl", "file", "runs"]
    for name in ("notes", "photos"):
        (folder.path / name).unlink()
    assert folder.forget() == () and not folder.path.exists()


def test_what_cannot_be_forgotten_is_named(folder: StateFolder) -> None:
    """A folder in a file's place: a sentence."""
    folder.prepare()
    folder.answers.mkdir()
    with pytest.raises(UsageError, match=r"answers\.yaml cannot be removed: "):
        folder.forget()
