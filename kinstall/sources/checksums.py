"""Checksums of what nodes fetch: pinned in the answers, or read over TLS from the release site by the operator.

A checksum file that comes over plain HTTP from the server that it is for proves nothing, so it is never asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from kinstall.cluster import ClusterSpec
from kinstall.cluster.release_files import Place, ReleaseFile, pinned_digest, release_files
from kinstall.errors import UsageError
from kinstall.sources import http

_HEX = re.compile(r"[0-9a-fA-F]{64}")


def find(checksums: str, name: str) -> str:
    """The SHA-256 of `name` in a checksum file: a bare digest, or lines of digest and file name; "" where it is not."""
    lines = [line.split() for line in checksums.splitlines() if line.strip()]
    for words in lines:
        if len(words) >= 2 and words[-1].lstrip("*").rpartition("/")[2] == name and _HEX.fullmatch(words[0]):
            return words[0].lower()
    if len(lines) == 1 and len(lines[0]) == 1 and _HEX.fullmatch(lines[0][0]):
        return lines[0][0].lower()
    return ""


def resolve(
    spec: ClusterSpec, archs: Iterable[str], fetch_text: Callable[[str], str] = http.text_over_tls
) -> dict[str, dict[str, str]]:
    """Architecture → release file's name → SHA-256 (hex), of all files that come from sites.

    Raises:
        UsageError: a checksum is neither pinned nor available over TLS
    """
    files = [file for arch in sorted(set(archs)) for file in release_files(spec, arch) if file.place is Place.SITE]

    def digest_of(file: ReleaseFile) -> str:
        return pinned_digest(spec, file) or published(file.checksums, file.name, fetch_text)

    with ThreadPoolExecutor(max_workers=8) as pool:
        digests = list(pool.map(digest_of, files))
    resolved: dict[str, dict[str, str]] = {}
    for file, digest in zip(files, digests, strict=True):
        resolved.setdefault(file.arch, {})[file.name] = digest
    return resolved


def published(url: str, name: str, fetch_text: Callable[[str], str] = http.text_over_tls) -> str:
    """The SHA-256 (hex) of `name` in the checksum file at `url`.

    Raises:
        UsageError: it cannot be read over TLS, or has none
    """
    remedy = f"pin it under downloads.sha256: {{{name}: …}}"
    try:
        digest = find(fetch_text(url), name)
    except OSError as error:
        raise UsageError(f"cannot read the checksum of {name} from {url}: {error}", remedy) from None
    if not digest:
        raise UsageError(f"{url} holds no SHA-256 of {name}", remedy)
    return digest
