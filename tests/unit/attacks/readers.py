"""What reads files of the operator's machine, as functions of a path: what `child` runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from kinstall import inventory
from kinstall.cluster import ClusterSpec, Downloads, Node
from kinstall.cluster import Images as ImageAnswers
from kinstall.errors import KinstallError
from kinstall.findings import Severity
from kinstall.operations import kubeconfig
from kinstall.pki.pki_folder import PkiFolder
from kinstall.secrets import Secrets
from kinstall.simulation import store
from kinstall.sources.file_digests import digest_of
from kinstall.sources.gather import gather
from kinstall.state.folder import StateFolder
from kinstall.terminal.tables import show_findings
from kinstall.transport.host_keys import HostKeys
from kinstall.transport.ssh.agent import Agent
from kinstall.transport.ssh.key_files import KeyFiles, Unusable
from kinstall.transport.target import SshTarget
from screens.draft.draft import Draft

NODE = Node(name="cp1", address="10.0.0.1", role="control-plane")
ADMIN = """\
apiVersion: v1
kind: Config
clusters: [{name: demo, cluster: {server: "https://10.0.0.1:6443", certificate-authority-data: YQ==}}]
users: [{name: admin, user: {client-certificate-data: YQ==, client-key-data: YQ==}}]
contexts: [{name: demo, context: {cluster: demo, user: admin}}]
current-context: demo
"""


def _machines(path: str) -> None:
    imported = inventory.load(path)
    print(*map(str, imported.problems[:100]), *imported.notices, sep="\n")
    if imported.problems and not imported.nodes:
        raise KinstallError("no machines")


def _sources(images: ImageAnswers, downloads: Downloads) -> None:
    spec = ClusterSpec(nodes=(NODE,), images=images, downloads=downloads)
    found = gather(spec, ["amd64"], Secrets()).findings
    show_findings(found, sys.stdout)
    if any(each.severity is Severity.ERROR for each in found):
        raise KinstallError("the sources are not complete")


def _state(path: str) -> None:
    StateFolder(Path(path).parent).read_nodes()


def _key(path: str) -> None:
    try:
        KeyFiles(Secrets()).load(path, "", Agent("none"))
    except Unusable as error:
        raise KinstallError(f"the key {path} {error.what}", error.remedy) from None


READERS: dict[str, Callable[[str], object]] = {
    "inventory": _machines,
    "archives": lambda path: _sources(ImageAnswers(source="archives", archives=str(Path(path).parent)), Downloads()),
    "tarball": lambda path: _sources(
        ImageAnswers(source="archives"), Downloads(server_tarball=path, sha256={Path(path).name: digest_of(Path(path))})
    ),
    "kubeconfig": lambda path: kubeconfig.merge_into(Path(path), ADMIN.encode()),
    "draft": lambda path: Draft.load(Path(path)),
    "pod ranges": _state,
    "known hosts": lambda path: print(len(HostKeys(Path(path), None).known_types(SshTarget(host="10.0.0.1")))),
    "private key": _key,
    "secret": lambda path: Secrets().resolve(f"file:{path}"),
    "keys": lambda path: PkiFolder(Path(path).parent).has("ca.key"),
    "simulated hosts": lambda path: store.load(Path(path).parent),
}


def read(what: str, path: str) -> int:
    """Its exit code, as a command's would be."""
    try:
        READERS[what](path)
    except KinstallError as error:
        print(f"kinstall: {error}", file=sys.stderr)
        return error.exit_code
    return 0
