"""The only place that knows the order in which a cluster comes up.

A plan is pure data: the same spec, PKI, pod ranges and facts give the same plan.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

from assets import catalog, firewall, kernel, kubeconfig, objects, paths, routes
from assets.coredns import coredns_objects
from assets.inputs import NodeInputs
from assets.pki import ClusterPki
from assets.rendered import Rendered
from assets.yamltext import documents
from kinstall import footprint
from kinstall.artefacts import ReleaseFile, image_refs, release_files
from kinstall.causes import diagnose_program
from kinstall.changes import identity
from kinstall.engine.steps import (
    After,
    Directory,
    Download,
    File,
    Image,
    Phase,
    Plan,
    Scope,
    Script,
    Step,
    Unit,
    Wait,
)
from kinstall.spec import ClusterSpec, Node

IDENTITY = "/var/lib/kinstall/cluster.json"
OBJECTS = f"{paths.CONF}/objects.yaml"
COREDNS = f"{paths.CONF}/coredns.yaml"

PHASES = ("prepare", "download", "runtime", "images", "kubernetes", "control-plane", "network", "addons")

_KUBECTL = f"HOME=/run/kinstall/home {paths.KUBECTL_BIN}"
_ADMIN = f"{_KUBECTL} --kubeconfig={paths.ADMIN_CONF}"
# The server refuses unknown fields in any case; asking it for its schema first takes longer than the rest.
_APPLY = "apply --server-side --force-conflicts --field-manager=kinstall --validate=false"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFound:
    """What planning needs to know of a node beyond the spec; `arch` is Go's name (`amd64`).

    `digests`: release file name → SHA-256 (hex).
    """

    arch: str
    digests: Mapping[str, str]
    mtu: int = 0
    resolv_conf: str = "/etc/resolv.conf"
    has_resolver: bool = False
    ca_folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything a plan follows from. `pod_cidrs` and `found` have an entry per node of the spec."""

    spec: ClusterSpec
    pki: ClusterPki
    ca_fingerprint: str
    pod_cidrs: Mapping[str, str]
    found: Mapping[str, NodeFound]


def _applied(file: str) -> str:
    """sh code that tests whether applying the file's objects (at least two) would change none of them.

    The time beside a manager's fields moves only when an apply changes one of them. `kubectl diff` compares an object
    of one moment with an answer of a later one: a controller's status in between looks like a difference.
    """
    mine = '{.metadata.managedFields[?(@.manager=="kinstall")].time}'
    listing = quote(f'{{range .items[*]}}{{.kind}} {{.metadata.name}} {mine}{{"\\n"}}{{end}}')
    shown = f"--show-managed-fields -f {file} -o jsonpath={listing}"
    now, then = f"{_ADMIN} get {shown}", f"{_ADMIN} {_APPLY} --dry-run=server {shown}"
    return f'is=$({now}) && [ -n "$is" ] && will=$({then}) && [ "$is" = "$will" ]'


def build_plan(inputs: Inputs) -> Plan:
    """The whole installation as phases of steps."""
    spec = inputs.spec
    every, planes = spec.nodes, spec.control_planes
    files = {node.name: node_files(inputs, node) for node in every}
    first = planes[0].name

    def phase(name: str, nodes: Sequence[Node], steps: Mapping[str, tuple[Step, ...]], *after: After) -> Phase:
        return Phase(name, {node.name: steps[node.name] for node in nodes}, after)

    return Plan(
        phases=(
            phase("prepare", every, {n.name: _prepare(inputs, n, files[n.name]) for n in every}),
            phase("download", every, {n.name: _downloads(inputs, n) for n in every}, After("prepare")),
            phase("runtime", every, {n.name: _runtime(n, files[n.name]) for n in every}, After("download")),
            phase("images", every, {n.name: _images(spec, n) for n in every}, After("runtime")),
            phase("kubernetes", every, {n.name: _kubernetes(inputs, n, files[n.name]) for n in every}, After("images")),
            Phase("control-plane", {first: _control_plane(inputs)}, (After("kubernetes"),)),
            phase(
                "network",
                every,
                {n.name: _network(spec) for n in every},
                After("kubernetes"),
                After("control-plane", Scope.ALL),
            ),
            # A worker that failed must not keep the others from getting their DNS.
            Phase("addons", {first: _addons(inputs)}, (After("network", Scope.SETTLED),)),
        ),
        nodes={node.name: node.role for node in spec.nodes},
    )


def node_files(inputs: Inputs, node: Node) -> dict[str, tuple[Rendered, ...]]:
    """The node's rendered files by the catalogue's groups."""
    found = inputs.found[node.name]
    return catalog.rendered_for(
        inputs.spec,
        node,
        inputs.pki,
        NodeInputs(
            images=image_refs(inputs.spec),
            pod_cidr=inputs.pod_cidrs[node.name],
            peers={name: cidr for name, cidr in inputs.pod_cidrs.items() if name != node.name},
            mtu=inputs.spec.networking.mtu or found.mtu,
            resolv_conf=found.resolv_conf,
            ca_folders=found.ca_folders,
        ),
    )


def _folders(node: Node, *groups: str) -> tuple[Directory, ...]:
    """The folders' modes are as the daemons themselves make them."""
    wanted = catalog.folders_for(node)
    return tuple(Directory(f.path, f.mode, tree=f.tree) for group in groups for f in wanted[group])


def _as_files(rendered: Iterable[Rendered]) -> tuple[File, ...]:
    return tuple(File(each.path, each.content, each.mode, secret=each.secret) for each in rendered)


_KERNEL_FILES = (paths.MODULES_FILE, paths.SYSCTL_FILE)


def _prepare(inputs: Inputs, node: Node, files: Mapping[str, tuple[Rendered, ...]]) -> tuple[Step, ...]:
    who = identity(inputs.spec, node, inputs.ca_fingerprint, inputs.pod_cidrs[node.name])
    sysctls = " && ".join(
        f'[ "$(cat /proc/sys/{key.replace(".", "/")} 2>/dev/null)" = {value} ]' for key, value in kernel.SYSCTLS.items()
    )
    # A module that is built in, or that this kernel has not, has nothing to be loaded.
    modules = "\n".join(
        f"[ -d /sys/module/{module} ] || ! modprobe -nq {module} 2>/dev/null || exit 1" for module in kernel.MODULES
    )
    return (
        File(IDENTITY, json.dumps(who, indent=2, sort_keys=True).encode() + b"\n", 0o600),
        *_folders(node, catalog.NETWORK),
        *_as_files(each for each in files[catalog.RUNTIME] if each.path in _KERNEL_FILES),
        *_as_files(files[catalog.NETWORK]),
        # Recorded first, so it is undone last: after everything that might still write sysctls or chains.
        Script(
            "what was there before",
            check="",
            run=footprint.save((*kernel.SYSCTLS, *kernel.SELF_WRITTEN_SYSCTLS)),
            undo=footprint.RESTORE,
        ),
        Script("kernel modules", check=modules, run=f"modprobe -a {' '.join(kernel.MODULES)}"),
        Script("sysctls", check=sysctls, run=f"sysctl -q -p {paths.SYSCTL_FILE}", inputs=(paths.SYSCTL_FILE,)),
        Script(
            "networkd leaves routes alone",  # it reads its configuration only when it starts
            check="",
            run="systemctl try-restart systemd-networkd.service",
            inputs=(paths.NETWORKD_DROPIN,),
        ),
        Unit(paths.ROUTES_UNIT, (paths.unit_file(paths.ROUTES_UNIT), paths.ROUTES_SCRIPT), undo=routes.UNDO),
        # The check reads the list that lies on the node: that a new one is coming, only the input tells.
        Script("routes", check=routes.CHECK, run=routes.RUN, inputs=(paths.ROUTES_LIST, paths.ROUTES_SCRIPT)),
        *(_masquerade() if inputs.spec.networking.masquerade else ()),
    )


def _masquerade() -> tuple[Step, ...]:
    unit = (paths.unit_file(paths.FIREWALL_UNIT), paths.FIREWALL_RULES)
    return (
        Unit(paths.FIREWALL_UNIT, unit, undo=firewall.UNDO),
        Script("masquerade", check=firewall.CHECK, run=firewall.LOAD),
    )


def _downloads(inputs: Inputs, node: Node) -> tuple[Step, ...]:
    found = inputs.found[node.name]
    steps = []
    for file in release_files(inputs.spec, found.arch):
        if file.name == "kubectl" and not node.is_control_plane:
            continue
        steps.append(_download(file, found.digests[file.name]))
    return tuple(steps)


CNI_PLUGINS = ("bridge", "host-local", "loopback", "portmap")
CONTAINERD_PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr")


def _download(file: ReleaseFile, digest: str) -> Download:
    match file.site:
        case "containerd":
            members = tuple((f"bin/{name}", f"{paths.BIN}/{name}") for name in CONTAINERD_PROGRAMS)
            return Download(file.name, file.url, digest, members=members)
        case "cniPlugins":
            members = tuple((name, f"{paths.CNI_BIN}/{name}") for name in CNI_PLUGINS)
            return Download(file.name, file.url, digest, members=members)
        case "runc":
            return Download(f"{paths.BIN}/runc", file.url, digest)
        case _:
            return Download(f"{paths.BIN}/{file.name}", file.url, digest)


def _runtime(node: Node, files: Mapping[str, tuple[Rendered, ...]]) -> tuple[Step, ...]:
    own = _as_files(each for each in files[catalog.RUNTIME] if each.path not in _KERNEL_FILES)
    programs = tuple(f"{paths.BIN}/{name}" for name in CONTAINERD_PROGRAMS)
    # Mirrors (certs.d) are read at each pull: changing them restarts nothing.
    needs_start = (paths.unit_file(paths.CONTAINERD_UNIT), paths.CONTAINERD_CONFIG)
    return (
        *_folders(node, catalog.RUNTIME),
        *own,
        Unit(paths.CONTAINERD_UNIT, (*needs_start, *programs), undo=footprint.CONTAINERD),
    )


def _images(spec: ClusterSpec, node: Node) -> tuple[Step, ...]:
    refs = image_refs(spec)
    wanted = [refs.pause, refs.coredns]
    if node.is_control_plane:
        wanted = [refs.pause, refs.etcd, refs.kube_apiserver, refs.kube_controller_manager, refs.kube_scheduler]
        wanted += [refs.coredns]
    return tuple(Image(ref) for ref in wanted)


def _kubernetes(inputs: Inputs, node: Node, files: Mapping[str, tuple[Rendered, ...]]) -> tuple[Step, ...]:
    own = _as_files((*files[catalog.KUBERNETES], *files[catalog.CONTROL_PLANE]))
    kubelet = (
        paths.unit_file(paths.KUBELET_UNIT),
        paths.KUBELET_CONFIG,
        paths.KUBELET_CONF,
        paths.CA_CERT,
        *sorted(file.path for file in own if file.path.startswith(f"{paths.PKI}/kubelet")),
        paths.KUBELET_BIN,
    )
    return (
        *_folders(node, catalog.KUBERNETES, catalog.CONTROL_PLANE),
        *own,
        Unit(paths.KUBELET_UNIT, kubelet, undo=footprint.KUBELET),
    )


def _control_plane(inputs: Inputs) -> tuple[Step, ...]:
    spec = inputs.spec
    wanted = (*objects.bootstrap_objects(), *objects.node_objects(spec, dict(inputs.pod_cidrs)))
    document = documents(wanted).encode()
    super_admin = kubeconfig.super_admin_conf(spec, inputs.pki).content
    port = f"{kubeconfig.API_PORT:04X}"
    return (
        File(OBJECTS, document, 0o600),
        Wait(
            "the API answers",
            check=f"grep -qs ':{port} 0*:0000 0A' /proc/net/tcp /proc/net/tcp6 && {_ADMIN} get --raw=/readyz",
            timeout=240,
            diagnose=diagnose_program(("kubelet.service", "containerd.service"), ("etcd", "kube-apiserver"), api=True),
        ),
        Script(
            "cluster objects",
            check=_applied(OBJECTS),
            # admin.conf's group has no rights until its binding exists: only the super-admin can create it.
            run=f"{_KUBECTL} --kubeconfig=$FILES/super-admin.conf {_APPLY} -f {OBJECTS}",
            inputs=(OBJECTS,),
            files=(("super-admin.conf", super_admin),),
        ),
        *_taints(spec),
    )


def _taints(spec: ClusterSpec) -> tuple[Step, ...]:
    """The kubelet sets a node's taints only when it makes the Node object; here they are made sure of.

    Applying the list would take away what others put there (the node controller, `kubectl cordon`).
    """
    tainted = [node for node in spec.nodes if node.effective_taints]
    if not tainted:
        return ()
    listing = (
        '{range .items[*]}{"\\n"}{.metadata.name}{range .spec.taints[*]} {.key}={.value}:{.effect}{end}{" \\n"}{end}'
    )
    wanted = [(node.name, taint) for node in tainted for taint in objects.taint_arguments(node)]
    check = [f"all=$({_ADMIN} get nodes -o jsonpath={quote(listing)}) || exit 1"]
    # The outer blanks keep a taint from being found inside a longer one.
    check += [
        f"printf '%s\\n' \"$all\" | grep {quote('^' + name + ' ')} | grep -qF {quote(' ' + taint + ' ')} || exit 1"
        for name, taint in wanted
    ]
    run = [
        f"{_ADMIN} taint node {node.name} --overwrite {' '.join(quote(t) for t in objects.taint_arguments(node))}"
        for node in tainted
    ]
    return (Script("taints", check="\n".join(check), run="\n".join(run)),)


# Within its first seconds kube-proxy may still be about to write its rules.
_JUST_STARTED = f"""\
read -r up _ </proc/uptime
t=$(systemctl show -p ActiveEnterTimestampMonotonic --value {paths.KUBE_PROXY_UNIT})
[ "${{t:-0}}" -gt 0 ] && [ $((${{up%.*}} - t / 1000000)) -lt 30 ]"""


def _network(spec: ClusterSpec) -> tuple[Step, ...]:
    """kube-proxy, once the API is there: before that it would only sit in its back-off."""
    ip = spec.networking.api_service_ip.replace(".", "\\.")
    check = {
        "nftables": f"nft list map ip kube-proxy service-ips 2>/dev/null | grep -q '{ip} '",
        "iptables": f"iptables-save -t nat 2>/dev/null | grep -q -- '-d {ip}/32'",
    }[spec.networking.proxy_mode]
    there = {
        "nftables": "nft list map ip kube-proxy service-ips >/dev/null 2>&1",
        "iptables": "iptables-save -t nat 2>/dev/null | grep -q KUBE-SERVICES",
    }[spec.networking.proxy_mode]
    return (
        Unit(
            paths.KUBE_PROXY_UNIT,
            (
                paths.unit_file(paths.KUBE_PROXY_UNIT),
                paths.KUBE_PROXY_CONFIG,
                paths.KUBE_PROXY_CONF,
                paths.KUBE_PROXY_BIN,
            ),
            undo=footprint.KUBE_PROXY,
        ),
        # It looks for its own rules only once an hour: after somebody's `nft flush ruleset` it has to start anew. That
        # they lack the API's address for a while is no reason: so they do while the API server restarts.
        Script(
            "service rules",
            check=f"{there} || {{\n{_JUST_STARTED}\n}}",
            run=f"{{\n{_JUST_STARTED}\n}} || systemctl restart {paths.KUBE_PROXY_UNIT}",
        ),
        Wait(
            "services can be reached",
            check=check,
            timeout=120,
            diagnose=diagnose_program(("kube-proxy.service",)),
        ),
    )


def _addons(inputs: Inputs) -> tuple[Step, ...]:
    spec = inputs.spec
    has_resolver = all(inputs.found[node.name].has_resolver for node in spec.nodes)
    document = documents(coredns_objects(spec, image_refs(spec).coredns, has_resolver)).encode()
    deployment = f"{_ADMIN} -n kube-system get deployment coredns -o jsonpath='{{.status.availableReplicas}}'"
    return (
        File(COREDNS, document, 0o600),
        Script(
            "CoreDNS",
            check=_applied(COREDNS),
            run=f"{_ADMIN} {_APPLY} -f {COREDNS}",
            inputs=(COREDNS,),
        ),
        Wait(
            "CoreDNS answers",
            check=f'[ "$({deployment})" = 2 ]',
            timeout=180,
            diagnose=diagnose_program((), ("coredns",), api=True),
            interval=0.5,
        ),
    )
