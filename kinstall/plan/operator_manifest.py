"""The operator's own pod network: a manifest that is applied as it is, waited for, and taken away with the cluster.

What it leaves on a node is not known beforehand, so the node is looked at before it comes: reset takes what was not
there then and cannot be somebody else's (`footprint`).
"""

from __future__ import annotations

from shlex import quote

from assets import paths
from assets.kubectl import ADMIN, APPLY
from assets.pod_network.manifest import Manifest, Thing
from kinstall.cluster import ClusterSpec
from kinstall.diagnosis.explain import diagnose_program
from kinstall.engine.diff import STATE
from kinstall.engine.steps import File, Script, Step, Wait
from kinstall.plan import cleanup
from kinstall.plan.node_inputs import applied

FILE = paths.POD_NETWORK_MANIFEST
_APPLIED = f"{STATE}/pod-network.applied"
"""What the manifest that was applied last named, an object per line."""

_SECONDS = 600
"""Its images are pulled by the kubelet, and some are large."""


def prepared(spec: ClusterSpec, manifest: Manifest | None) -> tuple[Step, ...]:
    """On every node, before anything of the network is there."""
    found = cleanup.network_found(manifest.host_paths if manifest else ())
    undo = cleanup.network_gone(spec.networking.pod_subnet)
    return (Script("what the pod network finds", check=found.check, run=found.run, undo=undo),)


def objects(manifest: Manifest | None) -> tuple[Step, ...]:
    """On the first control plane, once the API answers: the manifest's objects, and none that it no longer has."""
    if manifest is None:
        return ()
    names = "".join(f"{each.resource} {each.namespace or 'default'} {each.name}\n" for each in manifest.objects)
    return (
        File(FILE, manifest.content, 0o600, secret=manifest.secret),
        Script(
            "pod network's objects",
            check=applied(FILE),
            run=_RUN.format(apply=f"{ADMIN} {APPLY} -f {FILE}", admin=ADMIN, names=names, applied=_APPLIED),
            inputs=(FILE,),
        ),
    )


# An object of a kind that the same file defines is refused until the API server serves that kind.
_RUN = """\
i=0
until {apply}; do
  i=$((i+1)); [ $i -lt 15 ] || exit 1
  sleep 2
done
cat >{applied}.new <<'.END.'
{names}.END.
if [ -e {applied} ]; then
  # The last first: an object before its kind.
  grep -vxFf {applied}.new {applied} | tac | while read -r kind namespace name; do
    said=$({admin} -n "$namespace" delete "$kind" "$name" --ignore-not-found --wait=false </dev/null 2>&1) && continue
    case $said in *"doesn't have a resource type"*) continue ;; esac
    printf '%s\\n' "$said"
    exit 1
  done
fi
mv {applied}.new {applied}"""


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
    """On the first control plane: the manifest's workloads are as it wants them."""
    if manifest is None or not manifest.workloads:
        return ()
    return (
        Wait(
            "the pod network's workloads are available",
            check="\n".join([_NOT_READY, *(_is_available(each) for each in manifest.workloads)]),
            timeout=_SECONDS,
            diagnose=diagnose_program((), manifest.containers[:6], api=True),
            interval=0.5,
        ),
    )


# A node that failed, or is off, must not keep the others from their DNS: its pods are not waited for.
_READY = '{range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}'
_NOT_READY = f"""\
nodes=$({ADMIN} get nodes -o jsonpath={quote(_READY)}) || exit 1
off=$(printf '%s\\n' "$nodes" | grep -cv '^True$')
[ "$(printf '%s\\n' "$nodes" | grep -c '^True$')" -gt 0 ] || exit 1"""


def _is_available(each: Thing) -> str:
    """Seen by its controller, brought up to date everywhere, and available. A field that is missing is 0; the letter
    before each keeps its place."""
    get = f"{ADMIN} -n {quote(each.namespace or 'default')} get {quote(each.resource)} {quote(each.name)}"
    if each.kind == "DaemonSet":
        fields = ("status.desiredNumberScheduled", "status.numberAvailable", "status.updatedNumberScheduled")
        missing, updates = "off", "spec.updateStrategy.type"
    else:
        fields = ("spec.replicas", "status.availableReplicas", "status.updatedReplicas")
        missing, updates = "0", "spec.strategy.type"
    told = ("metadata.generation", "status.observedGeneration", *fields, updates)
    listing = quote(" ".join(f"={{.{field}}}" for field in told))
    return f"""\
set -- $({get} -o jsonpath={listing})
[ $# = 6 ] && [ "$1" != = ] && [ "$1" = "$2" ] || exit 1
wanted=${{3#=}} available=${{4#=}} updated=${{5#=}}
# Pods of OnDelete are brought up to date by whoever deletes them.
[ "$6" != =OnDelete ] || updated=$wanted
for have in "${{available:-0}}" "${{updated:-0}}"; do
  [ $((have + {missing})) -ge "${{wanted:-0}}" ] || exit 1
done"""
