"""The folder of a cluster's keys: on the disk, or with what is written to it in memory only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from kinstall import files

_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class PkiFolder:
    """Files below `path` (0700) by their names below it (`ca.crt`, `nodes/cp1/kubelet.pem`).

    Without `on_disk` nothing is written: what is put here lives as long as this object, and hides what the disk has.
    May be used by several threads, each on files of its own.
    """

    path: Path
    on_disk: bool = True
    _memory: dict[str, bytes] = field(default_factory=dict)

    def protect(self) -> None:
        """Close a folder that is there to others. Raises OSError."""
        if self.on_disk and self.path.is_dir() and self.path.stat().st_mode & 0o077:
            self.path.chmod(0o700)

    def has(self, name: str) -> bool:
        return name in self._memory or (self.path / name).exists()

    def read(self, name: str) -> bytes | None:
        """A file's content, None where it is missing. Raises OSError."""
        if name in self._memory:
            return self._memory[name]
        try:
            return files.read(self.path / name, _LARGEST)
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Whole or not at all; certificates may be read by all, anything else by its owner. Raises OSError."""
        if not self.on_disk:
            self._memory[name] = content
            return
        path = self.path / name
        _make(path.parent)
        files.write(path, content, 0o644 if path.suffix in (".crt", ".pub") else 0o600)


def _make(folder: Path) -> None:
    # Path.mkdir(parents=True) gives the parents the default mode.
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
