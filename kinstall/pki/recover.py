"""The PKI of a running cluster, read back from its nodes into a state folder that lost it.

CAs come from a control plane. What they signed comes from the nodes that use it, so that nothing has to be
signed, and nothing to be restarted, only because this folder was lost.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import yaml

from assets import paths
from assets.credentials.pki import KeyPair, Leaf, LeafRequest
from assets.credentials.required import wanted_leaves
from kinstall.cluster import ClusterSpec, Node
from kinstall.engine.host import Host
from kinstall.errors import KinstallError
from kinstall.pki.pki_folder import PkiFolder
from kinstall.pki.store import keep_leaf, read_back

_EMBEDDED = {
    Leaf.ADMIN: paths.ADMIN_CONF,
    Leaf.CONTROLLER_MANAGER: paths.CONTROLLER_MANAGER_CONF,
    Leaf.SCHEDULER: paths.SCHEDULER_CONF,
    Leaf.KUBE_PROXY: paths.KUBE_PROXY_CONF,
}
"""The kubeconfigs of certificates that have no file of their own."""


def recover_pki(spec: ClusterSpec, front: Node, hosts: Mapping[str, Host], folder: PkiFolder) -> None:
    """Fill an empty PKI folder from the control plane `front` and from each node of `hosts`.

    A certificate that cannot be read is skipped: whoever completes the folder signs a new one.

    Raises:
        PkiUnusable, TransportError
    """
    names = ("ca", "front-proxy-ca", "etcd/ca")
    wanted = [f"{paths.PKI}/{name}.{suffix}" for name in names for suffix in ("crt", "key")]
    files = hosts[front.name].read([*wanted, paths.SA_KEY, paths.SA_PUB])
    read_back(folder, {path.removeprefix(f"{paths.PKI}/"): content for path, content in files.items()})
    for node in spec.nodes:
        requests = wanted_leaves(spec, node)
        if node is front:
            requests += tuple(each for each in wanted_leaves(spec) if each.name in _EMBEDDED)
        places = [path for each in requests for path in _places(each)]
        try:
            found = hosts[node.name].read(places)
        except KinstallError:
            continue
        for request in requests:
            pair = _pair(request, found)
            if pair:
                keep_leaf(folder, request, pair)


def _places(request: LeafRequest) -> tuple[str, ...]:
    if request.path:
        return request.certificate_path, request.key_path
    return (_EMBEDDED[request.name],)


def _pair(request: LeafRequest, found: Mapping[str, bytes]) -> KeyPair | None:
    contents = [found.get(path, b"") for path in _places(request)]
    if not all(contents):
        return None
    if request.path:
        return KeyPair(contents[0], contents[1])
    try:
        config: dict[str, Any] = yaml.safe_load(contents[0])
        user = config["users"][0]["user"]
        both = [base64.b64decode(user[key]) for key in ("client-certificate-data", "client-key-data")]
    except (yaml.YAMLError, KeyError, IndexError, TypeError, ValueError):
        return None
    return KeyPair(both[0], both[1])
