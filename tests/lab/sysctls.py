"""The machine's sysctls that have no namespace: what runs in a host (systemd, the kubelet) changes them for all.

They are listed before the first host boots, and put back by `down`.
"""

import os
from contextlib import suppress
from pathlib import Path

_ROOT = Path("/proc/sys")
_WALKED = ("fs", "kernel", "vm", "user")

# What changes by itself, or does something when it is read or written.
_NOT_SETTINGS = (
    *("kernel/random/", "kernel/ns_last_pid", "kernel/tainted", "kernel/hostname", "kernel/sched_domain"),
    *("vm/drop_caches", "vm/stat_refresh", "vm/compact_memory", "fs/binfmt_misc/"),
)

# Several systemds and kubelets share root's inotify instances. Packets between two hosts cross the bridge and must not
# meet the machine's own packet filter. What every kubelet sets for all hosts it shall find so: else the hosts of one
# test change under a comparison in another.
_WANTED = {
    "fs/inotify/max_user_instances": "8192",
    "fs/inotify/max_user_watches": "1048576",
    "net/bridge/bridge-nf-call-iptables": "0",
    "net/bridge/bridge-nf-call-ip6tables": "0",
    "kernel/keys/root_maxbytes": "25000000",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
}


def set_for_lab() -> None:
    for name, value in _WANTED.items():
        if (_ROOT / name).exists() and _read(name) != value:
            (_ROOT / name).write_text(value)


def put_back(before: dict[str, str]) -> None:
    """Restore what differs from an earlier `listing()`."""
    for name, value in before.items():
        if _read(name) != value:
            with suppress(OSError):
                (_ROOT / name).write_text(value)


def listing() -> dict[str, str]:
    """Every setting that can be changed, by its path below /proc/sys."""
    found = {}
    names = list(_WANTED)
    for top in _WALKED:
        for directory, _, files in os.walk(_ROOT / top):
            names += [str((Path(directory) / file).relative_to(_ROOT)) for file in files]
    for name in names:
        with suppress(OSError):
            if (_ROOT / name).stat().st_mode & 0o200 and not name.startswith(_NOT_SETTINGS):
                found[name] = (_ROOT / name).read_text().strip()
    return found


def _read(name: str) -> str | None:
    with suppress(OSError):
        return (_ROOT / name).read_text().strip()
    return None
