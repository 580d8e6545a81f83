"""What every container runtime says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assets.inputs import NodeInputs
from assets.rendered import Folder, Rendered
from kinstall.cluster import ClusterSpec, Node


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCommands:
    """How images are looked at and fetched by hand: each one simple command of sh.

    `ready`: a test, whether the runtime can be asked. `list` prints one name per line, and fails where the runtime
    does not answer soon. `pull` gets a name as "$1"; `load` an archive's path; `tag` a name and one more for the same
    image; `remove` a name; `pin` a name that the kubelet shall never remove to make room (`:` where that is not known).
    """

    ready: str
    list: str
    pull: str
    load: str
    tag: str
    remove: str
    pin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRuntime:
    """A container runtime that kinstall sets up: a systemd unit that serves the CRI.

    `socket`: where the kubelet finds it. `programs`: paths of its programs, which its release brings. `files`: its
    configuration, mirrors and unit. The unit restarts for a change of `unit_inputs` and of the programs; mirrors are
    not among them, where they are read at each pull. `stale_mirrors`: sh code that runs the code which it is given for
    each file ($f) of a mirror that the answers no longer name; `mirror_files` is the pattern of these files.
    """

    unit: str
    socket: str
    programs: tuple[str, ...]
    folders: tuple[Folder, ...]
    files: Callable[[ClusterSpec, Node, NodeInputs], tuple[Rendered, ...]]
    unit_inputs: tuple[str, ...]
    stale_mirrors: Callable[[ClusterSpec, str], str]
    mirror_files: str
    images: ImageCommands
