"""The names of container images: `registry/path:tag`, `registry/path@sha256:…`, or both."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageName:
    """`repository`: with its registry, without a tag; `tag` and `digest` (`sha256:…`): empty where there is none."""

    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> ImageName:
        """The parts of a whole reference, one with a registry; nothing is checked."""
        rest, _, digest = text.partition("@")
        home, slash, last = rest.rpartition("/")
        name, _, tag = last.partition(":")
        return cls(f"{home}{slash}{name}", tag, digest)

    @property
    def registry(self) -> str:
        return self.repository.partition("/")[0]

    @property
    def path(self) -> str:
        """The repository inside its registry."""
        return self.repository.partition("/")[2]

    @property
    def tagged(self) -> str:
        """With the tag and without the digest."""
        return f"{self.repository}:{self.tag}" if self.tag else self.repository

    @property
    def reference(self) -> str:
        """What a registry is asked for: the digest, or else the tag."""
        return self.digest or self.tag

    @property
    def stored(self) -> str:
        """The name under which a node has the image. The CRI leaves the tag out beside a digest, and asks for that name
        whoever pulled the image (ParseDockerRef of github.com/distribution/reference)."""
        return f"{self.repository}@{self.digest}" if self.digest else self.tagged

    def __str__(self) -> str:
        return f"{self.tagged}@{self.digest}" if self.digest else self.tagged
