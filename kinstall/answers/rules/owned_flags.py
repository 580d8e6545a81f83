"""What the answers' `extraArgs` cannot set: flags that kinstall decides, and files that a component does not see.

Each component's module in `assets` has its own. Everything else can be overridden, fields of the kubelet's and
kube-proxy's configuration without exception.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

# Their values begin with a / and are paths of URLs, of etcd's keys, or a pattern.
_NOT_FILES = ("authorization-always-allow-paths", "cors-allowed-origins", "etcd-prefix")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^,]*")


@cache
def owned_flags() -> Mapping[str, Mapping[str, str]]:
    """Component's key in the answers → flag → what to do instead."""
    # Most answers have no extraArgs: the wizard's first screen appears without loading what describes components.
    from assets.control_plane.static_pods import COMPONENTS
    from assets.node import DAEMONS

    return {each.key: each.owned_flags for each in (*COMPONENTS, *DAEMONS)}


@cache
def _visible_folders() -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Key of a component with a file system of its own → its program, and the host's folders and files in there."""
    from assets.control_plane.static_pods import COMPONENTS
    from kinstall.facts.model import CA_FOLDERS

    return {
        each.key: (each.name, (*(mount.path for mount in each.mounts), *(CA_FOLDERS if each.mounts_cas else ())))
        for each in COMPONENTS
    }


def unseen_file(component: str, flag: str, value: str) -> tuple[str, str] | None:
    """(what is wrong, what to do) where a flag's value names a file that its program does not see; None elsewhere.

    Static pods see a few of the host's folders, the daemons of a node see all of them.
    """
    if component not in _visible_folders() or flag in _NOT_FILES:
        return None
    program, visible = _visible_folders()[component]
    for part in re.split(r"[,;:=]", _URL.sub("", value)):
        is_file = part.startswith("/") or (part and flag.endswith("-file"))
        if is_file and not part.startswith(("/dev/", *(f"{folder}/" for folder in visible))):
            return (
                f"{program} runs in a container and does not see {part}",
                f"remove --{flag}: files cannot be added to control planes yet; it sees only {', '.join(visible)}",
            )
    return None
