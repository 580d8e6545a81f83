"""Undo takes nothing away through a mount or a link that kinstall did not make: file trees before and after."""

from __future__ import annotations

import subprocess

import pytest

from kinstall.engine.diff import pending
from kinstall.engine.host import ShellHost
from kinstall.engine.record import Entry, Kind, Was, undo_order
from kinstall.engine.steps import Directory, Script
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
    busy = subprocess.Popen(
        ["nsenter", "-t", str(node.pid), "-m", "sh", "-c", "cd /var/lib/kubelet/pods/1/pv; echo; exec sleep 60"],
        stdout=subprocess.PIPE,
    )
    assert busy.stdout is not None
    busy.stdout.readline()
    try:
        host, heard = ShellHost("local", node), Heard()
        assert not host.undo(undo_order(host.observe((), "reset").record), "reset", heard)
        name = "/var/lib/kubelet/pods/1/pv"
        assert heard.words == [f"{name} is in use and cannot be unmounted: it is left with all that is in it"]
        assert tree(node, "/mnt/data/pv") == data and tree(node, name) == data
        assert [line.split()[0] for line in tree(node, "/var/lib/kubelet")][:3] == ["pods", "pods/1", "pods/1/pv"]
        assert (
            not node.path("/var/lib/kubelet/pods/2").exists() and not node.path("/var/lib/kubelet/pods/1/own").exists()
        )
    finally:
        busy.kill()
        busy.communicate()
    assert undo(node, TREE) and not node.path("/var/lib/kubelet").exists()
    assert tree(node, "/mnt/data/pv") == data


def test_a_link_that_came_later_is_not_followed_to_the_top(node: LocalNode) -> None:
    """Where the folder was replaced by a link to a place that cannot be a cluster's own, nothing is removed there."""
    assert bring(node, TREE)[0]
    sh(node, "rmdir /var/lib/kubelet; ln -s /mnt /var/lib/kubelet; echo 1 >/mnt/file")
    heard = Heard()
    host = ShellHost("local", node)
    assert not host.undo(undo_order(host.observe((), "reset").record), "reset", heard)
    assert heard.words == ["/var/lib/kubelet leads to /mnt: nothing is removed there"]
    assert node.path("/mnt/file").exists()


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
