"""containerd: its configuration, the registries' mirrors, its unit."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote

from assets import paths, units
from assets.container_runtime.shape import ContainerRuntime, ImageCommands
from assets.inputs import MirrorAccess, NodeInputs
from assets.rendered import Folder, Rendered, text
from assets.toml_writer import string
from kinstall.cluster import ClusterSpec, Node
from kinstall.cluster.image_names import ImageName

RUNTIME = "plugins.'io.containerd.cri.v1.runtime'"
IMAGES = "plugins.'io.containerd.cri.v1.images'"
PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr")
CTR = "ctr -n k8s.io"
"""containerd's client in the namespace of the CRI, where the kubelet's images and containers are."""


def containerd_config(spec: ClusterSpec, node: Node, pause: str) -> Rendered:
    """config.toml in version 3, which every containerd 2.x reads. `pause` is the sandbox image, as it is stored."""
    own = spec.components_of(node).containerd
    return text(
        paths.CONTAINERD_CONFIG,
        f"""\
version = 3
root = {string(paths.CONTAINERD_ROOT)}
state = "/run/containerd"

[grpc]
  address = {string(paths.CONTAINERD_SOCKET)}

[{IMAGES}]
  snapshotter = "overlayfs"

[{IMAGES}.pinned_images]
  sandbox = {string(pause)}

[{IMAGES}.registry]
  config_path = {string(paths.CONTAINERD_CERTS)}

[{RUNTIME}]
  restrict_oom_score_adj = {_bool(own.restrict_oom_score_adj)}

[{RUNTIME}.cni]
  conf_dir = {string(paths.CNI_CONF)}

[{RUNTIME}.containerd]
  default_runtime_name = "runc"

[{RUNTIME}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[{RUNTIME}.containerd.runtimes.runc.options]
  BinaryName = {string(f"{paths.BIN}/runc")}
  SystemdCgroup = {_bool(own.systemd_cgroup)}

# The default, /opt/containerd, would be made at every start.
[plugins.'io.containerd.internal.v1.opt']
  path = {string(f"{paths.CONTAINERD_ROOT}/opt")}
""",
    )


def mirrors(spec: ClusterSpec, access: Mapping[str, MirrorAccess]) -> tuple[Rendered, ...]:
    """Per mirrored registry a hosts.toml, and the CA of the mirror's certificate where it is not a public one.

    The mirror is asked instead of the registry, so nothing is sent past it. `access` has an entry for every mirror
    with a user or a CA of its own. The header is sent with each request, and to a token service that the
    mirror refers to: so pulls by the kubelet need no secret of their own. containerd reads these files at every pull:
    no restart is needed. https://github.com/containerd/containerd/blob/main/docs/hosts.md
    """
    files = []
    for registry, mirror in sorted(spec.images.mirrors.items()):
        folder = f"{paths.CONTAINERD_CERTS}/{registry}"
        needs = access[registry] if mirror.user or mirror.ca_file else MirrorAccess()
        lines = [f"server = {string(mirror.endpoint.rstrip('/'))}", 'capabilities = ["pull", "resolve"]']
        if mirror.has_api_path:
            lines.append("override_path = true")
        if needs.ca:
            files.append(Rendered(f"{folder}/ca.crt", needs.ca))
            lines.append(f"ca = {string(f'{folder}/ca.crt')}")
        if needs.authorization:
            lines += ["", "[header]", f"Authorization = {string(needs.authorization)}"]
        secret = bool(needs.authorization)
        content = "\n".join(lines) + "\n"
        files.append(text(f"{folder}/hosts.toml", content, 0o600 if secret else 0o644, secret=secret))
    return tuple(files)


def other_mirrors(spec: ClusterSpec, then: str) -> str:
    """sh code: `then` for each file ($f) of a mirror that the answers no longer name. What is not in the node's record
    is not kinstall's."""
    wanted = "|".join(
        quote(f"{paths.CONTAINERD_CERTS}/{registry}/{file}")
        for registry, mirror in sorted(spec.images.mirrors.items())
        for file in ("hosts.toml", *(("ca.crt",) if mirror.ca_file else ()))
    )
    keep = f"case $f in {wanted}) continue;; esac\n  " if wanted else ""
    return f"""\
for f in {paths.CONTAINERD_CERTS}/*/hosts.toml {paths.CONTAINERD_CERTS}/*/ca.crt; do
  {keep}[ -e "$f" ] && grep -qF "\\"kind\\":\\"file\\",\\"subject\\":\\"$f\\"" {paths.RECORD} || continue
  {then}
done
"""


def containerd_unit() -> Rendered:
    return units.unit(
        paths.unit_file(paths.CONTAINERD_UNIT),
        {
            "Unit": (
                ("Description", "containerd container runtime"),
                ("Documentation", "https://containerd.io"),
                ("After", "network.target local-fs.target dbus.service"),
            ),
            "Service": (
                # With a dash: the module may be built into the kernel, and modprobe may be missing.
                ("ExecStartPre", "-/sbin/modprobe overlay"),
                ("ExecStart", paths.CONTAINERD_BIN),
                ("Type", "notify"),
                ("Delegate", "yes"),
                # Containers live on while containerd restarts.
                ("KillMode", "process"),
                ("Restart", "always"),
                ("RestartSec", "2"),
                ("LimitNPROC", "infinity"),
                ("LimitCORE", "infinity"),
                ("LimitNOFILE", "1048576"),
                ("TasksMax", "infinity"),
                ("OOMScoreAdjust", "-999"),
            ),
            "Install": (("WantedBy", "multi-user.target"),),
        },
    )


def _files(spec: ClusterSpec, node: Node, inputs: NodeInputs) -> tuple[Rendered, ...]:
    return (
        containerd_config(spec, node, ImageName.parse(inputs.images.pause).stored),
        *mirrors(spec, inputs.mirrors),
        containerd_unit(),
    )


CONTAINER_RUNTIME = ContainerRuntime(
    unit=paths.CONTAINERD_UNIT,
    socket=paths.CONTAINERD_SOCKET,
    programs=tuple(f"{paths.BIN}/{name}" for name in PROGRAMS),
    folders=(
        Folder(paths.CONTAINERD_ROOT, 0o700, tree=True),
        Folder("/etc/containerd"),
        Folder(paths.CONTAINERD_CERTS),
    ),
    files=_files,
    unit_inputs=(paths.unit_file(paths.CONTAINERD_UNIT), paths.CONTAINERD_CONFIG),
    stale_mirrors=other_mirrors,
    mirror_files=f"{paths.CONTAINERD_CERTS}/*/hosts.toml",
    images=ImageCommands(
        ready=f"[ -S {paths.CONTAINERD_SOCKET} ] && command -v ctr >/dev/null 2>&1",
        list="timeout 10 ctr --connect-timeout 2s -n k8s.io images ls -q",
        pull=f'{CTR} images pull --hosts-dir {paths.CONTAINERD_CERTS} "$1"',
        load=f'{CTR} images import "$1"',
        tag=f'{CTR} images tag --force "$1" "$2"',
        remove=f'{CTR} images rm "$1"',
        # What the CRI itself gives the sandbox image, and what the kubelet's garbage collection leaves alone.
        pin=f'{CTR} images label "$1" io.cri-containerd.pinned=pinned',
    ),
)


def _bool(value: bool) -> str:
    return "true" if value else "false"
