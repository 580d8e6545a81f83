"""Which images the lab has: a release's own, and those that all releases share.

Names and tags are the real ones. What differs from the released images: one layer each beside a shared one.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.lab import cache, programs, tree
from tests.lab.oci import File, Image, Writer
from tests.lab.paths import SOURCES
from tests.lab.versions import KubernetesRelease, kubernetes_module, versions

# The extended attribute that `setcap cap_net_bind_service=+ep` writes, as the released CoreDNS has it.
_NET_BIND = bytes([1, 0, 0, 2, 0, 4, 0, 0]).ljust(20, b"\0").decode()

CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


@dataclass(frozen=True, slots=True)
class Images:
    """Written images: a cache entry with an OCI layout, and digests by name."""

    root: Path
    digests: dict[str, str]

    @property
    def layout(self) -> Path:
        return self.root / "layout"


def written(release: KubernetesRelease) -> Images:
    """The release's images; with the default release come those that all share."""
    made = versions()
    default = made.default
    images = _of_release(release)
    if release is default or release.etcd != default.etcd:
        images.append(_etcd(release))
    if release is default:
        images += _common()
    sources = [(SOURCES / name).read_text() for name in ("images.py", "oci.py")]

    def build(directory: Path) -> None:
        writer = Writer(directory / "layout")
        for image in images:
            writer.add(image)
        writer.close()
        (directory / "digests.json").write_text(json.dumps(writer.digests, indent=1))

    name = f"images-{release.version}"
    return read(cache.entry(name, cache.key_of([repr(image) for image in images], sources), build))


def read(root: Path) -> Images:
    """A cache entry that `written` made."""
    digests: dict[str, str] = json.loads((root / "digests.json").read_text())
    return Images(root, digests)


def _of_release(release: KubernetesRelease) -> list[Image]:
    binaries = programs.compiled(kubernetes_module(release))
    shared = (File(binaries / "control-plane", tuple(f"usr/local/bin/{name}" for name in CONTROL_PLANE)),)
    proxy = (File(binaries / "kube-proxy", ("usr/local/bin/kube-proxy",)),)
    images = [Image(f"registry.k8s.io/{name}:{release.tag}", (shared,), (name,)) for name in CONTROL_PLANE]
    return [
        *images,
        Image(f"registry.k8s.io/kube-proxy:{release.tag}", (tree.tools_tree(), proxy), ("/usr/local/bin/kube-proxy",)),
    ]


def _etcd(release: KubernetesRelease) -> Image:
    made = versions()
    tools = programs.compiled(made.module("etcd-tools"))
    server = programs.compiled(made.etcd_of(release)) / "etcd"
    files = [File(path, (f"usr/local/bin/{path.name}",)) for path in (server, tools / "etcdctl", tools / "etcdutl")]
    return Image(f"registry.k8s.io/etcd:{release.etcd}", (tuple(files),), ("etcd",))


def _common() -> list[Image]:
    made = versions()
    agnhost = programs.compiled(kubernetes_module(made.default)) / "agnhost"
    coredns = programs.compiled(made.module("coredns")) / "coredns"
    return [
        Image(
            f"registry.k8s.io/coredns/coredns:v{made.default.coredns}",
            ((File(coredns, ("coredns",), capability=_NET_BIND),),),
            ("/coredns",),
            user="65532:65532",
        ),
        Image(
            f"registry.k8s.io/pause:{made.pause}",
            ((File(programs.pause_program() / "pause", ("pause",)),),),
            ("/pause",),
            user="65535:65535",
        ),
        Image(
            f"registry.k8s.io/e2e-test-images/agnhost:{made.agnhost}",
            (tree.tools_tree(), (File(agnhost, ("agnhost",)),)),
            ("/agnhost",),
            ("pause",),
        ),
        # As in the released image: its user is not root.
        Image(f"docker.io/library/haproxy:{made.haproxy}", (tree.haproxy_tree(),), ("haproxy",), user="99:99"),
    ]
