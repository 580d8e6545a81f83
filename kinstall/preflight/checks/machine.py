"""The machine itself: rights, kernel, cgroups, processors, memory, swap, modules, kernel settings, clock."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import basename

from assets import paths
from assets.node import kernel as kernel_settings
from assets.pod_network import pod_network
from kinstall.facts.boot_sysctls import BootSysctl
from kinstall.findings import Finding, Severity
from kinstall.preflight.check import NodeView, check, error, ok, warning

# What kubeadm asks of a control plane (its preflight's NumCPU and Mem checks).
CONTROL_PLANE_CPUS = 2
CONTROL_PLANE_MEMORY = 1700
WORKER_MEMORY = 700

# Kubernetes supports 4.19 and newer (its system validators); kube-proxy's nftables mode needs 5.13.
OLDEST_KERNEL = (4, 19)
NFTABLES_KERNEL = (5, 13)

# All processes of root share the kernel's default of 128, also those in containers. kind's known issues name this.
INOTIFY_INSTANCES = 512

# The kubelet refuses to start without these.
CONTROLLERS = ("cpu", "cpuset", "memory", "pids")

# etcd and certificates cope with a few seconds; a minute means that nothing sets the clock.
CLOCK_ERROR = 60.0
CLOCK_WARNING = 5.0


@check("root", Severity.ERROR, "Do commands run as root?")
def root(view: NodeView) -> Iterator[Finding]:
    if view.facts.uid == 0:
        yield ok("commands run as root")
    else:
        yield error(
            f"commands run with user id {view.facts.uid}, not as root",
            "log in as root, or as a user that sudo lets run /bin/sh",
        )


@check("architecture", Severity.ERROR, "Are there release files for the processor?")
def architecture(view: NodeView) -> Iterator[Finding]:
    if view.facts.architecture in ("amd64", "arm64"):
        yield ok(f"{view.facts.architecture}, {view.facts.os_name or 'unknown distribution'}")
    else:
        yield error(
            f"the processor's architecture is {view.facts.architecture or 'unknown'}; release files are fetched for "
            "amd64 and arm64",
            "use a machine with one of them",
        )


@check("kernel", Severity.ERROR, "Is the kernel new enough for Kubernetes and for kube-proxy's mode?")
def kernel(view: NodeView) -> Iterator[Finding]:
    facts, mode = view.facts, view.spec.networking.proxy_mode
    needed = NFTABLES_KERNEL if mode == "nftables" else OLDEST_KERNEL
    if facts.kernel_version >= needed:
        yield ok(f"Linux {facts.kernel}")
        return
    wanted = ".".join(map(str, needed))
    if facts.kernel_version >= OLDEST_KERNEL:
        yield error(
            f"Linux {facts.kernel} is older than {wanted}, which kube-proxy's nftables mode needs",
            "update the kernel, or set networking.proxyMode: iptables",
        )
    else:
        yield error(f"Linux {facts.kernel} is older than {wanted}", "update the kernel")


@check("cgroup", Severity.ERROR, "Are the cgroup version and controllers there that the kubelet needs?")
def cgroup(view: NodeView) -> Iterator[Finding]:
    facts = view.facts
    missing = [name for name in CONTROLLERS if name not in facts.controllers]
    if missing:
        yield error(
            f"the cgroup {'controller' if len(missing) == 1 else 'controllers'} {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not enabled, and the kubelet needs them",
            f"boot with the kernel parameters {' '.join(f'cgroup_enable={name}' for name in missing)}",
        )
    elif facts.cgroup_version >= 2:
        yield ok("cgroup v2")
    elif view.kubelet("failCgroupV1", True) is False:
        yield ok("cgroup v1, which the answers accept (failCgroupV1: false)")
    else:
        yield error(
            "cgroups are version 1, on which the kubelet does not start",
            "boot with systemd.unified_cgroup_hierarchy=1, or accept it for now with "
            "components.kubelet.config.failCgroupV1: false",
        )


@check("cpu", Severity.ERROR, "Does a control plane have enough processors?")
def cpu(view: NodeView) -> Iterator[Finding]:
    cpus = view.facts.cpus
    if view.node.is_control_plane and cpus < CONTROL_PLANE_CPUS:
        yield error(
            f"{cpus or 'an unknown number of'} CPU; a control plane needs {CONTROL_PLANE_CPUS}",
            "give the machine another CPU, or add cpu to preflight.ignore",
        )
    else:
        yield ok(f"{cpus} CPUs" if cpus != 1 else "1 CPU")


@check("memory", Severity.ERROR, "Is there enough memory for the node's role?")
def memory(view: NodeView) -> Iterator[Finding]:
    has = view.facts.memory
    if view.node.is_control_plane and has < CONTROL_PLANE_MEMORY:
        yield error(
            f"{has} MiB of memory; a control plane needs {CONTROL_PLANE_MEMORY}",
            "give the machine more memory, or add memory to preflight.ignore",
        )
    elif has < WORKER_MEMORY:
        yield warning(f"{has} MiB of memory leave little for pods", f"give it {WORKER_MEMORY} or more")
    else:
        yield ok(f"{has} MiB of memory")


@check("swap", Severity.ERROR, "Is swap off, or do the answers accept it?")
def swap(view: NodeView) -> Iterator[Finding]:
    swaps = view.facts.swaps
    if not swaps:
        yield ok("no swap")
    elif view.kubelet("failSwapOn", True) is False:
        yield ok(f"swap on {', '.join(swaps)}, which the answers accept (failSwapOn: false)")
    else:
        yield error(
            f"swap is on ({', '.join(swaps)}), with which the kubelet does not start",
            "run `swapoff -a` there and remove its line from /etc/fstab (zram: disable its unit), or accept swap with "
            "components.kubelet.config.failSwapOn: false",
        )


@check("clock", Severity.ERROR, "Does the node's clock agree with this machine's?")
def clock(view: NodeView) -> Iterator[Finding]:
    sent, received = view.clock
    if not view.facts.clock:
        yield warning("its `date` did not print the time", "install coreutils")
        return
    # The node read its clock at some moment between the two: only what is outside of them is certainly wrong.
    behind, ahead = sent - view.facts.clock, view.facts.clock - received
    off, way = max((behind, "behind"), (ahead, "ahead of"))
    if off <= CLOCK_WARNING:
        yield ok("the clock agrees with this machine's")
        return
    message = f"the clock is {_duration(off)} {way} this machine's"
    if off > 1800 and abs(off - round(off / 3600) * 3600) < 120:
        message += "; whole hours look like a hardware clock in local time"
    message += ", so certificates would not be valid yet or expire early"
    remedy = "set it (`timedatectl set-ntp true` with chrony or systemd-timesyncd), or set this machine's"
    yield (error if off > CLOCK_ERROR else warning)(message, remedy)


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= size * 1.5:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
        if round(seconds / size, 1) >= 1:
            return f"{round(seconds / size, 1):g} {unit[:-1] if round(seconds / size, 1) == 1 else unit}"
    return f"{seconds:.0f} seconds"


@check("time-service", Severity.WARNING, "Does a service set the clock?")
def time_service(view: NodeView) -> Iterator[Finding]:
    names = ("chrony", "chronyd", "systemd-timesyncd", "ntp", "ntpd", "ntpsec")
    running = [name for name in names if view.facts.active(f"{name}.service")]
    if running:
        yield ok(f"{running[0]} sets the clock")
    elif view.facts.virtualisation in CONTAINERS:
        yield ok("the clock is that of the container's host")
    else:
        yield warning(
            "no service sets the clock, so it will drift away from the other nodes'",
            "install chrony or enable systemd-timesyncd",
        )


CONTAINERS = ("systemd-nspawn", "lxc", "lxc-libvirt", "docker", "podman", "openvz", "rkt", "proot", "pouch")
"""What systemd-detect-virt says in containers."""


@check("modules", Severity.ERROR, "Are the kernel's modules there, or can they be loaded?")
def modules(view: NodeView) -> Iterator[Finding]:
    facts = view.facts
    wanted = ["overlay", "bridge", "br_netfilter", "nf_conntrack", "veth"]
    if view.spec.networking.proxy_mode == "nftables":
        wanted.append("nf_tables")
    wanted += pod_network(view.spec).modules
    missing = [name for name in wanted if facts.modules.get(name) == "missing"]
    blocked = [name for name in wanted if facts.modules.get(name) == "blocked"]
    if missing and facts.module_tree == "other":
        yield error(
            f"/lib/modules has no folder for the running kernel {facts.kernel}, so {', '.join(missing)} cannot be "
            "loaded; the kernel was probably updated",
            "reboot the machine",
        )
    elif missing:
        yield error(
            f"kernel {facts.kernel} has no module {', '.join(missing)}",
            "install the distribution's package of further kernel modules (linux-modules-extra, kernel-modules)",
        )
    if blocked:
        yield error(
            f"{', '.join(blocked)} may not be loaded: modprobe's configuration blocks it",
            "remove its `install … /bin/false` line from /etc/modprobe.d",
        )
    if not missing and not blocked:
        loadable = [name for name in wanted if facts.modules.get(name) == "loadable"]
        if loadable and "modprobe" not in facts.tools:
            yield error(f"{', '.join(loadable)} cannot be loaded without modprobe", "install kmod")
        else:
            yield ok(f"{', '.join(wanted)}: there" + (" or can be loaded" if loadable else ""))


@check("sysctls", Severity.ERROR, "Can kernel settings be written?")
def sysctls(view: NodeView) -> Iterator[Finding]:
    facts = view.facts
    wanted = ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables")
    if fixed := [name for name in wanted if facts.sysctls.get(name) is False]:
        yield error(
            f"{', '.join(name.replace('/', '.') for name in fixed)} cannot be written",
            "in a container, let it write /proc/sys (systemd-nspawn: SYSTEMD_NSPAWN_API_VFS_WRITABLE=1)",
        )
        return
    conntrack = view.spec.components_of(view.node).kube_proxy.over({}).get("conntrack", {})
    per_core = conntrack.get("maxPerCore", 32768) if isinstance(conntrack, dict) else 32768
    if facts.sysctls.get("net/netfilter/nf_conntrack_max") is False and per_core != 0:
        yield warning(
            "net.netfilter.nf_conntrack_max cannot be written; kube-proxy may exit over it",
            "set components.kubeProxy.config.conntrack.maxPerCore: 0",
        )
    else:
        yield ok("kernel settings can be written")


_WANTED = {key.replace(".", "/"): value for key, value in kernel_settings.SYSCTLS.items()}
_WITHOUT = {
    "net/ipv4/ip_forward": "from then on no packet of a pod leaves its node",
    "net/bridge/bridge-nf-call-iptables": "from then on services whose pods are on the same node time out",
}


@check("boot-sysctls", Severity.ERROR, "Do the kernel settings that kinstall makes outlast a reboot?")
def boot_sysctls(view: NodeView) -> Iterator[Finding]:
    """Files are read in the order of their names, and kinstall's is not the last. Another name for it would be a change
    on every node of every cluster, and there would still be a later one."""
    own, last = basename(paths.SYSCTL_FILE), dict[str, BootSysctl]()
    for each in view.facts.boot_sysctls:
        if each.key in _WANTED and basename(each.path) > own:
            last[each.key] = each
    undone = [each for each in last.values() if each.value != _WANTED[each.key]]
    for each in undone:
        effect = _WITHOUT.get(each.key, "")
        yield (warning if view.own else error)(
            f"{each.path}, line {each.line}, sets {each.key.replace('/', '.')} to {each.value or 'nothing'} at every "
            f"boot, after {paths.SYSCTL_FILE}" + (f"; {effect}" if effect else ""),
            f"remove that line, or set it to {_WANTED[each.key]} there",
        )
    if not undone:
        yield ok(f"nothing at boot takes back what {paths.SYSCTL_FILE} sets")


@check("inotify", Severity.WARNING, "May pods and daemons watch enough files?")
def inotify(view: NodeView) -> Iterator[Finding]:
    limit = view.facts.value("/proc/sys/fs/inotify/max_user_instances")
    if limit.isdecimal() and len(limit) < 16 and int(limit) < INOTIFY_INSTANCES:
        yield warning(
            f"fs.inotify.max_user_instances is {limit}: many pods that watch files fail with `too many open files`",
            f"put fs.inotify.max_user_instances = {INOTIFY_INSTANCES} into /etc/sysctl.d/, run `sysctl --system`",
        )
    else:
        yield ok(f"{limit or 'an unknown number of'} inotify instances")


CHECKS = (
    root,
    architecture,
    kernel,
    cgroup,
    cpu,
    memory,
    swap,
    clock,
    time_service,
    modules,
    sysctls,
    inotify,
    boot_sysctls,
)
