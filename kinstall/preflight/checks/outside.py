"""What the node asks others for: name servers, the name of the API, proxies."""

from __future__ import annotations

from collections.abc import Iterator

from kinstall.cluster import ports
from kinstall.cluster.subnets import Range, host_range, overlap, parse_address
from kinstall.facts.model import unreachable_for_pods
from kinstall.findings import Finding, Severity
from kinstall.preflight.check import NodeView, check, error, ok, warning
from kinstall.wording import listed

_CLOUDS = ("169.254.169.253", "169.254.169.254")
"""Link-local, and yet answered for pods too: the resolvers of AWS, and of Google's and OpenStack's networks."""


@check("resolver", Severity.WARNING, "Does the node have a name server that pods can reach?")
def resolver(view: NodeView) -> Iterator[Finding]:
    facts, net = view.facts, view.spec.networking
    ranges = (*net.pods, *net.services)
    good = facts.upstream_nameservers(ranges)
    bad = {each: why for each in facts.nameservers if (why := unreachable_for_pods(each, ranges))}
    remedy = "name a server that pods can reach in /etc/resolv.conf, if names outside of the cluster are to be resolved"
    if not facts.nameservers:
        yield warning(
            f"{facts.resolv_conf} names no name server, so CoreDNS is not set up to forward: pods resolve names of the "
            "cluster only",
            remedy,
        )
    elif not good:
        reasons = "; ".join(f"{each}: {why}" for each, why in bad.items())
        yield warning(
            f"{facts.resolv_conf} names only servers that pods do not reach ({reasons}); CoreDNS would ask itself in a "
            "loop or nobody, and is not set up to forward: pods resolve names of the cluster only",
            remedy,
        )
    elif looping := [each for each in bad if overlap(_one(each), ranges)]:
        yield warning(
            f"{facts.resolv_conf} names {listed(looping)}, inside the cluster's own ranges, beside {listed(good)}: "
            "CoreDNS asks itself in a loop and ends",
            f"remove {listed(looping)} from it",
        )
    elif all(each.startswith("169.254.") and not _local(view, each) for each in good):
        yield warning(
            f"{facts.resolv_conf} names only {listed(good)}, a link-local address, which pods may not reach", remedy
        )
    else:
        yield ok(f"{', '.join(good)} (from {facts.resolv_conf})")


def _one(address: str) -> tuple[Range, ...]:
    network = host_range(address)
    return (network,) if network else ()


def _local(view: NodeView, address: str) -> bool:
    return address in _CLOUDS or view.facts.interface_of(address) is not None


@check("endpoint", Severity.ERROR, "Does the API's name lead from the node to the API?")
def endpoint(view: NodeView) -> Iterator[Finding]:
    facts, name = view.facts, view.spec.endpoint_host
    if host_range(name):
        yield ok(f"the API has the address {name}")
        return
    status, found = facts.value("endpoint-lookup"), facts.lines.get("endpoint-address", ())
    if not status:
        yield ok(f"{name} was not looked up")
        return
    # On a node of the cluster this may pass, and a replay may be what is needed.
    refuse = warning if view.own else error
    add = f"let the node's name server answer it, or add a line `ADDRESS {name}` to /etc/hosts of every node"
    usable = [each for each in found if ":" not in each and host_range(each)]
    if status != "0" or not found:
        yield refuse(f"controlPlaneEndpoint {name} cannot be looked up here" + _slow(status), add)
    elif not usable:
        yield refuse(f"controlPlaneEndpoint {name} has no IPv4 address here, only {listed(found)}", add)
    else:
        clean = True
        for address in usable:
            if complaint := _wrong(view, name, address):
                clean = False
                yield complaint
        if clean:
            yield ok(f"{name} leads to {listed(usable)}")


def _slow(status: str) -> str:
    return ": no name server answers" if status in ("124", "143") else ""


def _wrong(view: NodeView, name: str, address: str) -> Finding | None:
    refuse = warning if view.own else error
    where = parse_address(address)
    if where.is_loopback or where.is_unspecified:
        remedy = f"write the control plane's or the load balancer's address for {name} in /etc/hosts or the DNS"
        if not view.node.is_control_plane:
            return refuse(f"controlPlaneEndpoint {name} leads to {address} here, the node itself", remedy)
        if view.spec.endpoint.endswith(f":{ports.API_SERVER}"):
            return warning(f"controlPlaneEndpoint {name} leads to {address} here: only its own API server", remedy)
        return refuse(f"controlPlaneEndpoint {name} leads to {address} here, the node itself", remedy)
    for key, network in view.spec.networking.ranges:
        if overlap(_one(address), (network,)):
            remedy = "the API needs an address outside of it: change what the name leads to"
            return refuse(f"controlPlaneEndpoint {name} leads to {address} here, inside {key} {network}", remedy)
    for worker in view.spec.workers:
        if worker.internal_ip == address:
            message = f"controlPlaneEndpoint {name} leads to {address} here, which is {worker.name}, a worker"
            return refuse(message, "let it lead to a control plane or to a load balancer in front of them")
    return None


@check("proxies", Severity.WARNING, "Do logins use a proxy, and would it get the cluster's own traffic?")
def proxies(view: NodeView) -> Iterator[Finding]:
    settings = {name.lower(): value for name, value in view.facts.proxies.items() if value}
    used = [value for name, value in settings.items() if name in ("http_proxy", "https_proxy")]
    if not used:
        yield from _proxy_elsewhere(view)
        return
    exempt = settings.get("no_proxy", "")
    net = view.spec.networking
    wanted = [
        *dict.fromkeys(n.internal_ip for n in view.spec.nodes),
        net.pod_subnet,
        net.service_subnet,
        f".{net.dns_domain}",
    ]
    # A range is not taken apart: one in no_proxy is trusted to be right.
    taken_whole = "/" in exempt and view.node.internal_ip in exempt
    missing = [] if taken_whole else [w for w in wanted if w not in exempt.split(",")]
    message = f"logins use the proxy {used[0]}"
    if missing:
        yield warning(
            f"{message}, also for {', '.join(missing[:4])}{' …' if len(missing) > 4 else ''}",
            f"add them to no_proxy in /etc/environment: no_proxy={','.join(wanted)}",
        )
    else:
        yield warning(
            f"{message}; containerd's unit does not read it, so images are fetched without it",
            "use a registry mirror that the nodes reach (images.mirrors)",
        )


def _proxy_elsewhere(view: NodeView) -> Iterator[Finding]:
    """Files that name a proxy, where logins use none. Nothing of what is in them was read."""
    files = view.facts.lines.get("proxy-file", ())
    containerd = [path for path in files if path.startswith(_CONTAINERD)]
    others = [path for path in files if path not in containerd]
    if others and not containerd:
        yield warning(
            f"{listed(others)} {'names' if len(others) == 1 else 'name'} a proxy; containerd's unit does not read it, "
            "so images are fetched without it",
            "use a registry mirror that the nodes reach (images.mirrors), unless they reach the registries directly",
        )
    else:
        yield ok("no proxy is set" if not files else f"containerd has a proxy ({listed(containerd)})")


_CONTAINERD = "/etc/systemd/system/containerd.service.d/"

CHECKS = (resolver, endpoint, proxies)
