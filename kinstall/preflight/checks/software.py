"""What must be installed on a node, and what must not: tools, systemd, other runtimes, other clusters' leftovers."""

from __future__ import annotations

from collections.abc import Iterator

from kinstall.cluster.etcd_versions import etcd_upgrade
from kinstall.cluster.immutable import FORMAT, newer_format
from kinstall.cluster.release_files import image_refs
from kinstall.findings import Finding, Severity
from kinstall.preflight.check import NodeView, check, error, ok, warning
from kinstall.wording import listed

# Tool → package, where the package has another name. What the engine's programs, kube-proxy and the kubelet call.
PACKAGES = {
    "flock": "util-linux",
    "mount": "util-linux",
    "umount": "util-linux",
    "ip": "iproute2",
    "nft": "nftables",
    "tar": "tar",
    "gzip": "gzip",
    "grep": "grep",
    "sed": "sed",
    "systemctl": "systemd",
    "journalctl": "systemd",
}
COREUTILS = (
    *("sha256sum", "stat", "head", "cat", "mv", "cp", "ln", "rm", "mkdir", "chmod", "chown", "readlink", "mktemp"),
    *("tr", "date", "sleep", "env", "sync", "timeout", "base64"),
)
TOOLS = (*COREUTILS, *PACKAGES)

# The same packages' names where they differ from Debian's.
RPM_NAMES = {"iproute2": "iproute"}
INSTALL = {
    "debian": "apt-get install",
    "ubuntu": "apt-get install",
    "raspbian": "apt-get install",
    **dict.fromkeys(("fedora", "rhel", "centos", "rocky", "almalinux", "ol", "amzn"), "dnf install"),
    **dict.fromkeys(("sles", "opensuse-leap", "opensuse-tumbleweed"), "zypper install"),
    "arch": "pacman -S",
}


def _install(view: NodeView, *packages: str) -> str:
    """The command that installs packages of Debian's names on the node's distribution."""
    command = INSTALL.get(view.facts.os_id)
    if command and command.split()[0] in ("dnf", "zypper"):
        packages = tuple(RPM_NAMES.get(name, name) for name in packages)
    return f"run `{command} {' '.join(packages)}` there" if command else f"install {', '.join(packages)} there"


@check("systemd", Severity.ERROR, "Does systemd run the machine, and is it new enough?")
def systemd(view: NodeView) -> Iterator[Finding]:
    facts = view.facts
    if facts.init != "systemd":
        yield error(
            f"the first process is {facts.init or 'unknown'}, not systemd, which the node's daemons are units of",
            "use a distribution that boots with systemd",
        )
    elif facts.systemd_version < 244:
        yield warning(
            f"systemd {facts.systemd_version} is older than 244, which runc needs to set every cgroup property",
            "update the distribution",
        )
    else:
        yield ok(f"systemd {facts.systemd_version}")


@check("tools", Severity.ERROR, "Are the programs installed that kinstall, kube-proxy and the kubelet call?")
def tools(view: NodeView) -> Iterator[Finding]:
    has = view.facts.tools
    missing = [name for name in TOOLS if name not in has]
    if view.spec.networking.proxy_mode == "iptables" and "iptables" not in has:
        missing.append("iptables")
    if missing:
        packages = dict.fromkeys(PACKAGES.get(n, "coreutils" if n in COREUTILS else n) for n in missing)
        yield error(f"not found: {', '.join(missing)}", _install(view, *packages))
    if not has & {"curl", "wget"}:
        yield warning(
            "neither curl nor wget is installed: release files are sent over SSH, which takes longer",
            _install(view, "curl"),
        )
    elif not missing:
        yield ok("every tool that is needed is installed")


@check("nft", Severity.ERROR, "Does nft work, and is it new enough?")
def nft(view: NodeView) -> Iterator[Finding]:
    facts = view.facts
    if "nft" not in facts.tools:
        return  # `tools` says so
    version = ".".join(map(str, facts.nft_version))
    if facts.nft_version and facts.nft_version < (1, 0, 1):
        yield error(
            f"nft {version} is older than 1.0.1, which kube-proxy and the masquerade need",
            "update nftables",
        )
    elif facts.nft_usable or facts.modules.get("nf_tables") == "loadable":
        yield ok(f"nft {version}")
    elif facts.uid == 0:
        yield error(
            "nft cannot list the packet filter's rules: the kernel has no nf_tables, or a container may not use it",
            "load nf_tables (in a container: on its host, and grant CAP_NET_ADMIN)",
        )


@check("selinux", Severity.WARNING, "Does SELinux let static pods read their files?")
def selinux(view: NodeView) -> Iterator[Finding]:
    if view.facts.selinux_enforcing:
        yield warning(
            "SELinux is enforcing, and without container-selinux static pods may not read their files",
            _install(view, "container-selinux") + ", or set SELINUX=permissive in /etc/selinux/config",
        )
    else:
        yield ok("SELinux is not enforcing")


@check("cluster", Severity.ERROR, "Does the node belong to this cluster, to another one, or to none?")
def cluster(view: NodeView) -> Iterator[Finding]:
    """Whether kinstall was here before, for this cluster or for another one."""
    identity = view.facts.cluster
    if identity is None:
        interrupted = "; an earlier run was interrupted at its start" if view.facts.recorded else ""
        yield ok(f"belongs to no cluster of kinstall yet{interrupted}")
        return
    if newer := newer_format(identity):
        yield error(
            f"/var/lib/kinstall/cluster.json is of format {newer}, and this kinstall reads up to format {FORMAT}",
            "use the kinstall that set the node up, or a newer one",
        )
        return
    name = str(identity.get("cluster", "")) or "of an unreadable /var/lib/kinstall/cluster.json"
    if not view.own:
        same = identity.get("cluster") == view.spec.cluster_name
        yield error(
            f"the node belongs to the cluster {name}" + (" with another CA" if same else ""),
            "use the state folder that this cluster was made with, or reset the node with the answers file of that "
            f"cluster (`kinstall reset ANSWERS --node {view.node.name}`)",
        )
    elif str(identity.get("node", view.node.name)) != view.node.name:
        yield error(
            f"the node is known to the cluster as {identity['node']}; a node's name cannot change",
            f"call it {identity['node']}, or reset it first",
        )
    else:
        yield ok(f"already belongs to {view.spec.cluster_name}")


@check("leftovers", Severity.ERROR, "Are there files, interfaces or rules of another cluster?")
def leftovers(view: NodeView) -> Iterator[Finding]:
    """Files, interfaces and rules of another cluster, however it was made."""
    facts = view.facts
    if view.own:
        yield ok("what is there is this cluster's own")
        return
    # A disk of its own has ext4's lost+found.
    state = [path for path in facts.paths if path.startswith(STATE) and not path.endswith("/lost+found")]
    links = [link.name for link in facts.links if link.name.startswith(LINKS)]
    chains = sorted(name for name in facts.chains if name.startswith("KUBE-") or name.endswith(" kube-proxy"))
    if state:
        yield error(
            f"there are files of another cluster: {listed(state)}",
            "if it is no longer needed, remove it the way it was made (`kubeadm reset`, `k3s-uninstall.sh`, …) and "
            "then these folders",
        )
    if links or chains:
        left = [*links, *(f"chain {name}" if name.startswith("KUBE-") else name for name in chains)]
        harmless = not links and HARMLESS.issuperset(chains)
        yield (warning if harmless else error)(
            f"there are interfaces or packet filter rules of another cluster: {listed(left)}",
            "delete them (`ip link delete NAME`, `nft delete table …`), or reboot after that cluster was removed",
        )
    if not (state or links or chains):
        yield ok("nothing of another cluster")


STATE = (
    "/etc/kubernetes/",
    "/var/lib/etcd/",
    "/var/lib/kubelet/",
    "/etc/rancher/",
    "/var/lib/rancher/",
)
# What any kubelet puts into iptables at its start; it sends no packet anywhere.
HARMLESS = {"KUBE-KUBELET-CANARY", "KUBE-IPTABLES-HINT", "KUBE-FIREWALL", "KUBE-MARK-DROP", "KUBE-MARK-MASQ"}
LINKS = (
    "cni0",
    "flannel.",
    "flannel-",
    "cali",
    "vxlan.calico",
    "cilium_",
    "weave",
    "kube-bridge",
    "kube-ipvs0",
    "cbr0",
)


@check("cni-config", Severity.ERROR, "Are there CNI configurations that compete with kinstall's?")
def cni_config(view: NodeView) -> Iterator[Finding]:
    if view.own:
        return
    if configs := [path for path in view.facts.paths if path.startswith("/etc/cni/net.d/")]:
        yield error(
            f"there are CNI configurations that would compete with kinstall's: {listed(configs)}",
            "remove them, or the package that they belong to (podman, cri-o)",
        )
    else:
        yield ok("no other CNI configuration")


@check("container-runtime", Severity.ERROR, "Is there another container runtime, or another kubelet?")
def container_runtime(view: NodeView) -> Iterator[Finding]:
    facts, clean = view.facts, True
    foreign = {"docker", "crio", "cri-docker", "k3s", "k3s-agent", "rke2-server", "rke2-agent"}
    foreign |= {"snap.microk8s.daemon-kubelite", "etcd"}
    foreign |= set() if view.own else {"containerd", "kubelet", "kube-proxy"}
    if running := sorted(name for name in foreign if facts.active(f"{name}.service")):
        clean = False
        message = f"{', '.join(running)} {'is' if len(running) == 1 else 'are'} already running"
        remedy = f"stop and remove what is not needed: `systemctl disable --now {' '.join(running)}`"
        if view.own:
            yield warning(f"{message} beside the cluster's own daemons", remedy)
        else:
            yield error(f"{message}; kinstall installs containerd and kubelet itself", remedy)
    installed = [path for path in facts.paths if path.startswith(("/usr/bin/", "/usr/sbin/", "/snap/bin/"))]
    if installed and not running:
        clean = False
        yield warning(
            f"{listed(installed)} {'is' if len(installed) == 1 else 'are'} installed; the package's next update may "
            "start it beside kinstall's own",
            "remove the package, or hold back its updates",
        )
    for name in ("containerd", "kubelet", "kube-proxy"):
        unit = facts.units.get(f"{name}.service")
        if unit and unit.drop_ins:
            clean = False
            yield (warning if view.own else error)(
                f"{listed(unit.drop_ins)} would change the {name}.service that kinstall writes",
                "remove it, or the package that it belongs to",
            )
    if clean:
        yield ok("no other container runtime")


@check("etcd", Severity.ERROR, "Can the etcd of the answers take over from the one that runs?")
def etcd(view: NodeView) -> Iterator[Finding]:
    runs = view.facts.value("etcd-image").strip("\"'")
    if not view.own or not view.node.is_control_plane or not runs:
        yield ok("no etcd of this cluster runs here yet")
        return
    wanted = image_refs(view.spec).etcd
    if complaint := etcd_upgrade(runs, wanted):
        yield error(*complaint)
    else:
        yield ok("etcd stays" if runs == wanted else "etcd's image can be exchanged")


CHECKS = (systemd, tools, nft, selinux, cluster, leftovers, cni_config, container_runtime, etcd)
