"""Phases network and addons: kube-proxy once the API answers, add-ons once services can be reached."""

from __future__ import annotations

from collections.abc import Mapping

from assets import paths
from assets.addons import ADDONS, Addon, AddonInputs
from assets.kubectl import ADMIN, APPLY
from assets.node.kube_proxy import KUBE_PROXY
from assets.rendered import Rendered
from assets.yaml_writer import documents
from kinstall.cluster import ClusterSpec, Node
from kinstall.cluster.release_files import image_refs
from kinstall.diagnosis.explain import diagnose_program
from kinstall.engine.steps import File, Script, Step, Unit, Wait
from kinstall.plan import cleanup, gateway, operator_manifest
from kinstall.plan.node_inputs import RESTART, Inputs, applied

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
        *gateway.steps(inputs, node, files),
        *operator_manifest.on_node(spec, inputs.own_network),
    )


def addons(inputs: Inputs) -> tuple[Step, ...]:
    """On the first control plane, one add-on after the other."""
    has_resolver = all(profile.has_resolver for profile in inputs.profiles.values())
    beside = AddonInputs(images=image_refs(inputs.spec), has_resolver=has_resolver)
    return (
        *operator_manifest.available(inputs.own_network),
        *(step for addon in ADDONS for step in _addon(inputs.spec, addon, beside)),
    )


def _addon(spec: ClusterSpec, addon: Addon, beside: AddonInputs) -> tuple[Step, ...]:
    steps = (
        File(addon.file, documents(addon.objects(spec, beside)).encode(), 0o600),
        Script(
            addon.name,
            check=applied(addon.file),
            run=f"{ADMIN} {APPLY} -f {addon.file}",
            inputs=(addon.file,),
            patience=RESTART,
        ),
    )
    if not addon.deployment:
        return steps
    get = f"{ADMIN} -n kube-system get deployment {addon.deployment.name}"
    available = f"{get} -o jsonpath='{{.status.availableReplicas}}'"
    answers = Wait(
        f"{addon.name} answers",
        check=f'[ "$({available})" = {addon.deployment.replicas} ]',
        timeout=180,
        diagnose=diagnose_program((), addon.deployment.containers, api=True),
        interval=0.5,
    )
    return (*steps, answers)
