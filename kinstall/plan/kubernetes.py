"""Phases kubernetes and control-plane: the kubelet with what it starts, and the cluster's first objects."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote

from assets import catalog, kubeconfig, objects, paths
from assets.rendered import Rendered
from assets.yamltext import documents
from kinstall import footprint
from kinstall.causes import diagnose_program
from kinstall.engine.steps import File, Script, Step, Unit, Wait
from kinstall.plan.common import ADMIN, APPLY, KUBECTL, OBJECTS, Inputs, applied, as_files, folders
from kinstall.spec import ClusterSpec, Node


def kubelets(inputs: Inputs, node: Node, files: Mapping[str, tuple[Rendered, ...]]) -> tuple[Step, ...]:
    own = as_files((*files[catalog.KUBERNETES], *files[catalog.CONTROL_PLANE]))
    kubelet = (
        paths.unit_file(paths.KUBELET_UNIT),
        paths.KUBELET_CONFIG,
        paths.KUBELET_CONF,
        paths.CA_CERT,
        *sorted(file.path for file in own if file.path.startswith(f"{paths.PKI}/kubelet")),
        paths.KUBELET_BIN,
    )
    return (
        *folders(node, catalog.KUBERNETES, catalog.CONTROL_PLANE),
        *own,
        Unit(paths.KUBELET_UNIT, kubelet, undo=footprint.KUBELET),
    )


def control_plane(inputs: Inputs) -> tuple[Step, ...]:
    spec = inputs.spec
    wanted = (*objects.bootstrap_objects(), *objects.node_objects(spec, dict(inputs.pod_cidrs)))
    document = documents(wanted).encode()
    super_admin = kubeconfig.super_admin_conf(spec, inputs.pki).content
    port = f"{kubeconfig.API_PORT:04X}"
    return (
        File(OBJECTS, document, 0o600),
        Wait(
            "the API answers",
            check=f"grep -qs ':{port} 0*:0000 0A' /proc/net/tcp /proc/net/tcp6 && {ADMIN} get --raw=/readyz",
            timeout=240,
            diagnose=diagnose_program(("kubelet.service", "containerd.service"), ("etcd", "kube-apiserver"), api=True),
        ),
        Script(
            "cluster objects",
            check=applied(OBJECTS),
            # admin.conf's group has no rights until its binding exists: only the super-admin can create it.
            run=f"{KUBECTL} --kubeconfig=$FILES/super-admin.conf {APPLY} -f {OBJECTS}",
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
    check = [f"all=$({ADMIN} get nodes -o jsonpath={quote(listing)}) || exit 1"]
    # The outer blanks keep a taint from being found inside a longer one.
    check += [
        f"printf '%s\\n' \"$all\" | grep {quote('^' + name + ' ')} | grep -qF {quote(' ' + taint + ' ')} || exit 1"
        for name, taint in wanted
    ]
    run = [
        f"{ADMIN} taint node {node.name} --overwrite {' '.join(quote(t) for t in objects.taint_arguments(node))}"
        for node in tainted
    ]
    return (Script("taints", check="\n".join(check), run="\n".join(run)),)
