"""Where the node's daemons write: free space, and file systems that do not carry what is put there."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from assets import paths
from kinstall.findings import Finding, Severity
from kinstall.preflight.check import NodeView, check, error, ok, warning
from kinstall.wording import listed

MIB = 1024 * 1024
GIB = 1024 * MIB

CONTAINERD, KUBELET, ETCD = "/var/lib/containerd", "/var/lib/kubelet", paths.ETCD_DATA

ROOM = {
    CONTAINERD: (2 * GIB, 4 * GIB),
    KUBELET: (GIB, 2 * GIB),
    ETCD: (GIB, 2 * GIB),
    "/usr/local/bin": (GIB // 2, GIB // 2),
    "/opt/cni/bin": (128 * MIB, 128 * MIB),
    "/etc/kubernetes": (8 * MIB, 8 * MIB),
    "/run": (8 * MIB, 8 * MIB),
}
"""Folder → (what it needs, what is good), in bytes."""


@check("disk", Severity.ERROR, "Is there enough free space where the node's daemons write?")
def disk(view: NodeView) -> Iterator[Finding]:
    """What several folders need of one file system is added up. On a node that is installed it is there already."""
    clean = True
    together: dict[str, list[str]] = defaultdict(list)
    for path in ROOM:
        space = view.facts.space_of(path)
        if space and (path != ETCD or view.node.is_control_plane):
            together[space.device if space.device.startswith("/") else space.path].append(path)
    reported: set[str] = set()
    for folders in together.values():
        space = view.facts.space_of(folders[0])
        needs = [ROOM[folder] for folder in folders]
        total = max if view.own else sum
        least, good = total(least for least, _ in needs), total(good for _, good in needs)
        if space is None or space.free >= good:
            continue
        clean = False
        reported.update(folders)
        message = f"{_size(space.free)} free for {listed(folders)} (on {space.path})"
        remedy = f"make room there, or mount a larger file system on {folders[0]}"
        if space.free < least and not view.own:
            need = "it needs" if len(folders) == 1 else "together they need"
            yield error(f"{message}; {need} {_size(least)}, better {_size(good)}", remedy)
        else:
            yield warning(f"{message}; {_size(good)} would be good", remedy)
    for path, percent in ((CONTAINERD, 15), (KUBELET, 10)):
        space = view.facts.space_of(path)
        if space and space.size and path not in reported and space.free * 100 < space.size * percent:
            clean = False
            reported.update(next(folders for folders in together.values() if path in folders))
            yield warning(
                f"{space.free * 100 // space.size} % of {space.path} are free; below {percent} % the kubelet reports "
                "DiskPressure and evicts pods",
                "make room there",
            )
    if clean:
        space = view.facts.space_of(CONTAINERD)
        yield ok(f"{_size(space.free)} free for {CONTAINERD}" if space else "the free space is not known")


def _size(octets: int) -> str:
    return f"{octets / GIB:.1f} GiB" if octets >= GIB else f"{octets // MIB} MiB"


@check("file-systems", Severity.ERROR, "Can system folders be written to, and do their file systems fit the daemons?")
def file_systems(view: NodeView) -> Iterator[Finding]:
    findings = [*_links(view), *_options(view), *_images(view), *_kubelet(view), *_etcd(view)]
    yield from findings
    if not findings:
        yield ok("system folders are writable, and those of the daemons are on fitting file systems")


def _links(view: NodeView) -> Iterator[Finding]:
    links: dict[str, list[str]] = defaultdict(list)
    for line in view.facts.lines.get("dangling", ()):
        folder, _, link = line.partition(" ")
        links[link].append(folder)
    for link, folders in links.items():
        below = [folder for folder in folders if folder != link]
        yield error(
            f"{link} is a link to something that is not there" + (f", and so is {listed(below)}" if below else ""),
            "mount the disk or make the folder that it leads to, or remove the link",
        )


def _options(view: NodeView) -> Iterator[Finding]:
    facts = view.facts
    for path in ("/etc", "/var/lib", "/usr/local/bin", "/opt", "/run"):
        mount = facts.mount_of(path)
        if mount and "ro" in mount.options:
            yield error(
                f"{path} is read-only ({mount.type} on {mount.path})",
                "remount it writable; distributions without a writable system are not supported",
            )
    for path in ("/usr/local/bin", "/opt/cni/bin", CONTAINERD):
        mount = facts.mount_of(path)
        if mount and "noexec" in mount.options:
            yield error(
                f"programs cannot be started from {path}: {mount.path} is mounted noexec",
                f"remove noexec from its line in /etc/fstab and run `mount -o remount,exec {mount.path}`",
            )


_NETWORK = re.compile(r"nfs4?|cifs|smb3|smbfs|9p|ceph|gpfs|lustre|ocfs2|glusterfs|afs|fuse\..*|fuse")
_STACKED = ("overlay", "aufs", "ecryptfs")
_WITHOUT_ATTRIBUTES = ("vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "hfsplus", "ramfs")
_ZFS = (2, 2)


def _images(view: NodeView) -> Iterator[Finding]:
    """containerd unpacks images for overlayfs, whose upper folders need extended attributes, whiteouts made by
    renaming, and a file system that does not revalidate names (the kernel's overlayfs.rst; `ovl_mount_dir`). OpenZFS
    has all of it from 2.2 on (openzfs/zfs, pull request 9414)."""
    mount = view.facts.mount_of(CONTAINERD)
    kind = mount.type if mount else ""
    refuse = warning if view.own else error
    remedy = f"mount a local ext4 or xfs on {CONTAINERD}"
    if kind in _STACKED or kind in _WITHOUT_ATTRIBUTES or _NETWORK.fullmatch(kind):
        why = "overlayfs does not stack on it" if kind in _STACKED else "it lacks what overlayfs needs"
        yield refuse(f"{CONTAINERD} is on {kind}, where container images cannot be unpacked: {why}", remedy)
    elif kind == "zfs":
        has = re.match(r"(\d{1,4})\.(\d{1,4})", view.facts.value("/sys/module/zfs/version"))
        if has is None:
            yield warning(
                f"{CONTAINERD} is on ZFS of an unknown version; before 2.2 overlayfs does not work on it",
                f"update ZFS to 2.2 or later, or {remedy}",
            )
        elif (int(has[1]), int(has[2])) < _ZFS:
            yield refuse(
                f"{CONTAINERD} is on ZFS {has[0]}, where container images cannot be unpacked: overlayfs needs ZFS 2.2",
                f"update ZFS, or {remedy}",
            )
    elif kind == "tmpfs":
        yield warning(f"{CONTAINERD} is on tmpfs: images take memory, and are pulled again after a reboot", remedy)


def _kubelet(view: NodeView) -> Iterator[Finding]:
    """The kubelet must find the device of its folder, and knows it of local file systems and NFS only (cAdvisor's
    `GetDirFsDevice` and its list of types)."""
    mount = view.facts.mount_of(KUBELET)
    kind = mount.type if mount else ""
    if kind.startswith("nfs"):
        yield warning(
            f"{KUBELET} is on {kind}: pods' volumes depend on the file server, and it may refuse to change owners",
            f"mount a local ext4 or xfs on {KUBELET}",
        )
    elif kind in ("ecryptfs", "aufs") or _NETWORK.fullmatch(kind):
        yield (warning if view.own else error)(
            f"{KUBELET} is on {kind}, whose device the kubelet does not find: it ends with `failed to get rootfs info`",
            f"mount a local ext4 or xfs on {KUBELET}",
        )


def _etcd(view: NodeView) -> Iterator[Finding]:
    """https://etcd.io/docs/v3.7/op-guide/hardware/ asks for a disk with low latency."""
    mount = view.facts.mount_of(ETCD)
    kind = mount.type if mount and view.node.is_control_plane else ""
    if kind == "tmpfs" or kind == "ramfs":
        yield (warning if view.own else error)(
            f"{ETCD} is on {kind}: the cluster's data is gone after a reboot", f"mount a disk on {ETCD}"
        )
    elif kind == "ecryptfs" or _NETWORK.fullmatch(kind):
        yield warning(
            f"{ETCD} is on {kind}: etcd relies on a disk that is quick to sync and on its locks",
            f"mount a local ext4 or xfs on {ETCD}",
        )


CHECKS = (disk, file_systems)
