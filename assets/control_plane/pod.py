"""What every component of the control plane says of itself, and what the pods of all of them have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from assets import paths
from assets.credentials.pki import ClusterPki, Leaf, LeafRequest, Signer
from assets.flags import Flag, merged
from assets.inputs import NodeInputs
from assets.rendered import Folder, Rendered, text
from assets.yaml_writer import document
from kinstall.cluster import ClusterSpec, Layered, Node, NodeComponents
from kinstall.cluster.release_files import ImageRefs

CERTIFICATES = "kinstall/certificates"
"""An annotation with the digest of what a pod reads once, when it starts: where that changes, so does the manifest, and
the kubelet restarts the component."""


@dataclass(frozen=True, slots=True)
class Probe:
    path: str
    host: str
    port: int
    scheme: str = "HTTPS"

    def render(self, period: int, timeout: int, failures: int, delay: int = 0) -> dict[str, Any]:
        get = {"host": self.host, "path": self.path, "port": self.port, "scheme": self.scheme}
        probe: dict[str, Any] = {"httpGet": get}
        if delay:
            probe["initialDelaySeconds"] = delay
        return {**probe, "periodSeconds": period, "timeoutSeconds": timeout, "failureThreshold": failures}


@dataclass(frozen=True, slots=True)
class Probes:
    """How the kubelet asks whether the component lives, has started, and (where it can say so) may be used."""

    live: Probe
    startup: Probe
    ready: Probe | None = None


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder or file of the host in the container, under the same path. `kind`: hostPath's `type`."""

    name: str
    path: str
    kind: str
    read_only: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A component of the control plane: everything that there is to know of it, in one module.

    `name`: its program, pod and container. `key`: its name below `components` in the answers.
    `flags`: kinstall's own. `owned_flags`: those that the answers may not set → what to do instead.
    `mounts_cas`: whether it also sees the certificate authorities that the host trusts.
    `ports`: all that it listens on. `certificates`: its own, and those it shows to others.
    `restarts_with`: what it reads only when it starts. `files`: what it needs beside the PKI folder.
    `folders`: those of its own, parents first.
    """

    name: str
    key: str
    image: Callable[[ImageRefs], str]
    overrides: Callable[[NodeComponents], Layered]
    flags: Callable[[ClusterSpec, Node], tuple[Flag, ...]]
    owned_flags: Mapping[str, str]
    mounts: tuple[Mount, ...]
    mounts_cas: bool = False
    requests: Mapping[str, str]
    probes: Callable[[Node], Probes]
    ports: tuple[int, ...]
    certificates: Callable[[ClusterSpec, Node], tuple[LeafRequest, ...]]
    restarts_with: Callable[[ClusterPki, Node], tuple[bytes, ...]]
    files: Callable[[ClusterSpec, Node, ClusterPki], tuple[Rendered, ...]] = lambda spec, node, pki: ()
    folders: tuple[Folder, ...] = ()

    def all_flags(self, spec: ClusterSpec, node: Node) -> tuple[Flag, ...]:
        """Its flags on that node, the answers' among them."""
        return merged(self.flags(spec, node), self.overrides(spec.components_of(node)))


PKI_MOUNT = Mount("k8s-certs", paths.PKI, "Directory")


def pems(pki: ClusterPki, node: Node, signers: Iterable[Signer], leaves: Iterable[Leaf] = ()) -> tuple[bytes, ...]:
    """Certificates of authorities and of the node, for `restarts_with`."""
    authorities = tuple(pki.authorities[signer].certificate_pem for signer in signers)
    return authorities + tuple(pki.leaf(leaf, node.name).certificate_pem for leaf in leaves)


def manifest(component: Component, spec: ClusterSpec, node: Node, pki: ClusterPki, inputs: NodeInputs) -> Rendered:
    """The file in the kubelet's folder of static pods; it is for root alone."""
    pod = _pod(component, spec, node, pki, inputs)
    return text(paths.manifest(component.name), document(pod), 0o600)


def _pod(component: Component, spec: ClusterSpec, node: Node, pki: ClusterPki, inputs: NodeInputs) -> dict[str, Any]:
    mounts = (*component.mounts, *(_ca_mounts(inputs) if component.mounts_cas else ()))
    probes = component.probes(node)
    container: dict[str, Any] = {
        "name": component.name,
        "image": component.image(inputs.images),
        "imagePullPolicy": "IfNotPresent",
        "command": [component.name, *map(str, component.all_flags(spec, node))],
        "resources": {"requests": dict(component.requests)},
        # The same four minutes to start as kubeadm gives, asked every 2 s instead of every 10: a kubelet that has just
        # started waits a random part of the period before its first probe.
        "startupProbe": probes.startup.render(period=2, timeout=15, failures=120),
        "livenessProbe": probes.live.render(period=10, timeout=15, failures=8, delay=10),
        **({"readinessProbe": probes.ready.render(period=1, timeout=15, failures=3)} if probes.ready else {}),
        "volumeMounts": [
            {"name": mount.name, "mountPath": mount.path, **({"readOnly": True} if mount.read_only else {})}
            for mount in mounts
        ],
    }
    digest = sha256(b"".join(component.restarts_with(pki, node))).hexdigest()
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": component.name,
            "namespace": "kube-system",
            "labels": {"component": component.name, "tier": "control-plane"},
            "annotations": {CERTIFICATES: f"sha256:{digest}"},
        },
        "spec": {
            "hostNetwork": True,
            "priority": 2000001000,
            "priorityClassName": "system-node-critical",
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": [{"name": mount.name, "hostPath": {"path": mount.path, "type": mount.kind}} for mount in mounts],
        },
    }


def _ca_mounts(inputs: NodeInputs) -> tuple[Mount, ...]:
    # Only what exists: a "…OrCreate" would leave empty folders behind on the host.
    return tuple(Mount(folder[1:].replace("/", "-"), folder, "Directory") for folder in inputs.ca_folders)
