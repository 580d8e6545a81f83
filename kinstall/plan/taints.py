"""The Nodes' taints: the wanted ones are made sure of, and those that the answers no longer name are taken away.

The kubelet sets a node's taints only when it makes the Node object, and applying the list would take away what others
put there (the node controller, `kubectl cordon`). So a file on the control planes says which ones kinstall has set. It
is there and not on the Node objects because a kubelet can write to its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from shlex import quote

from assets.kubectl import ADMIN
from assets.objects import taint_arguments
from kinstall.cluster import ClusterSpec
from kinstall.engine.diff import STATE
from kinstall.engine.shell_functions import functions
from kinstall.engine.steps import File, Script
from kinstall.plan.living_cluster import LivingCluster
from kinstall.plan.node_inputs import RESTART

PATH = f"{STATE}/taints"
"""A line per node that has any: its name, then the taints (KEY=VALUE:EFFECT) that kinstall has set there."""

Taints = Mapping[str, tuple[str, ...]]
"""Node name → taints, each as KEY=VALUE:EFFECT."""

_LISTING = '{range .items[*]}{"\\n"}{.metadata.name} {range .spec.taints[*]}{.key}={.value}:{.effect} {end}{end}{"\\n"}'
_NODE = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}")
_TAINT = re.compile(
    r"(?:[a-z0-9][a-z0-9.-]{0,252}/)?[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
    r"=(?:[A-Za-z0-9][A-Za-z0-9._-]{0,62})?:(?:NoSchedule|PreferNoSchedule|NoExecute)"
)


def taints_in(text: str) -> tuple[str, ...]:
    """The words of `text` that are taints; any other word counts as not said."""
    return tuple(dict.fromkeys(word for word in text.split() if _TAINT.fullmatch(word)))


def parse(content: bytes) -> dict[str, tuple[str, ...]]:
    """What the file at PATH says; lines and words of another form count as not said."""
    lines = (line.partition(" ") for line in content.decode("utf-8", "replace").splitlines())
    return {name: taints_in(rest) for name, _, rest in lines if _NODE.fullmatch(name)}


def steps(spec: ClusterSpec, cluster: LivingCluster, alone: Collection[str] = ()) -> tuple[File, Script]:
    """For all nodes at once, on the control plane that leads; their Node objects must be there.

    Nodes that are left `alone` may be gone from the API: nothing is set there before they answer again.
    What is to be set is noted before it is: whatever ends the run in the middle, no taint stays that nobody removes.
    """
    wanted = _wanted(spec)
    both = {name: (*wanted.get(name, ()), *cluster.taints.get(name, ())) for name in {**wanted, **cluster.taints}}
    checks, changes = [], []
    for node in spec.nodes:
        own = wanted.get(node.name, ())
        # Another value of the same key and effect replaces a taint, and kubectl refuses to remove it as well.
        kept = {_key_and_effect(taint) for taint in own}
        gone = [taint for taint in cluster.taints.get(node.name, ()) if _key_and_effect(taint) not in kept]
        if node.name in alone:
            own = ()
        if own:
            checks.append(f"check_node {node.name} {quote(' '.join(own))}\n")
        if own or gone:
            changes.append(f"change_node {node.name} {quote(' '.join(own))} {quote(' '.join(gone))}\n")
    text = _text(wanted)
    return (
        _file(both),
        Script(
            "taints",
            # Only what is wanted is noted: nothing is left to be taken away.
            check=f'[ "$(cat {PATH} 2>/dev/null)" = {quote(text.rstrip())} ] || exit 1\n{_SHELL}{"".join(checks)}',
            run=f"{_SHELL}{''.join(changes)}umask 077\ncat >{PATH}.new <<'.END.'\n{text}.END.\nmv {PATH}.new {PATH}\n",
            patience=RESTART,
        ),
    )


def copy(spec: ClusterSpec) -> File:
    """The same note on the other control planes, once the one that leads has set the taints."""
    return _file(_wanted(spec))


_SHELL = f'kubectl() {{ {ADMIN} "$@"; }}\nLISTING={quote(_LISTING)}\n{functions("taints", "kinstall.plan")}'


def _wanted(spec: ClusterSpec) -> Taints:
    by_node = {node.name: tuple(taint_arguments(spec, node)) for node in spec.nodes}
    return {name: taints for name, taints in by_node.items() if taints}


def _file(taints: Taints) -> File:
    return File(PATH, _text(taints).encode(), 0o600)


def _text(taints: Mapping[str, Iterable[str]]) -> str:
    lines = (" ".join((name, *sorted(set(own)))) for name, own in sorted(taints.items()))
    return "".join(f"{line}\n" for line in lines)


def _key_and_effect(taint: str) -> tuple[str, str]:
    return taint.partition("=")[0], taint.rpartition(":")[2]
