"""What a cluster of any choice must stand, whatever was chosen: to be shown after each.

A module of tests has one cluster, which its tests look at in the order of the file:

    @pytest.fixture(scope="module")
    def chosen(lab, tmp_path_factory):
        yield from after.installed(lab, tmp_path_factory.mktemp("vx"), 3, {"networking": {"podNetwork": "overlay"}})

    def test_it_is_installed(chosen): after.is_well(chosen)
    … what shows the choice itself …
    def test_nothing_is_left_to_do(chosen): after.nothing_to_do(chosen)
    def test_all_hosts_lose_power(chosen): after.lose_power(chosen)
    def test_reset_leaves_nothing(chosen): after.reset(chosen)
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import api, snapshot
from tests.lab.cluster import CHECKOUT, Cluster, Ended, wait_until
from tests.lab.demo import merged
from tests.lab.hosts import Host
from tests.lab.life import world

_OURS = "ps -eo comm= | grep -E 'kube|containerd|coredns|etcd|agnhost|pause' || true"


@dataclass(frozen=True)
class Chosen:
    """A cluster, its hosts' snapshots from before it by name, and how its first replay ended; and hosts beside it."""

    cluster: Cluster
    before: Mapping[str, dict[str, str]]
    first: Ended
    spare: Sequence[Host] = ()


def installed(
    lab: api.Lab,
    home: Path,
    count: int,
    changes: Mapping[str, Any] | Callable[[api.Lab], Mapping[str, Any]] | None = None,
    env: Mapping[str, str] | None = None,
    prepare: Callable[[Sequence[Host]], Mapping[str, Any]] = lambda hosts: {},
    *,
    spare: int = 0,
    ready: Callable[[Host], None] = lambda host: None,
    program: Sequence[str] = CHECKOUT,
) -> Generator[Chosen]:
    """The first replay on `count` bare hosts (cp1, w1, w2 …), for a fixture: at its end the hosts are powered off.

    `changes` is a JSON merge patch over the answers that fit the lab, or a function of the lab, once it is up, that has
    more of it made and returns one. `env` holds secrets that it refers to. `prepare` gets the hosts ready before the
    snapshots are taken, and returns what is to be answered about them, as another patch. `spare`: how many hosts beside
    the cluster; `ready` is called for each of its own right before the replay. `program`: the kinstall that installs.
    """
    every = lab.bare_hosts(count + spare)
    hosts = every[:count]
    try:
        own = prepare(hosts)
        # Some programs of the distribution write only when they start for the second time.
        api.in_parallel(Host.power_cycle, hosts)
        before = {host.name: host.snapshot() for host in hosts}
        wanted = changes(lab) if callable(changes) else changes or {}
        cluster = Cluster(lab, hosts, home, merged(wanted, own), env, program)
        for host in hosts:
            ready(host)
        yield Chosen(cluster, before, cluster.replay(), every[count:])
    finally:
        api.in_parallel(Host.power_off, every)


def is_well(chosen: Chosen) -> None:
    """The first replay ended well, with verify's every check at its end, and the hosts are asked for nothing more."""
    assert chosen.first.code == 0, chosen.first
    assert chosen.first.last["changed"] > 0
    verified = [event for event in chosen.first.events if event.get("phase") == "verify" and "step" in event]
    assert verified, "the replay's end was not verified"


def nothing_to_do(chosen: Chosen) -> None:
    """A second replay changes nothing, and before it the plan was empty."""
    world.nothing_to_do(chosen.cluster)
    again = chosen.cluster.replay()
    assert (again.code, again.last["changed"]) == (0, 0), again


def lose_power(chosen: Chosen) -> None:
    """Off and on again, all hosts at once: verify passes without anybody's doing, and there is nothing to do."""
    api.in_parallel(Host.power_off, chosen.cluster.hosts)
    api.in_parallel(Host.power_on, chosen.cluster.hosts)
    wait_until(lambda: chosen.cluster.verify().code == 0, "a verified cluster", 240, every=3)
    world.nothing_to_do(chosen.cluster)


def reset(chosen: Chosen) -> None:
    """Reset leaves no file, unit, link, route, rule, sysctl or process that was not there before."""
    hosts = chosen.cluster.hosts
    ended = chosen.cluster.reset()
    assert ended.code == 0, ended
    told = {host.name: snapshot.difference(chosen.before[host.name], host.snapshot()) for host in hosts}
    assert told == {host.name: [] for host in hosts}, told
    assert [host.run(_OURS).stdout for host in hosts] == ["" for _ in hosts]
