"""python -m tests.bench: measure, print one table, write docs/bench.json and docs/bench.md."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench import cluster, figures, rehearse, startup, w1, wizard
from tests.bench.figures import Row
from tests.bench.quiet import Quiet
from tests.lab.shell import LabError

REPOSITORY = Path(__file__).resolve().parents[2]
PEERS = REPOSITORY / ".venv-bench/bin"
PARTS = ("w1", "cluster", "rehearse", "start", "wizard")


def main(arguments: list[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    wanted = chosen.only.split(",")
    if unknown := set(wanted) - set(PARTS):
        print(f"bench: {', '.join(sorted(unknown))} is none of {', '.join(PARTS)}", file=sys.stderr)
        return 2
    if "w1" in wanted and not PEERS.is_dir():
        print("bench: the peers are not there: `make bench` installs them first", file=sys.stderr)
        return 1
    quiet = Quiet(chosen.quiet)
    rows: list[Row] = []
    try:
        if "w1" in wanted:
            sizes = [int(size) for size in chosen.sizes.split(",")]
            rows += w1.measure(sizes, chosen.runs, chosen.peer_runs, REPOSITORY, PEERS, quiet)
        if "cluster" in wanted:
            rows += cluster.measure(chosen.runs, chosen.peer_runs, quiet)
        if "rehearse" in wanted:
            rows += rehearse.measure(chosen.runs, REPOSITORY, quiet)
        if "start" in wanted:
            rows += startup.measure(chosen.runs, REPOSITORY, quiet)
        if "wizard" in wanted:
            rows += wizard.measure(chosen.runs, REPOSITORY, quiet)
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted; nothing was written", file=sys.stderr)
        return 130
    docs = REPOSITORY / "docs"
    rows += _kept(docs / "bench.json", wanted)
    targets = [*w1.targets(rows), *cluster.targets(rows), *rehearse.targets(rows), *wizard.targets(rows)]
    print(figures.aligned(figures.ROW_HEAD, figures.row_words(rows)))
    print()
    print(figures.aligned(figures.TARGET_HEAD, [target.words for target in targets]))
    version = cluster.kubernetes_version()
    data = figures.as_data(_machine(), version, rows, targets)
    (docs / "bench.json").write_text(json.dumps(data, indent=1) + "\n")
    (docs / "bench.md").write_text(figures.page(_machine_words(), version, rows, targets))
    return 0


def _kept(path: Path, measured: Sequence[str]) -> list[Row]:
    """The rows of an earlier run on this machine, of the parts that were not measured now."""
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError):
        return []
    if data["machine"] != _machine():
        return []
    rows = [Row(r["group"], r["way"], r["what"], tuple(r["seconds"]), r["rss"]) for r in data["rows"]]
    return [row for row in rows if figures.section_of(row) not in measured]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--only", default=",".join(PARTS), help="parts, with commas between them (default: %(default)s)"
    )
    parser.add_argument(
        "--sizes", default="4,16,32", help="how many nodes the small tasks run on (default: %(default)s)"
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of kinstall and the floor (default: %(default)s)")
    parser.add_argument("--peer-runs", type=int, default=1, help="runs of the peers (default: %(default)s)")
    parser.add_argument(
        "--quiet",
        type=float,
        default=120,
        metavar="SECONDS",
        help="wait so long in all for an idle machine (%(default)s)",
    )
    return parser


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cores": _cores(), "memoryGiB": round(memory / (1 << 30)), "kernel": platform.release().split("-")[0]}


def _machine_words() -> str:
    machine = _machine()
    return f"{machine['cores']} cores, {machine['memoryGiB']} GiB of memory, Linux {machine['kernel']}"


if __name__ == "__main__":
    sys.exit(main())
