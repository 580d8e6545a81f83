"""The node's place in the network: its address, its neighbours, ports, ranges and firewalls."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from assets.control_plane.static_pods import COMPONENTS
from assets.node import DAEMONS
from assets.pod_network import pod_network
from kinstall.cluster import ports as numbers
from kinstall.cluster.pod_ranges import pods_in_node_range
from kinstall.cluster.subnets import within
from kinstall.connectivity.required import TCP, UDP, inbound
from kinstall.findings import Finding, Severity
from kinstall.preflight.check import NodeView, check, error, ok, warning

# Port → what listens there. Kubernetes' own list plus the health ports.
CONTROL_PLANE_PORTS = {port: each.name for each in COMPONENTS for port in each.ports}
GATEWAY_PORTS = {numbers.GATEWAY: "haproxy", numbers.GATEWAY_HEALTH: "haproxy"}
_FORMERLY = {numbers.GATEWAY: "kubectl"}  # kubectl proxy of earlier versions
NODE_PORTS = {port: each.name for each in DAEMONS for port in each.ports}


def ports_of(view: NodeView) -> dict[int, str]:
    """TCP port → component, of the node's role."""
    planes = {**CONTROL_PLANE_PORTS, **(GATEWAY_PORTS if view.spec.security.mode == "http" else {})}
    return {**(planes if view.node.is_control_plane else {}), **NODE_PORTS}


@check("ports", Severity.ERROR, "Are the ports free that the cluster's daemons listen on?")
def ports(view: NodeView) -> Iterator[Finding]:
    wanted, taken, shadowed = ports_of(view), [], []
    udp = pod_network(view.spec).udp_port
    for listener in view.facts.listeners:
        if listener.protocol != "tcp":
            if udp and listener.port == udp and not view.own:
                taken.append(f"{udp}/udp ({view.spec.networking.pod_network}) by {listener.process or 'the kernel'}")
            continue
        if component := wanted.get(listener.port):
            # The kernel cuts a process's name to 15 characters.
            names = (component, _FORMERLY.get(listener.port, component))
            ours = view.own and (not listener.process or any(name.startswith(listener.process) for name in names))
            if not ours:
                taken.append(f"{listener.port} ({component}) by {listener.process or 'an unknown process'}")
        elif listener.port in numbers.NODE_PORTS:
            shadowed.append(f"{listener.port}" + (f" ({listener.process})" if listener.process else ""))
    if taken := list(dict.fromkeys(taken)):
        yield error(
            f"taken: {', '.join(taken)}",
            "stop what listens there (`ss -ltnp` shows it)",
        )
    if shadowed:
        yield warning(
            f"{', '.join(dict.fromkeys(shadowed))} are in the range of NodePort services (30000-32767); a service that "
            "gets such a port hides what listens there",
            "let it listen on another port",
        )
    if not taken and not shadowed:
        yield ok(f"{', '.join(map(str, sorted(wanted)))} are {'its own' if view.own else 'free'}")


@check("address", Severity.ERROR, "Does the node have the address that the answers give it, with a fitting MTU?")
def address(view: NodeView) -> Iterator[Finding]:
    wanted = view.node.internal_ip
    held = view.facts.interface_of(wanted)
    if held is None:
        has = [f"{ip.ip} on {name}" for name, ip in view.facts.addresses if not ip.ip.is_loopback]
        yield error(
            f"{wanted} is on none of the node's interfaces; it has {', '.join(has) or 'no IPv4 address'}",
            "set nodeIP to the address that the node itself has and its peers reach; address may be another one, "
            "for SSH",
        )
        return
    link, interface = held
    mtu, overhead = view.spec.networking.mtu, pod_network(view.spec).overhead
    if mtu and link.mtu and mtu > link.mtu - overhead:
        yield error(
            f"networking.mtu {mtu} is larger than the {link.mtu} of {link.name}"
            + (f" less {overhead} of the {view.spec.networking.pod_network}" if overhead else ""),
            f"set it to {link.mtu - overhead} or less, or remove it",
        )
    else:
        yield ok(f"{interface} on {link.name}" + (f", MTU {link.mtu}" if link.mtu else ""))


@check("neighbours", Severity.ERROR, "Is every other node on the same link, where the pod network needs that?")
def neighbours(view: NodeView) -> Iterator[Finding]:
    """Where a peer's pods are sent straight to the peer, it must be on the same link."""
    if not pod_network(view.spec).direct:
        return
    peers = [peer for peer in view.spec.nodes if peer.name != view.node.name]
    far = []
    for peer in peers:
        route = view.facts.route_to(peer.internal_ip)
        if route is None:
            far.append(f"{peer.name} ({peer.internal_ip}: no route)")
        elif route.via:
            far.append(f"{peer.name} ({peer.internal_ip}: via {route.via})")
    if far:
        yield error(
            f"not on the node's own subnet: {', '.join(far[:5])}{' …' if len(far) > 5 else ''}; the routed pod network "
            "needs every node to be a direct neighbour of every other",
            "put the nodes into one subnet, or set networking.podNetwork: overlay",
        )
    elif peers:
        yield ok("every other node is on the same link")


@check("default-route", Severity.ERROR, "Is there a default route?")
def default_route(view: NodeView) -> Iterator[Finding]:
    if any(route.destination.prefixlen == 0 and route.table == "main" for route in view.facts.routes):
        yield ok("there is a default route")
    else:
        yield error(
            "there is no default route: the kernel then refuses to send to service addresses before kube-proxy can "
            "redirect them",
            f"add one, or at least a route for {view.spec.networking.service_subnet} on the node's interface",
        )


@check("ranges", Severity.ERROR, "Are the pods' and services' ranges free of the node's addresses and routes?")
def ranges(view: NodeView) -> Iterator[Finding]:
    """Pods' and services' ranges against every route and address that the node has."""
    facts, net, clean = view.facts, view.spec.networking, True
    links = pod_network(view.spec).links

    def own(link: str) -> bool:
        return view.own and (links is None or link in links)

    for field, wanted in net.ranges:
        for name, interface in facts.addresses:
            if interface.ip in wanted and not own(name):
                clean = False
                yield error(
                    f"networking.{field} {wanted} contains {interface} of {name}",
                    "choose a range that nothing in this network uses",
                )
        for route in facts.routes:
            if not route.destination.prefixlen or not wanted.overlaps(route.destination):
                continue
            # The cluster's own: its links, and a route per peer (also one that the answers no longer name).
            if within(route.destination, wanted) and (own(route.device) or (view.own and route.via)):
                continue
            if any(i.network == route.destination and i.ip in wanted for _, i in facts.addresses):
                continue  # said above
            clean = False
            if within(route.destination, wanted):
                yield error(
                    f"networking.{field} {wanted} contains a network that the node has a route to ({route})",
                    "choose a range that nothing in this network uses",
                )
            else:
                yield warning(
                    f"networking.{field} {wanted} is inside {route.destination}, to which the node has a route "
                    f"({route}): machines with addresses in it are hidden",
                    "choose a range that nothing in this network uses, unless this one is kept free there",
                )
    if clean:
        yield ok("no address and no route is in the pods' and services' ranges")


@check("firewall", Severity.WARNING, "Does a firewall drop incoming packets?")
def firewall(view: NodeView) -> Iterator[Finding]:
    """Nothing is changed about it. Whether it drops something is what the check `peers` finds out."""
    facts = view.facts
    if facts.active("firewalld.service"):
        yield warning("firewalld is active and may drop the cluster's traffic", _opened(view, _firewalld))
    if facts.ufw:
        yield warning("ufw is active and may drop the cluster's traffic", _opened(view, _ufw))
    if facts.ufw or facts.active("firewalld.service"):
        return
    if dropping := [where for hook, where in facts.drop_policies if hook == "input"]:
        yield warning(f"incoming packets are dropped by default ({dropping[0]})", _opened(view))
    else:
        yield ok("nothing drops incoming packets by default")


_Commands = Callable[[list[int], list[int], str], tuple[str, ...]]
"""(TCP ports, UDP ports, pods' range) → what lets them pass, besides NodePort services."""

_NODE_PORTS = f"{numbers.NODE_PORTS[0]}-{numbers.NODE_PORTS[-1]}"


def _opened(view: NodeView, commands: _Commands | None = None) -> str:
    """The remedy: which ports, how, and where to see what is dropped."""
    pods, wanted = view.spec.networking.pod_subnet, inbound(view.spec, view.node)
    tcp = [port.number for port in wanted if port.protocol == TCP]
    udp = [port.number for port in wanted if port.protocol == UDP]
    named = f"TCP {', '.join(map(str, tcp))} and {_NODE_PORTS}" + "".join(f", UDP {port}" for port in udp)
    how = ", ".join(f"`{command}`" for command in commands(tcp, udp, pods)) if commands else ""
    return (
        f"let the nodes reach one another on {named}, and the pod range {pods} pass"
        + (f" ({how}); or disable it" if how else "")
        + "; `kinstall preflight` shows under peers which of them it drops"
    )


def _firewalld(tcp: list[int], udp: list[int], pods: str) -> tuple[str, ...]:
    ports = [f"--add-port={port}/tcp" for port in (*tcp, _NODE_PORTS)] + [f"--add-port={port}/udp" for port in udp]
    permanent = "firewall-cmd --permanent"
    return f"{permanent} {' '.join(ports)}", f"{permanent} --zone=trusted --add-source={pods}", "firewall-cmd --reload"


def _ufw(tcp: list[int], udp: list[int], pods: str) -> tuple[str, ...]:
    ports = ",".join((*map(str, tcp), _NODE_PORTS.replace("-", ":")))
    others = (f"ufw allow {port}/udp" for port in udp)
    return f"ufw allow {ports}/tcp", *others, f"ufw allow from {pods}", f"ufw route allow from {pods}"


@check("forwarding", Severity.ERROR, "Are forwarded packets, and so the pods', let through?")
def forwarding(view: NodeView) -> Iterator[Finding]:
    """An accept in one table does not undo another's drop, so kinstall's own rules cannot help here."""
    if dropping := [where for hook, where in view.facts.drop_policies if hook == "forward"]:
        yield error(
            f"forwarded packets are dropped by default ({dropping[0]}), so pods would not reach one another",
            f"accept source and destination {view.spec.networking.pod_subnet} there (docker and ufw set this policy), "
            "or add forwarding to preflight.ignore where its rules already do",
        )
    else:
        yield ok("nothing drops forwarded packets by default")


@check("max-pods", Severity.WARNING, "Does the node's pod range hold as many pods as its kubelet takes?")
def max_pods(view: NodeView) -> Iterator[Finding]:
    """A number in the answers that is too large is refused with them; this is about the kubelet's own."""
    networking = view.spec.networking
    if not networking.plans_ranges:
        yield ok("the pod network gives pods their addresses")
        return
    kubelet = view.spec.components_of(view.node).kubelet
    arguments = [each.extra_args["max-pods"] for _, each in kubelet.layers if "max-pods" in each.extra_args]
    most = str(arguments[-1] if arguments else kubelet.over({}).get("maxPods", KUBELET_PODS))
    room, size = pods_in_node_range(networking), networking.node_cidr_mask_size
    if most.isascii() and most.isdecimal() and len(most) < 10 and int(most) > room:
        yield warning(
            f"the kubelet takes {most} pods, and a node's range of /{size} holds {room}: those beyond it stay in "
            "ContainerCreating",
            f"set components.kubelet.config.maxPods: {room}, or in a new cluster a smaller nodeCIDRMaskSize",
        )
    else:
        yield ok(f"a node's range of /{size} holds {room} pods, and the kubelet takes {most}")


KUBELET_PODS = 110
"""The kubelet's own maxPods."""

CHECKS = (address, neighbours, default_route, ranges, ports, firewall, forwarding, max_pods)
