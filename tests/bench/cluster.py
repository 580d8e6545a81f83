"""A whole cluster: kinstall and kubeadm on the same three hosts, bare before each run."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import figures, kubeadm
from tests.bench.figures import Row, Target
from tests.bench.process import Measured, measured
from tests.bench.quiet import Quiet
from tests.lab.api import Lab
from tests.lab.cluster import REPOSITORY, Cluster
from tests.lab.hosts import Host
from tests.lab.progress import say
from tests.lab.shell import LabError

GROUP = "cluster"
HOSTS = 3
KINSTALL, KUBEADM = "kinstall", "kubeadm"
FETCHING, PRELOADED, SECOND = "fetching", "artefacts there", "second replay"


def measure(runs: int, peer_runs: int, quiet: Quiet) -> list[Row]:
    """All of it; a lab that was up before stays up."""
    lab = Lab()
    found_up = bool(lab.hosts)
    try:
        kinstall: dict[str, list[Measured]] = {FETCHING: [], SECOND: [], PRELOADED: []}
        for number in range(runs):
            say(f"a cluster by kinstall, run {number + 1} of {runs}")
            with _bare(lab, quiet) as (cluster, _):
                kinstall[FETCHING].append(_replay(cluster))
                kinstall[SECOND].append(_second(cluster))
            with _bare(lab, quiet) as (cluster, _):
                measured(cluster.command("replay", "--until", "images"), cwd=REPOSITORY)
                kinstall[PRELOADED].append(_replay(cluster))
        peer = []
        for number in range(peer_runs):
            say(f"a cluster by kubeadm, run {number + 1} of {peer_runs}")
            with _bare(lab, quiet) as (cluster, hosts):
                peer.append(kubeadm.measure(lab, hosts, cluster.home))
    finally:
        if found_up:
            lab.bare_hosts(HOSTS)
        else:
            lab.down()
    rows = [
        Row(GROUP, KINSTALL, what, tuple(each.seconds for each in found), max(each.rss for each in found))
        for what, found in kinstall.items()
    ]
    return [*rows, Row(GROUP, KUBEADM, PRELOADED, tuple(peer))]


def targets(rows: list[Row]) -> list[Target]:
    peer = figures.find(rows, GROUP, KUBEADM, PRELOADED)
    second = figures.find(rows, GROUP, KINSTALL, SECOND)
    return [
        *(
            target
            for what, limit in ((FETCHING, 0.8), (PRELOADED, 0.4))
            for target in figures.ratio(
                f"cluster, {what}: kinstall / kubeadm", figures.find(rows, GROUP, KINSTALL, what), peer, limit
            )
        ),
        *([Target("second replay of a cluster, seconds", second.median, 3)] if second else []),
    ]


def kubernetes_version() -> str:
    from tests.lab.versions import versions

    return versions().kubernetes[0].version


@contextmanager
def _bare(lab: Lab, quiet: Quiet) -> Iterator[tuple[Cluster, list[Host]]]:
    home = Path(tempfile.mkdtemp(prefix="kinstall-bench-"))
    try:
        hosts = lab.bare_hosts(HOSTS)
        quiet.wait()
        yield Cluster(lab, hosts, home), hosts
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _replay(cluster: Cluster) -> Measured:
    """The whole process, checks left out: it ends when CoreDNS is available and all nodes are Ready."""
    done = measured(cluster.command("replay", "--no-verify", "--output", "json"), cwd=REPOSITORY)
    events = [json.loads(line) for line in done.text.splitlines() if line.startswith('{"event"')]
    if not any(
        (e["event"], e.get("phase"), e.get("outcome")) == ("phaseFinished", "addons", "changed") for e in events
    ):
        raise LabError(f"kinstall did not come to its add-ons: {done.text[-2000:]}")
    return done


def _second(cluster: Cluster) -> Measured:
    # The first replay's own checks wait for what the kubelet shows of the static pods, some seconds late; it is no
    # part of what a second one costs.
    measured(cluster.command("replay", "--output", "json"), cwd=REPOSITORY)
    done = measured(cluster.command("replay", "--output", "json"), cwd=REPOSITORY)
    last = json.loads(done.text.splitlines()[-1])
    if last.get("changed") != 0:
        raise LabError(f"the second replay changed something: {last}")
    return done
