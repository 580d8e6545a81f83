"""What the mirror and the registries of a running lab serve: links into the cache, and more of them at any time."""

from dataclasses import dataclass
from pathlib import Path

from tests.lab import images, mirror_tree, oci


@dataclass(frozen=True, slots=True)
class Served:
    """A folder of the lab's own. Who writes there holds the lab's lock."""

    home: Path

    @property
    def sites(self) -> Path:
        """Folders that the mirror serves, by name."""
        return self.home / "sites"

    @property
    def storage(self) -> Path:
        """The registries' storage."""
        return self.home / "registry"

    def add_site(self, name: str, site: Path) -> None:
        self._add("sites", name, site)

    def add_images(self, version: str, written: images.Images) -> None:
        """Put a release's images into the registries' storage, and remember that they are there."""
        link = self.home / "images" / version
        if not link.is_symlink() or link.readlink() != written.root:
            oci.publish(written.layout, self.storage)
            self._add("images", version, written.root)

    def site(self, name: str) -> Path | None:
        """The folder in the cache that is served under that name."""
        link = self.sites / name
        return link.resolve() if link.exists() else None

    def digests(self) -> dict[str, str]:
        """SHA-256 of every artefact by its path on the mirror."""
        found: dict[str, str] = {}
        for link in sorted(self.sites.glob("*")):
            found |= mirror_tree.digests(link.resolve())
        return found

    def images(self) -> dict[str, images.Images]:
        """The images of each release that is served."""
        return {link.name: images.read(link.resolve()) for link in (self.home / "images").glob("*")}

    def _add(self, kind: str, name: str, target: Path) -> None:
        folder = self.home / kind
        folder.mkdir(parents=True, exist_ok=True)
        oci.replace_link(folder / name, target)
