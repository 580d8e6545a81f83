"""The plain-HTTP gateway: who is admitted is decided by a real packet filter, in namespaces of their own."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from assets.network import firewall, gateway
from kinstall.cluster import ClusterSpec, Security
from tests.unit.assets.cluster import SPEC

NAMESPACE = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--net", "--mount"]


def spec(*networks: str) -> ClusterSpec:
    return replace(SPEC, security=Security(mode="http", acknowledge_insecure=True, trusted_networks=networks))


def possible() -> bool:
    done = subprocess.run([*NAMESPACE, "nft", "list", "ruleset"], capture_output=True, check=False)
    return done.returncode == 0


needs_nft = pytest.mark.skipif(not possible(), reason="no network namespaces, or no nft here")

# A listener on the control plane's address and two more ports' worth of connections, from several source addresses.
ASK = """
import socket, sys
server = socket.create_server(("192.0.2.11", int(sys.argv[1])))
for source in sys.argv[2:]:
    s = socket.socket(); s.settimeout(0.3); s.bind((source, 0))
    try:
        s.connect(("192.0.2.11", int(sys.argv[1]))); print(source, "admitted")
    except OSError:
        print(source, "dropped")
"""
SETUP = """
ip link set lo up
for each in 192.0.2.11 192.0.2.50 198.51.100.7 203.0.113.9 10.244.1.5; do ip addr add $each/32 dev lo || exit 99; done
"""


@needs_nft
def test_only_the_trusted_networks_are_admitted(tmp_path: Path) -> None:
    """Hosts of the networks and no others, pods never, not even the node itself; other ports are nobody's business."""
    rules = tmp_path / "gateway.nft"
    rules.write_text(gateway.rules(spec("198.51.100.0/24", "192.0.2.50/32", "198.51.100.0/25"), SPEC.nodes[0]))
    sources = "192.0.2.11 192.0.2.50 198.51.100.7 203.0.113.9 10.244.1.5"
    program = f'{SETUP}\nnft -f {rules} && nft -f {rules} || exit 98\n"$PYTHON" -c "$ASK" 8080 {sources}\n'
    program += f'"$PYTHON" -c "$ASK" 22 {sources}\n{gateway.CHECK}; echo $?\n{gateway.UNDO}\n{gateway.CHECK}; echo $?\n'
    environment = {**os.environ, "PYTHON": sys.executable, "ASK": ASK}
    done = subprocess.run(
        [*NAMESPACE, "sh", "-c", program], capture_output=True, text=True, check=False, env=environment, timeout=60
    )
    assert done.stdout.splitlines() == [
        "192.0.2.11 dropped",
        "192.0.2.50 admitted",
        "198.51.100.7 admitted",
        "203.0.113.9 dropped",
        "10.244.1.5 dropped",
        *(f"{source} admitted" for source in sources.split()),
        "0",
        "1",
    ], done.stderr


@needs_nft
def test_a_node_keeps_its_pods_from_it(tmp_path: Path) -> None:
    """The table that masquerades also drops what pods send there, and its check wants both."""
    for chosen, chains in ((spec("192.0.2.0/24"), ["forward", "postrouting"]), (SPEC, ["postrouting"])):
        rules = tmp_path / "firewall.nft"
        rules.write_text(firewall.rules(chosen))
        listing = f"nft -f {rules} && nft list table ip kinstall && {firewall.check(chosen)}"
        done = subprocess.run([*NAMESPACE, "sh", "-c", listing], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert sorted(re.findall(r"chain (\w+)", done.stdout)) == chains
        assert ("tcp dport 8080 drop" in done.stdout) == ("forward" in chains)
        assert ("ct status dnat" in done.stdout) == ("forward" in chains)


def test_nothing_of_it_in_mode_https_and_on_workers() -> None:
    """No file, no certificate."""
    from assets.credentials.pki import Leaf
    from assets.credentials.required import wanted_leaves

    http = spec("192.0.2.0/24")
    worker, plane = http.workers[0], http.control_planes[0]
    assert Leaf.GATEWAY in {each.name for each in wanted_leaves(http, plane)}
    assert Leaf.GATEWAY not in {each.name for each in wanted_leaves(http, worker)}
    assert Leaf.GATEWAY not in {each.name for each in wanted_leaves(SPEC, plane)}


def test_only_its_own_names_are_answered() -> None:
    """The Host header must be the node's address or the endpoint's: as a pattern, so that dots are no wildcards."""
    http = replace(spec("192.0.2.0/24"), control_plane_endpoint="api.example.org:6443")
    patterns = gateway.accepted_hosts(http, http.nodes[0]).split(",")
    assert [bool(re.search(each, "192.0.2.11")) for each in patterns] == [True, False]
    assert [bool(re.search(each, "api.example.org")) for each in patterns] == [False, True]
    assert not any(re.search(each, name) for each in patterns for name in ("192a0b2c11", "evil-api.example.org.net"))
