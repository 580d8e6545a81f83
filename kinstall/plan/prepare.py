"""Phase prepare: the node's identity, kernel settings, routes and masquerading."""

from __future__ import annotations

import json

from assets import catalog, paths
from assets.network import firewall
from assets.node import kernel
from assets.pod_network import pod_network
from kinstall.cluster import ClusterSpec, Node
from kinstall.cluster.immutable import identity
from kinstall.engine.steps import File, Script, Step, Unit
from kinstall.plan import cleanup, operator_manifest
from kinstall.plan.node_inputs import IDENTITY, Files, Inputs, as_files, folders

KERNEL_FILES = (paths.MODULES_FILE, paths.SYSCTL_FILE)


def steps(inputs: Inputs, node: Node, files: Files) -> tuple[Step, ...]:
    who = identity(inputs.spec, node, inputs.ca_fingerprint, inputs.pod_cidrs[node.name])
    sysctls = " && ".join(
        f'[ "$(cat /proc/sys/{key.replace(".", "/")} 2>/dev/null)" = {value} ]' for key, value in kernel.SYSCTLS.items()
    )
    wanted = (*kernel.MODULES, *pod_network(inputs.spec).modules)
    # A module that is built in, or that this kernel lacks, need not be loaded.
    modules = "\n".join(
        f"[ -d /sys/module/{module} ] || ! modprobe -nq {module} 2>/dev/null || exit 1" for module in wanted
    )
    return (
        File(IDENTITY, json.dumps(who, indent=2, sort_keys=True).encode() + b"\n", 0o600),
        *folders(node, catalog.NETWORK),
        *as_files(each for each in files[catalog.RUNTIME] if each.path in KERNEL_FILES),
        *as_files(files[catalog.NETWORK]),
        # Recorded first, so it is undone last: after everything that might still write sysctls or chains.
        Script(
            cleanup.BEFORE,
            check="",
            run=cleanup.save((*kernel.SYSCTLS, *kernel.SELF_WRITTEN_SYSCTLS)),
            undo=cleanup.RESTORE,
        ),
        Script("kernel modules", check=modules, run=f"modprobe -a {' '.join(wanted)}"),
        Script("sysctls", check=sysctls, run=f"sysctl -q -p {paths.SYSCTL_FILE}", inputs=(paths.SYSCTL_FILE,)),
        *_network(inputs),
        *_packet_filter(inputs.spec, node),
    )


def _network(inputs: Inputs) -> tuple[Step, ...]:
    keeper = pod_network(inputs.spec).keeper
    if keeper is None:
        return operator_manifest.prepared(inputs.spec, inputs.own_network)
    return (
        Script(
            f"networkd leaves {keeper.what} alone",  # it reads its configuration only when it starts
            check="",
            run="systemctl try-restart systemd-networkd.service",
            inputs=keeper.networkd_inputs,
        ),
        Unit(keeper.unit, keeper.unit_inputs, undo=keeper.undo),
        # The check reads the list on the node: only the input shows that a new one is coming.
        Script(keeper.what, check=keeper.check, run=keeper.run, inputs=keeper.inputs),
    )


def _packet_filter(spec: ClusterSpec, node: Node) -> tuple[Step, ...]:
    if not firewall.is_wanted(spec):
        return (Script("no masquerade", check=firewall.GONE_CHECK, run=firewall.GONE),)
    unit = (paths.unit_file(paths.FIREWALL_UNIT), paths.FIREWALL_RULES)
    steps: list[Step] = [Unit(paths.FIREWALL_UNIT, unit, undo=firewall.UNDO)]
    if spec.networking.masquerades:
        steps.append(Script("masquerade", check=firewall.MASQUERADE_CHECK, run=firewall.LOAD))
    if spec.security.mode == "http":
        steps.append(Script("gateway's filter", check=firewall.gateway_check(node), run=firewall.LOAD))
    return tuple(steps)
