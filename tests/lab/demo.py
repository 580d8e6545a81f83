"""`make demo`: a lab, an answers file for it, and `kinstall replay` on that.

The demo's files lie in the lab's own directory, so that `make demo-down` takes them away too.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from posixpath import basename
from typing import Any

import yaml

from kinstall.answers import load
from kinstall.cluster.release_files import image_refs
from kinstall.cluster.releases import release
from tests.lab.api import DEFAULT_HOSTS, Lab
from tests.lab.paths import runtime_dir
from tests.lab.progress import say
from tests.lab.shell import LabError

# What hosts on one machine need otherwise: cgroup v1, no CAP_SYS_RESOURCE, a shared swap and connection table; and a
# shared disk, of which shares say nothing: a kubelet would evict pods, and throw images away, for what others hold.
_EVICTION = {
    "memory.available": "100Mi",
    "nodefs.available": "1Gi",
    "nodefs.inodesFree": "5%",
    "imagefs.available": "1Gi",
    "imagefs.inodesFree": "5%",
}
COMPONENTS: dict[str, Any] = {
    "kubelet": {
        "config": {
            "failCgroupV1": False,
            "cgroupDriver": "cgroupfs",
            "failSwapOn": False,
            "oomScoreAdj": 0,
            "evictionHard": _EVICTION,
            "imageGCHighThresholdPercent": 100,
        }
    },
    "kubeProxy": {"config": {"conntrack": {"maxPerCore": 0}}},
    "containerd": {"systemdCgroup": False, "restrictOomScoreAdj": True},
}
_DOWNLOADS = ("kubernetes", "containerd", "runc", "cniPlugins")
_KUBERNETES_FILES = ("kubelet", "kube-proxy", "kubectl")


def answers_for(
    lab: Mapping[str, Any],
    *,
    kubernetes_version: str = "",
    cluster_name: str = "demo",
    control_planes: int = 1,
    hosts: Sequence[str] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> str:
    """An answers file (YAML) for a lab as `python -m tests.lab up --json` describes it.

    `kubernetes_version`: one that the lab serves (`Lab.release` adds one); by default what `changes` name, or the
    lab's first. `hosts`: the names of those to use, all by default; the first `control_planes` of them are control
    planes (cp1 …), the rest workers (w1 …). `changes` are merged over the result (JSON merge patch; None removes).
    """
    changes = changes or {}
    version = kubernetes_version or changes.get("kubernetesVersion") or lab["versions"]["kubernetes"][0]
    if version not in lab["releases"]:
        raise LabError(f"the lab does not serve Kubernetes {version}: Lab.release({version!r}) comes first")
    chosen = [host for host in lab["hosts"] if hosts is None or host["name"] in hosts]
    first = chosen[0]
    answers: dict[str, Any] = {
        "apiVersion": "kinstall/v1",
        "kubernetesVersion": version,
        "clusterName": cluster_name,
        "images": {
            "mirrors": {"registry.k8s.io": {"endpoint": lab["registry"]["url"]}},
            **_tags(lab["releases"][version], version),
        },
        "downloads": {
            **{name: lab["mirror"]["downloads"][name] for name in _DOWNLOADS},
            "sha256": _pins(lab["mirror"]["digests"], version),
        },
        "ssh": {"user": first["user"], "port": first["sshPort"], "identityFile": first["identityFile"]},
        "components": COMPONENTS,
        "nodes": [_node(index, host, control_planes) for index, host in enumerate(chosen)],
    }
    wanted = merged(answers, changes)
    if any(mirror["endpoint"].startswith("http://") for mirror in wanted.get("images", {}).get("mirrors", {}).values()):
        wanted = merged({"images": {"digests": _image_digests(lab, wanted)}}, wanted)
    return yaml.safe_dump(wanted, sort_keys=False, width=120)


def _image_digests(lab: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, str]:
    """Of every image that these answers take and the lab's registry has: over plain HTTP each needs one."""
    spec = load.examine(load.read(json.dumps(answers))).spec
    digests = lab["registry"]["images"]
    return {name: digests[name] for name in image_refs(spec).all() if name in digests}


def merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """`patch` over `base` (RFC 7386)."""
    result = dict(base)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            below = result.get(key)
            result[key] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def _node(index: int, host: Mapping[str, Any], control_planes: int) -> dict[str, str]:
    leads = index < control_planes
    return {
        "name": f"cp{index + 1}" if leads else f"w{index + 1 - control_planes}",
        "address": host["address"],
        "role": "control-plane" if leads else "worker",
        "hostKey": host["hostKey"],
    }


def _tags(ours: Mapping[str, str], version: str) -> dict[str, str]:
    """The images of which the lab has another version than the release names."""
    named = release(version)
    own = {"etcd": named.etcd, "coredns": named.coredns, "pause": named.pause}
    return {name: tag for name, tag in ours.items() if tag != own[name]}


def _pins(digests: Mapping[str, str], version: str) -> dict[str, str]:
    """File name → SHA-256 of what kinstall downloads; the mirror may hold several Kubernetes releases."""
    site, release = "/dl.k8s.io/", f"/dl.k8s.io/release/v{version}/bin/"
    pins = {}
    for path, digest in digests.items():
        name = basename(path)
        ours = path.startswith(release) and name in _KUBERNETES_FILES
        others = not path.startswith(site) and not name.startswith("etcd-")  # etcd comes as an image
        if ours or others:
            pins[name] = digest
    return pins


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.demo", description=__doc__)
    parser.add_argument("--hosts", type=int, default=DEFAULT_HOSTS, help="how many hosts (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    try:
        lab = Lab().up(chosen.hosts)
        described = lab.describe()
    except LabError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; make demo goes on from here, make demo-down takes everything away")
        return 130
    home = runtime_dir() / "demo"
    home.mkdir(mode=0o700, exist_ok=True)
    answers = home / "answers.yaml"
    names = [host["name"] for host in described["hosts"]][: chosen.hosts]
    answers.write_text(answers_for(described, hosts=names))
    kinstall = Path(sys.executable).with_name("kinstall")
    command = [str(kinstall), "replay", str(answers), "--state", str(home / "state")]
    say(" ".join(command))
    sys.stderr.flush()
    # In this process's place: the display gets the terminal and Ctrl+C, and make the exit code.
    os.execv(kinstall, command)  # noqa: S606
    return 1  # type: ignore[unreachable]


if __name__ == "__main__":
    sys.exit(main())
