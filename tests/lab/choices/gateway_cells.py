"""The table of the plain-HTTP gateway: nobody comes to its port by another way, and nobody takes it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from shlex import quote

import pytest

from tests.lab.choices.gateway_ways import NONE, Cells, from_host, from_pod, lay, take_away
from tests.lab.choices.http_cluster import TIMED_OUT, Http, open_to_the_trusted, pod_on, status
from tests.lab.cluster import wait_until
from tests.lab.shell import LabError

# A tenant's service that claims the control plane's own address: as a load balancer would have it.
CLAIM = """\
apiVersion: v1
kind: Service
metadata: {name: claim, namespace: default}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{name: gateway, port: 8080}, {name: other, port: 8083, targetPort: 8080}]
"""
EXTERNAL_IP = """\
apiVersion: v1
kind: Service
metadata: {{name: external, namespace: default}}
spec: {{selector: {{app: web}}, externalIPs: [{}], ports: [{{port: 8080}}]}}
"""
HOST_PORT = """\
apiVersion: v1
kind: Pod
metadata: {name: host-port, namespace: default}
spec:
  nodeName: cp1
  tolerations: [{operator: Exists}]
  containers:
  - name: web
    image: registry.k8s.io/e2e-test-images/agnhost:2.66.1
    args: [netexec, --http-port=8080]
    ports: [{containerPort: 8080, hostPort: 8080}]
"""


def every_cell_holds(http: Http) -> None:
    cluster = http.chosen.cluster
    service = lay(cluster)
    try:
        with ThreadPoolExecutor() as pool:
            pods = {node: pool.submit(from_pod, cluster, pod_on(http, node), service) for node in ("cp1", "w1")}
            stranger = pool.submit(from_host, cluster, http.stranger, service)
        for node, cells in pods.items():
            closed_but_real(cells.result(), f"from a pod on {node}", 7)
        closed_but_real(stranger.result(), "from an untrusted host", 11)
        # Not even who may come in directly comes in by such a way.
        ask = f"curl -s -m 2 -o /dev/null -H 'Host: {http.plane.address}' http://{http.plane.address}:30081/version"
        assert http.trusted.run(ask, check=False).status == TIMED_OUT
    finally:
        take_away(cluster)


def closed_but_real(cells: Cells, who: str, count: int) -> None:
    assert set(cells.gateway.values()) == {NONE}, f"{who}: {cells.gateway}"
    assert NONE not in cells.api.values(), f"{who}: {cells.api}"
    assert len(cells.gateway) == len(cells.api) == count


def the_port_is_kept(http: Http) -> None:
    cluster, address = http.chosen.cluster, http.plane.address
    cluster.kubectl("apply -f -", stdin=CLAIM + "---\n" + HOST_PORT)
    try:
        claim = f'{{"status":{{"loadBalancer":{{"ingress":[{{"ip":"{address}"}}]}}}}}}'
        cluster.kubectl(f"patch service claim --subresource=status --type=merge -p {quote(claim)}")
        tenant = f"curl -s -m 2 http://{address}:8083/hostname"
        wait_until(lambda: http.trusted.run(tenant, check=False).stdout.startswith("web-"), "the tenant's answer", 30)
        open_to_the_trusted(http)
        assert status(f"{http.url}/hostname") == 404
        with pytest.raises(LabError, match="external IPs is denied"):
            cluster.kubectl("apply -f -", stdin=EXTERNAL_IP.format(address))
        of_pod = "get pod host-port -o jsonpath='{.status.phase} {.status.reason}'"
        wait_until(lambda: cluster.kubectl(of_pod) == "Failed NodePorts", "the kubelet's refusal", 30)
    finally:
        cluster.kubectl("delete service/claim pod/host-port --force")
