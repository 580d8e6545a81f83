"""Valid answers by the hundred: a number becomes the data of an answers file, always the same one.

Every key is set by some of them and left out by others, every choice is taken by some. A key that is added needs its
line here; tests/unit/answers/test_generated_answers.py names those that are missing.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network
from typing import Any

from kinstall.answers.fields import keys_of
from kinstall.answers.load import parse
from kinstall.cluster import Images, Networking, Security
from kinstall.cluster.check_names import CHECK_NAMES
from kinstall.cluster.release_files import release_files
from kinstall.cluster.releases import known_versions

Data = dict[str, Any]

# (podSubnet, nodeCIDRMaskSize) and the rest from blocks that have nothing in common.
_PODS = (("10.244.0.0/16", 24), ("10.128.0.0/14", 23), ("172.20.0.0/16", 26), ("10.192.0.0/18", 25))
_SERVICES = ("10.96.0.0/16", "10.97.0.0/24", "172.28.0.0/20", "192.168.128.0/28")
_SITES = ("10.30.0", "192.168.7", "172.16.9", "198.18.4")
_BASE64 = string.ascii_letters + string.digits + "+/"
# Text that YAML readers disagree about, or that has to be quoted: labels, flags and fields have it.
_ODD_VALUES = ("no", "1e3", "0644", "12.30", "null", "true", "2026-01-01", "a", "x_y.z-0", "")


@dataclass(frozen=True, slots=True)
class _Dice:
    """A seeded source of choices."""

    random: random.Random

    def maybe(self, make: Callable[[], Any], share: float = 0.4) -> Any:
        """make()'s value, or None in the place of what is left out."""
        return make() if self.random.random() < share else None

    def one(self, *values: Any) -> Any:
        return self.random.choice(values)

    def some(self, *values: Any) -> list[Any]:
        return self.random.sample(values, self.random.randint(1, len(values)))

    def fingerprint(self) -> str:
        return "SHA256:" + "".join(self.random.choices(_BASE64, k=43))

    def digest(self) -> str:
        return "".join(self.random.choices("0123456789abcdef", k=64))

    def reference(self) -> str:
        return str(self.one("env:A_SECRET", "file:~/secret file", "file:/run/secrets/x", "prompt:"))


def _without_gaps(data: Data) -> Data:
    """What is left out (None) and mappings that are empty by that."""
    return {key: value for key, value in data.items() if value is not None and value != {}}


def generated(number: int) -> Data:
    """The data of valid answers; the same number gives the same."""
    dice = _Dice(random.Random(number))
    pods, mask = dice.one(*_PODS)
    site = dice.one(*_SITES)
    network = dice.maybe(lambda: dice.one(*_choices(Networking, "pod_network")))
    return _without_gaps(
        {
            "apiVersion": dice.maybe(lambda: "kinstall/v1"),
            "kubernetesVersion": dice.maybe(lambda: dice.one(*known_versions())),
            "clusterName": dice.maybe(lambda: dice.one("demo", "a", "plant-7", "x" * 40, "no")),
            "controlPlaneEndpoint": dice.maybe(
                lambda: dice.one(f"{site}.11:6443", f"{site}.250:443", "k8s.example.com:6443")
            ),
            "networking": _networking(dice, pods, mask, network),
            "security": _security(dice, site, network),
            "images": _images(dice),
            "downloads": _downloads(dice),
            "ssh": dice.maybe(lambda: _login_of_all(dice), 0.9),
            "preflight": _without_gaps(
                {"ignore": dice.maybe(lambda: dice.some("swap", "disk", *sorted(CHECK_NAMES)[:3]))}
            ),
            "components": _components(dice),
            "roles": _without_gaps({role: _role(dice, role) for role in ("control-plane", "worker")}),
            "nodes": _nodes(dice, site, IPv4Network(pods), mask, network),
        }
    )


def generated_text(number: int) -> str:
    """The same as the text of an answers file: in JSON, which is YAML in which all text stands in quotes."""
    return json.dumps(generated(number), indent=2)


def _choices(record: type, attribute: str) -> tuple[str, ...]:
    """The declared choices: one that is added is taken here without a change."""
    return next(key.choices for key in keys_of(record) if key.attribute == attribute)


def _networking(dice: _Dice, pods: str, mask: int, network: str | None) -> Data:
    somebody_elses = network == "manifest"
    return _without_gaps(
        {
            "podSubnet": pods,
            "nodeCIDRMaskSize": mask,
            "serviceSubnet": dice.maybe(lambda: dice.one(*_SERVICES)),
            "dnsDomain": dice.maybe(lambda: dice.one("cluster.example", "k8s", "cluster.local")),
            "podNetwork": network,
            "podNetworkManifest": dice.one("~/calico.yaml", "cni: of #1.yaml") if somebody_elses else None,
            "proxyMode": dice.maybe(lambda: dice.one(*_choices(Networking, "proxy_mode"))),
            "mtu": None if somebody_elses else dice.maybe(lambda: dice.one(576, 1450, 9000)),
            "masquerade": dice.maybe(lambda: dice.one(True, False)),
        }
    )


def _security(dice: _Dice, site: str, network: str | None) -> Data:
    mode = "https" if network == "manifest" else dice.maybe(lambda: dice.one(*_choices(Security, "mode")))
    trusted = {"trustedNetworks": dice.some(f"{site}.0/24", "203.0.113.7/32", "10.0.0.0/12")} if mode == "http" else {}
    return _without_gaps(
        {
            "mode": mode,
            **trusted,
            "acknowledgeInsecure": True if mode == "http" else None,
            "keyType": dice.maybe(lambda: dice.one(*_choices(Security, "key_type"))),
            "extraSANs": dice.maybe(
                lambda: dice.some("k8s.example.net", "*.example.org", "203.0.113.10", "2001:db8::1")
            ),
            "ownCA": _without_gaps({name: _own_ca(dice, name) for name in ("cluster", "etcd", "frontProxy")}),
            "caDays": dice.maybe(lambda: dice.one(400, 36500)),
            "leafDays": dice.maybe(lambda: dice.one(1, 180, 400)),
        }
    )


def _mirror(dice: _Dice) -> Data:
    if dice.random.random() < 0.5:
        return {"endpoint": dice.one("https://10.9.0.5:5000", "https://harbor.example.com/v2/proxy")}
    login = {"user": dice.one("robot$pull", "no", "1e3"), "password": dice.reference()}
    return _without_gaps(
        {
            "endpoint": "https://mirror.example.com/v2",
            **(dice.maybe(lambda: login) or {}),
            "caFile": dice.maybe(lambda: dice.one("~/our authority.pem", "0x10")),
        }
    )


def _own_ca(dice: _Dice, name: str) -> Data | None:
    return {"certificate": f"~/{name}.crt", "key": f"/keys/of {name}.key"} if dice.random.random() < 0.4 else None


def _images(dice: _Dice) -> Data:
    source = dice.maybe(lambda: dice.one(*_choices(Images, "source")))
    home = dice.maybe(lambda: dice.one("registry.example.com/kubernetes", "10.9.0.5:5000/k8s"))
    agnhost = dice.maybe(lambda: "2.66.2")
    pinned = f"{home or 'registry.k8s.io'}/e2e-test-images/agnhost:{agnhost or '2.66.1'}"
    return _without_gaps(
        {
            "imageRepository": home,
            "mirrors": dice.maybe(
                lambda: {
                    **{host: _mirror(dice) for host in dice.some("registry.k8s.io", "registry.example.com:5000")},
                    "images.example.com": {"endpoint": "http://10.9.0.5:5000"},  # none of kinstall's come from there
                }
            ),
            "source": source,
            "archives": "/srv/images of ours: #1" if source == "archives" else None,
            "digests": dice.maybe(lambda: {pinned: f"sha256:{'ab' * 32}"}),
            "etcd": dice.maybe(lambda: dice.one("3.6.8-0", "quay.io/coreos/etcd:v3.6.8", f"3.6.8-0@sha256:{'c' * 64}")),
            "coredns": dice.maybe(lambda: "v1.14.6"),
            "pause": dice.maybe(lambda: dice.one("3.10.2", "no")),
            "agnhost": agnhost,
            "haproxy": dice.maybe(lambda: dice.one("3.2.25", "registry.example.com/haproxy:3.2.25-alpine")),
        }
    )


def _downloads(dice: _Dice) -> Data:
    if dice.random.random() < 0.3:
        tarball = dice.one("~/kubernetes-server-linux-{arch}.tar.gz", "https://files.example.com/server.tgz")
        return _without_gaps({"folder": "/srv/{arch}/files", "serverTarball": dice.maybe(lambda: tarball)})
    plain = dice.random.random() < 0.3
    base = dice.one("http://10.9.0.5:8000/sites", "http://files.example.com") if plain else "https://files.example.com"
    data = _without_gaps(
        {
            key: dice.maybe(f"{base}/{key}".strip, 0.9 if plain else 0.3)
            for key in ("kubernetes", "containerd", "runc", "cniPlugins")
        }
        | {
            "containerdVersion": dice.maybe(lambda: "2.4.9"),
            "runcVersion": dice.maybe(lambda: "1.4.3"),
            "cniPluginsVersion": dice.maybe(lambda: "1.10.0"),
        }
    )
    if plain or dice.random.random() < 0.2:
        # Pins name the files of these versions; which they are does not depend on the release of Kubernetes.
        secure = {key: value for key, value in data.items() if key.endswith("Version")}
        node = {"name": "a", "address": "10.30.0.11", "role": "control-plane"}
        spec = parse(json.dumps({"downloads": secure, "nodes": [node]}))
        data["sha256"] = {file.name: dice.digest() for file in release_files(spec, "amd64")}
    return data


def _login(dice: _Dice) -> Data:
    return _without_gaps(
        {
            "user": dice.maybe(lambda: dice.one("ops", "DOMAIN\\ops", "no", "007")),
            "port": dice.maybe(lambda: dice.one(1, 2222, 65535)),
            "identityFile": dice.maybe(lambda: _key_files(dice)),
            "identitiesOnly": dice.maybe(lambda: dice.one(True, False)),
            "identityAgent": dice.maybe(lambda: dice.one("none", "SSH_AUTH_SOCK", "~/agent: 1.sock", "$OTHER")),
            "passphrase": dice.maybe(dice.reference),
            "password": dice.maybe(dice.reference),
            "sudoPassword": dice.maybe(dice.reference),
            **(_one_jump(dice) if dice.random.random() < 0.7 else {"proxyJump": dice.maybe(lambda: _jumps(dice))}),
        }
    )


def _login_of_all(dice: _Dice) -> Data:
    return _without_gaps(_login(dice) | {"connectTimeout": dice.maybe(lambda: dice.one(1, 30, 600))})


def _key_files(dice: _Dice) -> Any:
    files = ("~/.ssh/id_ed25519", "/keys/of ops: #1", "0x10", "keys/a.pub")
    # A list of one means what the text alone means, and the wizard writes that.
    return dice.one(*files, dice.random.sample(files, dice.random.randint(2, len(files))))


def _one_jump(dice: _Dice) -> Data:
    return {
        "proxyJump": dice.maybe(lambda: dice.one("bastion.example.com", "ops@10.9.0.1:2222")),
        "proxyJumpHostKey": dice.maybe(dice.fingerprint),
    }


def _jumps(dice: _Dice) -> Any:
    def jump(address: str) -> Data:
        return _without_gaps(
            {
                "address": address,
                "port": dice.maybe(lambda: dice.one(1, 2222)),
                "user": dice.maybe(lambda: dice.one("ops", "no")),
                "identityFile": dice.maybe(lambda: _key_files(dice)),
                "passphrase": dice.maybe(dice.reference),
                "password": dice.maybe(dice.reference),
                "hostKey": dice.maybe(dice.fingerprint),
            }
        )

    return dice.one("a.example.com,ops@10.9.0.1:2222", [jump(each) for each in dice.some("a.example.com", "10.9.0.1")])


def _components(dice: _Dice, *, control_plane: bool = True) -> Data:
    def flags(**values: str) -> Data:
        wanted = dice.maybe(lambda: {"extraArgs": {key.replace("_", "-"): value for key, value in values.items()}}, 0.3)
        return dict(wanted or {})

    def fields(data: Data) -> Data:
        return dict(dice.maybe(lambda: {"config": data}, 0.3) or {})

    planes = {
        "kubeApiserver": flags(profiling="false", event_ttl="2h"),
        "kubeControllerManager": flags(bind_address="0.0.0.0"),
        "kubeScheduler": flags(v="4"),
        "etcd": flags(quota_backend_bytes="4294967296"),
    }
    odd = {"text": dice.one(*_ODD_VALUES), "list": [1, 2.5, None, {"deep": [True, "true"]}], "none": None}
    return _without_gaps(
        {
            "kubelet": flags(v="2", feature_gates="A=true") | fields({"maxPods": 61, "registerNode": True}),
            "kubeProxy": flags(v="0644") | fields({"conntrack": {"maxPerCore": 0}, "detectLocal": odd}),
            **(planes if control_plane else {}),
            "containerd": _without_gaps(
                {
                    "systemdCgroup": dice.maybe(lambda: dice.one(True, False)),
                    "restrictOomScoreAdj": dice.maybe(lambda: dice.one(True, False)),
                }
            ),
        }
    )


def _role(dice: _Dice, role: str) -> Data:
    return _without_gaps(
        {
            "labels": dice.maybe(lambda: _labels(dice)),
            "taints": dice.maybe(lambda: _taints(dice)),
            "components": dice.maybe(lambda: _components(dice, control_plane=role == "control-plane"), 0.6),
        }
    )


def _labels(dice: _Dice) -> dict[str, str]:
    keys = dice.some("zone", "example.com/rack", "topology.kubernetes.io/zone", "no", "1")
    return {key: dice.one(*_ODD_VALUES) for key in keys}


def _nodes(dice: _Dice, site: str, pods: IPv4Network, mask: int, network: str | None) -> list[Data]:
    count = dice.random.randint(1, 6)
    ranges = dice.random.sample(list(pods.subnets(new_prefix=mask)), count)
    first = dice.random.randrange(count)
    return [
        _without_gaps(
            {
                "name": dice.one(f"n{index}", f"no-{index}.example.com", f"{index}"),
                "address": f"{site}.{11 + ((index - first) % count)}",  # .11 is the control plane's
                "role": "control-plane" if index == first else "worker",
                "hostKey": dice.maybe(dice.fingerprint),
                "nodeIP": dice.maybe(f"10.200.0.{11 + index}".strip, 0.3),
                "labels": dice.maybe(lambda: _labels(dice)),
                "taints": dice.maybe(lambda: _taints(dice)),
                "ssh": _login(dice) if dice.random.random() < 0.4 else None,
                "components": dice.maybe(partial(_components, dice, control_plane=index == first), 0.6),
                "podCIDR": None if network == "manifest" else dice.maybe(ranges[index].__str__),
            }
        )
        for index in range(count)
    ]


def _taints(dice: _Dice) -> list[Data]:
    effects = dice.random.sample(("NoSchedule", "PreferNoSchedule", "NoExecute"), dice.random.randint(0, 3))
    return [
        _without_gaps(
            {
                "key": dice.one("example.com/gpu", "dedicated"),
                "effect": effect,
                "value": dice.maybe(lambda: dice.one("a100", "no", "1")),
            }
        )
        for effect in effects
    ]
