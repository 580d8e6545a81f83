"""The seam between the engine and a way to reach a node."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol


def discard(line: str) -> None:
    """An `on_line` that forgets."""


class Channel(Protocol):
    """A node that runs sh programs as root."""

    node: str

    def execute(
        self,
        program: str,
        payload: Iterable[bytes] = (),
        on_line: Callable[[str], None] = discard,
        timeout: float | None = None,
    ) -> int:
        """Run `program` (POSIX sh) as root with `payload` as its standard input; return its exit status.

        Neither appears in an argument list or in a file that others can read. `on_line` gets each line of standard
        output and error, merged, without its end. `timeout`: seconds without any output until the node counts as
        unreachable; None waits as long as the connection lives.

        Raises:
            Unreachable, AuthenticationFailed, HostKeyUnknown, HostKeyChanged
        """

    def close(self) -> None:
        """End the connection; a second call does nothing."""
