"""Phases download, runtime and images: release files, the container runtime, and what it runs."""

from __future__ import annotations

from dataclasses import asdict

from assets import catalog, paths
from assets.addons import ADDONS
from assets.container_runtime import container_runtime, containerd
from assets.control_plane.static_pods import COMPONENTS
from kinstall.cluster import Node
from kinstall.cluster.image_names import ImageName
from kinstall.cluster.release_files import Place, ReleaseFile, image_refs, release_files
from kinstall.engine.steps import Directory, Download, Image, ImageStore, Script, Step, Unit
from kinstall.plan import cleanup
from kinstall.plan.node_inputs import Files, Inputs, as_files
from kinstall.plan.prepare import KERNEL_FILES


def downloads(inputs: Inputs, node: Node, files: Files) -> tuple[Step, ...]:
    profile = inputs.profiles[node.name]
    steps = []
    for file in release_files(inputs.spec, profile.arch):
        if file.name == "kubectl" and not node.is_control_plane:
            continue
        steps.append(_download(file, profile.digests[file.name]))
    return tuple(steps)


CNI_PLUGINS = ("bridge", "host-local", "loopback", "portmap")


def _download(file: ReleaseFile, digest: str) -> Download:
    sent = file.place is not Place.SITE
    match file.site:
        case "containerd":
            members = tuple((f"bin/{name}", f"{paths.BIN}/{name}") for name in containerd.PROGRAMS)
            return Download(file.name, file.url, digest, members=members, sent=sent)
        case "cniPlugins":
            members = tuple((name, f"{paths.CNI_BIN}/{name}") for name in CNI_PLUGINS)
            return Download(file.name, file.url, digest, members=members, sent=sent)
        case "runc":
            return Download(f"{paths.BIN}/runc", file.url, digest, sent=sent)
        case _:
            return Download(f"{paths.BIN}/{file.name}", file.url, digest, sent=sent)


def runtime(inputs: Inputs, node: Node, files: Files) -> tuple[Step, ...]:
    own = as_files(each for each in files[catalog.RUNTIME] if each.path not in KERNEL_FILES)
    runtime = container_runtime(inputs.spec)
    return (
        *(Directory(folder.path, folder.mode, tree=folder.tree) for folder in runtime.folders),
        *own,
        # A registry would still be asked for elsewhere, and a password would stay.
        Script(
            "no other mirrors",
            check=runtime.stale_mirrors(inputs.spec, "exit 1"),
            run=runtime.stale_mirrors(inputs.spec, 'rm -f -- "$f"'),
            removes=(runtime.mirror_files,),
        ),
        Unit(runtime.unit, (*runtime.unit_inputs, *runtime.programs), undo=cleanup.CONTAINERD),
    )


def images(inputs: Inputs, node: Node, files: Files) -> tuple[Step, ...]:
    refs = image_refs(inputs.spec)
    store = ImageStore(**asdict(container_runtime(inputs.spec).images))
    wanted = [
        refs.pause,
        *(component.image(refs) for component in COMPONENTS if node.is_control_plane),
        *(image for addon in ADDONS for image in addon.images(refs)),
        *((refs.haproxy,) if node.is_control_plane and refs.haproxy else ()),
    ]
    if inputs.spec.images.source == "archives":
        # Verify's pods pull theirs where there is a registry to pull from.
        archives = inputs.profiles[node.name].archives
        others = [ref for ref in archives if ref not in refs.all()]
        every = (*wanted, refs.agnhost, *others)
        return tuple(Image(ImageName.parse(ref).stored, store, archive=archives[ref]) for ref in every)
    mirrors = inputs.spec.images.mirrors
    names = map(ImageName.parse, wanted)
    return tuple(
        Image(name.stored, store, mirrors[name.registry].endpoint if name.registry in mirrors else "") for name in names
    )
