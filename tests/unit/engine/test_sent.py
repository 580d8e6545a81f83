"""What the operator sends for real: files that no node can fetch, and images in archives; containerd's client is played
by a small program that writes down what it was asked."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from kinstall.engine.diff import mark_name, pending
from kinstall.engine.host import ShellHost, Work
from kinstall.engine.steps import Archive, Download, Image, Step
from kinstall.sources.download import Depot
from tests.unit.engine.applying import STORE
from tests.unit.engine.test_download import Heard
from tests.unit.local_node import LocalNode

# An archive's content is the names of the images in it.
CTR = r"""#!/bin/sh
echo "$*" >>/run/fake/ctr
list=/run/fake/images
shift 2
case "$1 $2" in
  "images import") sleep 0.1; cat "$3" >>$list ;;
  "images tag") grep -qx "$4" $list || { echo "no image $4"; exit 1; }; echo "$5" >>$list ;;
  "images rm") grep -vx "$3" $list >$list.new; mv $list.new $list ;;
  "images label") grep -qx "$3" $list || { echo "no image $3"; exit 1; } ;;
esac
"""


@pytest.fixture(autouse=True)
def client(node: LocalNode) -> None:
    """containerd's, as a small program."""
    node.write("/usr/local/sbin/ctr", CTR, 0o755)
    node.write("/run/fake/ctr", "")


def kept(folder: Path, name: str, content: bytes) -> tuple[str, Path]:
    (folder / name).write_bytes(content)
    return sha256(content).hexdigest(), folder / name


class Noticing(Heard):
    def __init__(self) -> None:
        super().__init__()
        self.notices: list[str] = []

    def waits(self, reason: str) -> None:
        self.notices.append(reason)


def bring(node: LocalNode, depot: Depot, *steps: Step) -> Noticing:
    host, heard = ShellHost("local", node, depot), Noticing()
    seen = host.observe(steps, "r1")
    host.apply(Work(pending(steps, seen), steps, seen, "r1"), heard)
    return heard


def test_a_file_that_only_the_operator_has(node: LocalNode, tmp_path: Path) -> None:
    """It arrives on a node that has curl too, with its mode, and nothing else stays there."""
    digest, path = kept(tmp_path, "kubelet", b"program" * 9999)
    depot = Depot()
    depot.add({digest: path})
    step = Download("/mnt/bin/kubelet", "/srv/files/kubelet", digest, sent=True)
    heard = bring(node, depot, step)
    assert heard.ends == {0: 0}, heard.words
    assert heard.notices == ["it is sent 1 MiB, which it cannot fetch"]
    assert node.path("/mnt/bin/kubelet").read_bytes() == path.read_bytes() and node.mode("/mnt/bin/kubelet") == 0o755
    assert sorted(each.name for each in node.path("/var/lib/kinstall").iterdir()) == ["backup", "marks", "record"]
    assert not pending([step], ShellHost("local", node).observe([step]))


def test_images_of_one_archive(node: LocalNode, tmp_path: Path) -> None:
    """It is sent and imported once; a name with the architecture gives way to the plain one; each image is pinned."""
    names = b"registry.k8s.io/a-amd64:v1\nregistry.k8s.io/b:v2\n"
    digest, path = kept(tmp_path, "both.tar", names)
    depot = Depot()
    depot.add({digest: path})
    first = Image("registry.k8s.io/a:v1", STORE, archive=Archive("both.tar", digest, "registry.k8s.io/a-amd64:v1"))
    second = Image("registry.k8s.io/b:v2", STORE, archive=Archive("both.tar", digest, "registry.k8s.io/b:v2"))
    heard = bring(node, depot, first, second)
    assert heard.ends == {0: 0, 1: 0}, heard.words
    asked = node.read("/run/fake/ctr").splitlines()
    assert len([line for line in asked if " import " in line]) == 1
    pinned = [line for line in asked if line.endswith("io.cri-containerd.pinned=pinned")]
    assert len(pinned) == 2
    assert set(node.read("/run/fake/images").split()) == {"registry.k8s.io/a:v1", "registry.k8s.io/b:v2"}
    assert node.read(f"/var/lib/kinstall/marks/{mark_name(first.id)}") == "registry.k8s.io/a:v1\n"
    assert not node.path("/var/lib/kinstall/sent").exists()
    assert not list(node.path("/var/lib/kinstall").glob("payload*"))


def test_an_archive_that_changed_meanwhile(node: LocalNode, tmp_path: Path) -> None:
    """What arrives is not what was looked at: nothing is imported, and both checksums are told."""
    digest, path = kept(tmp_path, "one.tar", b"registry.k8s.io/a:v1\n")
    depot = Depot()
    depot.add({digest: path})
    path.write_bytes(b"registry.k8s.io/a:v2\n")
    heard = bring(
        node, depot, Image("registry.k8s.io/a:v1", STORE, archive=Archive("one.tar", digest, "registry.k8s.io/a:v1"))
    )
    assert heard.ends == {0: 1}
    other = sha256(path.read_bytes()).hexdigest()
    assert heard.words[0] == [f"checksum of the archive of registry.k8s.io/a:v1 is {other}, not {digest}"]
    assert node.read("/run/fake/ctr") == ""


def test_an_archive_without_the_image(node: LocalNode, tmp_path: Path) -> None:
    """The import succeeds and the name is not there: the step fails, with what containerd's client says."""
    digest, path = kept(tmp_path, "one.tar", b"registry.k8s.io/other:v1\n")
    depot = Depot()
    depot.add({digest: path})
    heard = bring(
        node, depot, Image("registry.k8s.io/a:v1", STORE, archive=Archive("one.tar", digest, "registry.k8s.io/a:v1"))
    )
    assert heard.ends == {0: 1}
    assert heard.words[0] == ["no image registry.k8s.io/a:v1"]
