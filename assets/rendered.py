"""What rendering an asset yields: a file or folder of the node, with its content and its mode."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rendered:
    """A file as it must be on a node, owned by root. A `secret` one holds a key or a token."""

    path: str
    content: bytes
    mode: int = 0o644
    secret: bool = False

    def __repr__(self) -> str:
        return f"Rendered({self.path!r}, {len(self.content)} bytes, {self.mode:04o})"


@dataclass(frozen=True, slots=True)
class Folder:
    """A directory on a node. In a `tree` programs write by themselves: all of it goes with the cluster."""

    path: str
    mode: int = 0o755
    tree: bool = False


def text(path: str, content: str, mode: int = 0o644, *, secret: bool = False) -> Rendered:
    """A rendered text file, in UTF-8."""
    return Rendered(path, content.encode(), mode, secret)
