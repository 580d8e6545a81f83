"""The state folder: what kinstall keeps of a cluster on the operator's machine.

It holds private keys, so nobody else may look into it or put anything into it: a folder that is a link, belongs to
another user or is open to others is refused with a message, never repaired silently.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

from kinstall import files
from kinstall.errors import NewerFormat, UsageError

_LARGEST = 256 << 20
_LARGEST_LIST = 4 << 20
"""Of all nodes' pod ranges: a hundred times a thousand nodes'."""
FORMAT = 1
_NAME = re.compile(r"[a-z0-9A-Z][a-zA-Z0-9._-]*")
_ANOTHER = "choose another one with --state, or set XDG_STATE_HOME"


class StateFolder:
    """$XDG_STATE_HOME/kinstall/CLUSTER. Making the object touches nothing; `prepare` makes the folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, cluster: str, chosen: str | Path | None = None) -> StateFolder:
        """The cluster's folder: the `chosen` one (--state), or its usual place.

        Raises:
            UsageError: the name cannot name a folder
        """
        if chosen:
            return cls(Path(chosen).expanduser().absolute())
        if not _NAME.fullmatch(cluster):
            raise UsageError(f"clusterName {cluster!r} cannot name a folder", "use letters, digits, '-' and '.'")
        return cls(state_home() / "kinstall" / cluster)

    # What is where

    @property
    def answers(self) -> Path:
        """The answers of the last run."""
        return self.path / "answers.yaml"

    @property
    def pki(self) -> Path:
        """Folder of keys and certificates."""
        return self.path / "pki"

    @property
    def known_hosts(self) -> Path:
        """Host keys that the operator consented to."""
        return self.path / "known_hosts"

    @property
    def admin_conf(self) -> Path:
        return self.path / "admin.conf"

    @property
    def super_admin_conf(self) -> Path:
        return self.path / "super-admin.conf"

    @property
    def runs(self) -> Path:
        """Folder of the runs' logs."""
        return self.path / "runs"

    @property
    def nodes(self) -> Path:
        """JSON: node name → its pod range."""
        return self.path / "nodes.json"

    @property
    def format(self) -> Path:
        """The number of the folder's format. Not there: format 1; whatever changes what a file in it means raises
        FORMAT and writes it."""
        return self.path / "format"

    @property
    def bin(self) -> Path:
        """Folder of programs for the operator (kubectl of the cluster's version)."""
        return self.path / "bin"

    @property
    def verified(self) -> Path:
        """Exists while nothing was changed since all checks passed."""
        return self.path / "verified"

    @property
    def simulated(self) -> Path:
        """Folder of simulated hosts: only a rehearsal's state has it."""
        return self.path / "simulated"

    @property
    def report(self) -> Path:
        """The last replay's report."""
        return self.path / "report.html"

    # Making and checking

    def exists(self) -> bool:
        return os.path.lexists(self.path)

    def prepare(self) -> StateFolder:
        """Make the folder and its parts, or check those that are there.

        Raises:
            UsageError: the folder is not the operator's alone, or cannot be made
        """
        for folder in (self.path, self.pki, self.runs, self.bin):
            if os.path.lexists(folder):
                _refuse_unless_private(folder)
            try:
                files.make_folder(folder)
            except files.OthersMayWrite as error:
                raise _not_alone(error) from error
            except OSError as error:
                raise UsageError(f"the state folder {folder} cannot be made: {error.strerror}", _ANOTHER) from error
        return self

    def check(self) -> StateFolder:
        """Check the folder without changing anything; one that is not there is in order.

        Raises:
            UsageError: the folder is not the operator's alone
            NewerFormat: a newer kinstall made it
        """
        for folder in (self.path, self.pki, self.runs, self.bin):
            if os.path.lexists(folder):
                _refuse_unless_private(folder)
        try:
            files.check_owners(self.path)
        except files.OthersMayWrite as error:
            raise _not_alone(error) from error
        except OSError as error:
            raise UsageError(f"the state folder {self.path} cannot be used: {error.strerror}", _ANOTHER) from error
        kept = (self.read(self.format) or str(FORMAT).encode()).decode(errors="replace").strip()
        if kept != str(FORMAT):
            raise NewerFormat(f"the state folder {self.path}", kept, FORMAT)
        return self

    def forget(self) -> tuple[str, ...]:
        """Remove what kinstall keeps in the folder, and the folder itself; returns the names of what is in it besides,
        for which it stays: --state may name any private folder. A link goes alone.

        Raises:
            UsageError: something cannot be removed
        """
        kept = (self.answers, self.known_hosts, self.admin_conf, self.super_admin_conf, self.nodes, self.format)
        try:
            for path in (*kept, self.verified, self.report):
                path.unlink(missing_ok=True)
            for folder in (self.pki, self.runs, self.bin):
                if folder.is_symlink():
                    folder.unlink()
                elif folder.exists():
                    shutil.rmtree(folder)
            others = tuple(sorted(path.name for path in self.path.iterdir()))
            if not others:
                self.path.rmdir()
        except OSError as error:
            raise UsageError(f"{error.filename} cannot be removed: {error.strerror}", "remove it") from error
        return others

    # Reading and writing

    def write(self, path: Path, content: bytes | str, mode: int = 0o600) -> None:
        """Replace a file in the folder in one step: a reader sees the old content or the new, also after a crash.

        Raises:
            UsageError: the file is outside the folder, or cannot be written
        """
        if not path.absolute().is_relative_to(self.path.absolute()):
            raise UsageError(f"{path} is not in the state folder {self.path}")
        try:
            # A folder below the known ones (pki/etcd) is made as needed.
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.write(path, content, mode)
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror}", "make room, or choose another state folder with --state"
            ) from error

    def read(self, path: Path, limit: int = _LARGEST) -> bytes | None:
        """A file's content of at most `limit` bytes, None where it is not there; links are not followed.

        Raises:
            UsageError: it is a link, or cannot be read
        """
        try:
            return files.read(path, limit, follow_links=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            why = "it is a link" if path.is_symlink() else error.strerror
            raise UsageError(f"{path} cannot be read: {why}") from error

    def keep_verified(self, passed: bool) -> None:
        """Note that all checks passed, or that something changes: then they have to run again.

        Raises:
            UsageError: the folder cannot be written to
        """
        if passed:
            self.write(self.verified, b"")
            return
        try:
            self.verified.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"{self.verified} cannot be removed: {error.strerror}", "remove it") from error

    def read_nodes(self) -> dict[str, str]:
        """Node name → planned pod range; empty where nothing was planned yet.

        Raises:
            UsageError: the file is damaged
        """
        data = self.read(self.nodes, _LARGEST_LIST)
        if data is None:
            return {}
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise UsageError(
                f"{self.nodes} is damaged: it should map node names to pod ranges",
                "remove it; the ranges are then read back from the nodes",
            )
        return found

    def write_nodes(self, ranges: Mapping[str, str]) -> None:
        """Keep the planned pod ranges; a file that says the same already is left alone."""
        if self.read_nodes() != dict(ranges) or not self.nodes.exists():
            self.write(self.nodes, json.dumps(dict(ranges), indent=2, sort_keys=True) + "\n")


def state_home() -> Path:
    """$XDG_STATE_HOME, or ~/.local/state where it is unset or not absolute (which XDG says to ignore)."""
    named = os.environ.get("XDG_STATE_HOME", "")
    return Path(named) if named.startswith("/") else Path.home() / ".local" / "state"


def _not_alone(error: files.OthersMayWrite) -> UsageError:
    return UsageError(f"the state folder holds keys: {error.strerror}", f"{error.remedy}, or {_ANOTHER}")


def _refuse_unless_private(folder: Path) -> None:
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise UsageError(f"the state folder {folder} is a link", "kinstall keeps keys there: use the real path")
    if not stat.S_ISDIR(found.st_mode):
        raise UsageError(f"{folder} is not a folder", "move it away, or choose another state folder with --state")
    if found.st_uid != os.geteuid():
        raise UsageError(
            f"the state folder {folder} belongs to another user (uid {found.st_uid})",
            "run kinstall as that user, or choose another state folder with --state",
        )
    if found.st_mode & 0o077:
        raise UsageError(
            f"the state folder {folder} is open to others (mode {stat.S_IMODE(found.st_mode):04o})",
            f"it holds keys: chmod 700 {folder}",
        )
