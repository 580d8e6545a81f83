"""What the operator's machine provides to an installation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from assets.inputs import MirrorAccess
from kinstall.engine.steps import Archive
from kinstall.errors import KinstallError
from kinstall.findings import Finding, Severity

CHECK = "sources"


@dataclass(frozen=True, slots=True)
class Sources:
    """`mirrors`: registry → the login and CA of its mirror. `digests`: architecture → release file → SHA-256 (hex), of
    those that are sent; `archives`: architecture → image → the archive that it is in; `paths`: digest → file on this
    machine. `findings` collects what is wrong with any of it.
    """

    mirrors: dict[str, MirrorAccess] = field(default_factory=dict)
    digests: dict[str, dict[str, str]] = field(default_factory=dict)
    archives: dict[str, dict[str, Archive]] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add_error(self, error: KinstallError) -> None:
        self.findings.append(Finding("", CHECK, Severity.ERROR, error.what, error.remedy))

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """An error inside becomes a finding, and does not keep the rest from being checked."""
        try:
            yield
        except KinstallError as error:
            self.add_error(error)
