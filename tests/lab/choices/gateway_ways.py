"""The ways to the plain-HTTP gateway: who tries, by which way, and that the same way leads on to another port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from shlex import quote

from tests.lab.cluster import Cluster, wait_until
from tests.lab.hosts import Host

EXTERNAL = "203.0.113.77"
"""An address outside the lab's networks, which a load balancer's service claims: kube-proxy treats it as it treats an
external IP, which the API server refuses in mode http."""
NONE = "000"
"""What curl prints as the status where no answer came."""

# A service that leads to the control plane itself: to the gateway, and to the API's own port. And on each node a pod
# with host ports that passes on what it gets.
_TRAP = """\
apiVersion: v1
kind: Service
metadata: {name: trap, namespace: default}
spec:
  type: LoadBalancer
  ports:
  - {name: gateway, port: 80, targetPort: 8080, nodePort: 30081}
  - {name: api, port: 443, targetPort: 6443, nodePort: 30082}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: trap-1, namespace: default, labels: {kubernetes.io/service-name: trap}}
addressType: IPv4
ports: [{name: gateway, port: 8080}, {name: api, port: 6443}]
endpoints: [{addresses: ["PLANE"], conditions: {ready: true}}]
"""
_RELAY = """\
---
apiVersion: v1
kind: Pod
metadata: {name: relay-NODE, namespace: default, labels: {app: relay}}
spec:
  nodeName: NODE
  terminationGracePeriodSeconds: 0
  tolerations: [{operator: Exists}]
  containers:
  - name: relay
    image: registry.k8s.io/e2e-test-images/agnhost:2.66.1
    command: [sh, -c, "socat TCP-LISTEN:8080,fork TCP:PLANE:8080 & exec socat TCP-LISTEN:6443,fork TCP:PLANE:6443"]
    ports: [{containerPort: 8080, hostPort: 18080}, {containerPort: 6443, hostPort: 16443}]
"""


@dataclass(frozen=True)
class Cells:
    """Someone's table: way → the HTTP status that came from the gateway's port, and from the API's own by that way."""

    gateway: Mapping[str, str]
    api: Mapping[str, str]


def lay(cluster: Cluster) -> str:
    """Make the service and the pods; returns the service's address when each node's kube-proxy knows it."""
    manifest = _TRAP + "".join(_RELAY.replace("NODE", name) for name in ("cp1", "w1"))
    cluster.kubectl("apply -f -", stdin=manifest.replace("PLANE", cluster.host("cp1").address))
    claim = f'{{"status":{{"loadBalancer":{{"ingress":[{{"ip":"{EXTERNAL}"}}]}}}}}}'
    cluster.kubectl(f"patch service trap --subresource=status --type=merge -p {quote(claim)}")
    cluster.kubectl("wait --for=condition=Ready pod -l app=relay --timeout=60s")
    known = f"{{ iptables-save -t nat; nft list table ip kube-proxy; }} 2>/dev/null | grep -q {EXTERNAL}"
    wait_until(
        lambda: all(host.run(known, check=False).status == 0 for host in cluster.hosts), "the service's rules", 30
    )
    return cluster.kubectl("get service trap -o jsonpath={.spec.clusterIP}")


def take_away(cluster: Cluster) -> None:
    cluster.kubectl("delete service/trap endpointslice/trap-1 --ignore-not-found")
    cluster.kubectl("delete pod -l app=relay --force")


def from_pod(cluster: Cluster, pod: str, service: str) -> Cells:
    out = cluster.kubectl(f"exec {pod} -- sh -c {quote(_script(_ways(cluster, service)))}")
    return _cells(out)


def from_host(cluster: Cluster, host: Host, service: str) -> Cells:
    """A host that is no node: it sends what it wants of a service to a node of its choice, each in turn."""
    cells = Cells({}, {})
    for node in cluster.hosts:
        for address in (service, EXTERNAL):
            host.run(f"ip route replace {address}/32 via {node.address}")
        ways = _ways(cluster, service)
        by = {f"{way} by {node.name}": ways[way] for way in ("cluster IP", "external IP")}
        found = _cells(host.run(_script(by if cells.gateway else {**ways, **by})).stdout)
        cells = Cells({**cells.gateway, **found.gateway}, {**cells.api, **found.api})
    return cells


def _ways(cluster: Cluster, service: str) -> dict[str, tuple[str, str]]:
    """Way → (where the gateway is reached by it, where the API's own port is)."""
    plane, worker = (host.address for host in cluster.hosts)
    return {
        "8080": (f"{plane}:8080", f"{plane}:6443"),
        "node port of the control plane": (f"{plane}:30081", f"{plane}:30082"),
        "node port of the worker": (f"{worker}:30081", f"{worker}:30082"),
        "cluster IP": (f"{service}:80", f"{service}:443"),
        "external IP": (f"{EXTERNAL}:80", f"{EXTERNAL}:443"),
        "host port of the control plane": (f"{plane}:18080", f"{plane}:16443"),
        "host port of the worker": (f"{worker}:18080", f"{worker}:16443"),
    }


def _script(ways: Mapping[str, tuple[str, str]]) -> str:
    """sh code that tries all at once."""
    ask = "curl -sk -m 2 -o /dev/null -w '{}|{}|%{{http_code}}\\n' {}/version &"
    lines = [
        ask.format(way, name, f"{scheme}://{place}")
        for way, (gateway, api) in ways.items()
        for name, scheme, place in (("gateway", "http", gateway), ("api", "https", api))
    ]
    return "\n".join([*lines, "wait"])


def _cells(out: str) -> Cells:
    rows = [line.split("|") for line in out.splitlines()]
    return Cells(
        {way: status for way, name, status in rows if name == "gateway"},
        {way: status for way, name, status in rows if name == "api"},
    )
