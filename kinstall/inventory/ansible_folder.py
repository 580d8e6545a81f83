"""An Ansible inventory on disk: a file or a folder of files, with the folders group_vars and host_vars beside it.

Read as Ansible does (its inventory manager and the vars plugin host_group_vars), but nothing is ever run: an inventory
that is a program is named with the way out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from kinstall import files
from kinstall.answers.fields import written
from kinstall.inventory.ansible import ENCRYPTED, Inventory, Variables, read_inventory, refuse_encrypted
from kinstall.inventory.ansible_ini import parse_ini
from kinstall.inventory.ansible_json import parse_json
from kinstall.inventory.ansible_yaml import parse_yaml, read_mapping
from kinstall.inventory.machines import Collector, Imported

MAX_FILES = 500
_MAX_BYTES = 1 << 20
_MAX_TOTAL = 4 << 20
_DEEPEST = 5
_IGNORED = re.compile(
    r"^\.|^(host_vars|group_vars|vars_plugins)$|(\.pyc|\.pyo|\.swp|\.bak|~|\.rpm|\.md|\.txt|\.rst|\.orig|\.cfg|\.retry)$"
)
"""Names that Ansible passes over in an inventory folder (INVENTORY_IGNORE_EXTS)."""
_OF_VARIABLES = ("", ".yml", ".yaml", ".json")
"""How the name of a file of variables may end."""

Detect = Callable[[str, str], str]
"""Text and file name → the format, as inventory.detect."""


def read_ansible_folder(place: Path, detect: Detect) -> Imported:
    """The machines of an inventory folder, or of one inventory file, with the variables in the folders beside it."""
    alone = not place.is_dir()
    reader = _Reader(place.parent if alone else place, detect, place if alone else None)
    reader.inventory_files([place] if alone else _files(place))
    reader.variables("group_vars")
    reader.variables("host_vars")
    collector = reader.inventory.collector
    collector.source = ""
    if not reader.inventory.hosts and not collector.problems:
        collector.problem(0, "no inventory with hosts in this folder", "name the inventory file")
    return read_inventory(reader.inventory)


class _Reader:
    """Reads files into one inventory, with a budget for all of them together."""

    def __init__(self, home: Path, detect: Detect, alone: Path | None) -> None:
        self.inventory = Inventory(Collector(), with_folders=True)
        self._home = home
        self._detect = detect
        self._alone = alone
        self._files = MAX_FILES
        self._bytes = _MAX_TOTAL

    def inventory_files(self, paths: Iterable[Path]) -> None:
        for path in paths:
            text = self._text(path)
            if text.startswith("#!"):
                sentence = "programs are never run: {}; import what `ansible-inventory --list` prints"
                self.inventory.collector.among(sentence, path.name)
            elif text.strip() and not refuse_encrypted(text, self.inventory.collector):
                _PARSERS.get(self._detect(text, path.name), parse_ini)(text, self.inventory)

    def variables(self, kind: str) -> None:
        """The files of group_vars or host_vars. They are called after a group or a host, or lie in folders that are."""
        for path in _files(self._home / kind, variables=True):
            owner = path.relative_to(self._home / kind).parts[0]
            for name in (owner, Path(owner).stem):
                into = self._of(kind, name)
                if into is not None:
                    self._variables_file(path, into)
                    break

    def _of(self, kind: str, name: str) -> Variables | None:
        """The variables that a folder keeps for a group or a host; None where the inventory has none of that name."""
        if kind == "group_vars":
            return self.inventory.group(name).folder if name == "all" or name in self.inventory.groups else None
        return self.inventory.hosts[name].folder if name in self.inventory.hosts else None

    def _variables_file(self, path: Path, into: Variables) -> None:
        text, collector = self._text(path), self.inventory.collector
        if text.lstrip().startswith(ENCRYPTED):
            collector.among("encrypted with ansible-vault, and left out: {}", collector.source)
        elif text.strip():
            document = read_mapping(text, collector, "this is not a mapping of variables", "write name: value")
            for name, value in document.data.items() if document else ():
                line = document.lines.get(written((name,)), 1) if document else 1
                self.inventory.keep(into, name, value, line, collector.source)

    def _text(self, path: Path) -> str:
        """The file's text; empty where it cannot be read, which becomes a problem."""
        collector = self.inventory.collector
        collector.source = "" if path == self._alone else str(path.relative_to(self._home))
        self._files -= 1
        if self._files < 0 or self._bytes <= 0:
            collector.note(f"more than {MAX_FILES} files, or {_MAX_TOTAL >> 20} MiB: the rest is left out")
            return ""
        try:
            content = files.read(path, _MAX_BYTES)
            self._bytes -= len(content)
            return content.decode("utf-8-sig")
        except OSError as error:
            collector.problem(0, f"it cannot be read: {error.strerror}", "make it readable, or move it elsewhere")
        except UnicodeDecodeError:
            collector.problem(0, "it is not UTF-8 text", "store the file as UTF-8, or move it elsewhere")
        return ""


_PARSERS: dict[str, Callable[[str, Inventory], object]] = {"ansible-yaml": parse_yaml, "ansible-json": parse_json}
"""What is neither is read as INI, as Ansible does."""


def _files(folder: Path, depth: int = 0, *, variables: bool = False) -> Iterator[Path]:
    """The files below a folder in the order in which Ansible reads them."""
    try:
        found = sorted(folder.iterdir(), key=lambda path: path.name) if depth <= _DEEPEST else []
    except OSError:  # there is none, or it may not be listed
        return
    for path in found:
        if path.name.startswith(".") or (path.name.endswith("~") if variables else _IGNORED.search(path.name)):
            continue
        if path.is_dir():
            yield from _files(path, depth + 1, variables=variables)
        elif not variables or path.suffix in _OF_VARIABLES:
            yield path
