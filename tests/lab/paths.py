"""Where the lab keeps things: nothing of it is inside the repository."""

import os
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
GO_MODULES = SOURCES / "go"


def cache_dir() -> Path:
    """Slow things (compiled programs, Debian trees, images), each under a key of its inputs."""
    named = os.environ.get("KINSTALL_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "kinstall-lab"


def runtime_dir() -> Path:
    """The running lab: hosts' disks and keys, logs, and what `down` has to put back."""
    return Path(os.environ.get("KINSTALL_LAB_DIR") or "/var/lib/kinstall-lab")
