"""The bridge, and per host a network namespace with one leg on it. Nothing is forwarded to the outside."""

import json
from contextlib import suppress
from pathlib import Path

from tests.lab.shell import LabError, run

BRIDGE = "kinstall0"
BRIDGE_ADDRESS = "10.90.0.1"
BRIDGE_MAC = "02:90:00:00:00:01"
PREFIX_LENGTH = 24
CIDR = "10.90.0.0/24"

# Where `ip netns` keeps its namespaces.
_NETNS = Path("/run/netns")
_NAMESPACE_PREFIX = "kinstall-"
_LINK_PREFIX = "kin-"
TABLE_PREFIX = "kinstall_lab_"
"""Of tables in the machine's own packet filter, which `down` takes away too."""


def namespace(host: str) -> str:
    return f"{_NAMESPACE_PREFIX}{host}"


def outer_link(host: str) -> str:
    """The end of the host's cable that is plugged into the bridge."""
    return f"{_LINK_PREFIX}{host}"


def address(index: int) -> str:
    return f"10.90.0.{10 + index}"


def mac(index: int) -> str:
    return f"02:90:00:00:00:{10 + index:02x}"


def create_bridge() -> None:
    if BRIDGE not in _links():
        # An address of its own: else it takes the lowest of its ports', another one whenever a host comes or goes, and
        # the other hosts go on sending to the old one until their neighbour entries time out.
        run(["ip", "link", "add", BRIDGE, "address", BRIDGE_MAC, "type", "bridge"])
    run(["ip", "address", "replace", f"{BRIDGE_ADDRESS}/{PREFIX_LENGTH}", "dev", BRIDGE])
    run(["ip", "link", "set", BRIDGE, "up"])


def plug_in(host: str, mac_address: str) -> None:
    """A new namespace with an unconfigured eth0: the host's own systemd-networkd gives it its address."""
    unplug(host)
    run(["ip", "netns", "add", namespace(host)])
    peer = ["peer", "name", "eth0", "address", mac_address, "netns", namespace(host)]
    run(["ip", "link", "add", outer_link(host), "type", "veth", *peer])
    run(["ip", "link", "set", outer_link(host), "master", BRIDGE, "up"])


def unplug(host: str) -> None:
    """Take the namespace away with everything that was configured in it, as a power cut does."""
    with suppress(LabError):
        run(["ip", "link", "delete", outer_link(host)])
    if (_NETNS / namespace(host)).exists():
        run(["ip", "netns", "delete", namespace(host)])


def cut(host: str, *, carrier: bool) -> None:
    """Lose every packet: behind the host's back (a switch that died), or with its carrier (a pulled cable)."""
    run(["ip", "link", "set", outer_link(host), "down" if carrier else "nomaster"])


def restore(host: str) -> None:
    run(["ip", "link", "set", outer_link(host), "master", BRIDGE, "up"])


def remove_all() -> None:
    """Take the bridge, the cables and the namespaces away, whoever made them."""
    for name in _links():
        if name == BRIDGE or name.startswith(_LINK_PREFIX):
            with suppress(LabError):  # the kernel may have taken it away meanwhile, with its other end
                run(["ip", "link", "delete", name])
    for path in sorted(_NETNS.glob(f"{_NAMESPACE_PREFIX}*")):
        run(["ip", "netns", "delete", path.name])
    # A test that was ended in the middle leaves the filter with which it kept its hosts from the mirror.
    with suppress(LabError, OSError):  # where there is no nft, there is no table
        for line in run(["nft", "list", "tables"]).splitlines():
            _, family, name = line.split()
            if name.startswith(TABLE_PREFIX):
                run(["nft", "delete", "table", family, name])


def remove_namespace_folder() -> None:
    """`ip netns` mounts its folder over itself once: undo that where there was no folder before the lab."""
    if _NETNS.is_dir() and not any(_NETNS.iterdir()):
        if str(_NETNS) in Path("/proc/self/mounts").read_text().split():
            run(["umount", _NETNS])
        _NETNS.rmdir()


def _links() -> list[str]:
    return [link["ifname"] for link in json.loads(run(["ip", "-json", "link", "show"]))]
