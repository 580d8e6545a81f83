"""A merge as kubectl sees it: made-up kubeconfigs, merged into by kinstall and read by the lab's kubectl."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from kinstall.operations.kubeconfig import merge_into
from tests.unit.operations.generated_kubeconfigs import kubeconfig, written
from tests.unit.operations.test_kubeconfig import conf

_LISTS = ("clusters", "users", "contexts")


def config(kubectl: str, paths: list[Path], *words: str) -> str:
    """What `kubectl config …` says with these files in $KUBECONFIG."""
    ran = subprocess.run(
        [kubectl, "config", *words], env={"KUBECONFIG": os.pathsep.join(map(str, paths)), "HOME": "/nonexistent"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, f"{ran.stderr}\n" + "\n".join(path.read_text() for path in paths if path.exists())
    return ran.stdout


def seen(kubectl: str, paths: list[Path]) -> dict[str, Any]:
    """The whole of it, the lists as name → entry."""
    data: dict[str, Any] = json.loads(config(kubectl, paths, "view", "--raw", "-o", "json"))
    return data | {key: {each["name"]: each for each in data.get(key) or ()} for key in _LISTS}


def without(data: dict[str, Any], names: dict[str, set[str]]) -> dict[str, Any]:
    lists = {key: {name: each for name, each in data[key].items() if name not in names[key]} for key in _LISTS}
    return {key: value for key, value in data.items() if key != "current-context"} | lists


@pytest.mark.parametrize("seed", range(12))
def test_kubectl_sees_three_entries_more_and_no_other_change(
    kubectl: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """One to three files, some of them missing or empty: cluster, user and context are added, whatever was there means
    the same, the current context too. It is written into the file that kubectl itself writes to. A renewed key then
    changes that user, and nothing else."""
    chance = random.Random(seed)
    paths = [tmp_path / f"config{number}" for number in range(chance.randint(1, 3))]
    for path in paths:
        if (kind := chance.random()) > 0.2:
            path.write_bytes(written(chance, kubeconfig(chance)).encode() if kind > 0.3 else b"")
    before = seen(kubectl, paths)
    copies = [tmp_path / "kubectl" / path.name for path in paths]
    copies[0].parent.mkdir()
    for path, copy in zip(paths, copies, strict=True):
        if path.exists():
            shutil.copy(path, copy)
    config(kubectl, copies, "set-cluster", "new-one", "--server=https://192.0.2.1")
    (theirs,) = [copy.name for copy in copies if copy.exists() and "new-one" in copy.read_text()]

    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, paths)))
    done = merge_into(None, yaml.safe_dump(conf()).encode())
    after = seen(kubectl, paths)
    added = {key: set(after[key]) - set(before[key]) for key in _LISTS}
    assert done.path.name == theirs and [len(names) for names in added.values()] == [1, 1, 1]
    assert without(after, added) == without(before, added)
    assert after["current-context"] == (before["current-context"] or done.context)
    link = after["contexts"][done.context]["context"]
    assert after["clusters"][link["cluster"]]["cluster"] == conf()["clusters"][0]["cluster"]
    assert after["users"][link["user"]]["user"] == conf()["users"][0]["user"]

    merge_into(None, yaml.safe_dump(conf(key="bmV3")).encode())
    renewed = seen(kubectl, paths)
    assert renewed["users"].pop(link["user"])["user"]["client-key-data"] == "bmV3"
    after["users"].pop(link["user"])
    assert renewed == after
