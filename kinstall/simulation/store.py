"""Simulated hosts on disk, so that the next rehearsal finds what the last one left.

Below the folder each node has `NODE.json` and a folder NODE with its files as they would lie on the host. What is
changed or removed there by hand is drift, which the next rehearsal finds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, astuple, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from kinstall import files
from kinstall.engine import record
from kinstall.engine.observation import PathState, UnitState
from kinstall.errors import NewerFormat, UsageError
from kinstall.simulation.host import Disk

_LARGEST = 64 << 20


def load(folder: Path) -> dict[str, Disk]:
    """Node name → what it keeps; empty where nothing was kept yet.

    Raises:
        UsageError: a file there cannot be read
    """
    found: dict[str, Disk] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            found[path.stem] = _disk(json.loads(files.read(path, _LARGEST)), folder / path.stem)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OSError, NewerFormat) as error:
            raise UsageError(
                f"{path} does not hold a simulated host: {error}", f"remove {folder} to start again"
            ) from None
    return found


def save(folder: Path, disks: Mapping[str, Disk]) -> None:
    """Keep the hosts, for their owner only."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, disk in disks.items():
        _write_files(folder / name, disk.contents)
        _write(folder / f"{name}.json", json.dumps(_data(disk), indent=1).encode())


def _data(disk: Disk) -> dict[str, Any]:
    return {
        "paths": {path: astuple(state) for path, state in disk.paths.items()},
        "units": {name: asdict(state) for name, state in disk.units.items()},
        "images": sorted(disk.images),
        "done": sorted(disk.done),
        "marks": disk.marks,
        "record": [entry.line() for entry in disk.record],
        "kept": {path: astuple(state) for path, (state, _) in disk.kept.items()},
    }


def _disk(data: dict[str, Any], folder: Path) -> Disk:
    disk = Disk(
        paths={path: PathState(*values) for path, values in data["paths"].items()},
        units={name: UnitState(**values) for name, values in data["units"].items()},
        images=set(data["images"]),
        done=set(data["done"]),
        marks=dict(data["marks"]),
        record=record.parse(data["record"]),
        kept={path: (PathState(*values), None) for path, values in data["kept"].items()},
    )
    for path, state in list(disk.paths.items()):
        if not state.digest:
            continue  # a folder, or a download, whose content nobody has
        try:
            content = files.read(folder / path.lstrip("/"), _LARGEST)
        except FileNotFoundError:
            del disk.paths[path]
            continue
        disk.contents[path] = content
        disk.paths[path] = replace(state, digest=sha256(content).hexdigest())
    return disk


def _write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    wanted = {folder / path.lstrip("/"): content for path, content in contents.items()}
    for path in folder.rglob("*"):
        if path.is_file() and path not in wanted:
            path.unlink()
    for path, content in wanted.items():
        if not path.is_file() or files.read(path, _LARGEST) != content:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(path, content)


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
