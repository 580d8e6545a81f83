"""Digests of what nodes fetch: pinned in the answers, or read over TLS from the release site by the operator.

A checksum file that comes over plain HTTP from the server it vouches for proves nothing, so it is never asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from kinstall.cluster import ClusterSpec
from kinstall.cluster.release_files import Place, ReleaseFile, pinned_digest, release_files
from kinstall.errors import UsageError

_HEX = re.compile(r"[0-9a-fA-F]{64}")
_LARGEST = 1 << 20
_TIMEOUT = 30


def fetch(url: str) -> str:
    """A small text file over HTTPS. Raises OSError or ValueError (also for a redirect to plain HTTP)."""
    if not url.startswith("https://"):
        raise ValueError("it does not come over TLS")
    from urllib.request import urlopen  # a tenth of the program's start, and pinned digests need none of it

    with urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310 - the scheme was just checked
        if not answer.geturl().startswith("https://"):
            raise ValueError("it is redirected to plain HTTP")
        content: bytes = answer.read(_LARGEST)
    return content.decode("utf-8", "replace")


def find(checksums: str, name: str) -> str:
    """The SHA-256 of `name` in a checksum file: a bare digest, or lines of digest and file name; "" where it is not."""
    lines = [line.split() for line in checksums.splitlines() if line.strip()]
    for words in lines:
        if len(words) >= 2 and words[-1].lstrip("*").rpartition("/")[2] == name and _HEX.fullmatch(words[0]):
            return words[0].lower()
    if len(lines) == 1 and len(lines[0]) == 1 and _HEX.fullmatch(lines[0][0]):
        return lines[0][0].lower()
    return ""


def resolve(spec: ClusterSpec, archs: Iterable[str], get: Callable[[str], str] = fetch) -> dict[str, dict[str, str]]:
    """Architecture → release file's name → SHA-256 (hex), of all files that come from sites.

    Raises:
        UsageError: a digest is neither pinned nor to be had over TLS
    """
    every = [file for arch in sorted(set(archs)) for file in release_files(spec, arch)]
    files = [file for file in every if file.place is Place.SITE]
    with ThreadPoolExecutor(max_workers=8) as pool:
        digests = list(pool.map(lambda file: pinned_digest(spec, file) or _over_tls(file, get), files))
    found: dict[str, dict[str, str]] = {}
    for file, digest in zip(files, digests, strict=True):
        found.setdefault(file.arch, {})[file.name] = digest
    return found


def _over_tls(file: ReleaseFile, get: Callable[[str], str]) -> str:
    remedy = f"pin it under downloads.sha256: {{{file.name}: …}}"
    try:
        digest = find(get(file.checksums), file.name)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise UsageError(
            f"the checksum of {file.name} could not be read from {file.checksums}: {reason}", remedy
        ) from None
    if not digest:
        raise UsageError(f"{file.checksums} holds no SHA-256 of {file.name}", remedy)
    return digest
