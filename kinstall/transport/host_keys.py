"""Which host keys are trusted: those of the answers, the state folder's known_hosts and the user's own.

There is no trust on first use. The first source that knows a host decides: what the operator wrote down for this
cluster is not overruled by an entry that some other program left in ~/.ssh.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from kinstall import files
from kinstall.errors import HostKeyChanged, HostKeyUnknown
from kinstall.transport.target import SshTarget

USER_FILE = "~/.ssh/known_hosts"

MAX_KNOWN_HOSTS = 16 << 20
"""Bytes: tens of thousands of hosts."""


@dataclass(frozen=True, slots=True)
class HostKey:
    """A public host key: its type (`ssh-ed25519`, `ssh-rsa` …) and its bytes in SSH's wire form."""

    type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """`SHA256:…` without padding, as ssh-keygen -l prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    @property
    def base64(self) -> str:
        """The key as known_hosts files hold it."""
        return base64.b64encode(self.blob).decode()

    @property
    def short_type(self) -> str:
        """ED25519, ECDSA, RSA: as people call it."""
        return self.type.removeprefix("ssh-").partition("-")[0].upper()


@dataclass(frozen=True, slots=True)
class KnownHost:
    """One line of a known_hosts file. `marker` is "", `revoked` or `cert-authority`; `source` is FILE:LINE."""

    patterns: tuple[str, ...]
    key: HostKey
    marker: str
    source: str

    def applies(self, name: str) -> bool:
        """Whether the line is about `name` (host, or [host]:port where the port is not 22)."""
        found = False
        for pattern in self.patterns:
            if pattern.startswith("|1|"):
                found = found or _hash_matches(pattern, name)
            elif pattern.startswith("!"):
                if fnmatchcase(name.lower(), _glob(pattern[1:])):
                    return False
            elif fnmatchcase(name.lower(), _glob(pattern)):
                found = True
        return found


def host_name(host: str, port: int) -> str:
    """The name under which known_hosts files keep a host."""
    return host if port == 22 else f"[{host}]:{port}"


def parse_known_hosts(text: str, file: str) -> Iterator[KnownHost]:
    """The lines that can be read (man sshd, SSH_KNOWN_HOSTS FILE FORMAT); others are passed over, as ssh does."""
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        marker = ""
        if fields[0].startswith("@"):
            marker = fields.pop(0)[1:]
            if marker not in ("revoked", "cert-authority"):
                continue
        if len(fields) < 3:
            continue
        try:
            blob = base64.b64decode(fields[2], validate=True)
        except (binascii.Error, ValueError):
            continue
        yield KnownHost(tuple(fields[0].split(",")), HostKey(fields[1], blob), marker, f"{file}:{number}")


def same_fingerprint(one: str, other: str) -> bool:
    """Whether two SHA256 fingerprints are the same; padding does not matter."""
    return bool(one) and one.strip().rstrip("=") == other.strip().rstrip("=")


class HostKeys:
    """The trusted host keys, read once. `state` and `user` are known_hosts files and may be missing."""

    def __init__(self, state: Path | None, user: Path | None = Path(USER_FILE)) -> None:
        self._state = tuple(_read(state))
        self._user = tuple(_read(user))

    def known_types(self, target: SshTarget) -> tuple[str, ...]:
        """Key types that a trusted source knows of the host: asked for first, so that the host shows one of them."""
        return tuple(dict.fromkeys(entry.key.type for entry in self._trusted(target)))

    def check(self, node: str, target: SshTarget, shown: HostKey) -> None:
        """Return where the host's trusted key is the one it `shown`.

        Raises:
            HostKeyUnknown: no source knows the host
            HostKeyChanged: a source knows the host under another key, or the key was revoked
        """
        where = target.where
        seen = f"{where} shows the {shown.short_type} key {shown.fingerprint}"
        for entry in self._entries(target, "revoked"):
            if entry.key.blob == shown.blob:
                raise HostKeyChanged(
                    node,
                    f"{seen}, which {entry.source} marks as revoked",
                    "do not use this host until that is cleared up",
                )
        if target.host_key:
            if same_fingerprint(target.host_key, shown.fingerprint):
                return
            raise self._changed(node, target, shown, f"the answers say {target.host_key}")
        trusted = self._trusted(target)
        if any(entry.key.blob == shown.blob for entry in trusted):
            return
        if trusted:
            said = ", ".join(f"{e.source} says {e.key.short_type} {e.key.fingerprint}" for e in trusted)
            raise self._changed(node, target, shown, said)
        authorities = self._entries(target, "cert-authority")
        note = (
            f" ({authorities[0].source} trusts a certificate authority for it; kinstall checks keys, not certificates)"
            if authorities
            else ""
        )
        raise HostKeyUnknown(
            node,
            f"{seen}, and no trusted source knows this host{note}",
            "compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host's console, then run "
            "`kinstall trust ANSWERS`",
        )

    def _trusted(self, target: SshTarget) -> tuple[KnownHost, ...]:
        """The plain entries of the first file that knows the host."""
        for entries in (self._state, self._user):
            if found := _matching(entries, target, ""):
                return found
        return ()

    def _entries(self, target: SshTarget, marker: str) -> tuple[KnownHost, ...]:
        return _matching((*self._state, *self._user), target, marker)

    def _changed(self, node: str, target: SshTarget, shown: HostKey, said: str) -> HostKeyChanged:
        elsewhere = [e.source for e in self._entries(target, "") if e.key.blob == shown.blob]
        known = f" ({elsewhere[0]} knows the key it shows)" if elsewhere else ""
        return HostKeyChanged(
            node,
            f"the host key has changed: {target.where} shows the {shown.short_type} key {shown.fingerprint}, but {said}"
            f"{known}",
            "another machine may be answering in the host's place. If the host was reinstalled, compare the key on its "
            "console, then put it into the answers as hostKey or run `kinstall trust ANSWERS`",
        )


def _matching(entries: Iterable[KnownHost], target: SshTarget, marker: str) -> tuple[KnownHost, ...]:
    name = host_name(target.host, target.port)
    return tuple(entry for entry in entries if entry.marker == marker and entry.applies(name))


def _read(path: Path | None) -> Iterator[KnownHost]:
    if path is None:
        return
    try:
        text = files.read(path, MAX_KNOWN_HOSTS).decode("utf-8", "replace")
    except OSError:
        return  # a file that cannot be read trusts nothing
    yield from parse_known_hosts(text, str(path))


def _glob(pattern: str) -> str:
    """The pattern for fnmatch: `*` and `?` are wildcards, brackets are part of the name ([host]:port)."""
    return pattern.lower().replace("[", "[[]")


def _hash_matches(pattern: str, name: str) -> bool:
    parts = pattern.split("|")
    if len(parts) != 4:
        return False
    try:
        salt, digest = base64.b64decode(parts[2]), base64.b64decode(parts[3])
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)
