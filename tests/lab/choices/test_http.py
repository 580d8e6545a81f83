"""Mode http: the API without TLS and credentials for trusted networks, and for nobody else; services by iptables, and
in the end by nftables.

The tests stand in an order and share one cluster. Beside it are a host that is trusted and one that is not.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

from tests.lab import network, programs
from tests.lab.api import Lab, first_host
from tests.lab.choices import after
from tests.lab.choices.gateway_cells import every_cell_holds, the_port_is_kept
from tests.lab.choices.http_cluster import (
    CLOSED,
    FORMER,
    PROBE,
    Http,
    closed_to_strangers,
    open_to_the_trusted,
    pod_on,
    status,
)
from tests.lab.cluster import wait_until
from tests.lab.hosts import Host
from tests.lab.life import world
from tests.lab.versions import kubernetes_module, versions

CA_DAYS = 800

WATCH = """\
rm -f /run/stop /run/seen /run/asked
until [ -e /run/stop ]; do
  echo . >>/run/asked
  curl -s -m 0.3 -o /dev/null http://{}:8080/version && date >>/run/seen
  sleep 0.02
done
"""


def _rules(hosts: Sequence[Host]) -> dict[str, Any]:
    for host in hosts:
        host.run("cat > /etc/nftables.conf", stdin=world.THEIR_RULES)
        host.run("systemctl enable -q --now nftables.service")
    return {}


@pytest.fixture(scope="module")
def http(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Http]:
    # This machine, and two neighbours: the worker, which is not admitted all the same, and a host outside the cluster.
    pair = IPv4Network(f"{network.address(first_host() + 1)}/31", strict=False)
    assert network.address(first_host() + 2) in map(str, pair)

    def changes(lab: Lab) -> dict[str, Any]:
        described = lab.describe()
        return {
            "networking": {"proxyMode": "iptables"},
            "images": {
                "haproxy": described["versions"]["haproxy"],
                "mirrors": {"docker.io": {"endpoint": described["registry"]["url"]}},
            },
            "security": {
                "mode": "http",
                "acknowledgeInsecure": True,
                "trustedNetworks": [f"{network.BRIDGE_ADDRESS}/32", str(pair)],
                "caDays": CA_DAYS,
            },
        }

    shells: dict[str, subprocess.Popen[str]] = {}

    def ready(host: Host) -> None:
        shells[host.name] = world.open_shell(host)

    home = tmp_path_factory.mktemp("http")
    for chosen in after.installed(lab, home, 2, changes, prepare=_rules, spare=2, ready=ready):
        trusted, stranger = chosen.spare
        yield Http(chosen, trusted, stranger, shells)
        for shell in shells.values():
            shell.kill()
            shell.wait()


def test_it_is_installed(http: Http) -> None:
    """Verified, with services by iptables; pods on both nodes. What is given up was said aloud."""
    after.is_well(http.chosen)
    notices = [event["message"] for event in http.chosen.first.events if event["event"] == "notice"]
    assert any("mode http: everyone in" in each for each in notices)
    http.chosen.cluster.kubectl("apply -f -", stdin=world.WEB)
    world.answers_everywhere(http.chosen.cluster, ("cp1", "w1"))


@pytest.mark.covers(27)
def test_services_are_programmed_with_iptables(http: Http) -> None:
    """The mode that the answers chose, and not the default's table."""
    for host in http.chosen.cluster.hosts:
        assert "KUBE-SVC-" in host.run("iptables-save -t nat").stdout
        assert host.run("nft list table ip kube-proxy", check=False).status != 0


@pytest.mark.covers(14)
def test_the_trusted_are_admitted_and_nobody_else(http: Http) -> None:
    """On port 8080 of the control plane. The worker is in a trusted network, and yet not admitted: its pods leave under
    its address."""
    open_to_the_trusted(http)
    closed_to_strangers(http)
    assert "masquerade" in http.chosen.cluster.host("w1").run("nft list table ip kinstall").stdout


@pytest.mark.covers(14)
def test_no_way_leads_around_the_filter(http: Http) -> None:
    """Pods on either node and an untrusted host; directly, by node ports, a service's address, an external one, and
    host ports. Each way is a real one: it leads to the API's own port."""
    every_cell_holds(http)


@pytest.mark.covers(14)
def test_nobody_takes_the_gateways_port(http: Http) -> None:
    """What the trusted send to it arrives there: a service that claims the control plane's address gets all ports but
    this one; external IPs are refused by the API, and a pod with this host port by the kubelet."""
    the_port_is_kept(http)


@pytest.mark.covers(14)
def test_what_the_gateway_refuses(http: Http) -> None:
    """What a web page could send, and what leads into pods and nodes; each beside a request that is passed on."""
    url, pod = f"{http.url}/api/v1", pod_on(http, "w1")
    body = json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "made"}}).encode()
    json_type = {"Content-Type": "application/json"}
    try:
        assert status(f"{url}/namespaces", body, Origin="http://evil.example.org", **json_type) == 403
        assert status(f"{url}/namespaces", body, **{"Content-Type": "text/plain"}) == 415
        assert status(f"{url}/namespaces/made") == 404
        assert status(f"{url}/namespaces", body, **json_type) == 201
    finally:
        http.chosen.cluster.kubectl("delete namespace made --ignore-not-found --wait=false")
    assert status(f"{url}/namespaces/default/pods/{pod}") == 200
    assert status(f"{url}/namespaces/default/pods/{pod}/exec?command=id&stdout=1") == 403
    assert status(f"{url}/namespaces/default/pods/{pod}:8080/proxy/hostname") == 403
    assert status(f"{url}/nodes/w1") == 200
    for tricky in ("w1/proxy/pods", "w1/%70roxy/pods", "w1%2Fproxy/pods", "/w1/proxy/pods"):
        assert status(f"{url}/nodes/{tricky}") in (400, 403), tricky
    assert status(f"{http.url}/version", Host="evil.example.org") == 403
    assert status(f"{http.url}/version", Upgrade="websocket") == 403
    assert status(f"{http.url}/version", **{"User-Agent": "kube-probe/1.37"}) == 403


@pytest.mark.covers(14)
def test_kubectl_needs_no_kubeconfig(http: Http, tmp_path: Path) -> None:
    """It reads, applies, watches and fetches logs; for exec it is told where to turn."""
    kubectl = programs.compiled(kubernetes_module(versions().default)) / "kubectl"

    def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(kubectl), "--server", http.url, "--cache-dir", str(tmp_path), *words]
        env = {"KUBECONFIG": "/dev/null", "HOME": str(tmp_path)}
        return subprocess.run(command, input=stdin, env=env, capture_output=True, text=True, check=False, timeout=60)

    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made"}, "data": {"a": "b"}}
    ways: tuple[tuple[str, ...], ...] = ((), ("--server-side", "--force-conflicts"))
    for way in ways:
        done = run("apply", *way, "-f", "-", stdin=json.dumps(made))
        assert done.returncode == 0, done.stderr
    patched = run("patch", "configmap", "made", "--type=merge", "-p", '{"data": {"a": "c"}}')
    assert patched.returncode == 0, patched.stderr
    waited = run("wait", "configmap/made", "--for=jsonpath={.data.a}=c", "--timeout=10s")
    assert waited.returncode == 0, waited.stderr
    assert run("delete", "configmap", "made").returncode == 0
    pod = pod_on(http, "w1")
    assert "Started HTTP server on port 8080" in run("logs", pod).stdout
    refused = run("exec", pod, "--", "id")
    assert (refused.returncode, "use a kubeconfig" in refused.stderr) == (1, True), refused


@pytest.mark.covers(15)
def test_behind_it_everything_keeps_its_tls(http: Http) -> None:
    """The API itself takes nobody without a credential, from wherever he comes."""
    ask = "curl -sk -m 5 -o /dev/null -w '%{http_code}' https://{}:6443/api/v1/nodes"
    assert http.stranger.run(ask.replace("{}", http.plane.address, 1)).stdout in ("401", "403")


def test_authorities_live_as_long_as_the_answers_say(http: Http) -> None:
    """Each of the three that were made, to the day."""
    for name in ("ca", "front-proxy-ca", "etcd/ca"):
        ends = f"openssl x509 -in /etc/kubernetes/pki/{name}.crt -noout -checkend "
        assert http.plane.run(f"{ends}{(CA_DAYS - 1) * 86400}", check=False).status == 0, name
        assert http.plane.run(f"{ends}{(CA_DAYS + 1) * 86400}", check=False).status == 1, name


def test_rules_and_sessions_of_others_stay(http: Http) -> None:
    """Somebody's table is as it was, and SSH sessions opened before the installation answer."""
    for host in http.chosen.cluster.hosts:
        assert "tcp dport 9 drop" in host.run("nft list table inet theirs").stdout
    http.shells_answer()


def test_a_flush_of_all_rules_does_not_open_it_for_long(http: Http) -> None:
    """nftables.service flushes everything when it starts: the filter is there again, by itself."""
    http.plane.run("systemctl restart nftables.service")
    has_filter = "nft list chain ip kinstall gateway"
    wait_until(lambda: http.plane.run(has_filter, check=False).status == 0, "the filter", 20)
    closed_to_strangers(http)
    open_to_the_trusted(http)
    world.nothing_to_do(http.chosen.cluster)


@pytest.mark.covers(14)
def test_a_filter_that_was_taken_away_is_in_the_plan(http: Http) -> None:
    """Until a replay puts it back the gateway admits the same by itself."""
    http.plane.run("nft delete table ip kinstall")
    open_to_the_trusted(http)
    for host in (http.stranger, http.plane):
        assert host.run(PROBE.format(http.plane.address), check=False).status in CLOSED, host.name
    missing = {("cp1", "script masquerade"), ("cp1", "script gateway's filter")}
    assert world.planned(http.chosen.cluster) == missing
    ended = http.chosen.cluster.replay()
    assert (ended.code, set(ended.changed)) == (0, missing), ended
    closed_to_strangers(http)


@pytest.mark.covers(14)
def test_it_takes_the_place_of_kubectl_proxy(http: Http) -> None:
    """A cluster of an earlier version: a replay ends the old gateway, takes its files away, and has the new one."""
    http.plane.run(FORMER.format(http.plane.address))
    page = {"Origin": "http://evil.example.org"}
    assert status(f"{http.url}/version", **page) == 200, "kubectl proxy believes a web page"
    ended = http.chosen.cluster.replay()
    assert ended.code == 0, ended
    assert set(ended.changed) == {
        ("cp1", "script no kubectl proxy"),
        ("cp1", "file /etc/kubernetes/manifests/kinstall-gateway.yaml"),
    }
    assert status(f"{http.url}/version", **page) == 403
    open_to_the_trusted(http)
    left = "ls /etc/systemd/system/kinstall-gateway.service /etc/kubernetes/gateway.conf /etc/kinstall/gateway.nft"
    assert http.plane.run(f"{left} 2>/dev/null; nft list tables").stdout.count("gateway") == 0


@pytest.mark.covers(14)
def test_its_key_is_read_by_root_alone(http: Http) -> None:
    """The file is root's, and the gateway, having read it, is a user that the node does not know, and may nothing."""
    assert http.plane.run("stat -c '%a %U' /etc/kubernetes/gateway/client.pem").stdout == "600 root\n"
    lines = http.plane.run("cat /proc/$(pgrep -x haproxy)/status").stdout.splitlines()
    status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    assert status["Uid"] == status["Gid"] == ["61080"] * 4
    assert (status["Groups"], status["NoNewPrivs"]) == ([], ["1"])
    assert status["CapPrm"] == status["CapEff"] == ["0" * 16]
    assert http.plane.run("getent passwd 61080", check=False).status == 2


def test_without_the_acknowledgement_nothing_is_done(http: Http) -> None:
    """Exit code 2, and the sentence says what is given up."""
    cluster = http.chosen.cluster
    good = cluster.answers.read_text()
    try:
        cluster.answers.write_text(good.replace("  acknowledgeInsecure: true\n", ""))
        assert cluster.answers.read_text() != good
        ended = cluster.run("replay")
    finally:
        cluster.answers.write_text(good)
    assert ended.code == 2, ended
    assert "security.acknowledgeInsecure: mode http is not acknowledged" in ended.err


def test_nothing_is_left_to_do(http: Http) -> None:
    """A second replay changes nothing."""
    after.nothing_to_do(http.chosen)


@pytest.mark.covers(14)
def test_all_hosts_lose_power(http: Http) -> None:
    """While they come back a stranger asks without a pause, and never gets an answer; then the trusted do."""
    with subprocess.Popen(
        ["ssh", *http.stranger.ssh_args, "sh -s"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as watch:
        assert watch.stdin
        watch.stdin.write(WATCH.replace("{}", http.plane.address))
        watch.stdin.close()
        try:
            after.lose_power(http.chosen)
            open_to_the_trusted(http)
        finally:
            http.stranger.run("touch /run/stop")
    asked = http.stranger.run("wc -l </run/asked; cat /run/seen 2>/dev/null || true").stdout.split("\n")
    assert int(asked[0]) > 50
    assert asked[1:] == [""], "it was open for a moment"
    closed_to_strangers(http)
    # A session does not outlive its host's power.
    for shell in http.shells.values():
        shell.kill()
        shell.wait()
    http.shells.update({host.name: world.open_shell(host) for host in http.chosen.cluster.hosts})


@pytest.mark.covers(5, 14, 30)
def test_and_back_to_https(http: Http) -> None:
    """The gateway, its filter and its key go, and with them what the answers no longer want: masquerading. Then it
    comes back."""
    cluster = http.chosen.cluster
    good = cluster.answers.read_text()
    https: dict[str, Any] = {"networking": {"proxyMode": "iptables", "masquerade": False}}
    cluster.write(https)
    ended = cluster.replay()
    assert ended.code == 0, ended
    for host in cluster.hosts:
        assert host.run("nft list tables").stdout.count("kinstall") == 0
        assert host.run("ls /etc/systemd/system").stdout.count("kinstall-routes.service") == 1
        left = "ls /etc/systemd/system /etc/kubernetes/* /etc/kinstall | grep -E 'gateway|firewall' || true"
        assert host.run(left).stdout == ""
    gone = PROBE.format(http.plane.address)  # with the pod, which the kubelet ends in its own time
    wait_until(lambda: http.stranger.run(gone, check=False).status == 7, "refused: nothing listens", 40)
    assert cluster.replay().last["changed"] == 0
    world.answers_everywhere(cluster, ("cp1", "w1"))
    _pods_and_a_stranger_meet(http)
    cluster.answers.write_text(good.replace("proxyMode: iptables", "proxyMode: nftables"))
    ended = cluster.replay("--no-verify")
    assert ended.code == 0, ended
    open_to_the_trusted(http)
    closed_to_strangers(http)


@pytest.mark.covers(14, 27)
def test_no_way_leads_around_the_filter_with_nftables(http: Http) -> None:
    """The same ways, and the same claim to its port, where kube-proxy programs the services with nftables."""
    assert http.plane.run("nft list table ip kube-proxy", check=False).status == 0
    world.answers_everywhere(http.chosen.cluster, ("cp1", "w1"))
    every_cell_holds(http)
    the_port_is_kept(http)


def _pods_and_a_stranger_meet(http: Http) -> None:
    """With the routes that `kinstall routes` prints, and without masquerading: each sees the other's own address."""
    told = http.chosen.cluster.run("routes").out.splitlines()
    assert len(told) == 2
    for route in told:
        http.stranger.run(f"ip route add {route}")
    line = "get pods -l app=web -o jsonpath='{range .items[*]}{.metadata.name} {.status.podIP}{\"\\n\"}{end}'"
    pods = dict(each.split() for each in http.chosen.cluster.kubectl(line).splitlines())
    for name, address in pods.items():
        ask = f"curl -sS -m 5 http://{address}:8080/clientip"
        assert http.stranger.run(ask).stdout.startswith(f"{http.stranger.address}:")
        # The stranger tells under which address a pod comes: that of its end of the connection.
        listen = "timeout 20 socat -u TCP-LISTEN:7777,reuseaddr,fork SYSTEM:'echo $SOCAT_PEERADDR >>/run/peers'"
        http.stranger.run(f"rm -f /run/peers; systemd-run -q --unit=peers-{name} sh -c {quote(listen)}")
        call = f"exec {name} -- sh -c 'until curl -s -m 1 http://{http.stranger.address}:7777; [ $? != 7 ]; do :; done'"
        http.chosen.cluster.kubectl(call)
        wait_until(lambda: http.stranger.run("cat /run/peers", check=False).stdout != "", "a pod's call", 20)
        assert set(http.stranger.run("cat /run/peers").stdout.split()) == {address}
        http.stranger.run(f"systemctl stop peers-{name}")


def test_reset_leaves_nothing(http: Http) -> None:
    """No file, unit, rule or process; sessions and rules of others live through it."""
    after.reset(http.chosen)
    http.shells_answer()
    for host in http.chosen.cluster.hosts:
        assert "tcp dport 9 drop" in host.run("nft list table inet theirs").stdout
