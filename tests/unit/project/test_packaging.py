"""The single file's parts that need no build: what it is built for, and what it says before it unpacks."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.unit.owners import OWNERS, prepared

HERE = Path(__file__).parents[3] / "packaging"
BUILT = {
    "key": "k",
    "megabytes": 1,
    "pythons": ((3, 11), (3, 14)),
    "systems": (("linux", "x86_64", "glibc"), ("linux", "aarch64", "glibc")),
    "glibc": (2, 28),
}


def module(name: str) -> ModuleType:
    """A file of packaging/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"kinstall_{name}", HERE / f"{name}.py")
    assert spec and spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def preamble(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The preamble without a build's figures: nothing runs when it is loaded. Home and TMPDIR are below tmp_path."""
    for name in ("PEX_ROOT", "XDG_CACHE_HOME", "_KINSTALL_UNPACKED", "_KINSTALL_PYTHON"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "home").mkdir()
    (tmp_path / "tmp").mkdir()
    return module("preamble")


def test_every_python_has_every_platform() -> None:
    """Two platforms by default and five in all; each description names its own tags, the best first."""
    targets = module("targets")
    assert len(targets.descriptions("default")) == 4 * 2 and len(targets.descriptions("all")) == 4 * 5
    one = targets.descriptions("all")["cp313-linux-aarch64-glibc"]
    assert one["compatible_tags"][0] == "cp313-cp313-manylinux_2_28_aarch64"
    assert "cp311-abi3-manylinux2014_aarch64" in one["compatible_tags"] and "py3-none-any" in one["compatible_tags"]
    assert not any(tag.startswith(("cp312-abi3", "cp313-abi3")) for tag in one["compatible_tags"])
    assert not any("manylinux_2_29" in tag or "musl" in tag for tag in one["compatible_tags"])
    assert one["marker_environment"]["python_version"] == "3.13"
    musl = targets.descriptions("all")["cp312-linux-x86_64-musl"]["compatible_tags"]
    assert musl[0] == "cp312-cp312-musllinux_1_2_x86_64" and not any("manylinux" in tag for tag in musl)
    mac = targets.descriptions("all")["cp311-darwin-arm64"]
    assert mac["marker_environment"]["platform_system"] == "Darwin"
    assert "cp311-abi3-macosx_11_0_arm64" in mac["compatible_tags"]


def test_the_usual_place_comes_first(preamble: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG's folder, the home's, then temporary ones that carry the user's number; PEX_ROOT alone where it is set."""
    own = f"kinstall-{os.getuid()}"
    assert preamble.kinstall_places() == [
        str(tmp_path / "home/.cache/kinstall"), str(tmp_path / "tmp" / own), f"/var/tmp/{own}", f"/tmp/{own}"
    ]  # fmt: skip
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    assert preamble.kinstall_places()[0] == str(tmp_path / "home/.cache/kinstall")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert preamble.kinstall_places()[0] == str(tmp_path / "xdg/kinstall")
    monkeypatch.setenv("PEX_ROOT", "/elsewhere")
    assert preamble.kinstall_places() == ["/elsewhere"]


def test_a_first_start_is_told_and_a_later_one_is_not(
    preamble: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told once: neither the programs that PEX starts in its place nor later starts repeat it."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    root = tmp_path / "home/.cache/kinstall/k"
    preamble.kinstall_start(BUILT)
    assert capsys.readouterr().err == f"kinstall: first start: unpacking to {root} (once, 1 MB) ...\n"
    assert os.environ["PEX_ROOT"] == str(root) and root.stat().st_mode & 0o777 == 0o700
    preamble.kinstall_start(BUILT)
    monkeypatch.delenv("PEX_ROOT")
    monkeypatch.delenv("_KINSTALL_UNPACKED")
    (root / "venvs/4/hash/key").mkdir(parents=True)
    (root / "venvs/4/hash/key/pex").touch()
    preamble.kinstall_start(BUILT)
    assert capsys.readouterr().err == "" and os.environ["PEX_ROOT"] == str(root)


@pytest.mark.parametrize("case", OWNERS)
def test_what_others_may_write_to_is_not_used(
    preamble: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, case: str
) -> None:
    """The same judgement as kinstall/files.py, on the same trees; what is refused leaves nothing behind."""
    path, wrong = prepared(case, tmp_path, monkeypatch)
    assert bool(preamble.kinstall_others(str(path))) is bool(wrong), preamble.kinstall_others(str(path))
    before = sorted(tmp_path.rglob("*"))
    assert bool(preamble.kinstall_refusal(str(path), 1)) is bool(wrong)
    assert not wrong or sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("uname", "libc", "said"),
    [
        (("Linux", "riscv64"), "glibc 2.36", "not built for linux riscv64 glibc"),
        (("Linux", "x86_64"), None, "not built for linux x86_64 musl"),
        (("Darwin", "arm64"), None, "not built for darwin arm64"),
        (("Linux", "x86_64"), "glibc 2.17", "glibc is 2.17; kinstall.pyz needs 2.28"),
    ],
)
def test_another_kind_of_machine_is_a_sentence(
    preamble: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    uname: tuple[str, str],
    libc: str | None,
    said: str,
) -> None:
    """Exit code 2, before anything is unpacked."""
    monkeypatch.setattr(os, "uname", lambda: (uname[0], "host", "6", "#1", uname[1]))
    monkeypatch.setattr(os, "confstr", lambda name: libc)
    with pytest.raises(SystemExit) as ended:
        preamble.kinstall_start(BUILT)
    assert ended.value.code == 2 and said in capsys.readouterr().err


def test_the_preamble_imports_only_what_python_has_loaded() -> None:
    """Before PEX isolates itself, a PYTHONPATH could put its own module in the place of any other."""
    program = (
        f"import sys\nbefore = set(sys.modules)\nexec(open({str(HERE / 'preamble.py')!r}).read())\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    bare = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(bare.stdout.split()) <= {"errno"}
