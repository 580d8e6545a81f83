"""The single file as people meet it: other Pythons, other users, and disks that are read-only, full or noexec.

Everything happens in mount namespaces of their own: home and the temporary folders are empty there, and gone after.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import termios
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.lab.pyz import REPOSITORY, build, entry

NOBODY = 65534
HOME = "/mnt/home"
PYENV = Path.home() / ".pyenv/versions"
PYTHONS = sorted(
    str(path)
    for folder, pattern in ((Path("/usr/bin"), "python3.1[1-4]"), (PYENV, "3.1[1-4].*/bin/python3"))
    for path in folder.glob(pattern)
)
"""The interpreters of this machine that kinstall supports."""

SYSTEM = "/usr/bin/python3"
_FOLDERS = "mount -t tmpfs -o mode=1777 none /tmp; mount -t tmpfs -o mode=1777 none /var/tmp; "
_HOME = f"mount -t tmpfs -o mode=755 none /mnt; mkdir {HOME}; "


@pytest.fixture(scope="module")
def made() -> Path:
    """The folder with kinstall.pyz, which anybody may read."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        if os.environ.get("CI"):
            pytest.fail("CI must be able to make mount namespaces")
        pytest.skip("needs root, to make mount namespaces")
    return entry()


@pytest.fixture(scope="module")
def pyz(made: Path) -> Path:
    return made / "kinstall.pyz"


def argv(
    pyz: Path,
    prepare: str,
    words: str = "--version",
    *,
    python: str = SYSTEM,
    user: int = 0,
    env: dict[str, str] | None = None,
    then: str = "",
) -> list[str]:
    """A command line that runs the file after `prepare` (sh code) with an empty home, as `user`; `then` is sh code that
    runs afterwards.

    The file lies in /srv/kinstall.pyz there: its own folder may be closed to other users.
    """
    chosen = {"HOME": HOME, "PATH": "/usr/bin:/bin", **(env or {})}
    settings = " ".join(f"{name}='{value}'" for name, value in chosen.items() if value)
    program = (
        'set -e; mount --make-rprivate /; mount -t tmpfs none /srv; cp "$1" /srv/kinstall.pyz; '
        f"{_FOLDERS}{_HOME}chown {user} {HOME}; {prepare}\ncd /srv; set +e\n"
        f"setpriv --reuid={user} --regid={user} --clear-groups env -i {settings} {python} kinstall.pyz {words}\n"
        f"status=$?\n{then}\nexit $status\n"
    )
    return ["unshare", "--mount", "sh", "-c", program, "sh", str(pyz)]


def start(pyz: Path, prepare: str, words: str = "--version", **more: Any) -> subprocess.CompletedProcess[str]:
    """Run argv() to its end, without a terminal."""
    return subprocess.run(
        argv(pyz, prepare, words, **more),
        capture_output=True, text=True, check=False, timeout=300, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def works(ended: subprocess.CompletedProcess[str]) -> str:
    """It ran and said its version; returns what it said besides."""
    assert ended.returncode == 0 and re.fullmatch(r"kinstall \d+\.\d+\.\d+\n", ended.stdout), ended
    return ended.stderr


def refused(ended: subprocess.CompletedProcess[str]) -> str:
    """It ended with exit code 2 and sentences, no traceback."""
    assert ended.returncode == 2 and ended.stdout == "" and "Traceback" not in ended.stderr, ended
    assert all(line.startswith(("kinstall: ", "  ")) for line in ended.stderr.splitlines()), ended.stderr
    return ended.stderr


@pytest.mark.parametrize("python", PYTHONS)
def test_every_python_here_runs_it(pyz: Path, python: str) -> None:
    """From an empty home: it unpacks once and says so, is silent the second time, and rehearses a whole cluster."""
    again = f"{python} kinstall.pyz --version 2>&1"
    ended = start(pyz, "", "rehearse --output json", python=python, then=f"HOME={HOME} {again}")
    lines = ended.stdout.splitlines()
    assert ended.returncode == 0, ended
    assert ended.stderr.startswith(f"kinstall: first start: unpacking to {HOME}/.cache/kinstall/")
    assert ended.stderr.count("\n") == 1
    last = json.loads(lines[-2])
    assert (last["event"], last["outcome"], last["failed"]) == ("runFinished", "changed", 0)
    assert re.fullmatch(r"kinstall \d+\.\d+\.\d+", lines[-1])


def test_the_wizard_opens_and_closes(pyz: Path) -> None:
    """On a terminal of 80 columns: its first screen comes, and ^Q ends it; without a terminal it says what it needs."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = argv(pyz, "", "", env={"TERM": "xterm-256color", "LANG": "C.UTF-8"})
    with subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, start_new_session=True) as running:
        os.close(inner)
        try:
            shown = _read_until(outer, b"Paste machines", 120)
            assert b"first start: unpacking" in shown and b"Paste machines" in shown, shown[-3000:]
            _read_until(outer, b"Quit", 30)
            os.write(outer, b"\x11")  # ^Q
            _read_until(outer, b"", 30)
            assert running.wait(30) == 0
        finally:
            running.kill()
    os.close(outer)
    assert start(pyz, "", "").returncode == 2


def _read_until(terminal: int, wanted: bytes, seconds: float) -> bytes:
    """What the terminal shows until `wanted` stands in it (empty: until the program ends), `seconds` at most."""
    seen, end = b"", time.monotonic() + seconds
    while time.monotonic() < end and not (wanted and wanted in seen):
        if select.select([terminal], [], [], 0.5)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:  # the program has ended
                break
    return seen


def test_there_are_pythons_to_try() -> None:
    """A machine without any would make the test above mean nothing."""
    assert SYSTEM and PYTHONS


def test_an_ordinary_user_runs_it(pyz: Path) -> None:
    """In a home of their own; nothing of it can be changed by others."""
    listed = f"find {HOME}/.cache/kinstall -perm /022 ! -type l; stat -c %U:%a {HOME}/.cache/kinstall"
    ended = start(pyz, "", user=NOBODY, then=listed)
    assert ended.stdout.splitlines()[1:] == ["nobody:700"], ended


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (f"mount -t tmpfs -o ro none {HOME}", "cannot be written to"),
        (f"mount -t tmpfs -o noexec,mode=777 none {HOME}", "programs may not run from there"),
        (f"mount -t tmpfs -o size=5m,mode=777 none {HOME}", "MB are free, and it takes"),
        (f"mkdir -m 755 {HOME}/.cache; chown root {HOME}/.cache", "cannot be written to"),
        (f"touch {HOME}/.cache", "is not a folder"),
        (f"chmod 777 {HOME}", f"others may write to {HOME} (mode 0777)"),
    ],
)
def test_a_home_without_room_is_passed_over(pyz: Path, prepare: str, why: str) -> None:
    """Read-only, noexec, full, somebody else's, no folder, open to others: it says why, unpacks elsewhere, works."""
    said = works(start(pyz, prepare, user=NOBODY)).splitlines()
    assert said[0].startswith(f"kinstall: not unpacking to {HOME}/.cache/kinstall: ") and why in said[0]
    assert said[1].startswith(f"kinstall: first start: unpacking to /var/tmp/kinstall-{NOBODY}/") and len(said) == 2


def test_without_a_home_it_works_too(pyz: Path) -> None:
    """HOME unset, and the user's entry names a folder that there is not."""
    assert "/var/tmp/kinstall-" in works(start(pyz, "", user=NOBODY, env={"HOME": ""}))


@pytest.mark.parametrize(
    ("options", "why"), [("size=5m", "MB are free"), ("noexec", "programs may not run"), ("ro", "cannot be written")]
)
def test_nowhere_to_unpack_is_one_sentence(pyz: Path, options: str, why: str) -> None:
    """Each folder with its reason, and the way out; the way out then works."""
    everywhere = "; ".join(f"mount -t tmpfs -o mode=1777,{options} none {path}" for path in (HOME, "/tmp", "/var/tmp"))
    said = refused(start(pyz, everywhere, user=NOBODY))
    assert said.count(why) == 3 and "PEX_ROOT=DIR" in said
    room = f"{everywhere}; mkdir -m 700 /srv/room; chown {NOBODY} /srv/room"
    assert "/srv/room" in works(start(pyz, room, user=NOBODY, env={"PEX_ROOT": "/srv/room"}))


def test_a_disk_that_fills_while_it_unpacks(pyz: Path) -> None:
    """There is room, but not for so many files: a sentence, and after making room the next start works."""
    few = f"mount -t tmpfs -o mode=700,nr_inodes=700 none {HOME}"
    more = f"mount -o remount,nr_inodes=100000 {HOME}; HOME={HOME} {SYSTEM} kinstall.pyz --version"
    ended = start(pyz, few, then=f"{more} 2>/dev/null")
    assert ended.returncode == 2 and "No space left on device" in ended.stderr and "Traceback" not in ended.stderr, (
        ended
    )
    assert ended.stdout.startswith("kinstall "), ended


def test_a_cache_that_became_read_only_still_serves(pyz: Path) -> None:
    """What was unpacked once is used, and nothing is said."""
    once = f"{SYSTEM} /srv/kinstall.pyz --version >/dev/null 2>&1"
    assert works(start(pyz, f"HOME={HOME} {once}; mount --bind {HOME} {HOME}; mount -o remount,bind,ro {HOME}")) == ""


def test_four_first_starts_at_once(pyz: Path) -> None:
    """All of them work."""
    many = f"for n in 1 2 3 4; do HOME={HOME} {SYSTEM} /srv/kinstall.pyz --version >/tmp/out.$n 2>&1 & done; wait; "
    ended = start(pyz, many, then="cat /tmp/out.*")
    assert ended.stdout.count("kinstall 0.") == 5, ended


def test_a_start_that_was_killed_harms_no_later_one(pyz: Path) -> None:
    """SIGKILL in the middle of unpacking."""
    killed = f"HOME={HOME} {SYSTEM} /srv/kinstall.pyz --version >/dev/null 2>&1 & sleep 1; kill -9 $!; wait || :"
    works(start(pyz, killed))


def test_what_lies_around_is_not_imported(pyz: Path) -> None:
    """A hostile PYTHONPATH, and packages of our names in the current directory, change nothing."""
    evil = 'raise SystemExit("hijacked")'
    names = ("assets", "kinstall", "screens", "yaml", "paramiko", "cryptography", "pex", "json", "argparse")
    hostile = "".join(
        f"mkdir -p {d}/{n}; echo '{evil}' >{d}/{n}/__init__.py; " for d in ("/srv", "/mnt/x") for n in names
    )
    ended = start(pyz, hostile, "rehearse --output json", env={"PYTHONPATH": "/mnt/x"})
    assert ended.returncode == 0 and "hijacked" not in ended.stdout + ended.stderr, ended
    assert json.loads(ended.stdout.splitlines()[-1])["failed"] == 0


def test_a_folder_that_somebody_else_prepared_is_not_used(pyz: Path) -> None:
    """In /var/tmp anybody may make a folder of the name that is looked for first."""
    unpacked = f"HOME={HOME} PEX_ROOT=/var/tmp/kinstall-{NOBODY} {SYSTEM} /srv/kinstall.pyz --version >/dev/null 2>&1"
    trap = f"mount -t tmpfs -o ro none {HOME}; {unpacked}; chown -R 1234 /var/tmp/kinstall-{NOBODY}"
    said = works(start(pyz, trap, user=NOBODY))
    assert f"/var/tmp/kinstall-{NOBODY}: " in said and f"unpacking to /tmp/kinstall-{NOBODY}/" in said


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.8", "3.10"])
def test_an_old_python_hands_over_or_says_what_it_takes(pyz: Path, version: str) -> None:
    """With a newer one on the PATH that one runs it; otherwise a sentence with both versions."""
    found = sorted(PYENV.glob(f"{version}.*/bin/python"))
    if not found:
        pytest.skip(f"there is no Python {version} here")
    works(start(pyz, "", python=str(found[0])))
    alone = start(pyz, "mkdir /srv/bin", python=str(found[0]), env={"PATH": "/srv/bin"})
    assert (
        refused(alone)
        == f"kinstall: this is Python {version}; kinstall needs Python 3.11 to 3.14, and there is none on the PATH\n"
    )


def test_the_same_sources_give_the_same_bytes(made: Path, tmp_path: Path) -> None:
    """Built again from a copy in another folder, with another umask."""
    copy = tmp_path / "elsewhere" / "checkout"
    copy.mkdir(parents=True)
    for name in ("kinstall", "assets", "screens", "packaging"):
        shutil.copytree(REPOSITORY / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", ".gitignore"):
        shutil.copy(REPOSITORY / name, copy / name)
    before = os.umask(0o077)
    try:
        build(tmp_path / "again", copy)
    finally:
        os.umask(before)
    files = sorted(path.name for path in made.iterdir())
    assert files == [
        "SHA256SUMS",
        "_kinstall",
        "kinstall.1",
        "kinstall.bash",
        "kinstall.cdx.json",
        "kinstall.fish",
        "kinstall.licences.txt",
        "kinstall.pyz",
    ]
    assert {
        name: (tmp_path / "again" / name).read_bytes() == (made / name).read_bytes() for name in files
    } == dict.fromkeys(files, True)


def test_what_comes_with_it_is_true(made: Path) -> None:
    """Checksums fit; bill and licences name each locked library with its version; no path of the machine is inside."""
    for line in (made / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((made / name).read_bytes()).hexdigest() == digest
    locked = dict(re.findall(r"(?m)^([a-z][\w.-]*)==([\w.]+)", (REPOSITORY / "packaging/requirements.txt").read_text()))
    bill = json.loads((made / "kinstall.cdx.json").read_text())
    listed = {re.sub(r"[-_.]+", "-", each["name"]).lower(): each for each in bill["components"]}
    assert {name: each["version"] for name, each in listed.items() if name != "pex"} == locked and "pex" in listed
    assert all(each["licenses"] for each in listed.values())
    texts = (made / "kinstall.licences.txt").read_text().lower().replace("_", "-")
    assert [name for name, version in locked.items() if f"{name} {version}: " not in texts] == []
    with zipfile.ZipFile(made / "kinstall.pyz") as held:
        told = held.read("PEX-INFO").decode() + held.read("__main__.py").decode()
    assert (
        str(REPOSITORY) not in told
        and "/tmp/kinstall-pyz" not in told
        and "pypi" not in told.lower().replace("pkg:pypi", "")
    )


def test_many_pythons_share_one_home(pyz: Path) -> None:
    """Each has its own environment below the same folder; a second one does not disturb the first."""
    others = "; ".join(f"HOME={HOME} {python} /srv/kinstall.pyz --version >/dev/null 2>&1" for python in PYTHONS)
    assert works(start(pyz, others)) == ""
