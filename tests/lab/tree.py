"""Debian trees: the hosts' root file system, and the small one under the agnhost and kube-proxy images."""

import inspect
import shutil
from pathlib import Path

from tests.lab import cache
from tests.lab.shell import LabError, run
from tests.lab.versions import versions

# The password with which `admin` may use sudo and log in. A word of its own, so that a search for leaked secrets in
# logs and process lists finds nothing else.
ADMIN_PASSWORD = "correct-lab-password-7f3a"

# Timers would change a host's files and use its CPU at moments of their own.
_MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "console-getty.service",
    "getty.target",
)

_CGROUPS_UNIT = """\
[Unit]
Description=Writable cgroup controllers (systemd-nspawn mounts them read-only)
DefaultDependencies=no
Before=sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'for each in /sys/fs/cgroup /sys/fs/cgroup/*/; do mount -o remount,bind,rw "$each" || true; done'

[Install]
WantedBy=sysinit.target
"""

# With a writable /sys systemd-networkd would wait for a udev that has no business in these hosts.
_NETWORKD = """\
[Service]
ReadOnlyPaths=/sys
"""

_SSHD = """\
# The lab: root by key, the other users also by password.
PermitRootLogin prohibit-password
PasswordAuthentication yes
"""

_USERS = f"""
set -e
useradd --create-home --shell /bin/bash admin
useradd --create-home --shell /bin/bash ops
echo 'admin:{ADMIN_PASSWORD}' | chpasswd
echo 'admin ALL=(ALL:ALL) ALL' > /etc/sudoers.d/admin
echo 'ops ALL=(ALL:ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops
chmod 0440 /etc/sudoers.d/admin /etc/sudoers.d/ops
systemctl enable systemd-networkd.service lab-cgroups.service ssh.service
systemctl mask {" ".join(_MASKED)}
rm -rf /etc/ssh/ssh_host_* /var/log/*.log /var/log/apt /var/cache/apt /var/lib/apt/lists /etc/resolv.conf
: > /etc/resolv.conf
: > /etc/machine-id
mkdir -p /var/cache/apt/archives/partial /var/lib/apt/lists/partial /var/lib/containerd /var/lib/kubelet
"""

_NOT_IN_AN_IMAGE = (
    *("dev", "var/cache", "var/lib/apt", "var/lib/dpkg"),
    *("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man", "usr/share/perl", "usr/share/perl5"),
)


def host_tree() -> Path:
    """The hosts' lower directory: Debian with systemd, sshd, the users, and nothing of Kubernetes."""

    def build(directory: Path) -> None:
        _bootstrap(directory / "root", "minbase", versions().debian.host)
        _write(directory / "root/etc/systemd/system/lab-cgroups.service", _CGROUPS_UNIT)
        _write(directory / "root/etc/systemd/system/systemd-networkd.service.d/lab.conf", _NETWORKD)
        _write(directory / "root/etc/ssh/sshd_config.d/lab.conf", _SSHD)
        run(["chroot", directory / "root", "/bin/sh", "-c", _USERS])

    key = cache.key_of(versions().debian.release, versions().debian.host, _CGROUPS_UNIT, _NETWORKD, _SSHD, _USERS)
    return cache.entry("host-tree", key, build) / "root"


def tools_tree() -> Path:
    """What agnhost and kube-proxy call inside their images, unpacked and not configured: the layer stays small."""

    def build(directory: Path) -> None:
        root = directory / "root"
        _bootstrap(root, "extract", versions().debian.tools)
        for unwanted in _NOT_IN_AN_IMAGE:
            shutil.rmtree(root / unwanted, ignore_errors=True)
        for perl in root.glob("usr/lib/*-linux-gnu/perl*"):
            shutil.rmtree(perl)
        for name in ("resolv.conf", "hostname"):  # this machine's, as mmdebstrap copies them
            (root / "etc" / name).unlink(missing_ok=True)
        # What the packages' own scripts would have set up.
        for name in ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save"):
            (root / "usr/sbin" / name).symlink_to("xtables-nft-multi")
        (root / "usr/bin/nc").symlink_to("nc.openbsd")
        (root / "usr/bin/awk").symlink_to("mawk")
        for name in ("passwd", "group"):
            shutil.copy(root / f"usr/share/base-passwd/{name}.master", root / "etc" / name)
        (root / "dev").mkdir()

    key = cache.key_of(
        versions().debian.release, versions().debian.tools, _NOT_IN_AN_IMAGE, inspect.getsource(tools_tree)
    )
    return cache.entry("tools-tree", key, build) / "root"


def haproxy_tree() -> Path:
    """Debian's HAProxy with what it links to, unpacked and not configured.

    LabError where the package has another version than versions.toml: the image's tag would not be true.
    """
    wanted = versions().haproxy

    def build(directory: Path) -> None:
        root = directory / "root"
        _bootstrap(root, "extract", ("haproxy",))
        for unwanted in _NOT_IN_AN_IMAGE:
            shutil.rmtree(root / unwanted, ignore_errors=True)
        has = run(["chroot", root, "/usr/sbin/haproxy", "-v"]).split("-")[0].split()[-1]
        if has != wanted:
            raise LabError(f"Debian {versions().debian.release} has haproxy {has}, versions.toml says {wanted}")

    key = cache.key_of(versions().debian.release, wanted, _NOT_IN_AN_IMAGE, inspect.getsource(haproxy_tree))
    return cache.entry("haproxy-tree", key, build) / "root"


def _bootstrap(root: Path, variant: str, packages: tuple[str, ...]) -> None:
    run(
        [
            "mmdebstrap",
            "--mode=root",
            "--format=directory",
            f"--variant={variant}",
            "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
            f"--include={','.join(packages)}",
            versions().debian.release,
            root,
            _debian_source(),
        ],
        timeout=1800,
    )


def _debian_source() -> str:
    """The package source this machine itself uses for that Debian release."""
    form = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    for line in run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"]).splitlines():
        uri, release, component = line.split()
        if release == versions().debian.release and component == "main":
            return uri
    raise LabError(f"this machine's apt sources name no Debian {versions().debian.release}, which the lab's hosts run")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
