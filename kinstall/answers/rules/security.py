"""How the API is protected: what mode http demands, and what it cannot go together with."""

from __future__ import annotations

from collections.abc import Iterator

from kinstall.answers.rules import formats
from kinstall.answers.rules.view import Rule, View, told
from kinstall.cluster import OwnAuthority, Security
from kinstall.cluster.subnets import overlap, parse_range
from kinstall.findings import Problem

_GIVES_UP = (
    "whoever reaches the gateway from a trusted network is admin, without any credential, and nothing is encrypted"
)


def own_authorities_of(security: Security) -> tuple[tuple[str, OwnAuthority], ...]:
    """(key in security.ownCA, what stands there)."""
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
        if security.trusted_networks:
            yield Problem(path, "trusted networks mean nothing in mode https", "leave them out, or take mode http")
        return
    if not security.trusted_networks and view.intact(path):
        yield Problem(path, "mode http admits nobody without them", "name the networks, for example 192.0.2.0/24")
    for index, text in enumerate(security.trusted_networks):
        place = f"{path}[{index}]"
        if not view.intact(place):
            continue
        wrong = formats.network(text)
        yield from told(place, wrong)
        if wrong:
            continue
        network = parse_range(text)
        if network.prefixlen < 8:
            yield Problem(place, f"{text} is a large part of the internet: {_GIVES_UP}", "name the networks you trust")
        elif overlap((network,), view.pods):
            message = f"{text} overlaps podSubnet {view.spec.networking.pod_subnet}: pods are never admitted"
            yield Problem(place, message, "name networks of hosts")


def network_of_somebody_else(view: View) -> Iterator[Problem]:
    """What such a network does with pods' packets is not known: their sender may be their node."""
    if view.spec.security.mode == "http" and view.spec.networking.pod_network == "manifest":
        message = "with podNetwork manifest pods cannot be kept from the gateway, and everyone in a pod would be admin"
        yield Problem("security.mode", message, "take mode https, or another podNetwork")


def own_authorities(view: View) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for name, own in own_authorities_of(view.spec.security):
        path = f"security.ownCA.{name}"
        yield from told(f"{path}.certificate", formats.key_file(own.certificate))
        yield from told(f"{path}.key", formats.key_file(own.key))
        for missing, there in (("key", own.certificate), ("certificate", own.key)):
            if there and not getattr(own, missing) and view.intact(path):
                yield Problem(f"{path}.{missing}", "an authority needs both its certificate and its key", "name it")
        if own.certificate and own.certificate in taken:
            message = f"this is {taken[own.certificate]}'s too: whom one trusts, the other must not"
            yield Problem(f"{path}.certificate", message, "take an authority of its own, or leave it out")
        taken.setdefault(own.certificate, name)


RULES: tuple[Rule, ...] = (acknowledged, trusted_networks, network_of_somebody_else, own_authorities)
