"""The lab's images: same programs in, same bytes out, under the names that Kubernetes asks for."""

import json
import tarfile
from pathlib import Path
from typing import Any

from tests.lab.images import Images
from tests.lab.oci import File, Image, Writer, publish, write_archive
from tests.lab.served import Served

ONE = "registry.k8s.io/sub/one:v1"


def _write(directory: Path, tag: str = "v1") -> Images:
    program = directory / "program"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    layer = (File(program, ("usr/local/bin/one", "usr/local/bin/two")),)
    writer = Writer(directory / "layout")
    for name in ("one", "two"):
        writer.add(Image(f"registry.k8s.io/sub/{name}:{tag}", (layer,), (name,)))
    writer.close()
    (directory / "digests.json").write_text(json.dumps(writer.digests))
    return Images(directory, writer.digests)


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
    publish(written.layout, tmp_path / "registry")
    home = tmp_path / "registry/docker/registry/v2"
    digest = (home / "repositories/sub/one/_manifests/tags/v1/current/link").read_text()
    assert digest == written.digests["registry.k8s.io/sub/one:v1"]
    assert (home / "blobs/sha256" / digest[7:9] / digest[7:] / "data").is_file()


def test_an_archive_has_what_was_asked_for(tmp_path: Path) -> None:
    """An archive names the chosen image as containerd's import reads it, and carries its blobs only."""
    target = tmp_path / "one.tar"
    write_archive(_write(tmp_path / "a").layout, {ONE: ONE}, target)
    with tarfile.open(target) as archive:
        (manifest,) = _json(archive, "index.json")["manifests"]
        names = archive.getnames()
    assert manifest["annotations"]["io.containerd.image.name"] == ONE
    assert len([name for name in names if name.startswith("blobs/")]) == 3


def test_an_archive_may_name_it_otherwise(tmp_path: Path) -> None:
    """As a release's server tarball does, whose image names carry the architecture; its configuration and layer are
    found under the paths that it names."""
    target, other = tmp_path / "one.tar", "registry.k8s.io/sub/one-amd64:v1"
    write_archive(_write(tmp_path / "a").layout, {ONE: other}, target, oci=False)
    with tarfile.open(target) as archive:
        (entry,) = _json(archive, "manifest.json")
        assert set(archive.getnames()) == {"manifest.json", entry["Config"], *entry["Layers"]}
    assert entry["RepoTags"] == [other]


def test_a_release_can_be_added_to_a_registry_that_runs(tmp_path: Path) -> None:
    """What was there stays, blobs that both have are there once, and both releases are told."""
    first, second = _write(tmp_path / "a"), _write(tmp_path / "b", "v2")
    served = Served(tmp_path / "served")
    served.add_images("1", first)
    served.add_images("2", second)
    tags = served.storage / "docker/registry/v2/repositories/sub/one/_manifests/tags"
    assert {tag.name: (tag / "current/link").read_text() for tag in tags.iterdir()} == {
        "v1": first.digests[ONE],
        "v2": second.digests[ONE.replace("v1", "v2")],
    }
    assert {name: images.digests for name, images in served.images().items()} == {
        "1": first.digests,
        "2": second.digests,
    }


def _json(archive: tarfile.TarFile, name: str) -> Any:
    content = archive.extractfile(name)
    assert content is not None
    return json.load(content)
