"""Runs kinstall in a process of its own and measures it, so that an attack that succeeds costs that process only.

The processes are forked from one that has imported everything (multiprocessing's forkserver): each takes some
hundredths of a second, and what it is measured by is its own.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

SECONDS = 60.0
"""Until a command counts as hanging, however busy the machine is: an attack that is cut off takes one to four."""
CPU_SECONDS = 20
"""Of processor time, after which the kernel ends it."""
MEMORY = 300
"""MiB that a command may take beside what it begins with (some 100 MiB): its budgets are tens of them, and several
threads may each come up to one."""

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.unit.attacks.loaded"])


@dataclass(frozen=True, slots=True)
class Ran:
    """How it ended. `memory`: MiB that it took at most, beside those it began with."""

    code: int | None
    out: str
    err: str
    seconds: float
    memory: float

    @property
    def said(self) -> str:
        return self.out + self.err


def run(work: Callable[..., int], *arguments: Any, budgets: Mapping[str, float] | None = None) -> Ran:
    """Call `work` in a process of its own; its result is the exit code.

    `budgets`: `module.NAME` → seconds or bytes that it has there, so that a test need not wait for the real ones.
    """
    with tempfile.TemporaryDirectory() as folder:
        process = _FORKS.Process(target=_inside, args=(folder, dict(budgets or {}), work, arguments))
        begun = time.monotonic()
        process.start()
        process.join(SECONDS)
        seconds, code = time.monotonic() - begun, process.exitcode
        if code is None:
            process.kill()
            process.join()
        out, err, memory = (Path(folder, name) for name in ("out", "err", "memory"))
        return Ran(
            code,
            out.read_text("utf-8", "surrogateescape"),
            err.read_text("utf-8", "surrogateescape"),
            seconds,
            float(memory.read_text()) if memory.exists() else float("inf"),
        )


def command(words: list[str], environment: Mapping[str, str] | None = None) -> int:
    """`kinstall WORDS`."""
    from kinstall.cli.main import main

    os.environ.update(environment or {})
    return main(words)


def fine(ran: Ran, code: int, *words: str) -> None:
    """It ended in time, in bounded memory, with this exit code and these words; nothing of it is a traceback or steers
    the terminal."""
    assert ran.code == code, f"exit code {ran.code} after {ran.seconds:.0f} s: {ran.said[-2000:]}"
    assert ran.seconds < SECONDS
    assert ran.memory < MEMORY, f"{ran.memory:.0f} MiB"
    assert "Traceback" not in ran.said and "internal error" not in ran.said, ran.said[-2000:]
    assert steering(ran.said) == [], ran.said[-2000:]
    assert len(ran.said) < 1 << 20
    for each in words:
        assert each in ran.said, f"no {each!r} in: {ran.said[-2000:]}"


def steering(text: str) -> list[str]:
    """The characters of a text that a terminal would act upon, or that turn its direction."""
    return [
        each
        for each in text
        if (unicodedata.category(each) == "Cc" and each not in "\n\t") or each in "\u2028\u2029\u202e\u2066\u2069"
    ]


def _inside(folder: str, budgets: Mapping[str, float], work: Callable[..., int], arguments: tuple[Any, ...]) -> None:
    for name, number in ((("out", 1)), ("err", 2)):
        os.dup2(os.open(Path(folder, name), os.O_WRONLY | os.O_CREAT, 0o600), number)
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))  # an attack that succeeds does not cost the machine
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    for name, value in budgets.items():
        module, _, constant = name.rpartition(".")
        assert hasattr(import_module(module), constant)
        setattr(import_module(module), constant, value)
    before = _mib("VmRSS")
    try:
        code = work(*arguments)
    finally:
        Path(folder, "memory").write_text(f"{_mib('VmHWM') - before:.1f}")
    sys.stdout.flush()
    sys.exit(code)


def _mib(key: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{key}:")).split()[1]) / 1024
