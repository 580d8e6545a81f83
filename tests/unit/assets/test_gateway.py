"""The plain-HTTP gateway: who is admitted is decided by a real packet filter, in namespaces of their own; and what a
control plane gets for it."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from assets import paths
from assets.network import firewall, gateway, gateway_config
from kinstall.cluster import ClusterSpec, Security
from tests.unit.assets.cluster import SPEC, files_of, pki_in

NAMESPACE = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--net", "--mount"]


def spec(*networks: str) -> ClusterSpec:
    return replace(SPEC, security=Security(mode="http", acknowledge_insecure=True, trusted_networks=networks))


def possible() -> bool:
    done = subprocess.run([*NAMESPACE, "nft", "list", "ruleset"], capture_output=True, check=False)
    return done.returncode == 0


needs_nft = pytest.mark.skipif(not possible(), reason="no network namespaces, or no nft here")

# Listeners on the control plane's address: one on each port of the first argument. Then connections to a port each from
# several source addresses, and on which port they were taken.
ASK = """
import select, socket, sys
servers = [socket.create_server(("192.0.2.11", int(port))) for port in sys.argv[1].split(",")]
for source in sys.argv[3:]:
    s = socket.socket(); s.settimeout(0.3); s.bind((source, 0))
    try:
        s.connect(("192.0.2.11", int(sys.argv[2])))
        taken = select.select(servers, [], [], 1)[0][0]
        taken.accept(); print(source, "taken on", taken.getsockname()[1])
    except OSError:
        print(source, "dropped")
"""
SETUP = """
ip link set lo up
for each in 192.0.2.11 192.0.2.12 198.51.100.7 203.0.113.9 10.244.1.5; do ip addr add $each/32 dev lo || exit 99; done
"""
# The node, another node, a trusted host, a stranger, a pod.
SOURCES = "192.0.2.11 192.0.2.12 198.51.100.7 203.0.113.9 10.244.1.5"


def filtered(tmp_path: Path, program: str, *networks: str) -> list[str]:
    """The lines that a program prints in a network namespace with the control plane's rules, loaded twice."""
    rules = tmp_path / "firewall.nft"
    rules.write_text(firewall.rules(spec(*networks), SPEC.nodes[0]))
    environment = {**os.environ, "PYTHON": sys.executable, "ASK": ASK}
    done = subprocess.run(
        [*NAMESPACE, "sh", "-c", f"{SETUP}\nnft -f {rules} && nft -f {rules} || exit 98\n{program}"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@needs_nft
def test_only_the_trusted_networks_are_admitted(tmp_path: Path) -> None:
    """Hosts of the networks and no others; pods never, and no node, although their network is trusted. Other ports are
    not its business."""
    program = f'"$PYTHON" -c "$ASK" 8080 8080 {SOURCES}\n"$PYTHON" -c "$ASK" 22 22 {SOURCES}'
    assert filtered(tmp_path, program, "198.51.100.0/24", "192.0.2.0/24", "198.51.100.0/25") == [
        "192.0.2.11 dropped",
        "192.0.2.12 dropped",
        "198.51.100.7 taken on 8080",
        "203.0.113.9 dropped",
        "10.244.1.5 dropped",
        *(f"{source} taken on 22" for source in SOURCES.split()),
    ]


@needs_nft
def test_nothing_is_turned_to_it_or_away_from_it(tmp_path: Path) -> None:
    """A node port that leads to the gateway's: dropped, for a trusted host too. An external IP that takes the
    gateway's port: trusted hosts still reach the gateway. Without the filter both would be as the rules of a service
    want it."""
    nat = 'nft "table ip nat { chain output { type nat hook output priority -100;'
    to = f'{nat} tcp dport 30080 dnat to 192.0.2.11:8080; }}; }}"\n"$PYTHON" -c "$ASK" 8080 30080 198.51.100.7\n'
    away = f'{nat} tcp dport 8080 dnat to 192.0.2.11:9090; }}; }}"\n"$PYTHON" -c "$ASK" 8080,9090 8080 198.51.100.7\n'
    unfiltered = f"nft delete table ip nat\n{firewall.UNDO}\n"
    assert filtered(tmp_path, f"{to}{unfiltered}{to}", "198.51.100.0/24") == [
        "198.51.100.7 dropped",
        "198.51.100.7 taken on 8080",
    ]
    assert filtered(tmp_path, f"{away}{unfiltered}{away}", "198.51.100.0/24") == [
        "198.51.100.7 taken on 8080",
        "198.51.100.7 taken on 9090",
    ]


@needs_nft
def test_the_check_sees_each_chain_that_is_missing(tmp_path: Path) -> None:
    """It holds with the whole table, and no longer when any of the gateway's chains is empty."""
    check = firewall.gateway_check(SPEC.nodes[0])
    chains = ("forward", "untracked", "untracked-output", "input", "gateway")
    tries = "".join(
        f"nft flush chain ip kinstall {chain}\n{check}; echo {chain} $?\nnft -f {tmp_path}/firewall.nft\n"
        for chain in chains
    )
    lines = filtered(tmp_path, f"{check}; echo whole $?\n{tries}", "198.51.100.0/24")
    assert lines == ["whole 0", *(f"{chain} 1" for chain in chains)]


@needs_nft
def test_every_node_forwards_nothing_to_it(tmp_path: Path) -> None:
    """Workers have one chain for it, in the table that masquerades; in mode https there is none."""
    for chosen, chains in ((spec("192.0.2.0/24"), ["forward", "postrouting"]), (SPEC, ["postrouting"])):
        rules = tmp_path / "firewall.nft"
        rules.write_text(firewall.rules(chosen, chosen.nodes[1]))
        checks = [
            firewall.MASQUERADE_CHECK,
            *([firewall.gateway_check(chosen.nodes[1])] if "forward" in chains else []),
        ]
        listing = f"nft -f {rules} && nft list table ip kinstall && {' && '.join(checks)}"
        done = subprocess.run([*NAMESPACE, "sh", "-c", listing], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert sorted(re.findall(r"chain (\w+)", done.stdout)) == chains
        assert ("ip daddr 192.0.2.11 tcp dport 8080 drop" in done.stdout) == ("forward" in chains)


def test_nothing_of_it_in_mode_https_and_on_workers(tmp_path: Path) -> None:
    """No file, no certificate."""
    from assets.credentials.pki import Leaf
    from assets.credentials.required import wanted_leaves

    http = spec("192.0.2.0/24")
    worker, plane = http.workers[0], http.control_planes[0]
    assert Leaf.GATEWAY in {each.name for each in wanted_leaves(http, plane)}
    assert Leaf.GATEWAY not in {each.name for each in wanted_leaves(http, worker)}
    assert Leaf.GATEWAY not in {each.name for each in wanted_leaves(SPEC, plane)}
    pki = pki_in(tmp_path, http)
    assert set(gateway.FILES) <= files_of(http, "cp1", pki).keys()
    for chosen, node in ((http, "w1"), (SPEC, "cp1")):
        assert not set(gateway.FILES) & files_of(chosen, node, pki).keys()


def test_its_key_is_roots_alone(tmp_path: Path) -> None:
    """One file holds it, 0600; the pod reads that as root and has no right but to become somebody else."""
    http = spec("198.51.100.0/24")
    files = files_of(http, "cp1", pki_in(tmp_path, http))
    key = files[f"{paths.GATEWAY_FOLDER}/client.pem"]
    assert (key.mode, key.secret) == (0o600, True)
    assert b"PRIVATE KEY" in key.content
    assert [path for path in gateway.FILES if b"PRIVATE KEY" in files[path].content] == [key.path]
    pod = yaml.safe_load(files[paths.manifest(gateway.NAME)].content)
    context = pod["spec"]["containers"][0]["securityContext"]
    assert context["capabilities"] == {"drop": ["ALL"], "add": ["SETUID", "SETGID"]}
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert f"uid {gateway_config.UID}\n" in files[f"{paths.GATEWAY_FOLDER}/haproxy.cfg"].content.decode()


def test_what_it_reads_restarts_it(tmp_path: Path) -> None:
    """Another trusted network changes the configuration, and with it the manifest that the kubelet looks at."""
    one, other = spec("198.51.100.0/24"), spec("198.51.100.0/25")
    pki = pki_in(tmp_path, one)
    manifests = [files_of(each, "cp1", pki)[paths.manifest(gateway.NAME)].content for each in (one, other, one)]
    assert manifests[0] == manifests[2] != manifests[1]


def test_no_external_ips_beside_it(tmp_path: Path) -> None:
    """The API server refuses Services with externalIPs in mode http, and only there."""
    http = spec("198.51.100.0/24")
    pki = pki_in(tmp_path, http)
    for chosen, plugins in ((http, "NodeRestriction,DenyServiceExternalIPs"), (SPEC, "NodeRestriction")):
        pod = yaml.safe_load(files_of(chosen, "cp1", pki)[paths.manifest("kube-apiserver")].content)
        assert f"--enable-admission-plugins={plugins}" in pod["spec"]["containers"][0]["command"]
