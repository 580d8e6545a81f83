"""All shell of the project: shellcheck has nothing to say about it, and each shell that a node may have can read it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Container, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kinstall.engine.shell_functions import functions
from tests.unit.shell import ROOT, SHELLS, files, programs, shell, tool

PUT_TOGETHER = {
    1010: "`report done` is a word and no end of a loop",
    2034: "a program does not use all that its beginning sets, nor each script its $FILES",
    2088: "an address that begins with ~ is shown to people, and not opened",
    2234: "code of a step runs in a subshell, whatever it is",
    2235: "the same",
    2317: "a program does not use all functions that it begins with",
}
"""Left out of what code puts together → why."""

MEANT = (
    (2086, r"\|\| (add|remove) \$line", "the words of a route"),
    (2030, r"range", "read in the loop only"),
    (2031, r"range", "another loop's"),
    (2046, r"set -- \$\(", "a list of words"),
    (2010, r"ls /etc/cni/net.d \| grep -q", "only whether there is one"),
    (2016, r"^exec env ", "what is in the quotes is for the inner shell"),
)
"""Findings that are meant, in code that nodes keep a copy of: code, the line's pattern, why."""


REMOVES = re.compile(r"\brm\s+(-\S+\s+)*-\S*[rR]|\bumount\s+[-\"'/$]|\bfind\b.*-delete\b")
"""Takes away more than a file, or a mount."""

OWN = (
    (r'^\[ -z .* \|\| rm -rf "\$RUNDIR"/files\.\* "\$STATE/sent" "\$stored"$', "what was sent to this program"),
    (r'^rm -rf "\$RUNDIR"/files\.\*$', "scripts' private files of a run that was killed, in memory"),
    (r'^obtain .* && rm -rf -- "\$folder" && mkdir -- "\$folder" &&$', "the unpacked part of an interrupted download"),
    (r'^rm -rf -- "\$archive" "\$folder" && set_mark', "what this function unpacked"),
    (r"^trap .rm -rf .*\$work\W*. EXIT$", "a folder of mktemp's, in memory"),
)
"""Lines that remove folders which the same program made, under names of its own: in no way another's → whose."""


def findings(
    texts: Mapping[str, str], dialect: str = "sh", leave_out: Iterable[int] = (), judged: Container[str] = ()
) -> list[str]:
    """What shellcheck says of each text, but for what is meant and the `judged` lines: `NAME: SC1234 message: line`."""
    command = [*tool("shellcheck"), f"--shell={dialect}", "--severity=style", "--format=json", "-"]
    left_out = ",".join(map(str, leave_out))
    command += [f"--exclude={left_out}"] if left_out else []

    def one(item: tuple[str, str]) -> list[str]:
        name, text = item
        ran = subprocess.run(command, input=text, text=True, capture_output=True, cwd=ROOT, check=False, timeout=120)
        assert ran.returncode in (0, 1), ran.stderr
        lines = [line.strip() for line in text.splitlines()]
        return [
            f"{name}: SC{said['code']} {said['message']}: {line}"
            for said in json.loads(ran.stdout)
            if (line := lines[said["line"] - 1]) not in judged
            and not any(code == said["code"] and re.search(pattern, line) for code, pattern, _ in MEANT)
        ]

    with ThreadPoolExecutor(os.cpu_count()) as workers:
        return [each for found in workers.map(one, texts.items()) for each in found]


def test_shellcheck_reads_every_file() -> None:
    """Nothing is found in any script of the repository; a dialect other than sh is named in the file."""
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in files()}
    assert "kinstall/engine/apply.sh" in texts and ".ci/run" in texts
    bash = {name for name, text in texts.items() if re.match(r"#!.*bash|# shellcheck shell=bash", text)}
    assert findings({name: texts[name] for name in texts.keys() - bash}) == []
    assert findings({name: texts[name] for name in bash}, "bash") == []


def test_shellcheck_reads_every_program() -> None:
    """Nothing is found in what is put together by code, for the examples' plans and for all that is asked of nodes.
    A line out of a file is judged where it is, with what the file says to shellcheck."""
    judged = {line.strip() for path in files() for line in path.read_text().splitlines()}
    different: dict[str, str] = {}
    for name, text in programs().items():
        for part in ("common", "observe", "apply", "undo"):
            text = text.replace(functions(part), "")
        different.setdefault(re.sub(r"[0-9a-f]{8,}|\d+", "0", text), f"{name}\n{text}")
    assert len(different) > 50
    texts = dict(named.split("\n", 1) for named in different.values())
    assert findings(texts, leave_out=PUT_TOGETHER, judged=judged) == []


def removing(text: str) -> list[str]:
    """Lines of a program that remove folders or mounts, but for remove.sh and what is a program's own."""
    lines = (line.strip() for line in text.replace(functions("remove"), "").splitlines())
    wrong = (line for line in lines if REMOVES.search(line) and not line.startswith("#"))
    return [line for line in wrong if not any(re.search(pattern, line) for pattern, _ in OWN)]


def test_folders_and_mounts_are_taken_away_in_one_place() -> None:
    """No program removes a folder or unmounts but through the functions of remove.sh, which go through no mount."""
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in files()}
    ours = {name: text for name, text in texts.items() if name.startswith(("kinstall/", "assets/"))}
    assert REMOVES.search(ours.pop("kinstall/engine/remove.sh"))
    found = {name: lines for name, text in {**ours, **programs()}.items() if (lines := removing(text))}
    assert found == {}


def test_a_removal_is_found() -> None:
    """By any spelling; a single file, an empty folder and a word that only begins so are nothing to worry about."""
    wrong = ["rm -rf x", "rm -f -r x", "rm --one-file-system -Rf x", 'x && umount -l "$m"', "find x -delete"]
    assert removing("\n".join(["rm -f -- x", "rmdir x", "mount umount ip", *wrong])) == wrong


def test_shellcheck_finds_what_is_wrong() -> None:
    """An unquoted variable, and a word of bash alone, are found: the checks above can fail."""
    assert [each.partition(" ")[2][:6] for each in findings({"x": 'rm -rf $folder\n[[ -n "$a" ]]\n'})] == [
        "SC2154", "SC2086", "SC3010",
    ]  # fmt: skip


@pytest.mark.parametrize("name", SHELLS)
def test_every_program_is_valid_in_every_shell(name: str) -> None:
    """A node's sh may be dash, bash or busybox: each can parse all that is sent to nodes."""
    for what, program in programs().items():
        checked = subprocess.run([*shell(name), "-n"], input=program, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, f"{what}: {checked.stderr}"


def test_the_files_are_found(tmp_path: Path) -> None:
    """By their suffix or by their first line, and no golden copy among them."""
    found = {str(path.relative_to(ROOT)) for path in files()}
    assert {"packaging/tools.sh", "kinstall/facts/facts.sh", ".ci/run"} <= found
    assert not any(name.startswith("tests/golden/") for name in found)
