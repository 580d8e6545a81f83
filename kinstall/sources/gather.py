"""What the operator's machine provides, checked before a node is changed: logins to mirrors, and the release files and
image archives that it sends. Whatever is not available becomes a finding.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

from assets.inputs import MirrorAccess
from kinstall import files
from kinstall.cluster import ClusterSpec
from kinstall.cluster.release_files import ARCHITECTURES, image_refs
from kinstall.errors import UsageError
from kinstall.findings import Finding, Severity
from kinstall.secrets import Secrets
from kinstall.sources import from_disk, http
from kinstall.sources.model import CHECK, Sources
from kinstall.wording import listed

_LARGEST_PEM = 1 << 20


def gather(spec: ClusterSpec, archs: Iterable[str], secrets: Secrets) -> Sources:
    """Everything for nodes of these architectures; local files are read whole, and a server tarball is unpacked."""
    archs = sorted(set(archs) & set(ARCHITECTURES))
    sources = Sources()
    for registry in spec.images.mirrors:
        with sources.collecting():
            _add_mirror(spec, registry, secrets, sources)
    tarballs = from_disk.add_files(spec, archs, sources)
    if spec.images.source == "archives" and (len(tarballs) == len(archs) or not spec.downloads.server_tarball):
        from_disk.add_archives(spec, archs, tarballs, sources)
    if not sources.findings and (sources.mirrors or sources.paths):
        message = "all files and logins that this machine provides are available and correct"
        sources.findings.append(Finding("", CHECK, Severity.OK, message))
    sources.findings.extend(_proxy(spec))
    return sources


def _proxy(spec: ClusterSpec) -> Iterator[Finding]:
    """What this machine reaches through a proxy only, nodes hardly reach without one."""
    if spec.images.source != "registry":
        return
    registries = dict.fromkeys(image.partition("/")[0] for image in image_refs(spec).all())
    if through := http.proxied(each for each in registries if each not in spec.images.mirrors):
        message = f"this machine reaches {listed(through)} through a proxy; the nodes' containerd has none"
        remedy = (
            "use a registry mirror that the nodes reach (images.mirrors), unless they reach the registries directly"
        )
        yield Finding("", "proxies", Severity.WARNING, message, remedy)


def _add_mirror(spec: ClusterSpec, registry: str, secrets: Secrets, sources: Sources) -> None:
    mirror = spec.images.mirrors[registry]
    if mirror.user or mirror.ca_file:
        authorization = _basic(mirror.user, mirror.password, secrets) if mirror.user else ""
        ca = _authority(mirror.ca_file) if mirror.ca_file else b""
        sources.mirrors[registry] = MirrorAccess(authorization=authorization, ca=ca)


def _basic(user: str, reference: str, secrets: Secrets) -> str:
    encoded = base64.b64encode(f"{user}:{secrets.resolve(reference).reveal()}".encode()).decode()
    secrets.redactor.add(encoded)
    return f"Basic {encoded}"


def _authority(name: str) -> bytes:
    remedy = "images.mirrors[…].caFile must name a file with a certificate in PEM"
    try:
        content = files.read(name, _LARGEST_PEM)
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}", remedy) from None
    if b"PRIVATE KEY-----" in content:
        raise UsageError(f"{name} holds a private key, which must not reach a node", remedy)
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise UsageError(f"{name} does not hold a certificate in PEM", remedy)
    return content
