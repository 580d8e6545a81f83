"""Files that are deep, endless, wide, or lead in circles: what reads them ends, in a sentence that names the file."""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.attacks.child import command, fine, run
from tests.unit.attacks.readers import read

NAMES = {
    "inventory": "hosts.ini",
    "inventory of CSV": "hosts.csv",
    "inventory of JSON": "hosts.json",
    "inventory of ssh": "config",
    "inventory of lines": "list",
    "archives": "image.tar",
    "tarball": "kubernetes-server-linux-amd64.tar.gz",
    "kubeconfig": "config",
    "draft": "answers.yaml",
    "pod ranges": "nodes.json",
    "known hosts": "known_hosts",
    "private key": "id_ed25519",
    "secret": "password",
    "simulated hosts": "cp1.json",
}


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 27)


def device(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # as /dev/zero


PLACES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda path: path.touch(0o600),
    "a folder": lambda path: path.mkdir(),
    "a pipe": lambda path: os.mkfifo(path, 0o600),
    "a device": device,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "holes": sparse,
    "brackets": lambda path: path.write_bytes(b"[" * 100_000),
    "braces": lambda path: path.write_bytes(b'{"a":' * 100_000),
    "one long line": lambda path: path.write_bytes(b"a" + b" " * 1_000_000 + b"b"),
    "many lines": lambda path: path.write_bytes(b"a b c\n" * 3_000),
    "escapes": lambda path: path.write_bytes(b"\x1b]0;x\x07: \x1b[2J\r\x9b31m\xe2\x80\xae\n" * 1000),
    "bytes": lambda path: path.write_bytes(bytes(range(256)) * 100),
}


@pytest.mark.skipif(os.geteuid() != 0, reason="a device is made")
@pytest.mark.parametrize("what", NAMES)
def test_what_is_in_the_place_of_a_file(tmp_path: Path, what: str) -> None:
    """Each is refused or read, in time, in bounded memory, and not by an exception."""
    for name, make in PLACES.items():
        folder = tmp_path / name
        folder.mkdir()
        path = folder / NAMES[what]
        make(path)
        if path.is_file():
            path.chmod(0o600)
        ran = run(read, what.partition(" of ")[0], str(path))
        assert ran.code in (0, 2, 3), f"{name}: {ran}"
        fine(ran, ran.code)
        if ran.code:
            assert NAMES[what] in ran.said or "no machines" in ran.said or "id_ed25519" in ran.said, f"{name}: {ran}"


# Image archives and server tarballs


def tar(path: Path, members: list[tuple[str, bytes | str]], mode: str = "w") -> None:
    """`str`: the name that a hard link leads to."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.LNKTYPE, content
            else:
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else None)


def described(name: str, kind: str = "application/vnd.oci.image.index.v1+json") -> dict[str, object]:
    notes = {"io.containerd.image.name": "docker.io/library/x:1"}
    return {"mediaType": kind, "digest": f"sha256:{name}", "annotations": notes}


def index(*names: str) -> bytes:
    return json.dumps({"manifests": [described(name) for name in names]}).encode()


def layout(path: Path, *blobs: tuple[str, bytes | str]) -> None:
    members = [("oci-layout", b"{}"), ("index.json", index("0")), *((f"blobs/sha256/{n}", data) for n, data in blobs)]
    tar(path, members)


def header(path: Path, kind: bytes, size: int) -> None:
    """A gzip of a header that says how long a name is, and a name of that length."""
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = kind, size
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(tarfile.TarInfo("first").tobuf())
        file.write(member.tobuf(tarfile.GNU_FORMAT))
        for _ in range(size >> 20):
            file.write(bytes(1 << 20))


ARCHIVES: dict[str, Callable[[Path], object]] = {
    "an index that names itself": lambda path: layout(path, ("0", index("0"))),
    "indexes that name one another": lambda path: layout(path, ("0", index("1")), ("1", index("0"))),
    "indexes of indexes": lambda path: layout(
        path, *((str(n), index(*[str(n + 1)] * 9)) for n in range(20)), ("20", b'{"manifests": []}')
    ),
    "a long index": lambda path: layout(path, ("0", index(*["1"] * 20_000)), ("1", b'{"manifests": []}')),
    "a description that is too deep": lambda path: layout(path, ("0", b"[" * 100_000)),
    "descriptions of other types": lambda path: layout(path, ("0", b'{"manifests": [{"digest": 5}, 7, null]}')),
    "manifests of a number": lambda path: layout(path, ("0", b'{"manifests": 5}')),
    "a hard link in a circle": lambda path: layout(path, ("0", "blobs/sha256/1"), ("1", "blobs/sha256/0")),
    "a hard link to itself": lambda path: layout(path, ("0", "blobs/sha256/0")),
    "a path above": lambda path: tar(path, [("../../../../etc/passwd", b"x"), ("/etc/passwd", b"x")]),
    "a name of 40 MiB": lambda path: header(path, tarfile.GNUTYPE_LONGNAME, 40 << 20),
    "attributes of 40 MiB": lambda path: header(path, tarfile.XHDTYPE, 40 << 20),
    "escapes": lambda path: tar(
        path, [("manifest.json", json.dumps([{"Config": "\x1b[2J\x9b", "RepoTags": ["\x1b]0;x\x07"]}]).encode())]
    ),
    "a name with escapes": lambda path: tar(
        path,
        [
            ("manifest.json", json.dumps([{"Config": "c", "RepoTags": ["\x1b]0;x\x07\u202e:1"]}]).encode()),
            ("c", b'{"architecture": "\\u001b[2J"}'),
        ],
    ),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_image_archive(tmp_path: Path, name: str) -> None:
    """It becomes a finding; nothing outside of it is touched."""
    ARCHIVES[name](tmp_path / "image.tar")
    words = ["sources", *(["longer than any file's"] if "40 MiB" in name else [])]
    fine(run(read, "archives", str(tmp_path / "image.tar")), 2, *words)


HOME = "kubernetes/server/bin"
TARBALLS: dict[str, Callable[[Path], object]] = {
    "hard links in a circle": lambda path: tar(
        path, [(f"{HOME}/kubelet", f"{HOME}/kubectl"), (f"{HOME}/kubectl", f"{HOME}/kubelet")], "w:gz"
    ),
    "a hard link to itself": lambda path: tar(path, [(f"{HOME}/kubelet", f"{HOME}/kubelet")], "w:gz"),
    "a hard link above": lambda path: tar(path, [(f"{HOME}/kubelet", "../../../../etc/passwd")], "w:gz"),
    "a name of 40 MiB": lambda path: header(path, tarfile.GNUTYPE_LONGNAME, 40 << 20),
    "escapes": lambda path: tar(path, [(f"{HOME}/\x1b[2J\x07", b"x")], "w:gz"),
}


@pytest.mark.parametrize("name", TARBALLS)
def test_a_server_tarball(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It becomes a finding."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / NAMES["tarball"]
    TARBALLS[name](path)
    fine(run(read, "tarball", str(path)), 2, NAMES["tarball"])


# YAML

LAUGHS = "a: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"b{n}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(20)
)
MERGED = "a: &a0 {k: v}\n" + "".join(f"b{n}: &a{n + 1} {{<<: [{', '.join([f'*a{n}'] * 9)}]}}\n" for n in range(20))
ITSELF = "a: &a [*a]\nkind: &k {kind: List, items: [*k]}\n"
LISTED = "&l\nkind: List\nitems: [*l]\n"
LISTS = "{apiVersion: v1, kind: List, items: [" * 400 + "]}" * 400
NESTED = "".join(
    f"---\nkind: List\nitems: [{{kind: List, items: [{'{kind: List, items: []}, ' * 50}]}}]\n" for _ in range(9)
)
YAML = {
    "laughs": LAUGHS,
    "merged laughs": MERGED,
    "itself": ITSELF,
    "a list of itself": LISTED,
    "lists": LISTS,
    "nested lists": NESTED,
    "brackets": "[" * 100_000,
    "braces": "{" * 100_000,
    "sequences": "- " * 5_000,
    "anchors": "".join(f"a{n}: &a{n} 1\n" for n in range(4_000)),
    "escapes": 'a: "\\e]0;x\\a\\u202e"\n\x1b[2J: 1\n',
}


@pytest.mark.parametrize("name", YAML)
@pytest.mark.parametrize("where", ["answers", "manifest", "kubeconfig", "inventory"])
def test_yaml(tmp_path: Path, where: str, name: str) -> None:
    """Aliases are not multiplied, depth is bounded."""
    path = tmp_path / "it.yaml"
    path.write_text(YAML[name])
    path.chmod(0o600)
    if where in ("kubeconfig", "inventory"):
        ran = run(read, where, str(path))
        fine(ran, ran.code or 0)
        assert ran.code in (0, 2)
        return
    answers = path
    if where == "manifest":
        answers = tmp_path / "answers.yaml"
        network = {"podNetwork": "manifest", "podNetworkManifest": str(path)}
        node = {"name": "cp1", "address": "10.90.0.11", "role": "control-plane"}
        answers.write_text(json.dumps({"networking": network, "nodes": [node]}))
    words = ["rehearse" if where == "manifest" else "plan", str(answers)]
    fine(run(command, words, {"XDG_STATE_HOME": str(tmp_path / "state")}), 2, "it.yaml")
