"""How the API is protected: what mode http needs, and what it cannot be combined with."""

from __future__ import annotations

from collections.abc import Iterator

from kinstall.answers.rules import formats
from kinstall.answers.rules.view import Rule, View, problem_at
from kinstall.cluster import OwnAuthority, Security
from kinstall.cluster.subnets import overlap, parse_range
from kinstall.findings import Problem

_GIVES_UP = (
    "everyone who reaches the gateway from a trusted network is admin, without credentials, and nothing is encrypted"
)


def own_authorities_of(security: Security) -> tuple[tuple[str, OwnAuthority], ...]:
    """(key in security.ownCA, its value)."""
    own = security.own_ca
    return (("cluster", own.cluster), ("etcd", own.etcd), ("frontProxy", own.front_proxy))


def acknowledged(view: View) -> Iterator[Problem]:
    security = view.spec.security
    if security.mode == "http" and not security.acknowledge_insecure:
        message = f"mode http is not acknowledged: {_GIVES_UP}"
        yield Problem(
            "security.acknowledgeInsecure", message, "write true if that is what you want, or take mode https"
        )


def trusted_networks(view: View) -> Iterator[Problem]:
    security, path = view.spec.security, "security.trustedNetworks"
    if security.mode != "http":
        return
    if not security.trusted_networks and view.intact(path):
        yield Problem(
            path, "mode http needs them: nobody is admitted otherwise", "name the networks, for example 192.0.2.0/24"
        )
    for index, text in enumerate(security.trusted_networks):
        place = f"{path}[{index}]"
        if not view.intact(place):
            continue
        wrong = formats.network(text)
        yield from problem_at(place, wrong)
        if wrong:
            continue
        network = parse_range(text)
        if network.prefixlen < 8:
            yield Problem(place, f"{text} is a large part of the internet: {_GIVES_UP}", "name the networks you trust")
        elif overlap((network,), view.pods):
            message = f"{text} overlaps podSubnet {view.spec.networking.pod_subnet}: pods are never admitted"
            yield Problem(place, message, "name networks of hosts")
        elif network.prefixlen == 32:
            yield from _a_node(view, place, text)


def _a_node(view: View, place: str, network: str) -> Iterator[Problem]:
    """Nothing tells a pod with hostNetwork, or a kubelet's probe for any pod, from the node itself: no filter can hold
    that, so no node is admitted. In a larger network the nodes are left out; alone they cannot have been meant."""
    address = network.removesuffix("/32")
    for node in view.spec.nodes:
        if address == node.internal_ip:
            message = f"{network} is node {node.name}: nodes are never admitted, as their pods may use their address"
            yield Problem(place, message, "name hosts outside the cluster; a node's administrator uses a kubeconfig")


def third_party_network(view: View) -> Iterator[Problem]:
    """What a third-party network does with pods' packets is not known: they may come from their node's address."""
    if view.spec.security.mode == "http" and view.spec.networking.pod_network == "manifest":
        message = "with podNetwork manifest pods cannot be kept from the gateway, and every pod would be admin"
        yield Problem("security.mode", message, "take mode https, or another podNetwork")


def own_authorities(view: View) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for name, own in own_authorities_of(view.spec.security):
        path = f"security.ownCA.{name}"
        yield from problem_at(f"{path}.certificate", formats.key_file(own.certificate))
        yield from problem_at(f"{path}.key", formats.key_file(own.key))
        for missing, there in (("key", own.certificate), ("certificate", own.key)):
            if there and not getattr(own, missing) and view.intact(path):
                yield Problem(
                    f"{path}.{missing}",
                    "a CA needs both its certificate and its key",
                    f"write the path of the {missing}",
                )
        if own.certificate and own.certificate in taken:
            message = f"this is also the CA of {taken[own.certificate]}: what one trusts, the other must not"
            yield Problem(f"{path}.certificate", message, "take a different CA, or leave it out")
        taken.setdefault(own.certificate, name)


RULES: tuple[Rule, ...] = (acknowledged, trusted_networks, third_party_network, own_authorities)
