"""What the lab's tests share: an answers file for some hosts, and the kinstall program run on it as a user would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.api import Lab
from tests.lab.demo import answers_for
from tests.lab.hosts import Host

REPOSITORY = Path(__file__).resolve().parents[2]
CHECKOUT = (sys.executable, "-m", "kinstall")
LIMIT = 420
"""Seconds after which a command counts as hanging."""


@dataclass(frozen=True)
class Ended:
    """How a command ended. `events` are those of `--output json`."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines() if line.startswith('{"event"')]

    @property
    def last(self) -> dict[str, Any]:
        """The closing event, with the counts."""
        return self.events[-1]

    @property
    def changed(self) -> list[tuple[str, str]]:
        """(node, step) of every step that changed something."""
        return [
            (event["node"], event["step"])
            for event in self.events
            if event["event"] == "stepFinished" and event["outcome"] == "changed"
        ]

    def __str__(self) -> str:
        return f"exit {self.code} after {self.seconds:.1f} s\n{self.out[-6000:]}\n{self.err[-4000:]}"


class Cluster:
    """An answers file and a state folder below `home`, for the given hosts (cp1 is the first, then w1, w2 …).

    `env` is in the environment of every command: secrets that the answers refer to. `program` is the command line that
    kinstall's words follow: this checkout, or the single file.
    """

    def __init__(
        self,
        lab: Lab,
        hosts: Sequence[Host],
        home: Path,
        changes: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        program: Sequence[str] = CHECKOUT,
    ) -> None:
        self.lab = lab
        self.program = list(program)
        self.hosts = list(hosts)
        self.home = home
        self.env = dict(env or {})
        self.state = home / "state"
        self.answers = home / "answers.yaml"
        self.write(changes)

    def write(self, changes: Mapping[str, Any] | None = None, hosts: Sequence[Host] | None = None) -> None:
        """Write the answers anew; `changes` is a JSON merge patch over what fits the lab."""
        names = [host.name for host in (hosts or self.hosts)]
        self.answers.write_text(answers_for(self.lab.describe(), hosts=names, changes=changes))

    def host(self, node: str) -> Host:
        """The host of a node's name."""
        names = ["cp1", *(f"w{number}" for number in range(1, len(self.hosts)))]
        return self.hosts[names.index(node)]

    def command(self, *words: str) -> list[str]:
        """The command line of `kinstall WORD answers.yaml --state … WORDS…`."""
        first, *rest = words
        return [*self.program, first, str(self.answers), "--state", str(self.state), *rest]

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a command and leave it running, in a process group of its own."""
        return subprocess.Popen(
            self.command(*words),
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str, env: Mapping[str, str] | None = None, limit: float = LIMIT) -> Ended:
        """Run a command to its end; one that hangs is ended and fails the test."""
        started = time.monotonic()
        running = self.start(*words, env=env)
        try:
            out, err = running.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            out, err = running.communicate()
            raise AssertionError(f"{words} hangs\n{out[-6000:]}\n{err[-4000:]}") from None
        return Ended(running.returncode, out, err, time.monotonic() - started)

    def replay(self, *words: str) -> Ended:
        return self.run("replay", "--output", "json", *words)

    def plan(self) -> dict[str, Any]:
        """`kinstall plan --output json` as data."""
        ended = self.run("plan", "--output", "json")
        assert ended.code == 0, ended
        data: dict[str, Any] = json.loads(ended.out)
        return data

    def verify(self) -> Ended:
        return self.run("verify", "--output", "json")

    def reset(self, *words: str) -> Ended:
        return self.run("reset", "--yes", "demo", "--output", "json", *words)

    def kubectl(self, words: str, stdin: str = "") -> str:
        """kubectl on the control plane."""
        line = f"KUBECONFIG=/etc/kubernetes/admin.conf HOME=/run/kinstall/home /usr/local/bin/kubectl {words}"
        return self.host("cp1").run(line, stdin=stdin).stdout


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60, every: float = 0.3) -> None:
    """Wait for `condition()`; AssertionError naming `what` after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not so after {seconds:g} s"
        time.sleep(every)
