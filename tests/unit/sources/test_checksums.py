"""Digests come from the answers or over TLS, never over plain HTTP."""

from __future__ import annotations

import pytest

from kinstall.cluster import ClusterSpec, Downloads, Node
from kinstall.errors import UsageError
from kinstall.sources import checksums, http

A, B = "a" * 64, "B" * 64


def _spec(**downloads: object) -> ClusterSpec:
    node = Node(name="cp1", address="10.0.0.1", role="control-plane")
    return ClusterSpec(nodes=(node,), downloads=Downloads(**downloads))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (A, A),
        (f"{A}\n", A),
        (f"{A}  runc.amd64\n{B} *runc.arm64\n", A),
        (f"{B}  ./runc.amd64\n", B.lower()),
        (f"{A}  other\n", ""),
        ("<html>not found</html>", ""),
        ("", ""),
    ],
)
def test_find(content: str, expected: str) -> None:
    """Both layouts of checksum files are read, and a file that speaks of other names gives nothing."""
    assert checksums.find(content, "runc.amd64") == expected


def test_pins_come_first() -> None:
    """A pinned digest is taken as it is, and nothing is asked for then; the rest is read from the release sites."""
    asked: list[str] = []

    def get(url: str) -> str:
        asked.append(url)
        return A

    found = checksums.resolve(_spec(sha256={"kubelet": B}), ["amd64"], get)["amd64"]
    assert found["kubelet"] == B.lower()
    assert found["kube-proxy"] == A
    assert not [url for url in asked if "kubelet" in url]


def test_plain_http_is_never_asked() -> None:
    """A site over plain HTTP gives a sentence with the way out, not a digest."""
    with pytest.raises(UsageError) as caught:
        checksums.resolve(
            _spec(kubernetes="http://mirror.example"),
            ["amd64"],
            lambda url: A if url.startswith("https://") else http.text_over_tls(url),
        )
    assert "downloads.sha256" in caught.value.remedy


def test_a_site_without_the_name() -> None:
    """A checksum file that does not know the file is an error that names both."""
    with pytest.raises(UsageError, match=r"holds no SHA-256 of"):
        checksums.resolve(_spec(), ["amd64"], lambda url: f"{A}  else\n{A}  more\n")
