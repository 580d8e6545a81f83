"""A cluster for verify's tests: it answers verify's programs as nodes do, and can be unhealthy in many ways."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from kinstall.cluster import ClusterSpec, Node
from kinstall.errors import Unreachable
from kinstall.verify.objects import STATIC_PODS

SPEC = ClusterSpec(
    cluster_name="test",
    nodes=(
        Node(name="cp1", address="10.0.0.1", role="control-plane"),
        Node(name="w1", address="10.0.0.2", role="worker"),
        Node(name="w2", address="10.0.0.3", role="worker"),
    ),
)
RS = "\x1e"
READY = [{"type": "Ready", "status": "True"}]


def pod(name: str, node: str = "cp1", *, ready: bool = True, ip: str = "10.0.0.1", **more: Any) -> dict[str, Any]:
    """A pod as the API shows it."""
    return {
        "kind": "Pod",
        "metadata": {"name": name, "uid": name, "labels": {}},
        "spec": {"nodeName": node},
        "status": {
            "phase": "Running",
            "podIP": ip,
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [{"name": "main", "ready": ready, "state": {"running": {}}}],
        },
        **more,
    }


def node(name: str, cidr: str) -> dict[str, Any]:
    return {
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {"podCIDR": cidr},
        "status": {"conditions": READY, "nodeInfo": {"kubeletVersion": "v1.37.2"}},
    }


def coredns(wanted: int = 2, available: int = 2) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": "coredns"},
        "spec": {"replicas": wanted},
        "status": {"availableReplicas": available},
    }


def healthy_objects() -> list[dict[str, Any]]:
    """What kubectl lists of a healthy cluster of SPEC."""
    return [
        *(node(each.name, f"10.244.{index}.0/24") for index, each in enumerate(SPEC.nodes)),
        *(pod(f"{name}-cp1") for name in STATIC_PODS),
        pod("coredns-a", "w1"),
        pod("coredns-b", "w2"),
        coredns(),
    ]


def check_pods(turn: int = 0) -> list[dict[str, Any]]:
    """The check's pods and service as kubectl lists them; `turn` changes the name of the last node's pod."""
    found: list[dict[str, Any]] = []
    for index, each in enumerate(SPEC.nodes):
        name = f"spread-{each.name}" + (f"-{turn}" if turn and each.name == "w2" else "")
        for app, named, ip in (("spread", name, f"10.244.{index}.5"), ("host", f"host-{each.name}", each.address)):
            made = pod(named, each.name, ip=ip)
            made["metadata"]["labels"] = {"app": app}
            found.append(made)
    service = {"clusterIP": "10.96.7.7", "ports": [{"nodePort": 31234}]}
    return [*found, {"kind": "Service", "metadata": {"name": "spread"}, "spec": service}]


@dataclass
class FakeCluster:
    """Shared by the channels of all nodes; every field is something a test can make unhealthy."""

    objects: list[dict[str, Any]] = field(default_factory=healthy_objects)
    pods: Callable[[int], list[dict[str, Any]]] = check_pods
    units: dict[str, str] = field(default_factory=dict)
    words: str = ""
    api: str = "ok\n200"
    health: str = "{}\n200"
    unreachable: frozenset[str] = frozenset()
    inside: Callable[[str, str], list[str]] = lambda check, node: []
    create_status: int = 0
    removed_status: int = 0
    on_program: Callable[[str], None] = lambda kind: None
    routes: dict[tuple[str, str], str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    turn: int = 0

    def channels(self) -> dict[str, FakeChannel]:
        return {each.name: FakeChannel(each.name, self) for each in SPEC.nodes}


class FakeChannel:
    """Answers one node's programs, told apart by the calls in them."""

    def __init__(self, name: str, cluster: FakeCluster) -> None:
        self.node = name
        self.cluster = cluster

    def execute(
        self,
        program: str,
        payload: Iterable[bytes] = (),
        on_line: Callable[[str], None] = lambda line: None,
        timeout: float | None = None,
    ) -> int:
        kind = next(kind for mark, kind in _KINDS.items() if mark in program)
        self.cluster.log.append(f"{kind} {self.node}")
        self.cluster.payloads.extend(payload)
        self.cluster.on_program(kind)
        if self.node in self.cluster.unreachable:
            raise Unreachable(self.node, "no answer on port 22")
        for line in getattr(self, f"_{kind}")(program):
            on_line(line)
        return 0

    def close(self) -> None:
        pass

    def _look(self, program: str) -> list[str]:
        lines = [f"{RS}units"]
        for unit in ("kubelet.service", "containerd.service", "kube-proxy.service"):
            state = self.cluster.units.get(f"{self.node}/{unit}", "active")
            result = "exit-code" if state == "failed" else "success"
            lines += [f"Id={unit}", f"ActiveState={state}", "SubState=dead", f"Result={result}", ""]
        for unit in self.cluster.units:
            if unit.startswith(f"{self.node}/"):
                lines += [f"{RS}words\t{unit.partition('/')[2]}", self.cluster.words]
        lines += [f"{RS}healthz\t10.00\t10.01", *self.cluster.health.split("\n")]
        for check, url in re.findall(r"^call_api '(.+)' (https://\S+) ", program, re.MULTILINE):
            lines += [f"{RS}api\t{check}\t{url}\t10.00\t10.02", *self.cluster.api.split("\n")]
        if "list_objects nodes" in program:
            status = 0 if self.cluster.api.endswith("200") else 1
            listed = json.dumps({"items": self.cluster.objects}, indent=1) if status == 0 else ""
            lines += [f"{RS}snapshot\t{status}\t1800000000", *listed.split("\n"), f"{RS}errors"]
            lines += ["the server is gone"] if status else []
        return [*lines, f"{RS}done"]

    def _causes(self, program: str) -> list[str]:
        event = {
            "kind": "Event",
            "type": "Warning",
            "reason": "FailedMount",
            "message": "no such volume",
            "involvedObject": {"uid": "coredns-a"},
        }
        return [f"{RS}events", json.dumps({"items": [event]}), f"{RS}log\tcoredns-a", "plugin/loop: Loop detected"]

    def _create(self, program: str) -> list[str]:
        return ["namespace/x created", f"{RS}created\t{self.cluster.create_status}"]

    def _wait(self, program: str) -> list[str]:
        return [f"{RS}objects", json.dumps({"items": self.cluster.pods(self.cluster.turn)}), f"{RS}done"]

    def _pods(self, program: str) -> list[str]:
        lines = []
        for index, words in re.findall(r"^at_once (\d+) -n \S+ (\w+ \S+)", program, re.MULTILINE):
            kind, where = re.findall(rf"^print_result {index} (\w+) (\w+)$", program, re.MULTILINE)[0]
            lines.append(f"{RS}result\t{kind}\t{where}\t0\t10.0\t10.3")
            lines += self.cluster.inside(kind, where) or healthy_inside(kind, where)
            assert words.split()[0] == ("logs" if kind == "logs" else "exec")
        return lines

    def _delete(self, program: str) -> list[str]:
        self.cluster.turn += 1
        return [f"{RS}deleted\t0"]

    def _remove(self, program: str) -> list[str]:
        return ["namespace deleted", f"{RS}removed\t{self.cluster.removed_status}"]

    def _route(self, program: str) -> list[str]:
        asked = re.findall(r"10\.244\.\d+\.\d+", program)
        return [f"{RS}route\t{a}\t{self.cluster.routes.get((self.node, a), a)}" for a in asked]


_KINDS = {
    "\nprint_units ": "look",
    "\ncreate_objects": "create",
    "\nwait_for ": "wait",
    "\nbegin_work\n": "pods",
    "\nremove_namespace ": "remove",
    "\ndelete_pod ": "delete",
    "\nprint_routes ": "route",
    "\nprint_warnings ": "causes",
}


def healthy_inside(kind: str, where: str) -> list[str]:
    """What a check pod of a healthy cluster answers."""
    if kind == "logs":
        return ["2026/11/28 15:00:00 Serving on port 8080."]
    if kind == "host":
        lines = [f"{RS}ClusterIP\t10.96.7.7 #{n}\t0\t10.0\t10.1\tspread-w1" for n in range(1, 4)]
        lines += [f"{RS}NodePort\t{each.name}\t0\t10.0\t10.1\tspread-w2" for each in SPEC.nodes]
        return [f"{RS}inside", *lines]
    peers = [each.name for each in SPEC.nodes if each.name != where]
    return [
        f"{RS}inside",
        *(f"{RS}pod to pod\t{peer}\t0\t10.0\t10.1\tspread-{peer}" for peer in peers),
        f"{RS}DNS inside\tkubernetes.default.svc.cluster.local\t0\t10.0\t10.1",
        ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1",
        "kubernetes.default.svc.cluster.local. 5\tIN\tA\t10.96.0.1",
        f"{RS}DNS outside\tkubernetes.io\t0\t10.0\t10.1",
        ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1",
        "kubernetes.io. 5\tIN\tA\t192.0.2.9",
        f"{RS}token\tapi\t0\t10.0\t10.1\t200",
    ]
