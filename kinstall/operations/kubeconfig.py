"""A cluster's kubeconfig merged into another one (~/.kube/config): nothing there is lost or means something else.

`merge` is pure; `merge_into` reads and writes the file, and keeps a copy of what stood there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from kinstall import files
from kinstall.errors import UsageError

_LISTS = {"clusters": "cluster", "users": "user", "contexts": "context"}
_MOST = 8 << 20


@dataclass(frozen=True, slots=True)
class Merged:
    """`data`: the whole kubeconfig. `context`: how the cluster's context is called in it. `current`: whether kubectl
    uses it without being told. `changed`: whether anything is otherwise than before."""

    data: dict[str, Any]
    context: str
    current: bool
    changed: bool


@dataclass(frozen=True, slots=True)
class Written:
    """`backup` is where the earlier content went, None where there was no file or nothing had to be changed."""

    path: Path
    context: str
    current: bool
    changed: bool
    backup: Path | None


def merge(existing: Mapping[str, Any] | None, ours: Mapping[str, Any]) -> Merged:
    """Put the one cluster, user and context of `ours` into `existing`.

    A name that means something else there stays what it is, and ours gets another one. The same cluster (its CA says
    so) that was merged before is brought up to date. The current context changes only where there was none.
    """
    data: dict[str, Any] = deepcopy(dict(existing or {"apiVersion": "v1", "kind": "Config"}))
    before = deepcopy(data)
    for key in _LISTS:
        data[key] = data.get(key) or []
    cluster, user, context = (_only(ours, key) for key in _LISTS)
    again = _merged_before(data, cluster["cluster"], user["name"])
    if again:
        names = again
    else:
        names = {
            "clusters": _free(data, "clusters", cluster["name"], ""),
            "users": _free(data, "users", user["name"], cluster["name"]),
            "contexts": _free(data, "contexts", context["name"], ""),
        }
    link = {**context["context"], "cluster": names["clusters"], "user": names["users"]}
    for key, content in (("clusters", cluster["cluster"]), ("users", user["user"]), ("contexts", link)):
        _put(data, key, names[key], content)
    data["current-context"] = data.get("current-context") or names["contexts"]
    return Merged(data, names["contexts"], data["current-context"] == names["contexts"], not _same(before, data))


def merge_into(path: Path, admin_conf: bytes) -> Written:
    """Merge into the file (which is made where it is missing), in one step and for its owner only.

    Raises:
        UsageError: the file cannot be read or written, is no kubeconfig, or another program is about to change it
    """
    target = Path(os.path.realpath(path.expanduser()))
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _Lock(target):
            old = _read(target)
            merged = merge(_parsed(target, old), yaml.safe_load(admin_conf))
            if not merged.changed:
                return Written(target, merged.context, merged.current, False, None)
            backup = None
            if old is not None:
                backup = target.with_name(f"{target.name}.{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.backup")
                files.write(backup, old)
            files.write(target, yaml.safe_dump(merged.data, sort_keys=False).encode())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", "name another file with --file") from None
    return Written(target, merged.context, merged.current, True, backup)


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


def _merged_before(data: Mapping[str, Any], cluster: Mapping[str, Any], user: str) -> dict[str, str] | None:
    """The names under which this cluster and this user of it stand there already."""
    authority = cluster["certificate-authority-data"]
    for entry in data["contexts"]:
        link = entry.get("context") or {}
        found = _find(data, "clusters", link.get("cluster"))
        if found and (found.get("cluster") or {}).get("certificate-authority-data") == authority:
            name = str(link.get("user"))
            if name == user or name.startswith(f"{user}-"):
                return {"clusters": str(link["cluster"]), "users": name, "contexts": str(entry["name"])}
    return None


def _find(data: Mapping[str, Any], key: str, name: Any) -> dict[str, Any] | None:
    return next((entry for entry in data[key] if entry.get("name") == name), None)


def _free(data: Mapping[str, Any], key: str, name: str, cluster: str) -> str:
    """The name, or the next one that nothing else has."""
    wanted = [name, *([f"{name}-{cluster}"] if cluster else [])]
    last = wanted[-1]
    numbered = (f"{last}-{number}" for number in range(2, len(data[key]) + 3))
    return next(each for each in (*wanted, *numbered) if _find(data, key, each) is None)


def _put(data: dict[str, Any], key: str, name: str, content: Mapping[str, Any]) -> None:
    """Set the entry; what a person added to it, such as a context's namespace, stays."""
    entry = _find(data, key, name)
    inner = _LISTS[key]
    if entry is None:
        data[key].append({"name": name, inner: dict(content)})
    elif key == "users":
        entry[inner] = dict(content)  # credentials belong together
    else:
        entry[inner] = {**(entry.get(inner) or {}), **content}


def _same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return all(before.get(key) == after[key] for key in (*_LISTS, "current-context"))


def _read(path: Path) -> bytes | None:
    try:
        return files.read(path, _MOST)
    except FileNotFoundError:
        return None
    except files.TooLarge:
        raise UsageError(f"{path} is larger than a kubeconfig can be", "name another file with --file") from None


def _parsed(path: Path, content: bytes | None) -> dict[str, Any] | None:
    try:
        data = yaml.safe_load(content) if content else None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError):
        data = "no YAML"
    if data is None:
        return None
    if not isinstance(data, dict) or data.get("kind", "Config") != "Config":
        raise UsageError(f"{path} is no kubeconfig; it was left as it is", "name another file with --file")
    for key, inner in _LISTS.items():
        entries = data.get(key) or []
        good = isinstance(entries, list) and all(
            isinstance(each, dict) and isinstance(each.get(inner) or {}, dict) for each in entries
        )
        if not good:
            raise UsageError(f"{path} is no kubeconfig: {key} is no list of them; it was left as it is", "mend it")
    return data
