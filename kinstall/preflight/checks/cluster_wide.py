"""What only shows when the nodes are looked at together: clones, clocks, nodes that did not answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from assets.pod_network.pools import CALICO_DEFAULT
from kinstall.cluster.subnets import parse_range, within
from kinstall.facts.model import NodeFacts
from kinstall.findings import Finding, Severity
from kinstall.preflight.check import Check, ClusterView, check, error, ok, warning

# etcd warns from one second on; leases and tokens cope with a few.
SKEW_ERROR = 10.0
SKEW_WARNING = 2.0


def _unique(
    name: str, what: str, severity: Severity, value: Callable[[NodeFacts, str], str], remedy: str
) -> Check[ClusterView]:
    """A check that no two nodes share something. `value`: facts and the node's IP → what it has, empty: not known."""

    @check(name, severity, f"Does every node have a {what} of its own?")
    def unique(view: ClusterView) -> Iterator[Finding]:
        holders: dict[str, list[str]] = defaultdict(list)
        for node, facts in view.facts.items():
            holders[value(facts, view.spec.node(node).internal_ip)].append(node)
        holders.pop("", None)
        shared = {each: nodes for each, nodes in holders.items() if len(nodes) > 1}
        for each, nodes in shared.items():
            message = f"{', '.join(nodes)} have the same {what} {each}"
            yield (error if severity is Severity.ERROR else warning)(message, remedy)
        if holders and not shared:  # in containers, for one, no node has a product_uuid
            yield ok(f"every node has a {what} of its own")

    return unique


def _mac(facts: NodeFacts, address: str) -> str:
    held = facts.interface_of(address)
    return held[0].mac if held else ""


hostname = _unique(
    "hostname",
    "host name",
    Severity.WARNING,
    lambda facts, _: facts.hostname,
    "`hostnamectl set-hostname NAME`",
)
machine_id = _unique(
    "machine-id",
    "machine-id",
    Severity.ERROR,
    lambda facts, _: facts.machine_id,
    "was one of them cloned from the other's disk? Run `rm /etc/machine-id && systemd-machine-id-setup` on one and "
    "reboot it",
)
mac = _unique("mac", "MAC address", Severity.ERROR, _mac, "give one of the machines another network card address")
product_uuid = _unique(
    "product-uuid",
    "product_uuid",
    Severity.WARNING,
    lambda facts, _: facts.product_uuid,
    "give each virtual machine a UUID of its own",
)


@check("clock-skew", Severity.ERROR, "Do the nodes' clocks agree?")
def clock_skew(view: ClusterView) -> Iterator[Finding]:
    """Only what the round trips cannot explain counts."""
    # Each node's offset from the operator is between these two.
    spans = {
        name: (facts.clock - view.clocks[name][1], facts.clock - view.clocks[name][0])
        for name, facts in view.facts.items()
        if facts.clock and name in view.clocks
    }
    if len(spans) < 2:
        return
    slow = min(spans, key=lambda name: spans[name][1])
    fast = max(spans, key=lambda name: spans[name][0])
    apart = spans[fast][0] - spans[slow][1]
    if apart <= SKEW_WARNING:
        yield ok("the nodes' clocks agree")
        return
    yield (error if apart > SKEW_ERROR else warning)(
        f"the clock of {fast} is {apart:.0f} seconds ahead of that of {slow}",
        "let the same time service set both (chrony, systemd-timesyncd)",
    )


@check("nodes", Severity.WARNING, "Did every node answer?")
def nodes(view: ClusterView) -> Iterator[Finding]:
    """Nodes that did not answer are named, so that silence is not taken for health."""
    if missing := [node.name for node in view.spec.nodes if node.name not in view.facts]:
        yield warning(f"not checked: {', '.join(missing)}", "fix the connection to them")


@check("security", Severity.WARNING, "Does the API ask for credentials?")
def security(view: ClusterView) -> Iterator[Finding]:
    """Mode http is named at every run."""
    chosen = view.spec.security
    if chosen.mode == "http":
        networks = ", ".join(chosen.trusted_networks)
        yield warning(
            f"mode http: everyone in {networks} is admin of the cluster without any credential, unencrypted",
            "set security.mode: https unless that is intended",
        )


@check("pod-network", Severity.WARNING, "Does the third-party pod network give pods addresses of podSubnet?")
def pod_network(view: ClusterView) -> Iterator[Finding]:
    """kube-proxy and the controller manager take podSubnet for the pods' addresses."""
    if view.manifest is None:
        return
    subnet, clean = view.spec.networking.pod_subnet, True
    for pool in view.manifest.pools:
        try:
            outside = not any(
                within(parse_range(pool.cidr or CALICO_DEFAULT), each) for each in view.spec.networking.pods
            )
        except ValueError:
            continue  # the network will say so
        if not outside:
            continue
        clean = False
        if pool.cidr:
            message = f"{pool.setting} in the manifest is {pool.cidr}, outside podSubnet {subnet}"
            remedy = f"write {subnet} there, or in a new cluster networking.podSubnet: {pool.cidr}"
        else:
            message = (
                f"the manifest does not set {pool.setting}: Calico looks for kubeadm's ConfigMap kubeadm-config, which "
                f"this cluster does not have, and takes {CALICO_DEFAULT} instead of podSubnet {subnet}"
            )
            remedy = f"set {pool.setting} to {subnet} in the manifest"
        yield warning(message, remedy)
    if clean:
        yield ok("the manifest names no other range than podSubnet")


CHECKS = (hostname, machine_id, mac, product_uuid, clock_skew, nodes, security, pod_network)
