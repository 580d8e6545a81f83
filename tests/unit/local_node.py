"""A node on this machine: programs run for real by /bin/sh as root, in a mount namespace where the places that
kinstall writes to are empty file systems in memory. systemd is played by a small program of its name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from kinstall.transport.become import bootstrap, framed
from kinstall.transport.channel import discard

MARK = "mark0123456789"
EMPTIED = ("/var/lib", "/run", "/mnt", "/usr/local", "/etc/systemd")

_OWN_ETC = """\
mount -t tmpfs -o mode=755 none /mnt
mkdir /mnt/etc
cp -a /etc/. /mnt/etc
mount --bind /mnt/etc /etc
"""

# State: /run/fake/NAME.active, .enabled; a unit exists where its file does. `starts` has a line per (re)start.
SYSTEMCTL = r"""#!/bin/sh
mkdir -p /run/fake
verb=$1; shift
case $verb in
  show)
    shift 2; first=1
    for u do
      [ "$u" = -- ] && continue
      [ $first ] || echo; first=
      load=not-found; [ ! -e "/etc/systemd/system/$u" ] || load=loaded
      active=inactive; [ ! -e "/run/fake/$u.active" ] || active=active
      enabled=disabled; [ ! -e "/run/fake/$u.enabled" ] || enabled=enabled
      printf 'Id=%s\nLoadState=%s\nActiveState=%s\nUnitFileState=%s\nNeedDaemonReload=no\n' "$u" $load $active $enabled
    done ;;
  enable) for u do [ "$u" = -q ] || : >"/run/fake/$u.enabled"; done ;;
  restart)
    echo "$1" >>/run/fake/starts
    grep -q broken "/etc/systemd/system/$1" && { echo "Job for $1 failed"; exit 1; }
    : >"/run/fake/$1.active" ;;
  stop) rm -f "/run/fake/$1.active" ;;
  is-active) [ -e "/run/fake/$2.active" ] ;;
  is-enabled) [ -e "/run/fake/$2.enabled" ] ;;
  --no-reload) rm -f "/run/fake/$3.enabled" ;;
  *) : ;;
esac
"""


class LocalNode:
    """A Channel, and a look at what it changed. Paths are those inside the namespace.

    `shell`: how its sh is called. `alone`: its programs see no process and no control group but their own, and of /etc
    they have a copy: whatever they do is done to nothing else.
    """

    def __init__(self, own_network: bool = False, shell: Sequence[str] = ("sh",), alone: bool = False) -> None:
        self.node = "local"
        self.shell = tuple(shell)
        network = ["--net"] if own_network else []
        places = (*EMPTIED, "/opt", "/var/log", "/sys/fs/cgroup") if alone else EMPTIED
        mounts = "".join(f"mount -t tmpfs -o mode=755 none {place}\n" for place in places)
        if alone:
            mounts = f"{_OWN_ETC}{mounts}"
        self._keeper = subprocess.Popen(
            ["unshare", "--mount", *network, "sh", "-c", f"set -e\n{mounts}echo ready\nexec sleep 600"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline() != "ready\n":
            self.close()
            raise OSError("no mount namespace")
        self._enter = ["nsenter", "-t", str(self._keeper.pid), "-m", *network]
        self._fence = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"] if alone else []
        self.root = Path(f"/proc/{self._keeper.pid}/root")
        self.write("/usr/local/sbin/systemctl", SYSTEMCTL, 0o755)
        self.write("/usr/local/sbin/journalctl", "#!/bin/sh\necho its last words\n", 0o755)

    def execute(
        self,
        program: str,
        payload: Iterable[bytes] = (),
        on_line: Callable[[str], None] = discard,
        timeout: float | None = None,
    ) -> int:
        length, first = framed(program, MARK)
        with subprocess.Popen(
            [*self._enter, *self._fence, *self.shell, "-c", bootstrap(length, MARK)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as ran:
            assert ran.stdin is not None and ran.stdout is not None
            try:
                for data in (first, *payload):
                    ran.stdin.write(data)
                ran.stdin.close()
            except BrokenPipeError:
                pass  # the program ended without reading it
            for raw in ran.stdout:
                line = raw.decode("utf-8", "replace").rstrip("\n")
                if not line.startswith(MARK):
                    on_line(line)
            return ran.wait()

    def close(self) -> None:
        self._keeper.kill()
        self._keeper.wait()

    # Looking and preparing

    @property
    def pid(self) -> int:
        """A process in the namespace."""
        return self._keeper.pid

    def path(self, place: str) -> Path:
        return self.root / place.lstrip("/")

    def write(self, place: str, text: str, mode: int = 0o644) -> None:
        path = self.path(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def read(self, place: str) -> str:
        return self.path(place).read_text()

    def mode(self, place: str) -> int:
        return self.path(place).stat().st_mode & 0o7777

    def hide(self, program: str) -> None:
        """As if the program were not installed there."""
        place = shutil.which(program)
        if place:
            self.inside("mount", "--bind", "/dev/null", str(Path(place).resolve()))

    def inside(self, *words: str) -> None:
        subprocess.run([*self._enter, *words], check=True)

    def starts(self) -> list[str]:
        """Units in the order in which they were (re)started."""
        log = self.path("/run/fake/starts")
        return log.read_text().split() if log.exists() else []


def start(own_network: bool = False, shell: Sequence[str] = ("sh",), alone: bool = False) -> LocalNode:
    """A new node, on request with network settings of its own; see LocalNode.

    Skips the test where this machine cannot have one; in CI that is a failure.
    """
    try:
        if os.geteuid() != 0:
            raise OSError("needs root")
        if shutil.which("unshare") is None or shutil.which("nsenter") is None:
            raise OSError("needs util-linux")
        return LocalNode(own_network, shell, alone)
    except OSError as error:
        reason = f"no node in a mount namespace: {error}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
