"""`kinstall trust`: which host keys the nodes show, and keeping those that the operator consents to.

Looking at a key ends a connection right after the key exchange: no name, no password, nothing is sent. Only a jump
host is logged in to, and only when its own key is trusted already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from kinstall import files
from kinstall.errors import HostKeyChanged, HostKeyUnknown, TransportError, UsageError
from kinstall.secrets import Secrets
from kinstall.transport.host_keys import MAX_KNOWN_HOSTS, HostKey, HostKeys, host_name, parse_known_hosts
from kinstall.transport.ssh.connect import Connector
from kinstall.transport.target import SshTarget

_AT_ONCE = 32

JUMP_HOST = "jump host "
"""How the name of a jump host's row begins."""


class Status(StrEnum):
    KNOWN = "known"
    """A trusted source says the same."""
    UNKNOWN = "unknown"
    """No trusted source knows the host."""
    CHANGED = "changed"
    """A trusted source has another key, or the key was revoked."""
    UNREACHABLE = "unreachable"
    """No key was seen; `message` says why."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The key that a host showed. `node` is a node's name, or `jump host HOST`; `key` is None where none was seen.

    `message` is the error as one sentence ("" for a known key).
    """

    node: str
    host: str
    port: int
    status: Status
    key: HostKey | None = None
    message: str = ""
    remedy: str = ""

    @property
    def fingerprint(self) -> str:
        return self.key.fingerprint if self.key else ""

    @property
    def key_type(self) -> str:
        """`ssh-ed25519` …, "" where no key was seen."""
        return self.key.type if self.key else ""


def pending(
    targets: Mapping[str, SshTarget],
    keys: HostKeys,
    secrets: Secrets | None = None,
    wanted: Mapping[str, str] | None = None,
) -> list[Seen]:
    """What each node (name → target) shows, all asked at once; jump hosts come first, in rows of their own.

    `wanted` (row name → fingerprint) asks a host for the key of that fingerprint instead of its preferred one. A node
    behind a jump host whose key is not trusted yet is unreachable: store that key, then ask again.
    """
    connector = Connector(keys, secrets or Secrets())
    rows: dict[str, SshTarget] = {}
    for target in targets.values():
        for jump in target.jumps():
            rows.setdefault(f"{JUMP_HOST}{jump.where}", jump)
    rows |= targets
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="kinstall-trust") as pool:
        seen = pool.map(
            lambda row: _look(connector, keys, row[0], row[1], (wanted or {}).get(row[0], "")), rows.items()
        )
        return list(seen)


def store(path: Path, seen: Iterable[Seen]) -> None:
    """Keep the keys in `path` (known_hosts form, 0600), in place of what it says about these hosts; all or nothing.

    Raises:
        UsageError: the file cannot be written
    """
    rows = [row for row in seen if row.key]
    replaced = {host_name(row.host, row.port) for row in rows}
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = _without(files.read(path, MAX_KNOWN_HOSTS).decode("utf-8", "replace") if path.exists() else "", replaced)
        lines = [*kept, *(_line(row.host, row.port, row.key) for row in rows if row.key)]
        files.write(path, "".join(f"{line}\n" for line in dict.fromkeys(lines)))
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}", "correct the state folder's permissions") from None


def _look(connector: Connector, keys: HostKeys, name: str, target: SshTarget, wanted: str) -> Seen:
    try:
        key = connector.show_key(name, target, wanted or target.host_key)
    except TransportError as error:
        return Seen(name, target.host, target.port, Status.UNREACHABLE, None, error.what, error.remedy)
    status, what, remedy = Status.KNOWN, "", ""
    try:
        keys.check(name, target, key)
    except HostKeyUnknown as error:
        status, what, remedy = Status.UNKNOWN, error.what, error.remedy
    except HostKeyChanged as error:
        status, what, remedy = Status.CHANGED, error.what, error.remedy
    return Seen(name, target.host, target.port, status, key, what, remedy)


def _line(host: str, port: int, key: HostKey) -> str:
    return f"{host_name(host, port)} {key.type} {key.base64}"


def _without(text: str, names: set[str]) -> list[str]:
    """The file's lines, saying nothing about `names` any more; what they say of other hosts, or revoke, stays."""
    lines: dict[int, str] = dict(enumerate(text.splitlines(), 1))
    for entry in parse_known_hosts(text, "known_hosts"):
        if entry.marker or not any(entry.applies(name) for name in names):
            continue
        number = int(entry.source.rpartition(":")[2])
        others = [p for p in entry.patterns if not any(replace(entry, patterns=(p,)).applies(name) for name in names)]
        if others and not all(pattern.startswith("!") for pattern in others):
            lines[number] = f"{','.join(others)} {entry.key.type} {entry.key.base64}"
        else:
            del lines[number]
    return list(lines.values())
