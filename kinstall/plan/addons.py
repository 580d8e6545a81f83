"""Phases network and addons: kube-proxy once the API is there, CoreDNS once services can be reached."""

from __future__ import annotations

from collections.abc import Mapping

from assets import paths
from assets.addons.coredns import coredns_objects
from assets.kubectl import ADMIN, APPLY
from assets.node.kube_proxy import KUBE_PROXY
from assets.rendered import Rendered
from assets.yaml_writer import documents
from kinstall.cluster import Node
from kinstall.cluster.release_files import image_refs
from kinstall.diagnosis.explain import diagnose_program
from kinstall.engine.steps import File, Script, Step, Unit, Wait
from kinstall.plan import cleanup, gateway, operator_manifest
from kinstall.plan.node_inputs import COREDNS, RESTART, Inputs, applied

# Within its first seconds kube-proxy may still be about to write its rules.
_JUST_STARTED = f"""\
read -r up _ </proc/uptime
t=$(systemctl show -p ActiveEnterTimestampMonotonic --value {paths.KUBE_PROXY_UNIT})
[ "${{t:-0}}" -gt 0 ] && [ $((${{up%.*}} - t / 1000000)) -lt 30 ]"""


def network(inputs: Inputs, node: Node, files: Mapping[str, tuple[Rendered, ...]]) -> tuple[Step, ...]:
    """kube-proxy, once the API is there: before that it would only sit in its back-off."""
    spec = inputs.spec
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
        Unit(KUBE_PROXY.unit, KUBE_PROXY.restarts_with, undo=cleanup.KUBE_PROXY),
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
        *gateway.steps(spec, node, files),
        *operator_manifest.on_node(spec, inputs.own_network),
    )


def addons(inputs: Inputs) -> tuple[Step, ...]:
    spec = inputs.spec
    has_resolver = all(inputs.profiles[node.name].has_resolver for node in spec.nodes)
    document = documents(coredns_objects(spec, image_refs(spec).coredns, has_resolver)).encode()
    deployment = f"{ADMIN} -n kube-system get deployment coredns -o jsonpath='{{.status.availableReplicas}}'"
    return (
        *operator_manifest.available(inputs.own_network),
        File(COREDNS, document, 0o600),
        Script(
            "CoreDNS",
            check=applied(COREDNS),
            run=f"{ADMIN} {APPLY} -f {COREDNS}",
            inputs=(COREDNS,),
            patience=RESTART,
        ),
        Wait(
            "CoreDNS answers",
            check=f'[ "$({deployment})" = 2 ]',
            timeout=180,
            diagnose=diagnose_program((), ("coredns",), api=True),
            interval=0.5,
        ),
    )
