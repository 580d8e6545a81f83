"""Files of the operator's machine: read at most so much of one, written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path


class TooLarge(OSError):
    """The file has more bytes than a file of its kind may have."""


def read(path: str | Path, limit: int, *, follow_links: bool = True) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    Raises:
        OSError: it cannot be read; `strerror` says why in words (TooLarge, FileNotFoundError, PermissionError …)
    """
    with opened(path, follow_links=follow_links) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"
        raise TooLarge(errno.EFBIG, f"it is larger than {size}", str(path))
    return content


@contextmanager
def opened(path: str | Path, *, follow_links: bool = True) -> Iterator[BufferedReader]:
    """A regular file, to be read; `~` is the home. Devices and pipes, which may never end, are refused.

    Raises:
        OSError: as for `read`
    """
    try:
        place = Path(path).expanduser()
        # O_NONBLOCK: opening a FIFO would wait for a writer; O_NOCTTY: a terminal would become this process's.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        handle = os.open(place, flags if follow_links else flags | os.O_NOFOLLOW)
    except (RuntimeError, ValueError):  # `~name` of an unknown user, a NUL
        raise OSError(errno.EINVAL, "not a valid path", str(path)) from None
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(place))
        with os.fdopen(handle, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(handle)


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
