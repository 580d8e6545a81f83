"""The lab's mirror serves plain files, and only its own."""

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import mirror_server


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[http.client.HTTPConnection]:
    site = tmp_path / "cache"
    (site / "release").mkdir(parents=True)
    (site / "release/kubelet").write_bytes(b"program" * 1000)
    sites = tmp_path / "sites"
    sites.mkdir()
    (sites / "1").symlink_to(site)
    (tmp_path / "secret").write_text("x")
    server = mirror_server.serving(sites, "127.0.0.1", 0, tmp_path / "log")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    client = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
    yield client
    client.close()
    server.shutdown()
    server.server_close()


def test_get_and_head_on_one_connection(connection: http.client.HTTPConnection) -> None:
    """HEAD tells the length of what GET sends, and a connection is kept for more."""
    connection.request("HEAD", "/release/kubelet")
    head = connection.getresponse()
    assert (head.status, head.headers["Content-Length"], head.read()) == (200, "7000", b"")
    connection.request("GET", "/release/kubelet?x=1")
    assert connection.getresponse().read() == b"program" * 1000


def test_a_site_can_be_added(connection: http.client.HTTPConnection, tmp_path: Path) -> None:
    """Another release is served beside the first one without a restart: someone may be downloading."""
    (tmp_path / "other/release").mkdir(parents=True)
    (tmp_path / "other/release/kubectl").write_bytes(b"another")
    (tmp_path / "sites/2").symlink_to(tmp_path / "other")
    for name, content in (("kubelet", b"program" * 1000), ("kubectl", b"another")):
        connection.request("GET", f"/release/{name}")
        assert connection.getresponse().read() == content


@pytest.mark.parametrize("path", ["/release", "/release/missing", "/../secret", "/%2e%2e/secret"])
def test_nothing_else(connection: http.client.HTTPConnection, path: str) -> None:
    """Folders, missing files and what is beside the site are not found."""
    connection.request("GET", path)
    assert connection.getresponse().status == 404
