"""Undo takes nothing away through a mount or a link that kinstall did not make: file trees before and after."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kinstall.engine.diff import Action, pending
from kinstall.engine.host import ShellHost
from kinstall.engine.record import Entry, Kind, Was, undo_order
from kinstall.engine.steps import Directory, File, Script
from tests.unit.engine.applying import Heard, bring, left, undo
from tests.unit.local_node import LocalNode

TREE = Directory("/var/lib/kubelet", 0o750, tree=True)


def sh(node: LocalNode, code: str) -> None:
    node.inside("sh", "-ec", code)


def tree(node: LocalNode, place: str) -> list[str]:
    """All that is in a folder, mounts included."""
    found = subprocess.run(
        ["nsenter", "-t", str(node.pid), "-m", "find", place, "-mindepth", "1", "-printf", "%P %m\n"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return sorted(found.splitlines())


def mounted(node: LocalNode, place: str) -> bool:
    lines = (node.root / f"proc/{node.pid}/mounts").read_text().splitlines()
    return place in (line.split()[1] for line in lines)


@contextmanager
def busy_in(node: LocalNode, place: str) -> Iterator[None]:
    """A process works there."""
    enter = ["nsenter", "-t", str(node.pid), "-m", "sh", "-c", f"cd {place}; echo; exec sleep 60"]
    with subprocess.Popen(enter, stdout=subprocess.PIPE) as busy:
        assert busy.stdout is not None and busy.stdout.readline() == b"\n"
        try:
            yield
        finally:
            busy.kill()


@pytest.fixture
def data(node: LocalNode) -> list[str]:
    """The operator's own: /mnt/data/pv with files."""
    sh(node, "mkdir -p '/mnt/data/pv/a b'; echo 1 >/mnt/data/pv/file; echo 2 >'/mnt/data/pv/a b/file'")
    return tree(node, "/mnt/data/pv")


def volumes(node: LocalNode) -> None:
    """What a kubelet leaves: bind mounts of the same file system, a blank in a name, a tmpfs, a mount in a mount."""
    sh(
        node,
        """cd /var/lib/kubelet; mkdir -p pods/1/pv 'pods/2/a b' pods/3/tmp
        mount --bind /mnt/data/pv pods/1/pv; mount --bind /mnt/data/pv 'pods/2/a b'
        mount -t tmpfs none pods/3/tmp; mkdir pods/3/tmp/inner; mount --bind /mnt/data/pv pods/3/tmp/inner
        echo x >pods/1/own""",
    )


def test_a_volume_of_the_same_file_system_survives(node: LocalNode, data: list[str]) -> None:
    """Bind mounts, tmpfs and nested mounts are unmounted; the folder goes, and the operator's data does not."""
    assert bring(node, TREE)[0]
    volumes(node)
    assert undo(node, TREE)
    assert tree(node, "/mnt/data/pv") == data
    assert not node.path("/var/lib/kubelet").exists() and not mounted(node, "/var/lib/kubelet/pods/1/pv")


def test_a_link_to_another_folder(node: LocalNode, data: list[str]) -> None:
    """/var/lib/kubelet is a link: it is as good as the folder (no drift), its mounts are found by their real paths, and
    link and target are as before."""
    sh(node, "mkdir -m 0711 /mnt/disk; ln -s /mnt/disk /var/lib/kubelet")
    assert bring(node, TREE)[0] and left(node, TREE) == []
    assert node.mode("/mnt/disk") == 0o750
    volumes(node)
    assert undo(node, TREE)
    assert tree(node, "/mnt/data/pv") == data and tree(node, "/mnt/disk") == []
    assert node.path("/var/lib/kubelet").is_symlink() and node.mode("/mnt/disk") == 0o711


def test_a_record_that_took_the_links_mode_for_the_folders(node: LocalNode) -> None:
    """Earlier versions recorded 777, which is every link's mode: the target is not opened to all."""
    sh(node, "mkdir -m 0750 /mnt/disk; ln -s /mnt/disk /var/lib/kubelet")
    host = ShellHost("local", node)
    host.observe((), "r")
    entry = Entry(Kind.DIRECTORY, "/var/lib/kubelet", was=Was.EMPTY, tree=True, mode="777", owner="root:root")
    assert host.undo([entry], "r", Heard()) and node.mode("/mnt/disk") == 0o750


def test_a_link_in_a_parent(node: LocalNode, data: list[str]) -> None:
    """The folder above is a link: it stays, and what was made below it goes."""
    sh(node, "mkdir /mnt/lib; ln -s /mnt/lib /var/lib/moved")
    step = Directory("/var/lib/moved/containerd", 0o700, tree=True)
    assert bring(node, step)[0]
    sh(node, "mkdir /var/lib/moved/containerd/root; mount --bind /mnt/data/pv /var/lib/moved/containerd/root")
    assert undo(node, step)
    assert tree(node, "/mnt/data/pv") == data and tree(node, "/mnt/lib") == []
    assert node.path("/var/lib/moved").is_symlink()


def test_a_mount_point_stays(node: LocalNode, data: list[str]) -> None:
    """The folder is on a disk of its own: it is emptied, its mount and its mode are as before."""
    sh(node, "mkdir /var/lib/kubelet; mount -t tmpfs -o mode=711 none /var/lib/kubelet")
    assert bring(node, TREE)[0]
    volumes(node)
    assert undo(node, TREE)
    assert tree(node, "/mnt/data/pv") == data and tree(node, "/var/lib/kubelet") == []
    assert mounted(node, "/var/lib/kubelet") and node.mode("/var/lib/kubelet") == 0o711


def test_what_is_in_use_is_left_and_named(node: LocalNode, data: list[str]) -> None:
    """A mount that cannot be unmounted: it stays with all that is in it, everything else goes, the undo fails and names
    it; later it can be done again."""
    assert bring(node, TREE)[0]
    volumes(node)
    with busy_in(node, "/var/lib/kubelet/pods/1/pv"):
        host, heard = ShellHost("local", node), Heard()
        assert not host.undo(undo_order(host.observe((), "reset").record), "reset", heard)
        name = "/var/lib/kubelet/pods/1/pv"
        assert heard.words == [f"{name} is in use and cannot be unmounted: it is left with all that is in it"]
        assert tree(node, "/mnt/data/pv") == data and tree(node, name) == data
        assert [line.split()[0] for line in tree(node, "/var/lib/kubelet")][:3] == ["pods", "pods/1", "pods/1/pv"]
        assert (
            not node.path("/var/lib/kubelet/pods/2").exists() and not node.path("/var/lib/kubelet/pods/1/own").exists()
        )
    assert undo(node, TREE) and not node.path("/var/lib/kubelet").exists()
    assert tree(node, "/mnt/data/pv") == data


def failed(node: LocalNode) -> list[str]:
    """What an undo says that fails."""
    heard, host = Heard(), ShellHost("local", node)
    assert not host.undo(undo_order(host.observe((), "reset").record), "reset", heard)
    return heard.words


def test_a_link_that_came_later_is_not_followed(node: LocalNode) -> None:
    """Where the folder that kinstall made was replaced by a link, it stays, with all that it leads to; once it is gone,
    the undo ends well."""
    assert bring(node, TREE)[0]
    sh(node, "mkdir /mnt/disk; rmdir /var/lib/kubelet; ln -s /mnt/disk /var/lib/kubelet; echo 1 >/mnt/disk/file")
    assert failed(node) == [
        "/var/lib/kubelet is a link that kinstall did not make: it is left, with all that is in /mnt/disk"
    ]
    assert node.path("/mnt/disk/file").exists()
    sh(node, "rm /var/lib/kubelet")
    assert undo(node, TREE)


def test_a_folder_that_became_a_link_is_not_followed_to_the_top(node: LocalNode) -> None:
    """An empty folder that was there before leads now to a place that cannot be a cluster's own."""
    sh(node, "mkdir /var/lib/kubelet")
    assert bring(node, TREE)[0]
    sh(node, "rmdir /var/lib/kubelet; ln -s /mnt /var/lib/kubelet; echo 1 >/mnt/file")
    assert failed(node) == ["/var/lib/kubelet leads to /mnt: nothing is removed there"]
    assert node.path("/mnt/file").exists()


def test_a_mount_that_came_later_is_not_emptied(node: LocalNode, data: list[str]) -> None:
    """The folder that kinstall made has another one mounted over it: that is unmounted, and the folder goes."""
    assert bring(node, TREE)[0]
    sh(node, "echo 1 >/var/lib/kubelet/own; mount --bind /mnt/data/pv /var/lib/kubelet")
    assert undo(node, TREE)
    assert tree(node, "/mnt/data/pv") == data and not node.path("/var/lib/kubelet").exists()


def test_a_disk_of_its_own_is_emptied(node: LocalNode) -> None:
    """Its lost+found is no content: the folder counts as empty before, and all but that goes."""
    sh(
        node,
        "mkdir /var/lib/kubelet; mount -t tmpfs -o mode=755 none /var/lib/kubelet; mkdir /var/lib/kubelet/lost+found",
    )
    assert bring(node, TREE)[0]
    sh(node, "mkdir -p /var/lib/kubelet/pods/lost+found")
    assert undo(node, TREE) and tree(node, "/var/lib/kubelet") == ["lost+found 755"]


def test_a_folder_that_is_right_already_is_recorded(node: LocalNode, data: list[str]) -> None:
    """An empty folder with the right mode: nothing is to be changed, but what comes into it is to go again."""
    sh(node, "mkdir -m 0750 /var/lib/kubelet")
    assert left(node, TREE) == [("directory /var/lib/kubelet", Action.CHANGE)]
    assert bring(node, TREE)[0] and left(node, TREE) == []
    volumes(node)
    assert undo(node, TREE) and tree(node, "/var/lib/kubelet") == []
    assert tree(node, "/mnt/data/pv") == data


def test_a_file_in_whose_place_a_folder_came(node: LocalNode, data: list[str]) -> None:
    """A container runtime makes one where a file is to be mounted: it makes way for the file again, mounts in it do
    not lose their content, and one that is in use is named."""
    file = File("/mnt/config", b"x")
    sh(node, "mkdir -p /mnt/config/a; mount --bind /mnt/data/pv /mnt/config/a")
    with busy_in(node, "/mnt/config/a"):
        good, heard = bring(node, file)
        assert not good and heard.words[0].startswith("/mnt/config/a is in use and cannot be unmounted")
    assert bring(node, file)[0] and node.read("/mnt/config") == "x"
    assert tree(node, "/mnt/data/pv") == data
    assert undo(node, file) and tree(node, "/mnt/data/pv") == data


@pytest.mark.parametrize(
    "made",
    [
        "mkdir -p /mnt/own; ln -s /mnt/own /var/lib/kinstall",
        "mkdir /var/lib/kinstall; mount -t tmpfs none /var/lib/kinstall",
    ],
)
def test_kinstalls_own_folder_may_be_elsewhere(node: LocalNode, made: str) -> None:
    """A link or a disk of its own: nothing of what was kept there is left, and link and mount stay."""
    sh(node, made)
    assert bring(node, File("/mnt/a", b"x"))[0]
    assert [line for line in tree(node, "/var/lib/kinstall/") if line.startswith("record ")]
    assert undo(node) and tree(node, "/var/lib/kinstall/") == []
    assert not node.path("/run/kinstall").exists()


def test_a_mount_in_kinstalls_own_folder_is_named(node: LocalNode, data: list[str]) -> None:
    """It is in use: the undo fails with its name, and its content stays; the next one ends well."""
    assert bring(node, File("/mnt/a", b"x"))[0]
    sh(node, "mount --bind /mnt/data/pv /var/lib/kinstall/backup")
    with busy_in(node, "/var/lib/kinstall/backup"):
        assert failed(node)[0].startswith("/var/lib/kinstall/backup is in use and cannot be unmounted")
    assert undo(node) and not node.path("/var/lib/kinstall").exists()
    assert tree(node, "/mnt/data/pv") == data


def test_a_subvolume_stays_and_is_named(node: LocalNode) -> None:
    """btrfs: what is in a subvolume of the operator's stays, wherever it is in the folder, also while it is mounted
    elsewhere; a folder that is a subvolume itself is emptied as any other."""
    sh(node, "truncate -s 200M /mnt/disk.img; mkdir /mnt/disk")
    try:
        sh(node, "mkfs.btrfs -q /mnt/disk.img && mount -o loop /mnt/disk.img /mnt/disk")
    except subprocess.CalledProcessError:
        pytest.skip("no btrfs: mkfs.btrfs (btrfs-progs) or the kernel's part of it is missing")
    sh(
        node,
        """btrfs -q subvolume create /mnt/disk/kubelet; ln -s /mnt/disk/kubelet /var/lib/kubelet""",
    )
    assert bring(node, TREE)[0]
    sh(
        node,
        """cd /var/lib/kubelet/; mkdir -p pods/a; echo 1 >pods/a/own; mkdir /mnt/elsewhere
        for each in first pods/a/deep; do btrfs -q subvolume create $each; echo 1 >$each/file; done
        mount -o loop,subvol=kubelet/first /mnt/disk.img /mnt/elsewhere""",
    )
    stays = "is a file system of its own (a subvolume): it is left with all that is in it"
    assert failed(node) == [f"/mnt/disk/kubelet/{name} {stays}" for name in ("first", "pods/a/deep")]
    assert tree(node, "/var/lib/kubelet/") == [
        "first 755", "first/file 644", "pods 755", "pods/a 755", "pods/a/deep 755", "pods/a/deep/file 644",
    ]  # fmt: skip
    assert node.read("/mnt/elsewhere/file") == "1\n"
    sh(node, "umount /mnt/elsewhere; btrfs -q subvolume delete /mnt/disk/kubelet/first /mnt/disk/kubelet/pods/a/deep")
    assert undo(node, TREE) and tree(node, "/mnt/disk") == ["kubelet 755"]
    sh(node, "umount /mnt/disk")


def test_a_tree_without_mounts_goes_whole(node: LocalNode) -> None:
    """Hidden files, names with blanks, line breaks and stars, links inside: all of it goes, their targets stay."""
    assert bring(node, TREE, Script("s", "", "true"))[0]
    sh(node, "mkdir /mnt/kept; echo 1 >/mnt/kept/file")
    sh(
        node,
        "cd /var/lib/kubelet; mkdir -p .h/x '..y' 'a\nb' '*'; ln -s /mnt/kept link",
    )
    assert undo(node, TREE) and not node.path("/var/lib/kubelet").exists()
    assert tree(node, "/mnt/kept") == ["file 644"]
    assert pending((TREE,), ShellHost("local", node).observe((TREE,)))
