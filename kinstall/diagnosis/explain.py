"""Cause, not a time-out: what to collect when a step fails, and what the collected lines mean.

`diagnose_program` gives the sh code that prints the last words; `explain` turns them into a sentence. Both are pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from shlex import quote

from kinstall.diagnosis.known_causes import KNOWN, Known
from kinstall.wording import cut

MAX_LINES = 200
_QUOTED = 240
"""Characters of a line that a sentence quotes."""
_LINE = 600
"""Characters of a line that are kept: a stack trace adds nothing."""


def diagnose_program(
    units: Sequence[str] = (),
    containers: Sequence[str] = (),
    api: bool = False,
    kubeconfig: str = "/etc/kubernetes/admin.conf",
) -> str:
    """sh code that prints the last words of units, containers (`etcd`, `kube-apiserver` …) and the API.

    At most MAX_LINES lines, each as `[SOURCE] text`. It changes nothing, needs no tool to be there, and ends within
    some seconds whatever hangs. `api`: ask the API through `kubeconfig`, where that file exists.
    """
    parts = ["(", _functions("evidence"), "full_disks", "scarce_memory"]
    parts += [f"unit {quote(unit)} {quote(_label(unit))}" for unit in units]
    parts += [f"container {quote(name)} {quote(_label(name))}" for name in containers]
    if api:
        parts += [f"KUBECONFIG={quote(kubeconfig)}", _functions("evidence_api"), "api"]
    return "\n".join([*parts, f") </dev/null 2>&1 | cut -c1-{_LINE} | head -n {MAX_LINES}"])


def crash_loop_program(programs: Mapping[str, str]) -> str:
    """sh code for a Wait's `hopeless`: whether one of these static pods ends again and again for the same reason, as
    after a flag that its program does not know. `programs`: name of the container → of the program in it, as the kernel
    has it."""
    asked = [f"is_in_vain {quote(container)} {quote(program[:15])}" for container, program in programs.items()]
    return f"{_functions('crash_loop')}\n{' || '.join(asked)}"


def _label(name: str) -> str:
    """The name as sed's replacement text: only characters that unit and container names have."""
    return re.sub(r"[^\w@.:-]", "?", name)


_COMMENTS = re.compile(r"^ *#.*\n|^\n", re.MULTILINE)


@cache
def _functions(name: str) -> str:
    """The text of a `.sh` file of this room without comments: it goes to nodes."""
    path = files("kinstall.diagnosis").joinpath(f"{name}.sh")
    return _COMMENTS.sub("", path.read_text(encoding="utf-8")).rstrip()


@dataclass(frozen=True, slots=True)
class Explanation:
    """`what` happened, the `remedy`, and the line that says so with its source (a unit, a container, `events` …)."""

    what: str
    remedy: str
    source: str
    line: str

    def __str__(self) -> str:
        where = f"{self.source}: " if self.source else ""
        return f"{self.what}; {self.remedy} ({where}{cut(self.line, _QUOTED)})"


def find(evidence: Sequence[str]) -> Explanation | None:
    """The best known cause in the evidence: the first of the table, in the last line that fits it; None: not known."""
    lines = [_parted(line) for line in evidence]
    for known in KNOWN:
        for source, text in reversed(lines):
            # The pressure lines have their source in the pattern.
            whole = f"[{source}] {text}" if source in ("disk", "memory") else text.replace('\\"', '"')
            if match := known.pattern.search(whole):
                what, remedy = (_filled(t, match, source) for t in (known.what, known.remedy))
                return Explanation(what, remedy, source, clean(text))
    return None


def explain(evidence: Sequence[str]) -> str:
    """What the lines of a failed step mean, as a sentence or two; never empty.

    Where the cause is not known: the last three lines that look like errors, without their time stamps.
    """
    if known := find(evidence):
        return str(known)
    lines = [(source, clean(text), text) for source, text in map(_parted, evidence) if text.strip()]
    if not lines:
        return "nothing was logged about the cause"
    telling = [(source, text) for source, text, raw in lines if _ERROR.search(raw)]
    chosen: dict[str, str] = {}
    for source, text in reversed(telling or [(source, text) for source, text, _ in lines[-1:]]):
        chosen.setdefault(text, source)  # a daemon that restarts says the same again and again
        if len(chosen) == 3:
            break
    return "; ".join(
        f"{source}: {cut(t, _QUOTED)}" if source else cut(t, _QUOTED) for t, source in reversed(chosen.items())
    )


_ERROR = re.compile(
    r"^[EF]\d{4} |level=(?:error|fatal|panic)|\"level\":\"(?:error|fatal|panic)\"|\b(?:error|fatal|panic|failed|refused"
    r"|denied|cannot|could not|unable)\b|CrashLoopBackOff|ErrImagePull|ImagePullBackOff",
    re.IGNORECASE,
)


def clean(line: str) -> str:
    """What a log line says, without time stamps, process ids and places in the source code."""
    return " ".join(_cleaned(line.strip()).replace('\\"', '"').split())


def _cleaned(text: str) -> str:
    if text.startswith("{"):
        # Not parsed as JSON: a stack trace is cut off, and then it is none.
        pieces = re.findall(r'"(?:msg|error)":"((?:[^"\\]|\\.)*)', text)
        return ": ".join(pieces) or text
    if klog := re.match(r"[IWEF]\d{4} [\d:.]+ +\d+ [\w.-]+:\d+\] (.*)", text):
        text = klog[1]
    if logrus := re.search(r'level=\w+ msg=("(?:[^"\\]|\\.)*"|\S+)(.*)', text):
        error = re.search(r'error="((?:[^"\\]|\\.)*)"', logrus[2])
        text = logrus[1].strip('"') + (f": {error[1]}" if error else "")
    if structured := re.match(r'"((?:[^"\\]|\\.)*)".*? err="((?:[^"\\]|\\.)*)"', text):
        text = f"{structured[1]}: {structured[2]}"
    return text


def _parted(line: str) -> tuple[str, str]:
    """(source, text) of `[SOURCE] text`."""
    line = line[:_LINE]
    parts = re.match(r"\[([\w@.:-]+)\] ?(.*)", line)
    return (parts[1], parts[2]) if parts else ("", line)


def _filled(template: str, match: re.Match[str], source: str) -> str:
    """`{name}` is the group's text or nothing; `{name:, line %s}` puts words around it where it is there."""
    groups = {name: (text or "").strip().rstrip('\\"') for name, text in match.groupdict().items()}
    groups["source"] = source or "the program"

    def put(field: re.Match[str]) -> str:
        value = groups[field[1]]
        return (field[2] or "%s").replace("%s", value) if value else ""

    return re.sub(r"\{(\w+)(?::([^}]*))?\}", put, template)


__all__ = ["KNOWN", "Explanation", "Known", "clean", "crash_loop_program", "diagnose_program", "explain", "find"]
