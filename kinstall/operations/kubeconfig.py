"""A cluster's kubeconfig merged into another one: nothing there is lost or means something else.

`merge` is pure; `merge_into` reads and writes the file that kubectl would write, and keeps a copy of its content.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from assets import yaml_reading
from kinstall import files
from kinstall.errors import UsageError
from kinstall.operations.kubeconfig_text import NotEditable, edited

_LISTS = {"clusters": "cluster", "users": "user", "contexts": "context"}
_EMPTY: Mapping[str, Any] = {"apiVersion": "v1", "kind": "Config"}
_LARGEST = 8 << 20
_MOST, _DEEPEST = 20_000, 40
"""Values and levels: a thousand clusters take 15,000, five levels deep."""


@dataclass(frozen=True, slots=True)
class Merged:
    """`data`: the whole kubeconfig. `context`: the name of the cluster's context in it. `current`: whether kubectl uses
    it without being told to. `changes`: list → name → what the entry holds now, of those that are new or different."""

    data: dict[str, Any]
    context: str
    current: bool
    changes: dict[str, dict[str, Mapping[str, Any]]]
    sets_current: bool

    @property
    def changed(self) -> bool:
        return bool(self.changes) or self.sets_current


@dataclass(frozen=True, slots=True)
class Written:
    """`backup` is where the earlier content went, None where there was no file or nothing had to be changed."""

    path: Path
    context: str
    current: bool
    changed: bool
    backup: Path | None


def merge(
    existing: Mapping[str, Any] | None, ours: Mapping[str, Any], others: Sequence[Mapping[str, Any]] = ()
) -> Merged:
    """Put the one cluster, user and context of `ours` into `existing`. `others`: what kubectl reads beside it.

    A name that means something else there stays what it is, and ours gets another one. The same cluster (its CA says
    so) that was merged before is brought up to date. The current context changes only where there was none.
    """
    data: dict[str, Any] = deepcopy(dict(_EMPTY if existing is None else existing))
    for key in _LISTS:
        data[key] = data.get(key) or []
    before = deepcopy(data)
    cluster, user, context = (_only(ours, key) for key in _LISTS)
    names = merged_before(data, ours)
    if names is None:
        everything = {key: [entry for each in (data, *others) for entry in each.get(key) or ()] for key in _LISTS}
        names = {
            "clusters": _free(everything, "clusters", cluster["name"], ""),
            "users": _free(everything, "users", user["name"], cluster["name"]),
            "contexts": _free(everything, "contexts", context["name"], ""),
        }
    link = {**context["context"], "cluster": names["clusters"], "user": names["users"]}
    changes: dict[str, dict[str, Mapping[str, Any]]] = {}
    for key, content in (("clusters", cluster["cluster"]), ("users", user["user"]), ("contexts", link)):
        now = _put(data, key, names[key], content)
        if _find(before, key, names[key]) != _find(data, key, names[key]):
            changes[key] = {names[key]: now}
    current = next((each["current-context"] for each in (data, *others) if each.get("current-context")), "")
    if not current:
        data["current-context"] = names["contexts"]
    is_current = (current or names["contexts"]) == names["contexts"]
    return Merged(data, names["contexts"], is_current, changes, not current)


def merged_before(existing: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, str] | None:
    """List → name of the entry, where this cluster and this user of it are in `existing` already."""
    cluster, user = _only(ours, "clusters")["cluster"], _only(ours, "users")["name"]
    for entry in existing.get("contexts") or ():
        link = entry.get("context") or {}
        found = _find(existing, "clusters", link.get("cluster"))
        content = (found or {}).get("cluster") or {}
        if content.get("certificate-authority-data") == cluster["certificate-authority-data"]:
            name = str(link.get("user"))
            if name == user or name.startswith(f"{user}-"):
                return {"clusters": str(link["cluster"]), "users": name, "contexts": str(entry["name"])}
    return None


def kubectl_files() -> list[Path]:
    """The files that kubectl reads: those of $KUBECONFIG, each once, else ~/.kube/config."""
    named = [Path(each) for each in os.environ.get("KUBECONFIG", "").split(os.pathsep) if each]
    return list(dict.fromkeys(named)) or [Path("~/.kube/config")]


def merge_into(chosen: Path | None, admin_conf: bytes) -> Written:
    """Merge into the `chosen` file, or into the one that kubectl would write to: of several the first that exists, else
    the last (client-go, PathOptions.GetDefaultFilename); a file that has the cluster already goes before both. It is
    written in one step, for its owner only, and made where it is missing. Bytes of other entries stay as they are.

    Raises:
        UsageError: a file cannot be read or written, is not a kubeconfig, or another program is about to change it
    """
    ours = yaml.safe_load(admin_conf)
    paths = [Path(os.path.realpath(path.expanduser())) for path in ([chosen] if chosen else kubectl_files())]
    contents = {path: _parsed(path, _read(path)) or {} for path in paths}
    target = next(
        (path for path in paths if merged_before(contents[path], ours)),
        next((path for path in paths if path.exists()), paths[-1]),
    )
    others = [content for path, content in contents.items() if path != target]
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _Lock(target):
            old = _read(target)
            merged = merge(_parsed(target, old), ours, others)
            if not merged.changed:
                return Written(target, merged.context, merged.current, False, None)
            new = _edited(target, old, merged)
            backup = None
            if old is not None:
                backup = target.with_name(f"{target.name}.{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.backup")
                files.write(backup, old)
            files.write(target, new)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}", "name another file with --file") from None
    return Written(target, merged.context, merged.current, True, backup)


def _edited(path: Path, old: bytes | None, merged: Merged) -> bytes:
    """The file's text with the changes in it, which is read again: it has to say what `merged` says."""
    changes = {
        key: {name: (_LISTS[key], content) for name, content in entries.items()}
        for key, entries in merged.changes.items()
    }
    try:
        text = (old or b"").decode("utf-8")
        if yaml.safe_load(text) is None:  # nothing, or comments only
            text += "".join(f"{key}: {value}\n" for key, value in _EMPTY.items())
        new = edited(text, changes, merged.context if merged.sets_current else "")
        data = yaml.safe_load(new)
        same = {**data, **{key: data.get(key) or [] for key in _LISTS}} == merged.data
    except (NotEditable, yaml.YAMLError, UnicodeDecodeError) as error:
        raise _not_editable(path, str(error)) from None
    if not same:
        raise _not_editable(path, "other entries would change")
    return new.encode()


def _not_editable(path: Path, why: str) -> UsageError:
    remedy = "kubectl config view --raw --flatten writes a plain one, or name another file with --file"
    return UsageError(f"{path} cannot be changed in place: {why}; it was left as it is", remedy)


class _Lock:
    """The lock that kubectl takes too, before it changes a kubeconfig."""

    def __init__(self, target: Path) -> None:
        self._path = target.with_name(f"{target.name}.lock")

    def __enter__(self) -> None:
        try:
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            raise UsageError(
                f"another program is about to change the file: {self._path} is there",
                "try again; remove it where no kubectl runs any more",
            ) from None

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)


def _only(config: Mapping[str, Any], key: str) -> dict[str, Any]:
    entry: dict[str, Any] = config[key][0]
    return entry


def _find(data: Mapping[str, Any], key: str, name: Any) -> dict[str, Any] | None:
    return next((entry for entry in data[key] if entry.get("name") == name), None)


def _free(data: Mapping[str, Any], key: str, name: str, cluster: str) -> str:
    """The name, or the next one that nothing else has."""
    wanted = [name, *([f"{name}-{cluster}"] if cluster else [])]
    last = wanted[-1]
    numbered = (f"{last}-{number}" for number in range(2, len(data[key]) + 3))
    return next(each for each in (*wanted, *numbered) if _find(data, key, each) is None)


def _put(data: dict[str, Any], key: str, name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Set the entry; what a person added to it, such as a context's namespace, stays. Returns what it holds now."""
    entry = _find(data, key, name)
    inner = _LISTS[key]
    if entry is None:
        entry = {"name": name}
        data[key].append(entry)
    kept = {} if key == "users" else entry.get(inner) or {}  # credentials belong together
    entry[inner] = {**kept, **content}
    return dict(entry[inner])


def _read(path: Path) -> bytes | None:
    try:
        return files.read(path, _LARGEST)
    except FileNotFoundError:
        return None
    except files.TooLarge:
        raise UsageError(f"{path} is larger than a kubeconfig can be", "name another file with --file") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", "name another file with --file") from None


def _parsed(path: Path, content: bytes | None) -> dict[str, Any] | None:
    try:
        documents = yaml_reading.load_all(content.decode("utf-8-sig"), _MOST, _DEEPEST) if content else []
        data = documents[0] if len(documents) == 1 else "not one document" if documents else None
    except yaml_reading.TooMuch as error:
        raise UsageError(f"{path} is not a kubeconfig: {error}; it was left as it is", "fix it") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError):
        data = "not YAML"
    if data is None:
        return None
    if not isinstance(data, dict) or data.get("kind", "Config") != "Config":
        raise UsageError(f"{path} is not a kubeconfig; it was left as it is", "name another file with --file")
    for key, inner in _LISTS.items():
        entries = data.get(key) or []
        good = isinstance(entries, list) and all(
            isinstance(each, dict) and isinstance(each.get(inner) or {}, dict) for each in entries
        )
        if not good:
            raise UsageError(f"{path} is not a kubeconfig: {key} is not a list of them; it was left as it is", "fix it")
    return data
