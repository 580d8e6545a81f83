"""Phases kubernetes and control-plane: the kubelet with what it starts, and the cluster's first objects."""

from __future__ import annotations

from assets import catalog, objects
from assets.credentials import kubeconfigs
from assets.kubectl import ADMIN, APPLY, KUBECTL
from assets.node.kubelet import KUBELET
from assets.yaml_writer import documents
from kinstall.cluster import Node, ports
from kinstall.diagnosis.explain import crash_loop_program, diagnose_program
from kinstall.engine.steps import File, Script, Step, Unit, Wait
from kinstall.plan import cleanup, gateway, operator_manifest, taints
from kinstall.plan.node_inputs import OBJECTS, RESTART, Files, Inputs, applied, as_files, folders

_BEHIND_THE_API = ("etcd", "kube-apiserver")


def kubelets(inputs: Inputs, node: Node, files: Files) -> tuple[Step, ...]:
    own = as_files((*files[catalog.KUBERNETES], *files[catalog.CONTROL_PLANE]))
    return (
        *folders(node, catalog.KUBERNETES, catalog.CONTROL_PLANE),
        *own,
        Unit(KUBELET.unit, KUBELET.restarts_with, undo=cleanup.KUBELET),
        *gateway.earlier(inputs.spec, node),
    )


def control_plane(inputs: Inputs, node: Node, files: Files) -> tuple[Step, ...]:
    """A control plane is there once its API server answers; the leader then brings the cluster's first objects."""
    return _cluster_objects(inputs) if node == inputs.leader else (taints.copy(inputs.spec), _api_answers())


def _api_answers() -> Wait:
    port = f"{ports.API_SERVER:04X}"
    return Wait(
        "the API answers",
        check=f"grep -qs ':{port} 0*:0000 0A' /proc/net/tcp /proc/net/tcp6 && {ADMIN} get --raw=/readyz",
        timeout=240,
        diagnose=diagnose_program(("kubelet.service", "containerd.service"), _BEHIND_THE_API, api=True),
        hopeless=crash_loop_program({name: name for name in _BEHIND_THE_API}),
    )


def _cluster_objects(inputs: Inputs) -> tuple[Step, ...]:
    spec = inputs.spec
    wanted = (*objects.bootstrap_objects(), *objects.node_objects(spec, dict(inputs.pod_cidrs)))
    document = documents(wanted).encode()
    alone = {node.name for node in spec.nodes if node not in inputs.nodes}
    taint_note, taint_script = taints.steps(spec, inputs.cluster, alone)
    super_admin = kubeconfigs.super_admin_conf(spec, inputs.pki).content
    return (
        File(OBJECTS, document, 0o600),
        taint_note,
        _api_answers(),
        Script(
            "cluster objects",
            check=applied(OBJECTS),
            # admin.conf's group has no rights until its binding exists: only the super-admin can create it.
            run=f"{KUBECTL} --kubeconfig=$FILES/super-admin.conf {APPLY} -f {OBJECTS}",
            inputs=(OBJECTS,),
            files=(("super-admin.conf", super_admin),),
            patience=RESTART,
        ),
        taint_script,
        *operator_manifest.objects(inputs.own_network),
    )
