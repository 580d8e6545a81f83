"""The routes' script on a real routing table, in a network namespace of its own."""

import os
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from assets.pod_network.routed import routes
from tests.unit.assets.cluster import CIDRS, SPEC

NAMESPACE = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--net", "--mount"]
# Whatever still runs in there ends with its first process.
NAMESPACE += ["--pid", "--fork"]

# Without an address of IPv6's own: one to two seconds after the link came up the kernel finds it to be unique, which
# is news of the link that sets the routes again, in the middle of whatever a test looks at.
SETUP = """
ip link add eth0 type veth peer name far && ip link set far up || exit 99
ip link set eth0 addrgenmode none && ip link set eth0 up || exit 99
ip addr add 192.0.2.11/24 dev eth0 || exit 99
routes() { sh "$SCRIPT" "$@"; }
"""


def possible() -> bool:
    done = subprocess.run([*NAMESPACE, "ip", "link", "add", "eth0", "type", "veth"], capture_output=True, check=False)
    return done.returncode == 0


needs_namespace = pytest.mark.skipif(not possible(), reason="no network namespaces (or no ip) here")


def run(tmp_path: Path, listed: str, program: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "routes").write_text(listed)
    environment = {
        **os.environ,
        "SCRIPT": str(files("assets.pod_network").joinpath("routes.sh")),
        "KINSTALL_ROUTES": str(tmp_path / "routes"),
    }
    return subprocess.run(
        [*NAMESPACE, "sh", "-c", SETUP + program],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=60,
    )


PEERS = "# comment\n10.244.1.0/24 192.0.2.12\n10.244.2.0/24 192.0.2.13\n"


def test_routes_of_every_peer_and_none_to_oneself() -> None:
    """In the spec's order; a node without a range is left out."""
    assert routes(SPEC, SPEC.nodes[1], CIDRS) == [("10.244.0.0/24", "192.0.2.11"), ("10.244.2.0/24", "192.0.2.13")]
    assert routes(SPEC, SPEC.nodes[0], {"w2": CIDRS["w2"]}) == [("10.244.2.0/24", "192.0.2.13")]


@needs_namespace
def test_up_sets_what_is_listed_and_check_agrees(tmp_path: Path) -> None:
    """Before, check names both; after up, it is silent; up again changes nothing."""
    done = run(tmp_path, PEERS, "routes check; echo $?; routes up && routes check && routes up; echo $?; ip -4 route")
    assert "no route to 10.244.1.0/24 via 192.0.2.12\nno route to 10.244.2.0/24 via 192.0.2.13\n1\n0\n" in done.stdout
    assert "10.244.1.0/24 via 192.0.2.12 dev eth0 proto 57" in done.stdout


@needs_namespace
def test_a_changed_list_moves_and_removes(tmp_path: Path) -> None:
    """A peer that moved, one that is gone, one deleted by hand: up brings the table in line with the list."""
    program = """
routes up
printf '10.244.2.0/24 192.0.2.14\\n10.244.3.0/24 192.0.2.15\\n' >$KINSTALL_ROUTES
routes check; echo "checked $?"; routes up && routes check; echo "mended $?"; ip -4 route show proto 57
"""
    done = run(tmp_path, PEERS, program)
    before, _, after = done.stdout.partition("checked 1\n")
    assert "10.244.1.0/24 via 192.0.2.12, which is no peer's" in before
    assert after.startswith("mended 0\n")
    assert [line.split()[:3] for line in after.splitlines()[1:]] == [
        ["10.244.2.0/24", "via", "192.0.2.14"],
        ["10.244.3.0/24", "via", "192.0.2.15"],
    ]


@needs_namespace
def test_other_peoples_routes_stay(tmp_path: Path) -> None:
    """down takes our routes only."""
    done = run(tmp_path, PEERS, "ip route add 10.9.0.0/16 via 192.0.2.99; routes up; routes down; ip -4 route")
    assert "10.9.0.0/16 via 192.0.2.99" in done.stdout
    assert "10.244" not in done.stdout


@needs_namespace
def test_a_peer_out_of_reach_is_an_error_and_the_others_are_set(tmp_path: Path) -> None:
    """The unit fails with the kernel's own words, but what could be set is set."""
    done = run(tmp_path, "10.244.3.0/24 198.51.100.3\n" + PEERS, "routes up; echo $?; ip -4 route show proto 57")
    assert done.stdout.startswith("1\n10.244.1.0/24 via 192.0.2.12")
    assert "invalid gateway" in done.stderr


@needs_namespace
def test_watch_sets_them_again_when_the_link_returns(tmp_path: Path) -> None:
    """A link that goes down takes its routes along; a route that somebody deleted stays deleted."""
    program = """
routes up; routes watch & watcher=$!
sleep 0.5
ip route del 10.244.1.0/24; ip link add other type veth; ip link set other up; sleep 0.5
routes check >/dev/null; echo "after a deletion $?"
ip link set eth0 down; [ -z "$(ip -4 route show proto 57)" ] && echo gone; ip link set eth0 up
i=0; until routes check >/dev/null || [ $((i += 1)) = 100 ]; do
    sleep 0.1
    # On a busy machine the watcher may not have listened yet.
    [ $((i % 20)) != 0 ] || { ip link set eth0 down; ip link set eth0 up; }
done
routes check; echo "after the link $?"
"""
    done = run(tmp_path, PEERS, program)
    assert done.stdout.splitlines() == ["after a deletion 1", "gone", "after the link 0"], done.stderr
