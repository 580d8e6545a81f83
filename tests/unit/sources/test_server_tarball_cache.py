"""What is kept of a server tarball is believed only where nobody else could have put it there."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinstall.secrets import Secrets
from kinstall.sources.gather import gather
from tests.unit.sources.test_gather import errors, server_tarball, spec_of


def test_a_cache_that_others_may_write_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its index says which checksum a program has: whoever writes it decides what nodes run. A folder above that is
    open is refused by name, and so is an index that others may write to."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    server_tarball(tmp_path)
    spec = spec_of(server_tarball=str(tmp_path / "kubernetes-server-linux-{arch}.tar.gz"))
    digests = gather(spec, ["amd64"], Secrets()).digests
    cache.chmod(0o777)
    (told,) = errors(gather(spec, ["amd64"], Secrets()))
    assert f"others may write to {cache} (owner" in told and f"chmod go-w {cache}" in told and "XDG_CACHE_HOME" in told
    cache.chmod(0o755)
    (index,) = cache.rglob("members.json")
    index.write_text(index.read_text().replace(digests["amd64"]["kubelet"], "e" * 64))
    assert gather(spec, ["amd64"], Secrets()).digests["amd64"]["kubelet"] == "e" * 64, "otherwise this shows nothing"
    index.chmod(0o666)
    (told,) = errors(gather(spec, ["amd64"], Secrets()))
    assert f"others may write to {index} (owner" in told and f"remove {index.parent}" in told
