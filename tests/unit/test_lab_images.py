"""The lab's images: same programs in, same bytes out, under the names that Kubernetes asks for."""

import json
import tarfile
from pathlib import Path

from tests.lab.images import File, Image, Images, _Writer, write_archive


def _write(directory: Path) -> Images:
    program = directory / "program"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    layer = (File(program, ("usr/local/bin/one", "usr/local/bin/two")),)
    writer = _Writer(directory / "layout", directory / "registry")
    for name in ("one", "two"):
        writer.add(Image(f"registry.k8s.io/sub/{name}:v1", (layer,), (name,)))
    writer.close()
    return Images(directory / "layout", directory / "registry", writer.digests)


def test_same_bytes(tmp_path: Path) -> None:
    """Two writings have the same digests: a cache or a pinned digest does not change by itself."""
    assert _write(tmp_path / "a").digests == _write(tmp_path / "b").digests


def test_one_layer_for_several_images(tmp_path: Path) -> None:
    """Programs that are one file travel once: one layer, in which the second name is a hard link."""
    written = _write(tmp_path / "a")
    index = json.loads((written.layout / "index.json").read_text())
    blobs = written.layout / "blobs/sha256"
    layers = {
        json.loads((blobs / each["digest"][7:]).read_text())["layers"][0]["digest"] for each in index["manifests"]
    }
    assert len(layers) == 1
    with tarfile.open(blobs / layers.pop()[7:]) as layer:
        assert layer.getmember("usr/local/bin/two").linkname == "usr/local/bin/one"


def test_registry_finds_them_without_the_host(tmp_path: Path) -> None:
    """containerd asks a mirror for the repository's path alone; the tag's link leads to a stored manifest."""
    written = _write(tmp_path / "a")
    home = written.storage / "docker/registry/v2"
    digest = (home / "repositories/sub/one/_manifests/tags/v1/current/link").read_text()
    assert digest == written.digests["registry.k8s.io/sub/one:v1"]
    assert (home / "blobs/sha256" / digest[7:9] / digest[7:] / "data").is_file()


def test_an_archive_has_what_was_asked_for(tmp_path: Path) -> None:
    """An archive names the chosen image as containerd's import reads it, and carries its blobs only."""
    target = tmp_path / "one.tar"
    write_archive(_write(tmp_path / "a"), ["registry.k8s.io/sub/one:v1"], target)
    with tarfile.open(target) as archive:
        content = archive.extractfile("index.json")
        assert content is not None
        (manifest,) = json.load(content)["manifests"]
        names = archive.getnames()
    assert manifest["annotations"]["io.containerd.image.name"] == "registry.k8s.io/sub/one:v1"
    assert len([name for name in names if name.startswith("blobs/")]) == 3
