"""Files of the operator's machine that are replaced whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write(path: Path, content: bytes | str, mode: int = 0o600) -> None:
    """Put `content` in the place of `path`: a reader sees the old file or the new, also after a power cut.

    Nobody else can read it in between; an error leaves what was there, and nothing beside it (rename(2)).

    Raises:
        OSError: the folder is not there, is full or may not be written to
    """
    data = content.encode() if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made 0600, O_EXCL
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename itself
    finally:
        os.close(folder)
