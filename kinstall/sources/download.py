"""Release files fetched by the operator's machine: its own kubectl, and what goes to nodes that cannot fetch."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from kinstall.errors import UsageError

_CHUNK = 1 << 20
_TIMEOUT = 30


def fetch_file(url: str, sha256: str, target: Path, mode: int = 0o600) -> None:
    """Put the file of `url` at `target`, whole and with the right checksum (hex), or leave what is there.

    Raises:
        OSError, ValueError: it could not be fetched, or is another file
    """
    seen = hashlib.sha256()
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as copy, urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310
            while chunk := answer.read(_CHUNK):
                seen.update(chunk)
                copy.write(chunk)
        if seen.hexdigest() != sha256:
            raise ValueError(f"its checksum is {seen.hexdigest()}, not {sha256}")
        Path(temporary).chmod(mode)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class Depot:
    """Files that nodes are sent: those that this machine `has`, and for nodes without curl and wget those that it
    fetches, each once per run and kept until `close`. May be used by several threads."""

    def __init__(self) -> None:
        self._own: dict[str, Path] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._lock = threading.Lock()

    def has(self, paths: Mapping[str, Path]) -> None:
        """SHA-256 (hex) → a file of this machine, which stays where it is."""
        self._own.update(paths)

    def __call__(self, source: str, sha256: str) -> Path:
        """A local copy of what `source` has. One node waits while another's file is fetched: it is often the same.

        Raises:
            UsageError: it could not be fetched
        """
        if sha256 in self._own:
            return self._own[sha256]
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="kinstall-")
            path = Path(self._folder.name) / sha256
            if not path.exists():
                try:
                    fetch_file(source, sha256, path)
                except (OSError, ValueError) as error:
                    raise UsageError(
                        f"{source} could not be fetched for the node: {getattr(error, 'reason', error)}",
                        "the node has neither curl nor wget: install one there, or let this machine reach the address",
                    ) from None
            return path

    def close(self) -> None:
        with self._lock:
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None
