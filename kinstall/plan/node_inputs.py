"""What a plan follows from, and what several of its parts need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote

from assets import catalog, paths
from assets.credentials.pki import ClusterPki
from assets.inputs import MirrorAccess, NodeInputs
from assets.kubectl import ADMIN, APPLY
from assets.pod_network import pod_network
from assets.pod_network.manifest import Manifest
from assets.rendered import Rendered
from kinstall.cluster import ClusterSpec, Node
from kinstall.cluster.release_files import image_refs
from kinstall.engine.diff import STATE
from kinstall.engine.steps import Archive, Directory, File, Step
from kinstall.plan.living_cluster import LivingCluster, leader

IDENTITY = f"{STATE}/cluster.json"
OBJECTS = f"{paths.CONF}/objects.yaml"

RESTART = 90
"""Seconds: after its manifest changed the kubelet restarts the API server, at a moment that nobody else knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeProfile:
    """What planning needs to know of a node beyond the spec; `arch` is Go's name (`amd64`).

    `digests`: release file name → SHA-256 (hex). `archives`: image → where it is, if images come from archives.
    """

    arch: str
    digests: Mapping[str, str]
    archives: Mapping[str, Archive] = field(default_factory=dict)
    mtu: int = 0
    resolv_conf: str = "/etc/resolv.conf"
    has_resolver: bool = False
    ca_folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything a plan follows from. `pod_cidrs` has an entry per node of the spec, `profiles` one per node that the
    plan is for: others do not answer, and are left alone. `mirrors` has one per
    mirrored registry with a user or an authority of its own. `own_network`: networking.podNetworkManifest's.
    `cluster`: the living one, if there is any.
    """

    spec: ClusterSpec
    pki: ClusterPki
    ca_fingerprint: str
    pod_cidrs: Mapping[str, str]
    profiles: Mapping[str, NodeProfile]
    mirrors: Mapping[str, MirrorAccess] = field(default_factory=dict)
    own_network: Manifest | None = None
    cluster: LivingCluster = field(default_factory=LivingCluster)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that the plan is for."""
        return tuple(node for node in self.spec.nodes if node.name in self.profiles)

    @property
    def leader(self) -> Node:
        """The control plane that does what is done once for the whole cluster."""
        node = leader(self.spec, self.cluster)
        if node is None:
            raise ValueError("answers without a control plane")
        return node


Files = Mapping[str, tuple[Rendered, ...]]
"""A node's rendered files by the catalogue's groups."""

Part = Callable[[Inputs, Node, Files], tuple[Step, ...]]
"""What a phase consists of on a node."""


def parts(inputs: Inputs) -> Callable[[Sequence[Node], Part], dict[str, tuple[Step, ...]]]:
    """A function that makes a phase's steps: of some nodes and the part that they get. Files are rendered once."""
    files = {node.name: node_files(inputs, node) for node in inputs.nodes}
    return lambda nodes, part: {node.name: part(inputs, node, files[node.name]) for node in nodes}


def node_files(inputs: Inputs, node: Node) -> Files:
    profile = inputs.profiles[node.name]
    return catalog.rendered_for(
        inputs.spec,
        node,
        inputs.pki,
        NodeInputs(
            images=image_refs(inputs.spec),
            pod_cidr=inputs.pod_cidrs[node.name],
            peers={name: cidr for name, cidr in inputs.pod_cidrs.items() if name != node.name},
            mtu=pod_mtu(inputs.spec, profile.mtu),
            resolv_conf=profile.resolv_conf,
            ca_folders=profile.ca_folders,
            mirrors=inputs.mirrors,
        ),
    )


def pod_mtu(spec: ClusterSpec, link: int) -> int:
    """MTU of pods' interfaces where the node's has `link`; 0 where neither the answers nor the node give one."""
    return spec.networking.mtu or max(0, link - pod_network(spec).overhead)


def folders(node: Node, *groups: str) -> tuple[Directory, ...]:
    """The folders' modes are as the daemons themselves make them."""
    wanted = catalog.folders_for(node)
    return tuple(Directory(f.path, f.mode, tree=f.tree) for group in groups for f in wanted[group])


def as_files(rendered: Iterable[Rendered]) -> tuple[File, ...]:
    return tuple(File(each.path, each.content, each.mode, secret=each.secret) for each in rendered)


# kubectl prints a list, or the object itself where there is only one.
_TIMES = (
    '{{define "one"}}{{.kind}} {{.metadata.namespace}} {{.metadata.name}}{{range .metadata.managedFields}}'
    '{{if eq .manager "kinstall"}} {{.time}}{{end}}{{end}}{{"\\n"}}{{end}}'
    '{{if .items}}{{range .items}}{{template "one" .}}{{end}}{{else}}{{template "one" .}}{{end}}'
)


def applied(file: str) -> str:
    """sh code that tests whether applying the file's objects would change none of them.

    The time beside a manager's fields moves only when an apply changes one of them. `kubectl diff` compares an object
    of one moment with an answer of a later one: a controller's status in between looks like a difference.
    """
    shown = f"--show-managed-fields -f {file} -o go-template={quote(_TIMES)}"
    now, then = f"{ADMIN} get {shown}", f"{ADMIN} {APPLY} --dry-run=server {shown}"
    return f'is=$({now}) && [ -n "$is" ] && will=$({then}) && [ "$is" = "$will" ]'
