"""Answers files as the wizard writes them, and unfinished answers that it keeps for the next time."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from kinstall import files
from kinstall.errors import UsageError
from kinstall.state.folder import state_home

_NEW = "new"
_LARGEST = 1 << 20


def write(path: Path, text: str) -> None:
    """Write an answers file, whole or not at all. One that is there keeps its mode, a link stays a link.

    Raises:
        UsageError: it cannot be written
    """
    target = path.expanduser().resolve()
    try:
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
        files.write(target, text, mode)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", "choose another name or folder") from None


@dataclass(frozen=True, slots=True)
class Unsaved:
    """Where work on one answers file (None: on new answers) is kept until it is saved: in the state home, 0600."""

    answers: Path | None

    @property
    def path(self) -> Path:
        name = sha256(str(self.answers.expanduser().absolute()).encode()).hexdigest()[:16] if self.answers else _NEW
        return state_home() / "kinstall" / ".unsaved" / f"{name}.yaml"

    def read(self) -> str:
        """What was kept; empty where nothing was, or where others could have written it."""
        try:
            files.check_owners(self.path)
            return files.read(self.path, _LARGEST).decode("utf-8")
        except (OSError, UnicodeDecodeError):
            return ""

    def keep(self, text: str) -> str:
        """Keep the text; returns a sentence where that is impossible: it must not stop anybody's work."""
        try:
            files.make_folder(self.path.parent)
            files.write(self.path, text, 0o600)
        except OSError as error:
            return f"unsaved answers are not kept: {self.path}: {error.strerror}"
        return ""

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)


def remember_run(answers: Path, cluster: str) -> None:
    """Keep which answers file this cluster is installed from, so that the wizard can open it again."""
    try:
        for place in (_last(), _of_cluster(cluster)):
            files.make_folder(place.parent)
            files.write(place, f"{answers.expanduser().absolute()}\n", 0o600)
    except OSError:
        pass  # then it has to be named: no reason to keep anybody from a run


def last_run() -> Path | None:
    """The answers file that was installed last, None where it is not known, gone, or could be somebody else's word."""
    return _path_in(_last())


def answers_of(cluster: str) -> Path | None:
    """As last_run(), of one cluster."""
    return _path_in(_of_cluster(cluster))


def _path_in(place: Path) -> Path | None:
    try:
        files.check_owners(place)
        path = Path(files.read(place, _LARGEST).decode("utf-8").strip())
    except (OSError, UnicodeDecodeError):
        return None
    return path if path.is_absolute() and path.is_file() else None


def _last() -> Path:
    return state_home() / "kinstall" / ".unsaved" / "last-run"


def _of_cluster(name: str) -> Path:
    """`name` is a cluster's, so it can name a file."""
    return state_home() / "kinstall" / ".unsaved" / "answers-of" / name
