"""What was measured, as data, as a table and as a page. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One thing measured: `seconds` are of each run, `rss` the operator's peak memory in MB (0: not measured).

    Rows of one `group` were measured in one go and may be compared.
    """

    group: str
    way: str
    what: str
    seconds: tuple[float, ...]
    rss: float = 0.0

    @property
    def median(self) -> float:
        return median(self.seconds)


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that is promised: `value` shall be at most `limit` (with `at_least`: at least)."""

    what: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def words(self) -> tuple[str, str, str, str]:
        return (
            self.what,
            f"{self.value:.2f}",
            f"{'≥' if self.at_least else '≤'} {self.limit:g}",
            "yes" if self.met else "NO",
        )


def find(rows: Sequence[Row], group: str, way: str, what: str) -> Row | None:
    """The row of that name, None where it was not measured."""
    return next((row for row in rows if (row.group, row.way, row.what) == (group, way, what)), None)


def ratio(name: str, one: Row | None, other: Row | None, limit: float, at_least: bool = False) -> list[Target]:
    """A target for the ratio of two rows' medians; none where one is missing."""
    if one is None or other is None:
        return []
    return [Target(name, one.median / other.median, limit, at_least)]


ROW_HEAD = ("", "way", "what", "median s", "runs", "operator MB")
TARGET_HEAD = ("target", "measured", "wanted", "met")


def row_words(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    return [
        (
            row.group,
            row.way,
            row.what,
            f"{row.median:.2f}",
            ", ".join(f"{each:.2f}" for each in row.seconds),
            f"{row.rss:.0f}" if row.rss else "",
        )
        for row in rows
    ]


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for a terminal."""
    widths = [max(len(line[column]) for line in (head, *rows)) for column in range(len(head))]
    return "\n".join(
        "  ".join(f"{cell:{w}}" for cell, w in zip(line, widths, strict=True)).rstrip() for line in (head, *rows)
    )


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


_PAGE = """\
# Measured

Written by `make bench` on {machine}. Operator and
nodes share that machine, so absolute figures are those of a small one;
ratios compare what was measured in the same run. Programs are measured from outside, start and imports included.

{targets}
{sections}"""

_SECTIONS = {
    "w1": """\
## Small tasks

Per node 40 files of 1 to 4 KiB (content, mode, owner; left alone where they are right) and 20 short commands (left out
where a check finds what they wrote), on real sshd processes, each with a file system of its own. "Cold" finds nothing,
"again" finds everything done. The floor is the very program that kinstall sends, run by the nodes' own sh without SSH,
all nodes at once. ansible-core runs with pipelining, ControlPersist, a fork per node and no facts.

""",
    "cluster": """\
## A whole cluster

One control plane and two workers (systemd-nspawn hosts of the lab, bare before each run), Kubernetes {kubernetes},
until all nodes are Ready and CoreDNS is available. kinstall fetches everything from a mirror and a registry on the same
machine, or finds binaries and images on the hosts. For kubeadm everything is on the hosts: binaries, a running
containerd, images, kernel settings. Measured of it are `kubeadm init`, both joins at once, CNI configurations and
routes as soon as the nodes' ranges are known, and the wait for CoreDNS. The hosts have no resolver, so its CoreDNS
gets a Corefile without `forward` right after init. "Second replay" finds nothing to do, and ends with its checks.

""",
    "rehearse": """\
## A rehearsal

`kinstall rehearse` from bare simulated hosts to the end: keys and certificates, every file of every node, the plan, the
run with its lines and its log. It is all that a replay costs on the operator's machine, without SSH.

""",
    "start": """\
## The single file

`kinstall.pyz` beside the environment that `make` builds for the same checkout (`.venv/bin/kinstall`). The first start
unpacks to an empty home; all others find it there. `rehearse` is the built-in example, and imports nearly everything.

""",
    "wizard": """\
## The wizard

The program in a pseudo-terminal of 120×40, measured from outside: until its first screen stands, and from the last key
of Quit until it has ended. The flood is a run of 200 nodes on the Install screen, told by eight threads as the engine
tells it: steps, their lines and their ends. How late the event loop is, is measured by a task that wants to wake every
10 ms. "Memory" are MB, not seconds.

""",
}


def page(machine: str, kubernetes: str, rows: Sequence[Row], targets: Sequence[Target]) -> str:
    """docs/bench.md."""
    parts = []
    for section, text in _SECTIONS.items():
        own = [row for row in rows if section_of(row) == section]
        if own:
            parts.append(text.format(kubernetes=kubernetes) + markdown(ROW_HEAD, row_words(own)))
    table = markdown(TARGET_HEAD, [target.words for target in targets])
    return _PAGE.format(machine=machine, targets=table, sections="\n".join(parts))


def section_of(row: Row) -> str:
    return {"cluster": "cluster", "rehearsal": "rehearse", "start": "start", "wizard": "wizard"}.get(row.group, "w1")


def as_data(machine: dict[str, Any], kubernetes: str, rows: Sequence[Row], targets: Sequence[Target]) -> dict[str, Any]:
    """docs/bench.json."""
    return {
        "machine": machine,
        "kubernetesVersion": kubernetes,
        "rows": [
            {
                **asdict(row),
                "median": round(row.median, 3),
                "seconds": [round(s, 3) for s in row.seconds],
                "rss": round(row.rss),
            }
            for row in rows
        ],
        "targets": [{**asdict(target), "value": round(target.value, 3), "met": target.met} for target in targets],
    }
