"""Members of tars that somebody else made: tarfile itself reads names of any length into memory."""

from __future__ import annotations

import tarfile
from typing import Self

_LONGEST = 1 << 20
_LONG = (
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
)


class Member(tarfile.TarInfo):
    """For `tarfile.open(…, tarinfo=Member)`."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Raises OSError where a name or its attributes are longer than any file's, or a file has holes."""
        found = super().frombuf(buf, encoding, errors)
        if found.type in _LONG and found.size > _LONGEST:
            raise OSError("a name in it is longer than any file's")
        if found.type == tarfile.GNUTYPE_SPARSE:
            raise OSError("it has files with holes")
        return found
