"""Release files fetched by the operator's machine: its own kubectl, and what goes to nodes that cannot fetch."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from kinstall import files
from kinstall.errors import UsageError
from kinstall.sources import http

_CHUNK = 1 << 20
_LARGEST = 4 << 30
"""Bytes: ten times a server tarball."""


def fetch_file(url: str, sha256: str, target: Path, mode: int = 0o600) -> None:
    """Put the file of `url` at `target`, whole and with the right checksum (hex), or leave what is there.

    Raises:
        OSError: it could not be fetched, or has another checksum
    """
    _put(http.chunks(url, _LARGEST), sha256, target, mode)


def copy_file(path: Path, sha256: str, target: Path, mode: int = 0o600) -> None:
    """The same with a file of this machine."""
    _put(_chunks_of(path), sha256, target, mode)


def _chunks_of(path: Path) -> Iterator[bytes]:
    with files.opened(path) as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _put(chunks: Iterable[bytes], sha256: str, target: Path, mode: int) -> None:
    digest = hashlib.sha256()
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as copy:
            for chunk in chunks:
                digest.update(chunk)
                copy.write(chunk)
        if digest.hexdigest() != sha256:
            raise OSError(f"its checksum is {digest.hexdigest()}, not {sha256}")
        Path(temporary).chmod(mode)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class Depot:
    """Files that nodes are sent: those that this machine has, and for nodes without curl and wget those that it
    fetches, each once per run and kept until `close`. May be used by several threads."""

    def __init__(self) -> None:
        self._own: dict[str, Path] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._lock = threading.Lock()

    def add(self, paths: Mapping[str, Path]) -> None:
        """SHA-256 (hex) → a file of this machine, which stays where it is."""
        self._own.update(paths)

    def __call__(self, source: str, sha256: str) -> Path:
        """A local copy of the file at `source`. One node waits while another's file is fetched: it is often the same.

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
                except OSError as error:
                    raise UsageError(
                        f"{source} could not be fetched for the node: {error}",
                        "the node has neither curl nor wget: install one there, or let this machine reach the address",
                    ) from None
            return path

    def close(self) -> None:
        with self._lock:
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None
