"""Why the wizard ended, where it should not have."""

from __future__ import annotations

from rich.text import Text

from kinstall.errors import KinstallError


class Crash(Exception):
    """An exception that nobody expected, with what is said of it."""

    def __init__(self, error: KinstallError) -> None:
        super().__init__(str(error))
        self.exit_code = error.exit_code

    def __rich__(self) -> Text:
        return Text(f"kinstall: {self}")
