"""The operator's own pod network: a manifest that is applied as it is, waited for, and taken away with the cluster.

What it leaves on a node is not known beforehand, so the node is looked at before it comes: reset takes what was not
not there then and cannot be another's (`cleanup`).
"""

from __future__ import annotations

from shlex import quote

from assets import paths
from assets.kubectl import ADMIN, APPLY
from assets.pod_network.manifest import Manifest, Thing
from kinstall.cluster import ClusterSpec
from kinstall.diagnosis.explain import diagnose_program
from kinstall.engine.diff import STATE
from kinstall.engine.shell_functions import functions
from kinstall.engine.steps import File, Script, Step, Wait
from kinstall.plan import cleanup
from kinstall.plan.node_inputs import applied

FILE = paths.POD_NETWORK_MANIFEST
_APPLIED = f"{STATE}/pod-network.applied"
"""What the manifest that was applied last named, an object per line."""

_KUBECTL = f'kubectl() {{ {ADMIN} "$@"; }}\n'

_SECONDS = 600
"""Its images are pulled by the kubelet, and some are large."""


def prepared(spec: ClusterSpec, manifest: Manifest | None) -> tuple[Step, ...]:
    """On every node, before anything of the network is there."""
    look = cleanup.look_before_network(manifest.host_paths if manifest else ())
    undo = cleanup.network_gone(spec.networking.pod_subnet)
    return (Script(cleanup.NETWORK, check=look.check, run=look.run, undo=undo),)


def objects(manifest: Manifest | None) -> tuple[Step, ...]:
    """On the control plane that leads, once the API answers: the manifest's objects, and none that it no longer has."""
    if manifest is None:
        return ()
    names = "".join(f"{each.resource} {each.namespace or 'default'} {each.name}\n" for each in manifest.objects)
    return (
        File(FILE, manifest.content, 0o600, secret=manifest.secret),
        Script(
            "pod network's objects",
            check=applied(FILE),
            run=f"{_KUBECTL}APPLY={quote(APPLY)} FILE={FILE} APPLIED={_APPLIED} NAMES={quote(names)}\n"
            + functions("manifest_apply", "kinstall.plan"),
            inputs=(FILE,),
        ),
    )


def on_node(spec: ClusterSpec, manifest: Manifest | None) -> tuple[Step, ...]:
    """On every node: until the network has put its configuration there, no pod starts."""
    if spec.networking.plans_ranges:
        return ()
    containers = manifest.containers[:6] if manifest else ()
    return (
        Wait(
            "the pod network is here",
            check=f"ls {paths.CNI_CONF} | grep -qE '\\.(conf|conflist|json)$'",
            timeout=_SECONDS,
            diagnose=diagnose_program((paths.KUBELET_UNIT, paths.CONTAINERD_UNIT), containers, api=True),
            interval=0.5,
        ),
    )


def available(manifest: Manifest | None) -> tuple[Step, ...]:
    """On the control plane that leads: the manifest's workloads are available."""
    if manifest is None or not manifest.workloads:
        return ()
    return (
        Wait(
            "the pod network's workloads are available",
            check=f"{_KUBECTL}READY={quote(_READY)}\n{functions('manifest_available', 'kinstall.plan')}"
            + "".join(map(_is_available, manifest.workloads)),
            timeout=_SECONDS,
            diagnose=diagnose_program((), manifest.containers[:6], api=True),
            interval=0.5,
        ),
    )


_READY = '{range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}'


def _is_available(each: Thing) -> str:
    """Seen by its controller, brought up to date everywhere, and available. A field that is missing is 0; the letter
    before each keeps its place."""
    if each.kind == "DaemonSet":
        fields = ("status.desiredNumberScheduled", "status.numberAvailable", "status.updatedNumberScheduled")
        missing, updates = '"$off"', "spec.updateStrategy.type"
    else:
        fields = ("spec.replicas", "status.availableReplicas", "status.updatedReplicas")
        missing, updates = "0", "spec.strategy.type"
    every = ("metadata.generation", "status.observedGeneration", *fields, updates)
    listing = quote(" ".join(f"={{.{field}}}" for field in every))
    workload = f"{quote(each.namespace or 'default')} {quote(each.resource)} {quote(each.name)}"
    return f"is_available {missing} {workload} {listing}\n"
