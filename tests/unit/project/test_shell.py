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
