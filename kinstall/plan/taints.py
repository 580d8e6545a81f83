"""The Nodes' taints: the wanted ones are made sure of, and those that the answers no longer name are taken away.

The kubelet sets a node's taints only when it makes the Node object, and applying the list would take away what others
put there (the node controller, `kubectl cordon`). So each Node remembers in an annotation which ones are kinstall's.
"""

from __future__ import annotations

from shlex import quote

from assets.kubectl import ADMIN
from assets.objects import taint_arguments
from kinstall.cluster import ClusterSpec
from kinstall.engine.steps import Script
from kinstall.plan.node_inputs import RESTART

ANNOTATION = "kinstall/taints"

# A line per Node, with a blank after each taint: NAME [OURS] KEY=VALUE:EFFECT …
_LISTING = (
    f'{{range .items[*]}}{{"\\n"}}{{.metadata.name}} [{{.metadata.annotations.{ANNOTATION}}}] '
    '{range .spec.taints[*]}{.key}={.value}:{.effect} {end}{end}{"\\n"}'
)

# look NODE WANTED: its taints in $now, and those that kinstall set in $ours. A Node that is not there yet has none.
_LOOK = f"""\
all=$({ADMIN} get nodes -o jsonpath={quote(_LISTING)}) && [ -n "$all" ] || exit 1
nl='
'
look() {{
  k="$nl$1 ["; l=${{all#*"$k"}}; ours=; now=
  [ "$l" != "$all" ] || {{ [ -z "$2" ] && return; echo "there is no Node $1"; exit 1; }}
  l=${{l%%"$nl"*}}; ours=${{l%%"]"*}}; now=${{l#*"] "}}
}}
"""

_CHECK = """\
is() {
  look "$1" "$2"; [ "$ours" = "$2" ] || exit 1
  for t in $2; do case " $now" in *" $t "*) ;; *) exit 1;; esac; done
}
"""

# A taint is told by its key and effect; another value of it replaces it.
_RUN = f"""\
among() {{ # TAINT TAINT…
  a=$1; shift
  for b do [ "${{a%%=*}} ${{a##*:}}" != "${{b%%=*}} ${{b##*:}}" ] || return 0; done
  return 1
}}
note() {{ # NODE TAINTS: which ones are kinstall's
  [ "$ours" = "$2" ] || {ADMIN} annotate node "$1" --overwrite "{ANNOTATION}${{2:+=}}${{2:--}}"
  ours=$2
}}
be() {{
  look "$1" "$2"; todo=; all_ours=$ours
  for t in $2; do
    case " $ours " in *" $t "*) ;; *) all_ours="${{all_ours:+$all_ours }}$t";; esac
    case " $now" in *" $t "*) ;; *) todo="$todo $t";; esac
  done
  for t in $ours; do
    ! among "$t" $2 && ! among "$t-" $todo && among "$t" $now || continue
    todo="$todo $t-"
  done
  # Noted before they are set: whatever ends this in the middle, no taint stays that nobody answers for.
  [ -z "$todo" ] || {{ note "$1" "$all_ours"; {ADMIN} taint node "$1" --overwrite $todo; }}
  note "$1" "$2"
}}
"""


def step(spec: ClusterSpec) -> Script:
    """For all nodes at once, on a control plane; their Node objects must be there."""
    wanted = {node.name: " ".join(taint_arguments(spec, node)) for node in spec.nodes}

    def calls(function: str) -> str:
        return "".join(f"{function} {name} {quote(taints)}\n" for name, taints in wanted.items())

    return Script("taints", check=_LOOK + _CHECK + calls("is"), run=_LOOK + _RUN + calls("be"), patience=RESTART)
