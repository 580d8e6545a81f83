"""What is kept of a server tarball is believed only where nobody else could have put it there."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from kinstall.secrets import Secrets
from kinstall.sources.gather import gather
from tests.unit.sources.made import errors, server_tarball, spec_of


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
    assert gather(spec, ["amd64"], Secrets()).digests == digests
    index.chmod(0o666)
    (told,) = errors(gather(spec, ["amd64"], Secrets()))
    assert f"others may write to {index} (owner" in told and f"remove {index.parent}" in told


@pytest.mark.parametrize(
    "hurt", ["a program", "an archive", "the index", "a member is gone", "a link", "index of links"]
)
def test_a_cache_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hurt: str) -> None:
    """What is not, byte for byte, what was unpacked is unpacked again, and never sent to a node."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    path = server_tarball(tmp_path)
    spec = spec_of(server_tarball=str(path))
    found = gather(spec, ["amd64"], Secrets())
    kept = cache / "kinstall/server-tarballs" / sha256(path.read_bytes()).hexdigest()
    match hurt:
        case "a program":
            (kept / "kubelet").unlink()  # a hard link of the others
            (kept / "kubelet").write_bytes(b"another")
        case "an archive":
            (kept / "kube-apiserver.tar").write_bytes(b"another")
        case "the index":
            (kept / "members.json").write_text('{"kubelet": "' + "0" * 64 + '"}')
        case "a member is gone":
            (kept / "kube-proxy").unlink()
        case "a link":
            (kept / "kubelet").unlink()
            (kept / "kubelet").symlink_to(tmp_path / "elsewhere")
            (tmp_path / "elsewhere").write_bytes(b"all programs in one")
        case _:
            (kept / "members.json").write_text("[" * 60_000)
    again = gather(spec, ["amd64"], Secrets())
    assert not errors(again)
    assert again.digests == found.digests
    for digest in again.digests["amd64"].values():
        program = again.paths[digest]
        assert not program.is_symlink() and sha256(program.read_bytes()).hexdigest() == digest
    assert {each.name for each in kept.parent.iterdir()} == {kept.name}
