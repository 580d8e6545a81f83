"""The step that sets and removes taints, run by sh against a kubectl that keeps Nodes in a file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from assets import paths
from kinstall.cluster import CONTROL_PLANE, WORKER, ClusterSpec, Node, Taint
from kinstall.engine.steps import File, Script
from kinstall.plan import taints
from kinstall.plan.living_cluster import LivingCluster

ADDRESSES = {"cp1": "10.90.0.11", "w1": "10.90.0.12", "w11": "10.90.0.13"}
ROLE = "node-role.kubernetes.io/control-plane=:NoSchedule"
BATCH = Taint(key="only", value="batch", effect="PreferNoSchedule")

# nodes: name → its taints. A file `kill` beside it holds how many changes are made until whatever calls is killed.
KUBECTL = """\
import json, os, pathlib, sys
store = pathlib.Path(sys.argv[1])
nodes = json.loads(store.read_text())
words = [word for word in sys.argv[2:] if not word.startswith("--")]
def key(taint): return taint.split("=")[0], taint.rpartition(":")[2]
match words:
    case ["get", "nodes", "-o", _]:
        for name, taints in nodes.items():
            print(f"\\n{name} {''.join(t + ' ' for t in taints)}")
    case ["taint", "node", name, *wanted]:
        kept = nodes[name]
        gone = [key(w[:-1]) for w in wanted if w.endswith("-")]
        come = [w for w in wanted if not w.endswith("-")]
        if set(gone) & {key(w) for w in come}: sys.exit("can not both modify and remove")
        if not {*gone} <= {key(t) for t in kept}: sys.exit("taint not found")
        nodes[name] = [t for t in kept if key(t) not in [*gone, *(key(w) for w in come)]] + come
    case _:
        sys.exit(f"unknown: {words}")
store.write_text(json.dumps(nodes))
kill = store.with_name("kill")
if words[0] != "get" and kill.exists():
    kill.write_text(left := str(int(kill.read_text()) - 1))
    if left == "0": os.kill(os.getppid(), 9)
"""


class Api:
    """Nodes that the fake kubectl below `folder` shows and changes, and the note of the taints set by kinstall."""

    def __init__(self, folder: Path) -> None:
        self.store, self.program, self.note = folder / "nodes.json", folder / "kubectl", folder / "taints"
        self.shell = ["sh"]
        self.store.write_text(json.dumps({name: [] for name in ADDRESSES}))
        (folder / "kubectl.py").write_text(KUBECTL)
        self.program.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {folder}/kubectl.py {self.store} "$@"\n')
        self.program.chmod(0o755)

    def put(self, node: str, *wanted: str) -> None:
        nodes = json.loads(self.store.read_text())
        nodes[node] += wanted
        self.store.write_text(json.dumps(nodes))

    def taints(self, node: str) -> list[str]:
        found: list[str] = json.loads(self.store.read_text())[node]
        return found

    def sh(self, code: str) -> subprocess.CompletedProcess[str]:
        code = code.replace(paths.KUBECTL_BIN, str(self.program)).replace(taints.PATH, str(self.note))
        return subprocess.run([*self.shell, "-c", f"set -e\n{code}"], capture_output=True, text=True, check=False)

    def steps(self, spec: ClusterSpec) -> tuple[File, Script]:
        """Planned from what the control plane has noted."""
        noted = taints.parse(self.note.read_bytes()) if self.note.exists() else {}
        return taints.steps(spec, LivingCluster(taints=noted))

    def fits(self, spec: ClusterSpec) -> bool:
        file, script = self.steps(spec)
        noted = self.note.read_bytes() if self.note.exists() else None
        return noted == file.content and self.sh(script.check).returncode == 0

    def run(self, spec: ClusterSpec) -> subprocess.CompletedProcess[str]:
        """The note is written first, as files are, then the script runs."""
        file, script = self.steps(spec)
        self.note.write_bytes(file.content)
        return self.sh(script.run)

    def bring(self, spec: ClusterSpec) -> None:
        """Run the step, as a replay does where its check fails; it must hold then."""
        assert not self.fits(spec)
        ran = self.run(spec)
        assert (ran.returncode, ran.stderr) == (0, ""), ran
        assert self.fits(spec)


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(tmp_path)


def cluster(**tainted: tuple[Taint, ...]) -> ClusterSpec:
    roles = {name: WORKER if name.startswith("w") else CONTROL_PLANE for name in ADDRESSES}
    nodes = [Node(name=name, address=address, role=roles[name]) for name, address in ADDRESSES.items()]
    return ClusterSpec(
        nodes=tuple(replace(n, taints=tainted[n.name]) if n.name in tainted else n for n in nodes),
    )


def test_a_taint_that_is_no_longer_wanted_goes_and_others_stay(api: Api) -> None:
    """What kinstall set is taken away when the answers do not name it any more; what others set is not."""
    api.put("w1", "node.kubernetes.io/unreachable=:NoExecute")
    api.bring(cluster(w1=(BATCH,)))
    assert api.taints("w1") == ["node.kubernetes.io/unreachable=:NoExecute", "only=batch:PreferNoSchedule"]
    assert (api.taints("cp1"), api.taints("w11")) == ([ROLE], [])
    api.bring(cluster(cp1=()))
    assert api.taints("w1") == ["node.kubernetes.io/unreachable=:NoExecute"]
    assert api.taints("cp1") == []
    assert api.fits(cluster(cp1=()))


def test_another_value_replaces_and_another_effect_is_another_taint(api: Api) -> None:
    """kubectl refuses to change and remove a taint in one go: a new value is no removal."""
    api.bring(cluster(w1=(BATCH,)))
    api.bring(cluster(w1=(replace(BATCH, value="night"),)))
    assert api.taints("w1") == ["only=night:PreferNoSchedule"]
    api.bring(cluster(w1=(replace(BATCH, effect="NoExecute"), Taint(key="x", effect="NoSchedule"))))
    assert api.taints("w1") == ["only=batch:NoExecute", "x=:NoSchedule"]


def test_what_the_kubelet_set_or_somebody_took_away(api: Api) -> None:
    """A Node that registered with its taints only needs the note that they are kinstall's; one that somebody removed is
    set again; one that is gone already when it is no longer wanted does no harm."""
    api.put("cp1", ROLE)
    api.bring(cluster())
    assert api.taints("cp1") == [ROLE]
    api.sh(f"{paths.KUBECTL_BIN} taint node cp1 {ROLE}-")
    api.bring(cluster())
    api.sh(f"{paths.KUBECTL_BIN} taint node cp1 {ROLE}-")
    api.bring(cluster(cp1=()))
    assert api.taints("cp1") == []


def test_what_somebody_changed_is_no_longer_kinstalls(api: Api) -> None:
    """Another value than the one that was set: it stays when the answers drop the taint."""
    api.bring(cluster(w1=(BATCH,)))
    api.sh(f"{paths.KUBECTL_BIN} taint node w1 only=theirs:PreferNoSchedule")
    api.bring(cluster())
    assert api.taints("w1") == ["only=theirs:PreferNoSchedule"]


@pytest.mark.parametrize("after", range(1, 4))
def test_killed_in_the_middle_it_forgets_no_taint(api: Api, after: int) -> None:
    """Killed after any of its calls, and the taints dropped from the answers before the next run: none stays."""
    api.bring(cluster(w1=(BATCH,)))
    (api.store.parent / "kill").write_text(str(after))
    both = (replace(BATCH, value="night"), Taint(key="x", effect="NoSchedule"))
    ran = api.run(cluster(cp1=(BATCH,), w1=both, w11=(BATCH,)))
    assert ran.returncode == -9, "it makes three calls"
    (api.store.parent / "kill").unlink()
    api.put("w11", "theirs=:NoSchedule")
    api.bring(cluster(cp1=()))
    assert [api.taints(name) for name in ADDRESSES] == [[], [], ["theirs=:NoSchedule"]]


def test_a_taint_is_found_only_as_a_whole(api: Api) -> None:
    """Not inside a longer one, not on another node, and not on one whose name begins alike."""
    wanted = cluster(w1=(BATCH,))
    api.bring(wanted)
    api.sh(f"{paths.KUBECTL_BIN} taint node w1 only=batch:PreferNoSchedule-")
    api.put("w1", "xonly=batch:PreferNoSchedule", "only=batch2:PreferNoSchedule")
    api.put("w11", "only=batch:PreferNoSchedule")
    assert not api.fits(wanted)


def test_a_node_that_is_not_there_is_named_where_it_shall_have_taints(api: Api) -> None:
    """Without its Node object nothing can be set, and the step says so; a new worker without taints needs nothing."""
    api.bring(cluster())
    kept = json.loads(api.store.read_text())
    del kept["w1"]
    api.store.write_text(json.dumps(kept))
    assert api.fits(cluster())
    ran = api.run(cluster(w1=(BATCH,)))
    assert ran.returncode != 0
    assert "there is no Node w1" in ran.stdout
    api.store.write_text("{}")
    nobody = cluster(cp1=())
    assert not api.fits(nobody), "an API that names no Node is not believed"
    assert api.run(nobody).returncode != 0


def test_a_node_that_is_left_alone_need_not_be_there(api: Api) -> None:
    """It does not answer, and somebody deleted its Node: the taints of the others are set all the same."""
    kept = json.loads(api.store.read_text())
    del kept["w1"]
    api.store.write_text(json.dumps(kept))
    spec = cluster(w1=(BATCH,), w11=(BATCH,))
    assert api.run(spec).returncode != 0
    _, script = taints.steps(spec, LivingCluster(), alone=["w1"])
    assert api.sh(script.run).returncode == 0 and api.sh(script.check).returncode == 0
    assert api.taints("w11") == ["only=batch:PreferNoSchedule"]
    api.put("cp1", "old=:NoSchedule")
    noted = LivingCluster(taints={"cp1": (ROLE, "old=:NoSchedule")})
    _, script = taints.steps(spec, noted, alone=["w1", "cp1"])
    assert api.sh(script.run).returncode == 0
    assert api.taints("cp1") == [ROLE], "what is still wanted is not taken away"


def test_only_taints_are_read_from_a_note() -> None:
    """Neither options, nor code, nor anything else that is not KEY=VALUE:EFFECT becomes a word of kubectl's."""
    lines = (
        "w1 only=batch:PreferNoSchedule --kubeconfig=/tmp/evil only=x:Never $(id) `id`=:NoSchedule x=;id:NoSchedule",
        "w2 example.com/a=:NoExecute a=b:NoSchedule- example.com/a=:NoExecute -a=:NoExecute",
        "--all a=b:NoSchedule",
        "W1;id a=b:NoSchedule",
        "w3",
        "",
        "\xff",
    )
    noted = taints.parse("\n".join(lines).encode("latin-1"))
    assert noted == {"w1": ("only=batch:PreferNoSchedule",), "w2": ("example.com/a=:NoExecute",), "w3": ()}


@pytest.mark.parametrize("shell", ["dash", "bash --posix", "busybox sh"])
def test_the_step_runs_in_every_shell(shell: str, api: Api) -> None:
    """Setting, replacing and removing, with what another put there left alone."""
    if shutil.which(shell.split()[0]) is None:
        pytest.skip(f"no {shell} here")
    api.shell = shell.split()
    api.put("w1", "theirs=:NoSchedule")
    api.bring(cluster(w1=(BATCH,), w11=(BATCH,)))
    api.bring(cluster(w1=(replace(BATCH, value="night"),)))
    assert api.taints("w1") == ["theirs=:NoSchedule", "only=night:PreferNoSchedule"]
    assert (api.taints("w11"), api.taints("cp1")) == ([], [ROLE])
