"""Files of the operator's machine, and what vouches for them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from kinstall.errors import UsageError
from kinstall.sources.checksums import find

_LARGEST_TEXT = 1 << 20


def checked(place: str, pin: str, checksums: str, name: str, *, needs_word: bool = True) -> tuple[Path, str]:
    """The file at `place` and its SHA-256 (hex), which is that of the pin or of `checksums`, a local file beside it.

    Without `needs_word` a file for which neither has a word is taken as it is.

    Raises:
        UsageError: it cannot be read, nothing vouches for it, or it is another file
    """
    path = Path(place).expanduser()
    listed = "" if pin else _listed(checksums, name)
    if needs_word and not (pin or listed):
        raise UsageError(
            f"nothing vouches for {place}: {checksums} is not there or has no SHA-256 of it",
            f"put the release's checksum file beside it, or pin it under downloads.sha256: {{{name}: …}}",
        )
    digest = digest_of(path)
    expected = pin or listed
    if expected and digest != expected:
        where = "downloads.sha256" if pin else checksums
        raise UsageError(
            f"the checksum of {place} is {digest}, but {where} says {expected}", "fetch the file again, or mend the pin"
        )
    return path, digest


def digest_of(path: Path) -> str:
    """The file's SHA-256 (hex).

    Raises:
        UsageError: it cannot be read
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot read {path}: {why}", "put the file there") from None


def _listed(checksums: str, name: str) -> str:
    try:
        with Path(checksums).expanduser().open("rb") as file:
            return find(file.read(_LARGEST_TEXT).decode("utf-8", "replace"), name)
    except OSError:
        return ""
