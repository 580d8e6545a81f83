"""Phases download, runtime and images: release files, containerd, and what it runs."""

from __future__ import annotations

from collections.abc import Mapping

from assets import catalog, paths
from assets.container_runtime import containerd
from assets.rendered import Rendered
from kinstall.cluster import ClusterSpec, Node
from kinstall.cluster.release_files import Place, ReleaseFile, image_refs, release_files
from kinstall.engine.steps import Download, Image, Script, Step, Unit
from kinstall.plan import cleanup
from kinstall.plan.node_inputs import Inputs, as_files, folders
from kinstall.plan.prepare import KERNEL_FILES


def downloads(inputs: Inputs, node: Node) -> tuple[Step, ...]:
    found = inputs.found[node.name]
    steps = []
    for file in release_files(inputs.spec, found.arch):
        if file.name == "kubectl" and not node.is_control_plane:
            continue
        steps.append(_download(file, found.digests[file.name]))
    return tuple(steps)


CNI_PLUGINS = ("bridge", "host-local", "loopback", "portmap")
CONTAINERD_PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr")


def _download(file: ReleaseFile, digest: str) -> Download:
    sent = file.place is not Place.SITE
    match file.site:
        case "containerd":
            members = tuple((f"bin/{name}", f"{paths.BIN}/{name}") for name in CONTAINERD_PROGRAMS)
            return Download(file.name, file.url, digest, members=members, sent=sent)
        case "cniPlugins":
            members = tuple((name, f"{paths.CNI_BIN}/{name}") for name in CNI_PLUGINS)
            return Download(file.name, file.url, digest, members=members, sent=sent)
        case "runc":
            return Download(f"{paths.BIN}/runc", file.url, digest, sent=sent)
        case _:
            return Download(f"{paths.BIN}/{file.name}", file.url, digest, sent=sent)


def runtime(spec: ClusterSpec, node: Node, files: Mapping[str, tuple[Rendered, ...]]) -> tuple[Step, ...]:
    own = as_files(each for each in files[catalog.RUNTIME] if each.path not in KERNEL_FILES)
    programs = tuple(f"{paths.BIN}/{name}" for name in CONTAINERD_PROGRAMS)
    # Mirrors (certs.d) are read at each pull: changing them restarts nothing.
    needs_start = (paths.unit_file(paths.CONTAINERD_UNIT), paths.CONTAINERD_CONFIG)
    return (
        *folders(node, catalog.RUNTIME),
        *own,
        # A registry would still be asked for elsewhere, and a password would stay.
        Script(
            "no other mirrors",
            check=containerd.other_mirrors(spec, "exit 1"),
            run=containerd.other_mirrors(spec, 'rm -f -- "$f"'),
            removes=(f"{paths.CONTAINERD_CERTS}/*/hosts.toml",),
        ),
        Unit(paths.CONTAINERD_UNIT, (*needs_start, *programs), undo=cleanup.CONTAINERD),
    )


def images(inputs: Inputs, node: Node) -> tuple[Step, ...]:
    refs = image_refs(inputs.spec)
    wanted = [refs.pause, refs.coredns]
    if node.is_control_plane:
        wanted = [refs.pause, refs.etcd, refs.kube_apiserver, refs.kube_controller_manager, refs.kube_scheduler]
        wanted += [refs.coredns]
    if inputs.spec.images.source == "archives":
        # Verify's pods pull theirs where there is a registry to pull from.
        found = inputs.found[node.name].archives
        others = [ref for ref in found if ref not in refs.all()]
        return tuple(Image(ref, archive=found[ref]) for ref in (*wanted, refs.agnhost, *others))
    mirrors = inputs.spec.images.mirrors
    return tuple(Image(ref, mirrors[host].endpoint if (host := ref.split("/")[0]) in mirrors else "") for ref in wanted)
