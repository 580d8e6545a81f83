"""The answers while they are being given: plain data under the answers file's own keys, valid or not yet.

There is no second model: the problems of a draft are those that kinstall.answers.load finds in its data. A value of the
wrong type is kept as it was entered, so that nothing is lost between a file and the screens.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import MISSING
from pathlib import Path as FilePath
from typing import Any

from kinstall.answers import load
from kinstall.answers.applies import DECIDING, condition, decides, everywhere
from kinstall.answers.document import Document, Unclear
from kinstall.answers.fields import Path, element, holds, is_record, keys_of, written
from kinstall.answers.load import Examined
from kinstall.cluster import API_VERSION, ClusterSpec
from kinstall.cluster.releases import known_versions
from kinstall.findings import Problem
from screens.draft.kept_out import without_secrets


class Draft:
    """The answers being edited. `path` is the file they came from or were last written to, None for new ones."""

    def __init__(self, data: dict[str, Any], path: FilePath | None = None, document: Document | None = None) -> None:
        self._data = data
        self._saved = deepcopy(data)
        self._texts = dict(document.texts) if document else {}
        # Problems of the text itself, such as a duplicate key, which the data no longer shows.
        self._of_text = list(document.problems) if document else []
        self._examined: Examined | None = None
        self.path = path
        self.comments = False
        """Whether the file has comments, which saving would remove."""
        self.unread = ""
        """The text under F2 where it cannot be read; kept until it can."""
        self.aside: dict[Path, Any] = {}
        """Values that stopped to apply when another one was chosen: not saved, and back with that choice."""
        self.typed: dict[str, str] = {}
        """What was typed for questions of the answers (`prompt:`): in memory only, until the wizard ends."""
        self.on_change: list[Callable[[], None]] = []

    @classmethod
    def new(cls) -> Draft:
        """Answers to start from: the format, the newest release, and no node yet."""
        return cls({"apiVersion": API_VERSION, "kubernetesVersion": known_versions()[0], "nodes": []})

    @classmethod
    def parse(cls, text: str, path: FilePath | None = None) -> Draft:
        """A draft of an answers file's text, complete.

        Raises:
            InvalidAnswers: the text is not a YAML mapping, so there is nothing to show on a screen
        """
        document = load.read(text, str(path or "answers.yaml"))
        draft = cls(document.data, path, document)
        draft.comments = any(line.lstrip().startswith("#") or " #" in line for line in text.splitlines())
        return draft

    @classmethod
    def load(cls, path: FilePath) -> Draft:
        """As parse(), of a file.

        Raises:
            InvalidAnswers: also where the file cannot be read
        """
        return cls.parse(load.text_of(path), path)

    @classmethod
    def unsaved(cls, other: Draft) -> Draft:
        """The answers of another draft as new ones, in no file yet."""
        draft = cls.new()
        draft.replace(other)
        return draft

    # Reading it

    @property
    def data(self) -> dict[str, Any]:
        """A copy of the answers."""
        return deepcopy(self._data)

    def has(self, path: Path) -> bool:
        """Whether the answers have a value at this path."""
        return self._at(path) is not MISSING

    def get(self, path: Path, default: Any = None) -> Any:
        """A copy of the value at the path, `default` where there is none."""
        found = self._at(path)
        return default if found is MISSING else deepcopy(found)

    def as_written(self, path: Path, default: Any = None) -> Any:
        """As get(), but a number with a point is the text of the file (Unclear), 1.30 for example."""
        return self._as_written(self.get(path, default), path)

    def effective(self, path: Path) -> Any:
        """The value that applies at the path: the one given there, or the field's default as plain data."""
        return self.get(path, default_at(path))

    @property
    def spec(self) -> ClusterSpec:
        """The cluster as far as it is described; an invalid value is replaced by a placeholder (see `intact`)."""
        return self.examined.spec

    @property
    def examined(self) -> Examined:
        if self._examined is None:
            lines = {"": 1}
            self._examined = load.examine(Document(self._data, lines, self._texts, self._of_text))
        return self._examined

    def applies(self, path: Path) -> bool:
        """Whether the field at the path has an effect beside the other answers (`when` of its declaration)."""
        found = condition(path)
        place = decides(*found) if found else None
        when = found[1].when if found else None
        return place is None or when is None or self.effective(place) in when.values

    def set_aside_by(self, path: Path) -> tuple[Path, ...]:
        """The fields whose values were set aside as the choice at `path` does not go with them."""
        return tuple(each for each in self.aside if (found := condition(each)) and decides(*found) == path)

    # Its problems

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self.examined.problems

    def problems_at(self, *paths: str) -> tuple[Problem, ...]:
        """Problems at the written paths and inside them."""
        return tuple(problem for problem in self.problems if any(holds(path, problem.path) for path in paths))

    def intact(self, *paths: str) -> bool:
        """Whether `spec` has the values given at the paths, and no problem was found there."""
        return not self.problems_at(*paths) and not any(
            holds(broken, path) for broken in self.examined.broken for path in paths
        )

    # Changing it

    def set(self, path: Path, value: Any) -> None:
        """Set the value at the path; mappings on the way are made. List elements must exist already.

        A value that equals the default is removed, unless the saved answers have it.
        """
        if value == default_at(path) and type(value) is type(default_at(path)) and not self._in_saved(path):
            self.unset(path)
            return
        self._insert(path, value)
        self._changed(path)

    def _insert(self, path: Path, value: Any) -> None:
        *parents, last = path
        at: Any = self._data
        record: Any = ClusterSpec
        for part in parents:
            if isinstance(at, dict) and not isinstance(at.get(part), (dict, list)):
                _insert(at, record, part, {})
            at = at[part]
            record = _type_inside(record, part)
        if isinstance(at, list):
            at[int(last)] = deepcopy(value)
        else:
            _insert(at, record, last, deepcopy(value))

    def unset(self, path: Path) -> None:
        """Remove the value at the path, and mappings that become empty by that."""
        if self.has(path):
            self._remove(path)
            self._changed(path)

    def _remove(self, path: Path) -> None:
        *parents, last = path
        at = self._at(tuple(parents))
        del at[last]
        while parents and at == {} and isinstance(parents[-1], str) and not self._in_saved(tuple(parents)):
            *parents, name = parents
            at = self._at(tuple(parents))
            del at[name]

    def replace(self, other: Draft) -> None:
        """Take the answers of `other`, for the same file: they were edited as text."""
        self._data, self._texts, self._of_text = other._data, other._texts, other._of_text
        self.comments, self.unread, self.aside = self.comments or other.comments, "", {}
        self._changed(())

    def become(self, other: Draft) -> None:
        """Take over everything of `other`, its file too: another file is edited from now on."""
        self._saved, self.path, self._data = deepcopy(other._saved), other.path, other._data
        self._texts, self._of_text = other._texts, other._of_text
        self.comments, self.unread, self.aside = other.comments, other.unread, {}
        self.typed.clear()  # a password of one cluster is never offered to another one's machines
        self._examined = None
        for callback in tuple(self.on_change):
            callback()

    def _sort_out(self, chosen: Path) -> None:
        """After a choice: set aside what has no effect with it, and bring back what has one again."""
        if not chosen or chosen == ("nodes",):
            self.aside = {path: value for path, value in self.aside.items() if path[0] != "nodes"}
            return
        nodes = self.get(("nodes",), [])
        for path, key in everywhere(len(nodes) if isinstance(nodes, list) else 0) if chosen[-1] in DECIDING else ():
            if decides(path, key) != chosen:
                continue
            if not self.applies(path):
                if (value := self._at(path)) is not MISSING:
                    self.aside[path] = value
                    self._remove(path)
            elif path in self.aside:
                value = self.aside.pop(path)
                if not self.has(path):
                    self._insert(path, value)

    def _changed(self, path: Path) -> None:
        self._sort_out(path)
        place = written(path)
        self._texts = {key: text for key, text in self._texts.items() if not holds(place, key)}
        self._of_text = [each for each in self._of_text if not holds(place, each.path)]
        self._examined = None
        for callback in tuple(self.on_change):
            callback()

    # Keeping it

    @property
    def dirty(self) -> bool:
        """Whether it differs from its file."""
        return bool(self.unread) or self._data != self._saved

    @property
    def lost_by_saving(self) -> tuple[Problem, ...]:
        """Problems of the file's text, whose lines would be lost by saving."""
        return tuple(self._of_text)

    def text(self) -> str:
        """The answers as YAML, in the order in which they were given; a number as it is written in its file (1.30)."""
        return load.as_text(self._as_written(self._data, ()))

    def _as_written(self, value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {key: self._as_written(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._as_written(inner, (*path, index)) for index, inner in enumerate(value)]
        original = self._texts.get(written(path)) if isinstance(value, float) else None
        return Unclear(original) if original else value

    def text_to_keep(self) -> tuple[str, tuple[str, ...]]:
        """(text() for a file, the places whose values are left out of it: secrets where only a reference belongs)."""
        data, left_out = without_secrets(self._data)
        return load.as_text(self._as_written(data, ())), left_out

    def saved_as(self, path: FilePath) -> None:
        """Note that the text was saved to `path`."""
        self.path, self._saved, self.comments, self._of_text = path, deepcopy(self._data), False, []
        self._examined = None

    # Inside

    def _at(self, path: Path) -> Any:
        return _inside(self._data, path)

    def _in_saved(self, path: Path) -> bool:
        return _inside(self._saved, path) is not MISSING


def _inside(data: Any, path: Path) -> Any:
    for part in path:
        if isinstance(data, dict):
            data = data.get(part, MISSING)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return MISSING
    return data


def default_at(path: Path) -> Any:
    """The default of the field at `path` as plain data; None where there is none."""
    record: Any = ClusterSpec
    default: Any = None
    for part in path:
        if is_record(record) and isinstance(part, str):
            key = next((key for key in keys_of(record) if key.name == part), None)
            if key is None:
                return None
            record, default = key.type, key.plain_default
        else:
            record, default = element(record), None
    return default


def _type_inside(record: Any, part: str | int) -> Any:
    """The type of what is under `part` in a value of type `record`; None where it is not known."""
    if is_record(record):
        return next((key.type for key in keys_of(record) if key.name == part), None)
    return element(record)


def _insert(at: dict[str, Any], record: Any, name: Any, value: Any) -> None:
    """Insert a key where a reader of the file looks for it: in the order of the fields, as far as they are in order."""
    if name in at or not is_record(record):
        at[name] = value
        return
    order = {key.name: rank for rank, key in enumerate(keys_of(record))}
    rank = order.get(name, len(order))
    after = [key for key in at if order.get(key, -1) > rank]
    moved = {key: at.pop(key) for key in list(at)[list(at).index(after[0]) :]} if after else {}
    at[name] = value
    at.update(moved)
