"""Files of the operator's machine: read at most so much of one, written whole or not at all, in folders that nobody
else can change."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import select
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path


class TooLarge(OSError):
    """The file has more bytes than a file of its kind may have."""


class OthersMayWrite(PermissionError):
    """Somebody besides the operator and root could change what is at a path; `strerror` says where, `remedy` what to
    do."""

    strerror: str
    remedy = ""


def read(path: str | Path, limit: int, *, follow_links: bool = True, patience: float = 0) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    With `patience` (seconds) a pipe may be in its place, as a shell's `<(…)`, or `-` for the standard input: it has to
    end within that time.

    Raises:
        OSError: it cannot be read; `strerror` says why in words (TooLarge, FileNotFoundError, PermissionError …)
    """
    if patience and str(path) == "-":
        if os.isatty(0):
            raise OSError(errno.EINVAL, "standard input is a terminal, and a program has to write to it", "-")
        content = _until_its_end(0, limit, patience, "-")
    else:
        with opened(path, follow_links=follow_links, pipes=bool(patience)) as file:
            content = _until_its_end(file.fileno(), limit, patience, str(path)) if patience else file.read(limit + 1)
    if len(content) > limit:
        size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"
        raise TooLarge(errno.EFBIG, f"it is larger than {size}", str(path))
    return content


def _until_its_end(handle: int, limit: int, seconds: float, name: str) -> bytes:
    """What comes until the end, or until there is more than `limit`. A pipe without a writer is waited for."""
    content, deadline = b"", time.monotonic() + seconds
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    while len(content) <= limit:
        if not poller.poll(max(0, deadline - time.monotonic()) * 1000):
            raise OSError(errno.ETIMEDOUT, f"it did not end within {seconds:g} seconds", name)
        try:
            chunk = os.read(handle, limit + 1 - len(content))
        except BlockingIOError:
            continue
        if not chunk:
            break
        content += chunk
    return content


@contextmanager
def opened(path: str | Path, *, follow_links: bool = True, pipes: bool = False) -> Iterator[BufferedReader]:
    """A regular file, to be read; `~` is the home. Devices and pipes may never end: they are refused, with
    `pipes` only devices.

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
        if not stat.S_ISREG(mode) and not (pipes and stat.S_ISFIFO(mode)):
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


def check_owners(path: Path) -> None:
    """Refuse a path whose content somebody besides the operator and root could change or replace, as sshd's StrictModes
    does: each folder from `/` on, links followed, belongs to one of the two and may be written to by no one else. What
    is not there yet is in order.

    A sticky folder such as /tmp is in order where it is not itself the one that is asked for: only owners may rename
    or remove what is in it. So is a group's right to write where the group is the owner's own and has no other member
    (Debian and Ubuntu make ~/.local and ~/.cache so; their sshd allows it too). Under sudo the user who called it
    counts as root: a sudo that keeps HOME leads here through that user's home, and they can become root anyway. So
    does the owner of `/`: in a user namespace root's files belong to another number.

    Raises:
        OthersMayWrite: one of the folders or links is not in order
        OSError: one of them cannot be looked at
    """
    way, whole = _way(path)
    trusted = {0, os.geteuid(), way[0][1].st_uid}
    if os.geteuid() == 0 and os.environ.get("SUDO_UID", "").isdecimal():
        trusted.add(int(os.environ["SUDO_UID"]))
    for number, (place, found) in enumerate(way, 1):
        what = f"{place} (owner {_name(found.st_uid)}, mode {stat.S_IMODE(found.st_mode):04o})"
        if found.st_uid not in trusted:
            raise _others_may_write(
                f"{what} belongs to another user, who could change or replace {path}",
                "choose a place where only you and root may write",
            )
        on_the_way = number < len(way) or not whole
        if stat.S_ISLNK(found.st_mode) or (found.st_mode & stat.S_ISVTX and on_the_way):
            continue
        if found.st_mode & 0o002 or (found.st_mode & 0o020 and not _is_private_group(found)):
            by = "" if found.st_uid == os.geteuid() else " (as its owner or root)"
            raise _others_may_write(f"others may write to {what}", f"chmod go-w {place}{by}")


def make_folder(path: Path) -> None:
    """Make a folder and what is missing above it, each 0700, where nobody else can change it.

    Raises:
        OthersMayWrite: as check_owners
        OSError: it cannot be made
    """
    check_owners(path)  # first: nothing is made in a place that is refused
    for missing in reversed([each for each in (path, *path.parents) if not each.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)  # mkdir's own `parents` would give those the default mode
    check_owners(path)  # in /tmp somebody may have been faster


def _way(path: Path) -> tuple[list[tuple[Path, os.stat_result]], bool]:
    """Each folder and link on the way to `path`, from `/` on, as far as it is there; whether it is there wholly."""
    place = Path("/")
    way, links = [(place, place.lstat())], 0
    left = list(reversed(path.expanduser().absolute().parts[1:]))
    while left:
        part = left.pop()
        if part == "..":
            place = place.parent
            continue
        here = place / part
        try:
            found = here.lstat()
        except FileNotFoundError:
            return way, False
        way.append((here, found))
        if not stat.S_ISLNK(found.st_mode):
            place = here
            continue
        links += 1
        if links > 40:  # as many as Linux follows
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        target = here.readlink()
        if target.is_absolute():
            place = Path("/")
        left += reversed(target.parts[1:] if target.is_absolute() else target.parts)
    return way, True


def _is_private_group(found: os.stat_result) -> bool:
    """Whether the folder's group is its owner's own, of the same number, and has no other member."""
    if not found.st_gid or found.st_gid != found.st_uid:
        return False
    try:
        return not grp.getgrgid(found.st_gid).gr_mem
    except KeyError:
        return False


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _others_may_write(what: str, remedy: str) -> OthersMayWrite:
    error = OthersMayWrite(errno.EPERM, what)
    error.remedy = remedy
    return error
