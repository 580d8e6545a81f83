"""A cluster in mode http and two hosts beside it: who gets an answer from the gateway."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.lab.choices.after import Chosen
from tests.lab.hosts import Host
from tests.lab.life import world

TIMED_OUT = 28
"""curl's exit status where nothing answers: packets are dropped. A port that is closed or refused gives 7."""
CLOSED = (7, 52, 56)
"""curl's exit status where a connection is taken and at once reset, closed without an answer, or reset later."""

# An answer that comes counts, whatever it is.
PROBE = "curl -s -m 2 -o /dev/null http://{}:8080/version"


@dataclass(frozen=True)
class Http:
    chosen: Chosen
    trusted: Host
    stranger: Host
    shells: dict[str, subprocess.Popen[str]]

    @property
    def plane(self) -> Host:
        return self.chosen.cluster.host("cp1")

    @property
    def url(self) -> str:
        return f"http://{self.plane.address}:8080"

    def shells_answer(self) -> None:
        for name, shell in self.shells.items():
            world.shell_answers(name, shell)


def status(url: str, body: bytes | None = None, /, **headers: str) -> int:
    """The HTTP status that this machine, which is trusted, gets; with a body by POST."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def pod_on(http: Http, node: str) -> str:
    get = f"get pods -l app=web --field-selector spec.nodeName={node} -o jsonpath={{.items[0].metadata.name}}"
    return http.chosen.cluster.kubectl(get)


def closed_to_strangers(http: Http) -> None:
    """Dropped, not refused: an untrusted host, the nodes themselves, and pods of either."""
    address = http.plane.address

    def from_host(host: Host) -> int:
        return host.run(PROBE.format(address), check=False).status

    def from_pod(node: str) -> int:
        line = f"exec {pod_on(http, node)} -- sh -c '{PROBE.format(address)}; echo $?'"
        return int(http.chosen.cluster.kubectl(line))

    with ThreadPoolExecutor() as pool:
        hosts = pool.map(from_host, (http.stranger, *http.chosen.cluster.hosts))
        pods = pool.map(from_pod, ("cp1", "w1"))
        assert [*hosts, *pods] == [TIMED_OUT] * 5, "an untrusted host, cp1, w1, a pod on cp1, a pod on w1"


def open_to_the_trusted(http: Http) -> None:
    """This machine and a host: everything can be done, without TLS and without a credential."""
    with urllib.request.urlopen(f"{http.url}/api/v1/nodes", timeout=10) as answer:
        names = [each["metadata"]["name"] for each in json.load(answer)["items"]]
    assert names == ["cp1", "w1"]
    assert '"gitVersion"' in http.trusted.run(f"curl -sSf -m 5 {http.url}/version").stdout


# What an earlier version put on a control plane: kubectl proxy as a unit, with a filter and a kubeconfig of its own.
FORMER = """\
cat >/etc/systemd/system/kinstall-gateway.service <<'END'
[Service]
ExecStart=/usr/local/bin/kubectl proxy --kubeconfig=/etc/kubernetes/gateway.conf --address={0} --port=8080
[Install]
WantedBy=multi-user.target
END
sed -i 's/--port=8080/& --accept-hosts=.*/' /etc/systemd/system/kinstall-gateway.service
cp /etc/kubernetes/admin.conf /etc/kubernetes/gateway.conf
cd /etc/kinstall
echo 'table ip kinstall-gateway {{ chain input {{ type filter hook input priority -10; }}; }}' >gateway.nft
nft -f gateway.nft
rm /etc/kubernetes/manifests/kinstall-gateway.yaml
for i in $(seq 150); do pgrep -x haproxy >/dev/null || break; sleep 0.2; done
systemctl daemon-reload
systemctl enable -q --now kinstall-gateway.service
for i in $(seq 50); do ! ss -Hltn | grep -q ':8080 ' || break; sleep 0.2; done
"""
