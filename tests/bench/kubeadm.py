"""The peer: kubeadm on the lab's hosts. Everything it needs lies on them before the clock starts."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from assets import paths
from assets.container_runtime import containerd
from assets.node.kernel import SYSCTLS
from assets.pod_network.cni import conflist
from kinstall.answers.load import load
from tests.lab.api import Lab
from tests.lab.cluster import Cluster
from tests.lab.hosts import Host
from tests.lab.shell import LabError

_TOKEN = "abcdef.0123456789abcdef"
_KUBECTL = "/usr/local/bin/kubectl --kubeconfig=/etc/kubernetes/admin.conf"
_LIMIT = 300
_POD_SUBNET = "10.244.0.0/16"

# As kubeadm's own packages ship it.
_UNIT = """\
[Unit]
Wants=network-online.target
After=network-online.target
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \
--kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=/usr/local/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS
Restart=always
StartLimitInterval=0
RestartSec=10
[Install]
WantedBy=multi-user.target
"""

_FETCH = """\
set -e
cd /usr/local/bin
for name in kubeadm kubelet kubectl; do curl -fsS -o $name {kubernetes}/$name; chmod 755 $name; done
curl -fsS -o runc {runc}; chmod 755 runc
curl -fsS {containerd} | tar -xz -C /usr/local
mkdir -p /opt/cni/bin /etc/cni/net.d && curl -fsS {plugins} | tar -xz -C /opt/cni/bin
sysctl -q -w {sysctls}
systemctl daemon-reload
systemctl enable -q kubelet
systemctl start containerd
for image in {images}; do ctr -n k8s.io images pull --hosts-dir {certs} $image >/dev/null; done
"""


def measure(lab: Lab, hosts: list[Host], home: Path) -> float:
    """Seconds from `kubeadm init` to a CoreDNS that is available. The hosts are bare, and made ready first."""
    _preload(lab, hosts, home)
    first, *others = hosts
    started = time.monotonic()
    _run(first, "kubeadm init --config /root/init.yaml --ignore-preflight-errors=all --skip-token-print")
    _mend_coredns(first)
    join = f"kubeadm join {first.address}:6443 --token {_TOKEN} --discovery-token-unsafe-skip-ca-verification"
    with ThreadPoolExecutor(len(hosts)) as pool:
        work = [pool.submit(_run, host, f"{join} --ignore-preflight-errors=all") for host in others]
        work.append(pool.submit(_network, first, hosts))
        for each in work:
            each.result()
    _until(first, f"{_KUBECTL} -n kube-system get deployment coredns -o jsonpath='{{.status.availableReplicas}}'", "2")
    ready = '{range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{end}'
    _until(first, f"{_KUBECTL} get nodes -o jsonpath='{ready}'", "True" * len(hosts))
    return time.monotonic() - started


def _preload(lab: Lab, hosts: list[Host], home: Path) -> None:
    described = lab.describe()
    version = described["versions"]["kubernetes"][0]
    sites = described["mirror"]["downloads"]
    of = {name: described["versions"][name] for name in ("containerd", "runc", "cni-plugins")}
    images = [name for name in described["registry"]["images"] if "agnhost" not in name]
    script = _FETCH.format(
        kubernetes=f"{sites['kubernetes']}/release/v{version}/bin/linux/amd64",
        runc=f"{sites['runc']}/v{of['runc']}/runc.amd64",
        containerd=f"{sites['containerd']}/v{of['containerd']}/containerd-{of['containerd']}-linux-amd64.tar.gz",
        plugins=f"{sites['cniPlugins']}/v{of['cni-plugins']}/cni-plugins-linux-amd64-v{of['cni-plugins']}.tgz",
        sysctls=" ".join(f"{key}={value}" for key, value in SYSCTLS.items()),
        images=" ".join(images),
        certs=paths.CONTAINERD_CERTS,
    )
    # The same containerd, configured as kinstall does: the runtime is not what is compared.
    spec = load(Cluster(lab, hosts, home).answers)
    pause = next(name for name in images if "/pause:" in name)
    files = [
        containerd.containerd_config(spec, spec.nodes[0], pause),
        containerd.containerd_unit(),
        *containerd.mirrors(spec, {}),
    ]
    for host in hosts:
        for file in files:
            _write(host, file.path, file.content.decode())
        _write(host, "/etc/systemd/system/kubelet.service", _UNIT)
    _write(hosts[0], "/root/init.yaml", "---\n".join(json.dumps(d) + "\n" for d in _configuration(hosts[0], version)))
    with ThreadPoolExecutor(len(hosts)) as pool:
        for done in [pool.submit(_run, host, script) for host in hosts]:
            done.result()


def _configuration(host: Host, version: str) -> list[dict[str, Any]]:
    """What these hosts need: see tests.lab.demo.COMPONENTS for the same in kinstall's answers."""
    return [
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "InitConfiguration",
            "bootstrapTokens": [{"token": _TOKEN}],
            "localAPIEndpoint": {"advertiseAddress": host.address},
        },
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "ClusterConfiguration",
            "kubernetesVersion": f"v{version}",
            "networking": {"podSubnet": _POD_SUBNET},
        },
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "failCgroupV1": False,
            "cgroupDriver": "cgroupfs",
            "failSwapOn": False,
            "oomScoreAdj": 0,
        },
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "conntrack": {"maxPerCore": 0},
        },
    ]


def _mend_coredns(first: Host) -> None:
    """Without a resolver on the hosts CoreDNS would end at once: its `forward` goes."""
    program = (
        f"{_KUBECTL} -n kube-system get configmap coredns -o jsonpath='{{.data.Corefile}}' "
        "| sed '/forward /,/}/d' >/root/Corefile && "
        f"{_KUBECTL} -n kube-system create configmap coredns --from-file=/root/Corefile --dry-run=client -o yaml "
        f"| {_KUBECTL} replace -f -"
    )
    _run(first, program)


def _network(first: Host, hosts: list[Host]) -> None:
    """Each node's CNI configuration and the other nodes' routes to it, as soon as its range is known."""
    listing = "{range .items[*]}{.metadata.name}={.spec.podCIDR} {end}"
    missing = {host.name: host for host in hosts}
    deadline = time.monotonic() + _LIMIT
    while missing:
        words = first.run(f"{_KUBECTL} get nodes -o jsonpath='{listing}'", check=False).stdout.split()
        ranges = dict(word.split("=", 1) for word in words)
        for host in [host for name, host in missing.items() if ranges.get(name)]:
            cidr = ranges[host.name]
            _write(host, "/etc/cni/net.d/10-bench.conflist", conflist(cidr, 0).content.decode())
            for other in hosts:
                if other is not host:
                    other.run(f"ip route replace {cidr} via {host.address}")
            del missing[host.name]
        if missing:
            _sleep(deadline, f"{', '.join(missing)} got no pod range")


def _until(first: Host, command: str, wanted: str) -> None:
    deadline = time.monotonic() + _LIMIT
    while first.run(command, check=False).stdout.strip() != wanted:
        _sleep(deadline, f"{command} did not say {wanted}")


def _sleep(deadline: float, what: str) -> None:
    if time.monotonic() > deadline:
        raise LabError(f"kubeadm's cluster: {what} within {_LIMIT} s")
    time.sleep(0.5)


def _run(host: Host, command: str) -> None:
    host.run(command, timeout=_LIMIT)


def _write(host: Host, path: str, content: str) -> None:
    host.run(f"mkdir -p {Path(path).parent} && cat >{path}", stdin=content)
