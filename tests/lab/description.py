"""The lab as data: what `up --json` prints, and what answers files are written from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.lab import mirror_tree, network, offline, services, tree
from tests.lab.hosts import Host
from tests.lab.served import Served
from tests.lab.versions import versions


def of_lab(directory: Path, hosts: Sequence[Host], served: Served) -> dict[str, Any]:
    """Of Kubernetes' releases it has those that are served, the default one first."""
    made = versions()
    images = served.images()
    releases = [release for release in made.kubernetes if release.version in images]
    described = {
        "bridge": {"name": network.BRIDGE, "address": network.BRIDGE_ADDRESS, "cidr": network.CIDR},
        "hosts": [_host(host) for host in hosts],
        "mirror": {
            "url": services.MIRROR_URL,
            "downloads": downloads(),
            "digests": served.digests(),
            "accessLog": str(mirror_log(directory)),
        },
        "registry": {
            "url": services.REGISTRY_URL,
            "images": {name: digest for each in releases for name, digest in images[each.version].digests.items()},
            "log": str(directory / "logs/registry.log"),
        },
        "releases": {
            each.version: {"etcd": each.etcd, "coredns": f"v{each.coredns}", "pause": made.pause} for each in releases
        },
        "offline": {
            each.version: offline.Offline(site.parent, each).describe(services.MIRROR_URL)
            for each in releases
            if (site := served.site(f"{offline.PREFIX}{each.version}"))
        },
        "versions": {
            "kubernetes": [release.version for release in releases],
            "pause": made.pause,
            "agnhost": made.agnhost,
            "haproxy": made.haproxy,
            **{name: module.version for name, module in made.modules.items()},
        },
        "services": services.running(),
        "directory": str(directory),
    }
    if private_home(directory).exists():
        described["privateRegistry"] = of_private_registry(directory)
    return described


def of_private_registry(directory: Path) -> dict[str, str]:
    home = private_home(directory)
    return {
        "url": services.PRIVATE_URL,
        "caFile": str(home / services.CA),
        "user": services.PRIVATE_USER,
        "passwordFile": str(home / services.PASSWORD),
        "log": str(directory / "logs/private-registry.log"),
    }


def downloads() -> dict[str, str]:
    """For an answers file's `downloads`: the download sites' places on the mirror."""
    return {name: f"{services.MIRROR_URL}/{prefix}" for name, prefix in mirror_tree.PREFIXES.items()}


def mirror_log(directory: Path) -> Path:
    return directory / "logs/mirror-access.log"


def private_home(directory: Path) -> Path:
    """The folder with the private registry's authority, certificate and user."""
    return directory / "private-registry"


def _host(host: Host) -> dict[str, Any]:
    return {
        "name": host.name,
        "address": host.address,
        "sshPort": host.ssh_port,
        "user": host.user,
        "identityFile": str(host.client_key),
        "hostKey": host.host_key,
        "knownHosts": str(host.directory / "known_hosts"),
        "macAddress": host.mac_address,
        "machineId": host.machine_id,
        "pid": host.pid,
        "running": host.pid is not None,
        "root": str(host.root),
        "console": str(host.directory / "console.log"),
        "users": [
            {"name": "admin", "sudo": "password", "password": tree.ADMIN_PASSWORD},
            {"name": "ops", "sudo": "nopasswd"},
        ],
    }
