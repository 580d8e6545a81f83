"""HTTP behind a firewall: a gateway without TLS or credentials in front of an API server that keeps both.

Kubernetes has had no insecure port since 1.24. What takes its place is HAProxy as a static pod of each control plane,
with a client certificate of its own. Who may reach it the packet filter decides (assets/network/firewall.py), and the
gateway once more by the sender's address; which requests it passes on, its configuration (gateway_config.py).

Earlier versions ran `kubectl proxy` as a systemd unit, which takes a web page's requests for the administrator's.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from assets import paths
from assets.credentials.pki import ClusterPki, Leaf
from assets.inputs import NodeInputs
from assets.kubectl import KUBECTL
from assets.network import gateway_config
from assets.rendered import Rendered, text
from assets.yaml_writer import document
from kinstall.cluster import ClusterSpec, Node, ports

NAME = "kinstall-gateway"
FILES_ANNOTATION = "kinstall/files"
"""Holds the digest of what the gateway reads: when that changes so does the manifest, and the kubelet restarts it."""

FORMER_TABLE = "kinstall-gateway"
FORMER_FILES = (paths.unit_file(paths.FORMER_GATEWAY_UNIT), paths.FORMER_GATEWAY_CONF, paths.FORMER_GATEWAY_RULES)
FORMER_GONE_CHECK = f"[ ! -e {FORMER_FILES[0]} ] && ! nft list table ip {FORMER_TABLE} >/dev/null 2>&1"
FORMER_GONE = f"""\
systemctl disable -q --now {paths.FORMER_GATEWAY_UNIT} 2>/dev/null || :
rm -f {" ".join(FORMER_FILES)}
systemctl daemon-reload
nft delete table ip {FORMER_TABLE} 2>/dev/null || true"""
"""sh code to test that a control plane has no `kubectl proxy` of an earlier version, and to take it away."""

FILES = (
    paths.manifest(NAME),
    *(f"{paths.GATEWAY_FOLDER}/{name}" for name in ("client.pem", "haproxy.cfg", "ca.crt")),
)
GONE_CHECK = f"[ ! -e {FILES[0]} ] && [ ! -e {FILES[1]} ] && {FORMER_GONE_CHECK}"
GONE = f"""\
rm -f {" ".join(FILES)}
[ ! -d {paths.GATEWAY_FOLDER} ] || rmdir {paths.GATEWAY_FOLDER} || :
{FORMER_GONE}"""
"""sh code to test that a control plane has no gateway of any kind, and to take it away: for answers that went back to
https. The kubelet ends the pod when its manifest is gone."""
REMOVED = (*FILES, *FORMER_FILES)


def is_wanted(spec: ClusterSpec) -> bool:
    return spec.security.mode == "http"


def gateway_files(spec: ClusterSpec, node: Node, pki: ClusterPki, inputs: NodeInputs) -> tuple[Rendered, ...]:
    """What a control plane has; nothing in mode https and on workers. The manifest comes last: the kubelet starts the
    pod the moment it appears."""
    if not is_wanted(spec) or not node.is_control_plane:
        return ()
    pair = pki.leaf(Leaf.GATEWAY, node.name)
    folder = paths.GATEWAY_FOLDER
    version = _version(spec, node, pki)
    return (
        text(f"{folder}/haproxy.cfg", gateway_config.config(spec, node, folder, version)),
        Rendered(f"{folder}/ca.crt", pki.ca.certificate_pem),
        Rendered(f"{folder}/client.pem", pair.certificate_pem + pair.key_pem, 0o600, secret=True),
        text(paths.manifest(NAME), document(_pod(inputs.images.haproxy, version)), 0o600),
    )


def answers_check(spec: ClusterSpec, node: Node, pki: ClusterPki) -> str:
    """sh code that tests on a control plane whether the gateway runs with these files, and reaches its API server."""
    health = f"http://127.0.0.1:{ports.GATEWAY_HEALTH}"
    return f'[ "$({KUBECTL} --server={health} get --raw=/readyz 2>/dev/null)" = {_version(spec, node, pki)} ]'


def _version(spec: ClusterSpec, node: Node, pki: ClusterPki) -> str:
    """A digest of what the gateway reads, in hex."""
    without = gateway_config.config(spec, node, paths.GATEWAY_FOLDER, "")
    pair = pki.leaf(Leaf.GATEWAY, node.name)
    return sha256(without.encode() + pki.ca.certificate_pem + pair.certificate_pem).hexdigest()[:32]


def _pod(image: str, version: str) -> dict[str, Any]:
    container = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        # One process: the one that reads the key as root is the one that then gives up root's rights.
        "command": ["haproxy", "-db", "-f", f"{paths.GATEWAY_FOLDER}/haproxy.cfg"],
        # Said aloud, the scheduler and the kubelet refuse another pod the same hostPort on this node.
        "ports": [{"name": "http", "containerPort": ports.GATEWAY, "hostPort": ports.GATEWAY}],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
        "startupProbe": _probe("/livez", period=1, failures=60),
        "livenessProbe": _probe("/livez", period=10, failures=3),
        "readinessProbe": _probe("/readyz", period=2, failures=3),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            # To read the key, which is root's alone, and to change to a user of its own.
            "runAsUser": 0,
            "runAsGroup": 0,
            "capabilities": {"drop": ["ALL"], "add": ["SETUID", "SETGID"]},
        },
        "volumeMounts": [{"name": "gateway", "mountPath": paths.GATEWAY_FOLDER, "readOnly": True}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": NAME,
            "namespace": "kube-system",
            "labels": {"component": NAME, "tier": "control-plane"},
            "annotations": {FILES_ANNOTATION: version},
        },
        "spec": {
            "hostNetwork": True,
            "terminationGracePeriodSeconds": 5,
            "priority": 2000001000,
            "priorityClassName": "system-node-critical",
            "automountServiceAccountToken": False,
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": [{"name": "gateway", "hostPath": {"path": paths.GATEWAY_FOLDER, "type": "Directory"}}],
        },
    }


def _probe(path: str, period: int, failures: int) -> dict[str, Any]:
    get = {"host": "127.0.0.1", "path": path, "port": ports.GATEWAY_HEALTH, "scheme": "HTTP"}
    return {"httpGet": get, "periodSeconds": period, "timeoutSeconds": 5, "failureThreshold": failures}
