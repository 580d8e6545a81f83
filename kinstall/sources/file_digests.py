"""Files of the operator's machine, and the checksums that they have to have."""

from __future__ import annotations

import hashlib
from pathlib import Path

from kinstall import files
from kinstall.errors import UsageError
from kinstall.sources.checksums import find

_LARGEST_TEXT = 1 << 20


def checked(place: str, pin: str, checksums: str, name: str, *, needs_checksum: bool = True) -> tuple[Path, str]:
    """The file at `place` and its SHA-256 (hex), which is that of the pin or of `checksums`, a local file beside it.

    Without `needs_checksum` a file for which there is neither is taken as it is.

    Raises:
        UsageError: it cannot be read, there is no checksum for it, or it has another one
    """
    path = Path(place).expanduser()
    listed = "" if pin else _listed(checksums, name)
    if needs_checksum and not (pin or listed):
        raise UsageError(
            f"there is no checksum for {place}: {checksums} is not there or has no SHA-256 of it",
            f"put the release's checksum file beside it, or pin it under downloads.sha256: {{{name}: …}}",
        )
    digest = digest_of(path)
    expected = pin or listed
    if expected and digest != expected:
        where = "downloads.sha256" if pin else checksums
        raise UsageError(
            f"the checksum of {place} is {digest}, but {where} says {expected}", "fetch the file again, or fix the pin"
        )
    return path, digest


def digest_of(path: Path) -> str:
    """The file's SHA-256 (hex).

    Raises:
        UsageError: it cannot be read
    """
    try:
        with files.opened(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", "put the file there") from None


def _listed(checksums: str, name: str) -> str:
    try:
        return find(files.read(checksums, _LARGEST_TEXT).decode("utf-8", "replace"), name)
    except OSError:
        return ""
