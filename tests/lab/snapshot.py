"""What a host looks like, as comparable strings: to show that what was undone left nothing behind."""

import hashlib
import json
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lab.hosts import Host

# Left out: what the distribution's own programs write by themselves while a host just runs.
VOLATILE = (
    "/var/log/",  # journal, wtmp, lastlog, btmp
    "/var/cache/",
    "/var/tmp/",
    "/tmp/",
    "/var/lib/systemd/",  # random seed, timers' stamps, the catalogue's index
    "/var/lib/sudo/",  # who was lectured
    "/run/systemd/",
    "/run/user/",
    "/run/log/",
    "/run/lock/",
    "/run/sudo/",
    "/run/utmp",
    "/run/mount/",
    "/run/host/",
    "/run/credentials/",
    "/run/motd.dynamic",
    "/home/admin/.sudo_as_admin_successful",
    "/etc/.pwd.lock",
)

# Counters, and what follows from the machine's load rather than from a setting.
_VOLATILE_SYSCTLS = re.compile(
    r"fs\.(dentry-state|file-nr|inode-nr|inode-state|quota\.|aio-nr)|kernel\.(random\.|ns_last_pid|pty\.nr)"
    r"|net\.netfilter\.nf_conntrack_count|.*\.neigh\..*|kernel\.sched_domain"
)

_COMMANDS = {
    "links": "ip -o link show"
    " | sed -E 's/^[0-9]+: //; s/ (qlen|state) [^ ]+//g; s/link-netns[a-z]* [^ ]+//; s/@if[0-9]+//'",
    "addresses": "ip -o address show | sed -E 's/^[0-9]+: //; s/valid_lft.*//'",
    "routes": "ip route show table all; ip -6 route show table all; ip rule show; ip -6 rule show",
    "neighbours": "ip neigh show nud permanent; bridge fdb show | grep -v 'self permanent' | grep permanent || true",
    "nft": "nft list ruleset | sed -E 's/packets [0-9]+ bytes [0-9]+//'",
    "iptables-legacy": "iptables-legacy-save 2>/dev/null | grep -v '^[#:]' || true",
    "users": "getent passwd",
    "groups": "getent group",
    "mounts": "findmnt --list --noheadings --output TARGET,SOURCE,FSTYPE"
    " | grep -vE '^/(proc|sys|dev|run/(user|credentials))' || true",
    "unit files": "systemctl list-unit-files --plain --no-legend --no-pager | awk '{print $1, $2}'",
    "units": "systemctl list-units --all --plain --no-legend --no-pager"
    " --type=service,socket,timer,mount,path,target,slice"
    " | awk '$1 !~ /^(session-|user-|user@|run-user|systemd-tmpfiles-clean|ssh@)/ {print $1, $2, $3}'",
    "listening": "ss -Hlntu | awk '{print $1, $5}'",
    "sysctls": "sysctl -a 2>/dev/null",
    "run": "find /run -mindepth 1 -printf '%p %y %m %u:%g\\n' 2>/dev/null",
}

# An IPv6 address that is still being tried out has no route yet, and gets one a second later.
_SETTLED = """\
n=0
while [ -n "$(ip -6 -o address show tentative)" ] && [ $n -lt 50 ]; do sleep 0.1; n=$((n+1)); done
"""


def take(host: "Host") -> dict[str, str]:
    """A flat mapping from what it is (`file /etc/hosts`, `sysctls net.ipv4.ip_forward = 1`) to its state."""
    listing = "\n".join(f"echo '### {name}'; {{ {command}; }} | sort -u" for name, command in _COMMANDS.items())
    found = _files(host)
    section = ""
    for line in host.run(_SETTLED + listing).stdout.splitlines():
        if line.startswith("### "):
            section = line[4:]
        elif line.strip() and not _is_volatile(section, line):
            found[f"{section}: {line.rstrip()}"] = ""
    return found


def difference(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What only one of two snapshots has, or what they disagree on; empty when they are the same."""
    lines = [f"- {key} {before[key]}".rstrip() for key in before if key not in after]
    lines += [f"+ {key} {after[key]}".rstrip() for key in after if key not in before]
    lines += [f"! {key} {value} -> {after[key]}" for key, value in before.items() if after.get(key, value) != value]
    return sorted(lines, key=lambda line: line[2:])


def _is_volatile(section: str, line: str) -> bool:
    if section == "sysctls":
        return _VOLATILE_SYSCTLS.match(line) is not None
    return section == "run" and line.startswith(VOLATILE)


def _files(host: "Host") -> dict[str, str]:
    """Type, mode, owner and content of every file on the host's disk. Unchanged ones of the tree need no hash."""
    found = {}
    places = [("", host.root)] + [(f"/var/lib/{name}", host.directory / name) for name in ("containerd", "kubelet")]
    for prefix, top in places:
        for directory, folders, files in os.walk(top):
            for name in [*folders, *files]:
                path = Path(directory) / name
                inside = f"{prefix}/{path.relative_to(top)}"
                if not inside.startswith(VOLATILE) and f"{inside}/" not in VOLATILE:
                    found[f"file {inside}"] = _describe(path, host, inside)
            here = f"{prefix}/{Path(directory).relative_to(top)}/".replace("/./", "/")
            folders[:] = [name for name in folders if f"{here}{name}/" not in VOLATILE]
    return found


def _describe(path: Path, host: "Host", inside: str) -> str:
    try:
        info = path.lstat()
    except FileNotFoundError:
        return "vanished"
    text = f"{stat.filemode(info.st_mode)} {info.st_uid}:{info.st_gid}"
    if stat.S_ISLNK(info.st_mode):
        return f"{text} -> {path.readlink()}"
    if not stat.S_ISREG(info.st_mode):
        return text
    return f"{text} {info.st_size} {_content(path, host, inside)}"


def _content(path: Path, host: "Host", inside: str) -> str:
    """A digest; or "as in the tree" for what was never copied up to the host's own layer."""
    if path.is_relative_to(host.root) and not os.path.lexists(f"{host.upper}{inside}"):
        return "as in the tree"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    below = Path(f"{host.tree}{inside}")
    if below.is_file():
        with below.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == digest:
                return "as in the tree"
    return digest[:32]


def save(snapshot: dict[str, str], path: Path) -> None:
    path.write_text(json.dumps(snapshot, indent=0, sort_keys=True))
