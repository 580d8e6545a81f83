"""What the first version recorded is undone without its dangers: it unmounts lazily, and removes through mounts.

The record of `own-network` was written by that version's functions, for folders that are links and a third-party pod
network; the others are those of test_formats.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kinstall.engine import record
from kinstall.engine.host import ShellHost
from kinstall.engine.record import Entry, Kind, undo_order
from kinstall.plan.cleanup import renewed
from tests.unit.engine.applying import Heard
from tests.unit.local_node import LocalNode, start

FORMAT_1 = Path(__file__).parent / "format_1"
NODES = ("cp1", "w1", "own-network")
OWN_CODE = re.compile(r"\bumount\b|\brm -\S*[rR]")


def entries(node: str) -> tuple[Entry, ...]:
    return record.parse((FORMAT_1 / node / "record").read_text().splitlines())


@pytest.mark.parametrize("node", NODES)
def test_code_that_removes_by_itself_is_renewed(node: str) -> None:
    """Each entry whose code unmounts or removes folders gets today's, which does neither; no other changes."""
    found = entries(node)
    dangerous = {entry.key for entry in found if OWN_CODE.search(entry.undo)}
    assert {(Kind.UNIT, "kubelet.service"), (Kind.UNIT, "containerd.service")} <= dangerous
    assert {entry.key for entry in found if renewed(entry) != entry} == dangerous
    assert not [entry.subject for entry in found if OWN_CODE.search(renewed(entry).undo)]


def test_what_is_renewed_stays_as_it_is() -> None:
    """Today's code is today's already, with the pods' range that was recorded."""
    (network,) = (entry for entry in entries("own-network") if entry.subject == "what the pod network finds")
    assert "PODS=10.244.0.0/16\n" in renewed(network).undo
    assert all(renewed(renewed(entry)) == renewed(entry) for entry in entries("own-network"))


@pytest.fixture
def node() -> Iterator[LocalNode]:
    """Its programs see only their own processes: clean-up kills some."""
    made = start(own_network=True, alone=True)
    yield made
    made.close()


def listing(node: LocalNode, *places: str) -> list[str]:
    """All that is in folders: path, mode, owner, and a link's target."""
    find = ["find", *places, "-printf", "%p %m %u:%g %l\n"]
    return subprocess.run(
        ["nsenter", "-t", str(node.pid), "-m", *find], capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_the_operators_data_stays(node: LocalNode) -> None:
    """Its record is undone where the kubelet's folder is a link, with mounts of the operator's in it, and in paths of
    the pod network below a link: content, modes and owners of what is behind the mounts are as before."""
    node.inside(
        "sh",
        "-ec",
        """mkdir -p /mnt/data/pv/.hidden /mnt/disk/pods/1/pv '/mnt/disk/my own' /mnt/disk/containerd/x
        echo 1 >/mnt/data/pv/file; chmod 0640 /mnt/data/pv/file; chown -R 12:34 /mnt/data/pv
        ln -s /mnt/disk /var/lib/kubelet; mkdir /var/lib/containerd /run/containerd; echo 1 >/var/lib/containerd/own
        for each in /mnt/disk/pods/1/pv '/mnt/disk/my own' /run/containerd; do mount --bind /mnt/data/pv "$each"; done
        mkdir -p /mnt/moved/agent/state /mnt/cni/bin/agent; ln -s /mnt/moved /var/lib/moved; ln -s /mnt/cni /opt/cni
        for each in /mnt/moved/agent/state /mnt/cni/bin/agent; do mount --bind /mnt/data/pv "$each"; done
        mkdir -p /var/lib/kinstall/saved; cd /var/lib/kinstall/saved; echo /opt/cni/bin >seen; : >links; : >cni
        echo 'tree /var/lib/moved/agent' >absent""",
    )
    node.write("/var/lib/kinstall/record", (FORMAT_1 / "own-network/record").read_text())
    before, heard = listing(node, "/mnt/data"), Heard()
    host = ShellHost("local", node)
    found = undo_order(host.observe((), "reset").record)
    assert len(found) == len(entries("own-network"))
    assert host.undo([renewed(entry) for entry in found], "reset", heard), heard.words
    assert listing(node, "/mnt/data") == before
    assert listing(node, "/mnt/disk", "/mnt/moved", "/mnt/cni", "/var/lib/containerd") == [
        "/mnt/disk 755 root:root ", "/mnt/moved 755 root:root ", "/mnt/cni 755 root:root ",
        "/mnt/cni/bin 755 root:root ", "/var/lib/containerd 755 root:root ",
    ]  # fmt: skip
