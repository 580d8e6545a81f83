"""Mode http: the API without TLS and credentials for trusted networks, and for nobody else; services by iptables.

The tests stand in an order and share one cluster. Beside it is a host of an untrusted network.
"""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Any

import pytest

from tests.lab import network
from tests.lab.api import Lab, first_host
from tests.lab.choices import after
from tests.lab.choices.after import Chosen
from tests.lab.cluster import wait_until
from tests.lab.hosts import Host
from tests.lab.life import world

CA_DAYS = 800
TIMED_OUT = 28
"""curl's exit status where nothing answers: packets are dropped. A port that is closed or refused gives 7."""

# An answer that comes counts, whatever it is.
PROBE = "curl -s -m 2 -o /dev/null http://{}:8080/version"
WATCH = """\
rm -f /run/stop /run/seen /run/asked
until [ -e /run/stop ]; do
  echo . >>/run/asked
  curl -s -m 0.3 -o /dev/null http://{}:8080/version && date >>/run/seen
  sleep 0.02
done
"""


@dataclass(frozen=True)
class Http:
    chosen: Chosen
    stranger: Host
    shells: dict[str, subprocess.Popen[str]]

    @property
    def plane(self) -> Host:
        return self.chosen.cluster.host("cp1")

    def shells_answer(self) -> None:
        for name, shell in self.shells.items():
            world.shell_answers(name, shell)


def _rules(hosts: Sequence[Host]) -> dict[str, Any]:
    for host in hosts:
        host.run("cat > /etc/nftables.conf", stdin=world.THEIR_RULES)
        host.run("systemctl enable -q --now nftables.service")
    return {}


@pytest.fixture(scope="module")
def http(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Http]:
    # This machine, and the worker: its address is also that under which its pods' packets would come.
    trusted = [f"{network.BRIDGE_ADDRESS}/32", f"{network.address(first_host() + 1)}/32"]
    changes: dict[str, Any] = {
        "networking": {"proxyMode": "iptables"},
        "security": {
            "mode": "http",
            "acknowledgeInsecure": True,
            "trustedNetworks": trusted,
            "caDays": CA_DAYS,
        },
    }
    shells: dict[str, subprocess.Popen[str]] = {}

    def ready(host: Host) -> None:
        shells[host.name] = world.open_shell(host)

    home = tmp_path_factory.mktemp("http")
    for chosen in after.installed(lab, home, 2, changes, prepare=_rules, spare=1, ready=ready):
        yield Http(chosen, chosen.spare[0], shells)
        for shell in shells.values():
            shell.kill()
            shell.wait()


def _status(url: str, **headers: str) -> int:
    """The HTTP status that this machine, which is trusted, gets."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _pod_on(http: Http, node: str) -> str:
    get = f"get pods -l app=web --field-selector spec.nodeName={node} -o jsonpath={{.items[0].metadata.name}}"
    return http.chosen.cluster.kubectl(get)


def _closed_to_strangers(http: Http) -> None:
    """Dropped, not refused: an untrusted host, the control plane itself, and pods of either node."""
    address = http.plane.address
    assert http.stranger.run(PROBE.format(address), check=False).status == TIMED_OUT
    assert http.plane.run(PROBE.format(address), check=False).status == TIMED_OUT
    for node in ("cp1", "w1"):
        line = f"exec {_pod_on(http, node)} -- sh -c '{PROBE.format(address)}; echo $?'"
        assert http.chosen.cluster.kubectl(line) == f"{TIMED_OUT}\n", f"from a pod on {node}"


def _open_to_the_trusted(http: Http) -> None:
    """This machine and a worker: everything can be done, without TLS and without a credential."""
    url = f"http://{http.plane.address}:8080"
    with urllib.request.urlopen(f"{url}/api/v1/nodes", timeout=10) as answer:
        names = [each["metadata"]["name"] for each in json.load(answer)["items"]]
    assert names == ["cp1", "w1"]
    worker = http.chosen.cluster.host("w1")
    assert '"gitVersion"' in worker.run(f"curl -sSf -m 5 {url}/version").stdout


def test_it_is_installed(http: Http) -> None:
    """Verified, with services by iptables; pods on both nodes. What is given up was said aloud."""
    after.is_well(http.chosen)
    notices = [event["message"] for event in http.chosen.first.events if event["event"] == "notice"]
    assert any("mode http: everybody in" in each for each in notices)
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
    """On port 8080 of the control plane. The worker is trusted, its pods are not, although they leave under its
    address: what they send elsewhere is masqueraded."""
    _open_to_the_trusted(http)
    _closed_to_strangers(http)
    assert "masquerade" in http.chosen.cluster.host("w1").run("nft list table ip kinstall").stdout


TRAP = """\
apiVersion: v1
kind: Service
metadata: {{name: trap, namespace: default}}
spec: {{type: NodePort, ports: [{{name: http, port: 80, targetPort: 8080, nodePort: 30081}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: trap-1, namespace: default, labels: {{kubernetes.io/service-name: trap}}}}
addressType: IPv4
ports: [{{name: http, port: 8080}}]
endpoints: [{{addresses: ["{}"], conditions: {{ready: true}}}}]
"""


@pytest.mark.covers(14)
def test_no_service_leads_around_the_filter(http: Http) -> None:
    """Somebody makes a service of the gateway: through a trusted worker's NodePort one would arrive under the worker's
    address. It is dropped there, for a stranger and for a pod; and on the control plane as well."""
    cluster = http.chosen.cluster
    cluster.kubectl("apply -f -", stdin=TRAP.format(http.plane.address))
    address = cluster.kubectl("get service trap -o jsonpath={.spec.clusterIP}")
    worker = cluster.host("w1")
    wait_until(lambda: address in worker.run("iptables-save -t nat").stdout, "the service's rules", 30)
    try:
        for host in cluster.hosts:
            ask = f"curl -s -m 3 -o /dev/null http://{host.address}:30081/version"
            assert http.stranger.run(ask, check=False).status == TIMED_OUT, host.name
        for node in ("cp1", "w1"):
            line = f"exec {_pod_on(http, node)} -- sh -c 'curl -s -m 3 -o /dev/null http://{address}/version; echo $?'"
            assert cluster.kubectl(line) == f"{TIMED_OUT}\n", f"from a pod on {node}"
        # The way is a real one: the worker itself, who is trusted, goes it.
        assert (
            '"gitVersion"'
            in worker.run(f"curl -sS -m 5 http://{address}/version -H 'Host: {http.plane.address}'").stdout
        )
    finally:
        cluster.kubectl("delete service/trap endpointslice/trap-1")


@pytest.mark.covers(14)
def test_what_the_gateway_refuses(http: Http) -> None:
    """exec and attach, and a Host header of somebody else's, which a browser would send that was lured here."""
    url, pod = f"http://{http.plane.address}:8080", _pod_on(http, "w1")
    assert _status(f"{url}/api/v1/namespaces/default/pods/{pod}") == 200
    assert _status(f"{url}/api/v1/namespaces/default/pods/{pod}/exec?command=id") == 403
    assert _status(f"{url}/version", Host="evil.example.org") == 403


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
    wait_until(lambda: http.plane.run("nft list table ip kinstall-gateway", check=False).status == 0, "the filter", 20)
    _closed_to_strangers(http)
    wait_until(lambda: http.plane.run("systemctl is-active kinstall-gateway", check=False).status == 0, "the gateway")
    world.nothing_to_do(http.chosen.cluster)


@pytest.mark.covers(14)
def test_a_filter_that_was_taken_away_is_in_the_plan(http: Http) -> None:
    """And a replay puts it back."""
    http.plane.run("nft delete table ip kinstall-gateway")
    assert world.planned(http.chosen.cluster) == {("cp1", "script gateway's filter")}
    ended = http.chosen.cluster.replay()
    assert (ended.code, ended.changed) == (0, [("cp1", "script gateway's filter")]), ended
    _closed_to_strangers(http)


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
            _open_to_the_trusted(http)
        finally:
            http.stranger.run("touch /run/stop")
    asked = http.stranger.run("wc -l </run/asked; cat /run/seen 2>/dev/null || true").stdout.split("\n")
    assert int(asked[0]) > 50
    assert asked[1:] == [""], "it was open for a moment"
    _closed_to_strangers(http)
    # A session does not outlive its host's power.
    for shell in http.shells.values():
        shell.kill()
        shell.wait()
    http.shells.update({host.name: world.open_shell(host) for host in http.chosen.cluster.hosts})


@pytest.mark.covers(5, 14, 30)
def test_and_back_to_https(http: Http) -> None:
    """The gateway, its filter and its key go, and with them what the answers no longer want: masquerading."""
    cluster = http.chosen.cluster
    good = cluster.answers.read_text()
    https: dict[str, Any] = {"networking": {"proxyMode": "iptables", "masquerade": False}}
    cluster.write(https)
    ended = cluster.replay()
    assert ended.code == 0, ended
    for host in cluster.hosts:
        assert host.run("nft list tables").stdout.count("kinstall") == 0
        assert host.run("ls /etc/systemd/system").stdout.count("kinstall-routes.service") == 1
        left = "ls /etc/systemd/system /etc/kubernetes /etc/kinstall | grep -E 'gateway|firewall' || true"
        assert host.run(left).stdout == ""
    assert http.stranger.run(PROBE.format(http.plane.address), check=False).status == 7, "refused: nothing listens"
    assert cluster.replay().last["changed"] == 0
    world.answers_everywhere(cluster, ("cp1", "w1"))
    _pods_and_a_stranger_meet(http)
    cluster.answers.write_text(good)
    ended = cluster.replay("--no-verify")
    assert ended.code == 0, ended
    _closed_to_strangers(http)


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
