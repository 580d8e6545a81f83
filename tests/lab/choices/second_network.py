"""A network of their own between the hosts, on a second interface; this machine has no route to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.lab.hosts import Host
from tests.lab.network import PREFIX_LENGTH

DEVICE = "priv0"
_UNIT = """\
[Unit]
Before=sshd.service ssh.service network-online.target
After=systemd-networkd.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'until ip link show eth0; do sleep 0.1; done; ip link add link eth0 name {device} address {mac} type macvlan mode bridge && ip address add {address}/{length} dev {device} && ip link set {device} up'
[Install]
WantedBy=multi-user.target
"""  # noqa: E501


def address_of(host: Host) -> str:
    """The host's address in that network."""
    return host.address.replace("10.90.0.", "10.91.0.")


def add(hosts: Sequence[Host]) -> None:
    """Give every host the second interface; it is there from its next start on."""
    for host in hosts:
        mac = host.mac_address.replace("02:90", "02:91")
        unit = _UNIT.format(device=DEVICE, address=address_of(host), length=PREFIX_LENGTH, mac=mac)
        host.run("cat >/etc/systemd/system/lab-priv0.service && systemctl enable -q lab-priv0.service", stdin=unit)


def nodes(hosts: Sequence[Host]) -> list[dict[str, Any]]:
    """One control plane and workers, which meet in that network, as they stand in the answers."""
    return [
        {
            "name": f"w{index}" if index else "cp1",
            "role": "worker" if index else "control-plane",
            "address": host.address,
            "nodeIP": address_of(host),
            "hostKey": host.host_key,
        }
        for index, host in enumerate(hosts)
    ]
