"""What holds of every plan, whatever the answers are."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from assets import paths
from assets.credentials import kubeconfigs
from kinstall.answers.load import load
from kinstall.cluster import WORKER, ClusterSpec, ComponentOverrides, Node
from kinstall.cluster.image_names import ImageName
from kinstall.cluster.pod_ranges import assign_pod_cidrs
from kinstall.cluster.release_files import image_refs
from kinstall.engine.diff import pending
from kinstall.engine.observation import Observation
from kinstall.engine.steps import File, Image, Plan, Scope, Script, Step, Unit, Wait, input_digest
from kinstall.operations.replay import phases
from kinstall.pki.pki_folder import PkiFolder
from kinstall.pki.store import ensure_pki
from kinstall.plan.node_inputs import Inputs
from kinstall.plan.phase_names import PHASES
from tests.golden.making import EXAMPLES, names, own_network_of, profile_of_every_node
from tests.golden.masks import NOW


@cache
def spec_of(name: str) -> ClusterSpec:
    return load(EXAMPLES / f"{name}.yaml")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for real keys, so that secrets can be searched for."""
    return tmp_path_factory.mktemp("pki")


def inputs_of(spec: ClusterSpec, keys: Path) -> Inputs:
    profile = profile_of_every_node(spec)
    return Inputs(
        spec=spec,
        pki=ensure_pki(spec, PkiFolder(keys / spec.cluster_name), NOW, create_cas=True),
        ca_fingerprint="aa",
        pod_cidrs=assign_pod_cidrs(spec, {}),
        profiles={node.name: profile for node in spec.nodes},
        own_network=own_network_of(spec),
    )


def steps_of(plan: Plan, node: str) -> tuple[Step, ...]:
    return tuple(step for _, step in plan.of(node))


def fragments(plan: Plan) -> Iterator[str]:
    """Every piece of sh code in a plan."""
    for node in plan.nodes:
        for step in steps_of(plan, node):
            if isinstance(step, Script):
                yield from (step.check, step.run, step.undo)
            elif isinstance(step, Wait):
                yield from (step.check, step.diagnose)
            elif isinstance(step, Unit):
                yield step.undo


@pytest.mark.parametrize("name", names())
def test_a_plan_is_sound(name: str, keys: Path) -> None:
    """Phases have their names and wait for earlier ones only; steps are unique; the node provides all inputs."""
    plan = phases(inputs_of(spec_of(name), keys))
    assert tuple(phase.name for phase in plan.phases) == PHASES
    for index, phase in enumerate(plan.phases):
        assert {after.phase for after in phase.after} <= set(PHASES[:index]), phase.name
        assert set(phase.steps) <= set(plan.nodes)
    for node in plan.nodes:
        steps = steps_of(plan, node)
        assert len({step.id for step in steps}) == len(steps)
        for step in steps:
            if isinstance(step, (Unit, Script)):
                input_digest(step.inputs, steps)


@pytest.mark.parametrize("name", names())
def test_the_same_inputs_give_the_same_plan(name: str, keys: Path) -> None:
    """Nothing in it depends on time, order of dictionaries or chance: else a second replay would change something."""
    inputs = inputs_of(spec_of(name), keys)
    assert phases(inputs) == phases(inputs_of(spec_of(name), keys)) == phases(inputs)


@pytest.mark.parametrize("name", names())
def test_secrets_are_marked_private_and_in_no_code(name: str, keys: Path) -> None:
    """Whatever holds a private key is a secret file of mode 0600; code and the plan's own words hold none."""
    inputs = inputs_of(spec_of(name), keys)
    plan = phases(inputs)
    embedded = re.compile(rb"client-key-data: \S|token: \S|PRIVATE KEY")
    files = [step for node in plan.nodes for step in steps_of(plan, node) if isinstance(step, File)]
    secrets = [file for file in files if embedded.search(file.content)]
    assert len(secrets) > 10 and all(file.secret and file.mode == 0o600 for file in secrets)
    pairs = (*inputs.pki.leaves.values(), *inputs.pki.authorities.values())
    pems = [inputs.pki.service_accounts.key_pem, *(pair.key_pem for pair in pairs)]
    lines = {line for pem in pems for line in pem.decode().splitlines()[1:-1] if len(line) > 40}
    text = "\n".join([*fragments(plan), repr(plan)])
    assert len(lines) > 20 and [line for line in lines if line in text] == []
    # The key that may do everything is seen by one script while it runs, and is on no node.
    super_admin = kubeconfigs.super_admin_conf(inputs.spec, inputs.pki).content
    assert all(file.content != super_admin for file in files)
    assert any(isinstance(step, Script) and step.files for node in plan.nodes for step in steps_of(plan, node))


@pytest.mark.parametrize("name", names())
def test_workers_get_no_authoritys_key_and_no_admin(name: str, keys: Path) -> None:
    """A worker that is broken into gives away itself and nothing else."""
    spec = spec_of(name)
    plan = phases(inputs_of(spec, keys))
    for node in spec.nodes:
        own = {step.path for step in steps_of(plan, node.name) if isinstance(step, File)}
        assert node.is_control_plane or not own & {*paths.CA_KEYS, paths.ADMIN_CONF, paths.CONTROLLER_MANAGER_CONF}
        assert node.is_control_plane or not any(path.startswith(paths.MANIFESTS) for path in own)


def changed_files(before: Plan, after: Plan, node: str) -> set[str]:
    old = {step.path: step for step in steps_of(before, node) if isinstance(step, File)}
    return {step.path for step in steps_of(after, node) if isinstance(step, File) and old.get(step.path) != step}


def test_a_new_worker_changes_only_routes_and_objects_elsewhere(keys: Path) -> None:
    """Nothing restarts on the other nodes; the control plane learns of the node."""
    spec = spec_of("minimal")
    grown = replace(spec, nodes=(*spec.nodes, Node(name="w3", address="192.168.56.14", role=WORKER)))
    before, after = phases(inputs_of(spec, keys)), phases(inputs_of(grown, keys))
    assert changed_files(before, after, "w1") == {paths.ROUTES_LIST}
    assert changed_files(before, after, "cp1") == {paths.ROUTES_LIST, "/etc/kinstall/objects.yaml"}
    for node in ("cp1", "w1"):
        units = [step for step in steps_of(after, node) if isinstance(step, Unit)]
        assert not [unit.name for unit in units if set(unit.inputs) & changed_files(before, after, node)]


def test_a_digest_is_pulled_and_run(keys: Path) -> None:
    """A node pulls each image by its digest, under the name by which the kubelet's runtime looks for it (without the
    tag), and every manifest names that digest."""
    spec = spec_of("airgapped")
    steps = steps_of(phases(inputs_of(spec, keys)), "plant-7-cp")
    pulled = {step.ref for step in steps if isinstance(step, Image)}
    needed = set(image_refs(spec).all()) - {image_refs(spec).agnhost}  # verify's pods pull theirs
    assert pulled == {ImageName.parse(ref).stored for ref in needed}
    assert all("@sha256:" in ref and ":" not in ref.partition("@")[0].rpartition("/")[2] for ref in pulled)
    texts = b"\n".join(step.content for step in steps if isinstance(step, File))
    run = {line.split()[-1].decode() for line in texts.splitlines() if line.split()[:1] in ([b"image:"], [b"sandbox"])}
    assert {ImageName.parse(ref.strip("\"'")).stored for ref in run} == pulled


def test_a_changed_flag_changes_one_manifest(keys: Path) -> None:
    """The kubelet restarts that component; no other file moves."""
    spec = spec_of("minimal")
    flags = ComponentOverrides(extra_args={"v": "2"})
    louder = replace(spec, components=replace(spec.components, kube_scheduler=flags))
    before, after = phases(inputs_of(spec, keys)), phases(inputs_of(louder, keys))
    assert changed_files(before, after, "cp1") == {paths.manifest("kube-scheduler")}
    assert changed_files(before, after, "w1") == set()


def test_dns_waits_for_service_addresses_but_not_for_a_failed_worker(keys: Path) -> None:
    """CoreDNS comes after kube-proxy, whose absence would cost it half a minute; one bad node does not keep it away."""
    plan = phases(inputs_of(spec_of("minimal"), keys))
    by_name = {phase.name: phase for phase in plan.phases}
    assert [(after.phase, after.scope) for after in by_name["addons"].after] == [("network", Scope.SETTLED)]
    assert list(by_name["addons"].steps) == ["cp1"] and set(by_name["network"].steps) == {"cp1", "w1", "w2"}


def test_what_waits_for_no_api_waits_for_no_other_node(keys: Path) -> None:
    """Workers fetch, pull and start their kubelets while the control plane comes up."""
    plan = phases(inputs_of(spec_of("minimal"), keys))
    scopes = {phase.name: {after.scope for after in phase.after} for phase in plan.phases}
    assert all(scopes[name] <= {Scope.NODE} for name in PHASES[: PHASES.index("control-plane") + 1])


def checks_with_kubectl(plan: Plan) -> list[Script | Wait]:
    steps = [step for node in plan.nodes for step in steps_of(plan, node)]
    return [step for step in steps if isinstance(step, (Script, Wait)) and paths.KUBECTL_BIN in step.check]


def asked(step: Script | Wait, folder: Path, kubectl: str) -> bool:
    """Whether a check holds when kubectl is this sh code."""
    fake = folder / "kubectl"
    fake.write_text(f"#!/bin/sh\n{kubectl}\n")
    fake.chmod(0o755)
    code = step.check.replace(paths.KUBECTL_BIN, str(fake)).replace("/proc/net/tcp", "/dev/null")
    return subprocess.run(["sh", "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("kubectl", ["exit 1", "exit 0"])
@pytest.mark.parametrize("name", names())
def test_no_check_holds_because_the_api_is_silent(name: str, kubectl: str, keys: Path, tmp_path: Path) -> None:
    """An API that refuses, or answers with nothing, is never taken for one that says all is well."""
    steps = checks_with_kubectl(phases(inputs_of(spec_of(name), keys)))
    assert len(steps) >= 3
    assert [step.id for step in steps if asked(step, tmp_path, kubectl)] == []


def test_everything_is_pending_on_a_bare_node(keys: Path) -> None:
    """The diff takes every step of the real plans, and a unit restarts for each of its files."""
    plan = phases(inputs_of(spec_of("tuned"), keys))
    for node in plan.nodes:
        steps = steps_of(plan, node)
        assert [item.step for item in pending(steps, Observation())] == list(steps)


def test_a_networks_workloads_are_waited_for(keys: Path, tmp_path: Path) -> None:
    """Available everywhere and brought up to date; pods on nodes that are not Ready are not waited for."""
    plan = phases(inputs_of(spec_of("own-parts"), keys))
    step = next(step for step in checks_with_kubectl(plan) if "workloads" in step.id)

    def holds(nodes: str, daemons: str, deployment: str) -> bool:
        answers = f"*nodes*) printf '{nodes}' ;; *DaemonSet*) echo '{daemons}' ;; *) echo '{deployment}' ;;"
        return asked(step, tmp_path, f'case "$*" in {answers} esac')

    all_ready, one_off = "True\\nTrue\\n", "True\\nUnknown\\n"
    good, deployed = "=2 =2 =2 =2 =2 =RollingUpdate", "=1 =1 =1 =1 =1 =RollingUpdate"
    assert holds(all_ready, good, deployed)
    for bad in (
        *("=2 =1 =2 =2 =2 =RollingUpdate", "=2 =2 =2 =1 =2 =RollingUpdate", "=2 =2 =2 =2 =1 =RollingUpdate"),
        *("=2 =2 =2 = = =RollingUpdate", "= = = = = =", "=1 = = = = =RollingUpdate", ""),
    ):
        assert not holds(all_ready, bad, deployed), bad
        assert not holds(all_ready, good, bad), bad
    assert holds(all_ready, "=2 =2 =2 =2 =1 =OnDelete", deployed)
    assert holds(one_off, "=2 =2 =2 =1 =1 =RollingUpdate", deployed)
    assert not holds(one_off, "=2 =2 =2 = = =RollingUpdate", deployed)
    assert not holds(one_off, good, "=1 =1 =1 = = =RollingUpdate"), "a Deployment's pod can run elsewhere"
    assert not holds("False\\n\\n", "=2 =2 =2 = = =RollingUpdate", deployed), "no node is Ready"


def test_what_a_manifest_no_longer_has_is_deleted(keys: Path, tmp_path: Path) -> None:
    """Applying is tried again while a kind is not served yet; then what only the former file named goes, the last
    first; a kind that is gone is no error, a refusal is one, and is tried again by the next run."""
    plan = phases(inputs_of(spec_of("own-parts"), keys))
    step = next(step for step in steps_of(plan, "cp1") if step.id == "script pod network's objects")
    assert isinstance(step, Script)
    applied, calls, fake = tmp_path / "pod-network.applied", tmp_path / "calls", tmp_path / "kubectl"
    code = step.run.replace("/var/lib/kinstall", str(tmp_path)).replace(paths.KUBECTL_BIN, str(fake))

    def run(kubectl: str) -> int:
        fake.write_text(f"#!/bin/sh\nshift\nprintf '%s\\n' \"$*\" >>{calls}\n{kubectl}\n")
        fake.chmod(0o755)
        calls.write_text("")
        words = ["sh", "-e", "-c", code.replace("sleep 2", "sleep 0")]
        return subprocess.run(words, capture_output=True, check=False).returncode

    def deleted() -> list[str]:
        return [line.split(" --ignore")[0] for line in calls.read_text().splitlines() if " delete " in line]

    assert run(f'case "$*" in apply*) [ "$(grep -c ^apply {calls})" = 3 ] ;; esac') == 0
    assert calls.read_text().count("apply ") == 3 and deleted() == []
    assert applied.read_text().splitlines() == [
        "Namespace default kube-net", "DaemonSet.apps kube-net net-agent", "Deployment.apps kube-net net-controller",
    ]  # fmt: skip
    before = applied.read_text() + "CustomResourceDefinition.apiextensions.k8s.io default ps.x\nP.x default p\n"
    applied.write_text(before)
    assert run('case "$*" in *delete*) echo denied; exit 1 ;; esac') != 0
    assert applied.read_text() == before
    gone = "the server doesn't have a resource type"
    assert run(f'case "$*" in *"delete P.x"*) echo "{gone}"; exit 1 ;; esac') == 0
    assert deleted() == [
        "-n default delete P.x p",
        "-n default delete CustomResourceDefinition.apiextensions.k8s.io ps.x",
    ]
    assert "ps.x" not in applied.read_text()
    assert run("exit 1") != 0 and calls.read_text().count("apply ") == 15
