"""One cluster's life: what its tests share, and what they look at on the hosts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import api
from tests.lab.cluster import Cluster, Ended, wait_until
from tests.lab.hosts import Host
from tests.lab.pyz import pyz

SYSCTL_FILE = "/etc/sysctl.d/90-kinstall.conf"
# What the kernel has by itself, too: anything else would be set on all hosts, or only until the next boot.
THEIR_SYSCTLS = "# somebody's own, which kinstall's file replaces\nnet.ipv4.tcp_fin_timeout = 60\n"
THEIR_RULES = """\
#!/usr/sbin/nft -f
flush ruleset
table inet theirs {
    chain input { type filter hook input priority 5; policy accept; tcp dport 9 drop; }
}
"""

# Everything kinstall puts on a disk lies below these; so does most of what others could have changed.
_LISTING = """\
find /etc /usr/local /usr/lib/systemd /opt /root /var/lib/kinstall /var/lib/kubelet/config.yaml /var/lib/kubelet/pki \
  {more} -printf '%p %y %m %u:%g %s %T@ %C@ %l\\n' 2>/dev/null | sort
"""
_UNITS = (
    "containerd kubelet kube-proxy kinstall-routes kinstall-firewall nftables"
    " systemd-networkd systemd-sysctl systemd-modules-load ssh dbus"
)
_RUNNING = f"""\
for u in {_UNITS}; do
  echo "unit $u" $(systemctl show -P ActiveState -P ActiveEnterTimestampMonotonic -P MainPID -P UnitFileState $u)
done
ctr --connect-timeout 2s -n k8s.io tasks ls 2>/dev/null | sed 's/^/container /'
ip route show proto 57 | sed 's/^/route /'
nft -a list table ip kinstall 2>/dev/null | sed -E 's/packets [0-9]+ bytes [0-9]+//; s/^/nft /'
"""

WEB = """\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  updateStrategy: {rollingUpdate: {maxUnavailable: 100%}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      tolerations: [{operator: Exists}]
      containers:
      - {name: web, image: "registry.k8s.io/e2e-test-images/agnhost:2.66.1", args: [netexec, --http-port=8080]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
"""


@dataclass
class Life:
    """A cluster on three hosts, `spare` for a third worker, and what was before it. `installed` is the first replay."""

    cluster: Cluster
    spare: Host
    before: dict[str, dict[str, str]]
    shells: dict[str, subprocess.Popen[str]]
    installed: Ended

    @property
    def hosts(self) -> list[Host]:
        return self.cluster.hosts

    def everybody(self, *, run_folder: bool = False) -> dict[str, list[str]]:
        return {host.name: standing(host, run_folder=run_folder) for host in self.hosts}


def begin(lab: api.Lab, home: Path) -> Life:
    """Four hosts as somebody left them, and the installation on three of them by the single file, kinstall.pyz."""
    with ThreadPoolExecutor(1) as pool:  # built meanwhile, if it is not there yet
        file = pool.submit(pyz)
        four = lab.bare_hosts(4)
    for host in four:
        host.run("cat > /etc/nftables.conf", stdin=THEIR_RULES)
        theirs = f"cat > {SYSCTL_FILE} && chmod 0600 {SYSCTL_FILE} && touch -d 2020-02-02 {SYSCTL_FILE}"
        host.run(theirs, stdin=THEIR_SYSCTLS)
        host.run("systemctl enable -q --now nftables.service")
    # Some programs of the distribution write only when they start for the second time.
    api.in_parallel(Host.power_cycle, four)
    unpacked = {"PEX_ROOT": str(home / "unpacked")}
    cluster = Cluster(lab, four[:3], home, env=unpacked, program=(sys.executable, str(file.result())))
    before = {host.name: host.snapshot() for host in four}
    shells = {host.name: open_shell(host) for host in four}
    installed = cluster.replay()
    if installed.code == 0:
        cluster.kubectl("apply -f -", stdin=WEB)
    return Life(cluster, four[3], before, shells, installed)


def open_shell(host: Host) -> subprocess.Popen[str]:
    """A session over ssh that stays open and answers each line it is sent."""
    return subprocess.Popen(
        ["ssh", *host.ssh_args, "while read -r word; do echo heard $word; done"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def shells_answer(life: Life) -> None:
    """The sessions that were opened before still echo what they are sent."""
    for name, shell in life.shells.items():
        shell_answers(name, shell)


def shell_answers(name: str, shell: subprocess.Popen[str]) -> None:
    """A session that was opened before still echoes what it is sent."""
    assert shell.poll() is None, f"the session to {name} ended"
    assert shell.stdin
    assert shell.stdout
    shell.stdin.write("still-here\n")
    shell.stdin.flush()
    assert shell.stdout.readline() == "heard still-here\n", name


def standing(host: Host, *, run_folder: bool = False) -> list[str]:
    """Files with all their times, and what runs since when. `run_folder`: also where a run leaves its name."""
    more = "/run/kinstall/owner /run/kinstall/lock" if run_folder else ""
    return host.run(_LISTING.format(more=more) + _RUNNING).stdout.splitlines()


def moved(before: dict[str, list[str]], after: dict[str, list[str]], without: str = "\n") -> list[str]:
    """What only one of two listings of hosts has; lines that start with `without` are left out."""
    told = []
    for name, lines in before.items():
        old, new = set(lines), set(after[name])
        gone, come = sorted(old - new), sorted(new - old)
        told += [
            f"{name} {sign} {line}"
            for sign, lines in (("-", gone), ("+", come))
            for line in lines
            if not line.startswith(without)
        ]
    return told


def answers_everywhere(cluster: Cluster, nodes: Sequence[str]) -> None:
    """Every node's own pod is reached from every node: through the service's address, and each node's NodePort."""
    address = cluster.kubectl("get service web -o jsonpath={.spec.clusterIP}")
    names = "jsonpath='{range .items[*]}{.spec.nodeName} {.metadata.name} {.status.podIP}{\"\\n\"}{end}'"
    wait_until(
        lambda: (
            cluster.kubectl("get daemonset web -o jsonpath='{.status.numberAvailable} {.status.observedGeneration}'")
            == f"{len(nodes)} {cluster.kubectl('get daemonset web -o jsonpath={.metadata.generation}')}"
        ),
        f"pods on {len(nodes)} nodes",
        120,
    )
    pods = {
        line.split()[0]: line.split()[1:] for line in cluster.kubectl(f"get pods -l app=web -o {names}").splitlines()
    }
    assert sorted(pods) == sorted(nodes)
    everyone = {name for name, _ in pods.values()}
    for node in nodes:
        host = cluster.host(node)
        direct = _ask(host, *(f"http://{ip}:8080/hostname" for _, ip in pods.values()), options="")
        assert direct == [pod for pod, _ in pods.values()], f"from {node}"
        # Each connection picks a pod by chance.
        seen = set(_ask(host, *[f"http://{address}/hostname"] * 12))
        for _ in range(5):
            seen |= set() if seen == everyone else set(_ask(host, *[f"http://{address}/hostname"] * 12))
        assert seen == everyone, f"through {address} from {node}"
        ports = _ask(host, *(f"http://{cluster.host(other).address}:30080/hostname" for other in nodes))
        assert set(ports) <= everyone and len(ports) == len(nodes)


_RETRY = "--retry 5 --retry-delay 1 --retry-all-errors"  # kube-proxy may owe an answer a moment after a pod came


def _ask(host: Host, *urls: str, options: str = _RETRY) -> list[str]:
    """An answer from each, over a connection of its own."""
    curl = f"curl -sS --max-time 5 -w '\\n' {options}"
    return host.run("set -e\n" + "\n".join(f"{curl} {url}" for url in urls)).stdout.split()


def is_well(cluster: Cluster, patience: float = 0) -> None:
    """`kinstall verify` finds nothing: at once, or once what starts by itself has started."""
    deadline = time.monotonic() + patience
    while (ended := cluster.verify()).code != 0 and time.monotonic() < deadline:
        time.sleep(3)
    assert ended.code == 0, ended
    checks = checks_of(ended)
    assert not {key: value for key, value in checks.items() if value[0] != "ok" and key[0] != "DNS outside"}


def found_well(ended: Ended) -> dict[str, str]:
    """A replay that changed something, and whose own full verify found nothing; check and node → message of all that
    passed."""
    assert ended.code == 0, ended
    checks = [e for e in ended.events if e["event"] == "stepFinished" and e["phase"] == "verify"]
    assert len(checks) > 20, "verify was not the full one"
    assert not [e for e in checks if e["outcome"] != "ok" and not e["step"].startswith("DNS outside")]
    return {event["step"]: event["message"] for event in checks if event["outcome"] == "ok"}


def checks_of(ended: Ended) -> dict[tuple[str, str], tuple[str, str]]:
    """(check, node) → (outcome, message) of `verify --output json`."""
    data: dict[str, Any] = json.loads(ended.out)
    return {(each["check"], each["node"]): (each["outcome"], each["message"]) for each in data["checks"]}


def planned(cluster: Cluster) -> set[tuple[str, str]]:
    """(node, step) of what `kinstall plan` would do; waits are no changes."""
    return {
        (change["node"], change["step"])
        for change in cluster.plan()["changes"]
        if not change["step"].startswith("wait ")
    }


def nothing_to_do(cluster: Cluster, seconds: float = 90) -> None:
    """The plan is empty: at once, or once what starts by itself has started."""
    deadline = time.monotonic() + seconds
    while (left := planned(cluster)) and time.monotonic() < deadline:
        time.sleep(2)
    assert not left
