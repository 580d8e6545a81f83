"""The sh programs that verify runs on nodes and in its check pods, and how their answers are read.

A line that starts with the ASCII record separator holds tab-separated fields; the plain lines after it belong to it.
A program that runs several things at once collects their output in files first, so that lines never mix.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

from assets import paths
from kinstall.engine.shell_functions import HEAD, SEPARATOR

AT_ONCE = 6
"""kubectl processes at a time: each costs 0.1 to 0.2 s of a core."""

_ASKING = f"""\
{HEAD}unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY KUBERC
up() {{ read -r T _ </proc/uptime; }}
"""
# kubectl keeps a cache below its home: not in root's.
PRELUDE = f"""\
{_ASKING}umask 077
mkdir -p $RUNDIR/home
HOME=$RUNDIR/home KUBECONFIG={paths.ADMIN_CONF}
export HOME KUBECONFIG
k() {{ {paths.KUBECTL_BIN} --request-timeout=15s "$@"; }}
"""

_UNITS = (paths.KUBELET_UNIT, paths.CONTAINERD_UNIT, paths.KUBE_PROXY_UNIT)
_SNAPSHOT = "nodes,namespaces,pods,deployments.apps"


@dataclass(frozen=True, slots=True)
class Record:
    """A line of the protocol and the plain lines after it."""

    fields: tuple[str, ...]
    text: str = ""

    @property
    def kind(self) -> str:
        return self.fields[0]

    def field(self, index: int) -> str:
        """A field, empty where the line was cut short."""
        return self.fields[index] if index < len(self.fields) else ""

    def seconds(self, began: int, ended: int) -> float:
        """The time between two fields that hold uptimes."""
        try:
            return max(0.0, float(self.field(ended)) - float(self.field(began)))
        except ValueError:
            return 0.0


def parse(lines: Iterable[str]) -> tuple[Record, ...]:
    """The records that a program told; lines before the first one belong to a record of kind ''."""
    heads: list[tuple[str, ...]] = []
    texts: list[list[str]] = []
    for line in lines:
        if line.startswith(SEPARATOR):
            heads.append(tuple(line[1:].split("\t")))
            texts.append([])
        else:
            if not heads:
                heads.append(("",))
                texts.append([])
            texts[-1].append(line)
    return tuple(Record(head, "\n".join(text)) for head, text in zip(heads, texts, strict=True))


def of_kind(records: Iterable[Record], kind: str) -> tuple[Record, ...]:
    return tuple(record for record in records if record.kind == kind)


# What read_only asks

_APISERVER_CLIENT = f"{paths.PKI}/apiserver-kubelet-client"

_API = f"""\
# api CHECK URL: with curl, which takes a tenth of kubectl's time, where the node has it. The certificate is one that
# every control plane has, for API servers that refuse the anonymous.
api() {{
  up; b=$T
  if command -v curl >/dev/null 2>&1; then
    o=$(curl -sS -m 10 --noproxy '*' --cacert {paths.CA_CERT} --cert {_APISERVER_CLIENT}.crt \\
      --key {_APISERVER_CLIENT}.key -w '\\n%{{http_code}}' "$2" 2>&1)
  else
    o=$(k --server="${{2%/*}}" get --raw="/${{2##*/}}" 2>&1) && o="$o
200"
  fi
  up; say "api	$1	$2	$b	$T"; printf '%s\\n' "$o"
}}
"""

_PROXY_HEALTH = """\
up; b=$T
if command -v curl >/dev/null 2>&1; then
  o=$(curl -sS -m 5 --noproxy '*' -w '\\n%{http_code}' URL 2>&1)
elif command -v wget >/dev/null 2>&1; then
  o=$(wget --no-proxy -T 5 -t 1 -O - URL 2>&1) && o="$o
200"
else
  o=unknown
fi
up; say "healthz	$b	$T"; printf '%s\\n' "$o"
"""


def look_program(proxy_health: str, api: Mapping[str, str], *, snapshot: bool) -> str:
    """What one node tells: its units, kube-proxy's health, the API's answers, and the cluster's objects as JSON.

    `proxy_health` is a URL; empty: kube-proxy was told to serve none. `api`: check → URL. `snapshot`: ask kubectl too.
    """
    parts = [PRELUDE if api or snapshot else _ASKING]
    if snapshot:
        parts.append(
            "w=$(mktemp -d $RUNDIR/verify.XXXXXX) || exit 1\ntrap 'rm -rf $w' EXIT\n"
            f"{{ k -n kube-system get {_SNAPSHOT} -o json >$w/json 2>$w/err; echo $? >$w/rc; }} &\n"
        )
    parts.append(f"say units\nsystemctl show -p Id,ActiveState,SubState,Result -- {' '.join(_UNITS)}\n")
    parts.append(
        f'for u in {" ".join(_UNITS)}; do systemctl is-active -q $u || {{ say "words\t$u"; '
        "journalctl -u $u -n 60 --no-pager -o cat 2>/dev/null; }; done\n"
    )
    if proxy_health:
        parts.append(_PROXY_HEALTH.replace("URL", quote(proxy_health)))
    if api:
        parts.append(_API)
        parts.extend(f"api {quote(check)} {quote(url)}\n" for check, url in api.items())
    if snapshot:
        parts.append('wait; read -r s <$w/rc; say "snapshot\t$s\t$(date +%s)"; cat $w/json; say errors; cat $w/err\n')
    parts.append("say 'done'\n")
    return "".join(parts)


def events_program(namespace: str) -> str:
    """The warnings of a namespace as JSON, for the cause of a pod that is not ready."""
    return (
        f"{PRELUDE}say events\nk -n {quote(namespace)} get events --field-selector type=Warning -o json 2>/dev/null\n"
    )


def last_words_program(namespace: str, pods: Sequence[tuple[str, str]]) -> str:
    """The last lines of containers; `pods` are (pod, container). Of one that started anew, its predecessor's."""
    parts = [PRELUDE]
    for pod, container in pods:
        log = f"k -n {quote(namespace)} logs {quote(pod)} -c {quote(container)} --tail=30"
        parts.append(f"say {quote('said' + chr(9) + pod)}; {log} --previous 2>/dev/null || {log} 2>/dev/null\n")
    return "".join(parts)


def route_program(addresses: Sequence[str]) -> str:
    """How a node sends packets to each address."""
    each = " ".join(quote(address) for address in addresses)
    return f'{HEAD}for a in {each}; do say "route\t$a\t$(ip -o route get "$a" 2>&1)"; done\n'


# What full runs on the control plane


def create_program(stale: Sequence[str]) -> str:
    """Creates the objects on the standard input; first lets go of namespaces that an interrupted verify left."""
    old = f"k delete namespace --wait=false --ignore-not-found {' '.join(map(quote, stale))} 2>&1\n" if stale else ""
    return f'{PRELUDE}{old}k create -f - 2>&1; s=$?; say "created\t$s"\n'


def wait_program(namespace: str, workloads: Sequence[str], seconds: int) -> str:
    """Waits until the workloads are rolled out, then tells the namespace's pods, services and events as JSON."""
    wanted = " ".join(map(quote, workloads))
    return (
        f"{PRELUDE}k -n {quote(namespace)} rollout status {wanted} --timeout={seconds}s >/dev/null 2>&1\n"
        f"say objects\nk -n {quote(namespace)} get pods,services,events -o json 2>/dev/null\nsay 'done'\n"
    )


def pods_program(namespace: str, commands: Sequence[tuple[str, str, str]]) -> str:
    """Runs kubectl commands at once. `commands`: (kind, node, the words after kubectl -n NAMESPACE, quoted).

    Answers `RESULT kind node status began ended` records, each followed by what the command printed.
    """
    parts = [PRELUDE, "w=$(mktemp -d $RUNDIR/verify.XXXXXX) || exit 1\ntrap 'rm -rf $w' EXIT\n"]
    parts.append(
        f'one() {{ n=$1; shift; up; b=$T; k -n {quote(namespace)} "$@" >$w/$n 2>&1 </dev/null; s=$?; up; '
        'echo "$s	$b	$T" >$w/$n.rc; }\n'
    )
    for index, (_, _, words) in enumerate(commands):
        parts.append(f"one {index} {words} &\n")
        if index % AT_ONCE == AT_ONCE - 1:
            parts.append("wait; say tick\n")  # a program that is silent for long counts as lost
    parts.append("wait\n")
    for index, (kind, node, _) in enumerate(commands):
        parts.append(f'IFS= read -r r <$w/{index}.rc; say "result\t{kind}\t{node}\t$r"; cat $w/{index}; echo\n')
    parts.append("say 'done'\n")
    return "".join(parts)


def delete_pod_program(namespace: str, pod: str) -> str:
    """Deletes a pod and waits until it is gone."""
    return f'{PRELUDE}k -n {quote(namespace)} delete pod {quote(pod)} --timeout=20s 2>&1; s=$?; say "deleted\t$s"\n'


def remove_program(namespace: str, seconds: int, more_seconds: int) -> str:
    """Deletes the namespace with all that is in it, and waits until it is gone.

    Its controller begins 5 s after the namespace was deleted; pods that are gone by then cost it no second turn. A pod
    on a node that is down never says that it ended: after `seconds` it is removed without that, and its kubelet ends
    what is left of it once it is back.
    """
    name = quote(namespace)
    wait = f"{paths.KUBECTL_BIN} wait --for=delete namespace/{name}"
    return (
        f"{PRELUDE}k delete namespace {name} --ignore-not-found --wait=false 2>&1\n"
        f"k -n {name} delete pods --all --grace-period=1 --wait=false >/dev/null 2>&1\n"
        f"{wait} --timeout={seconds}s >/dev/null 2>&1 || {{\n"
        f"k -n {name} delete pods --all --force --grace-period=0 --wait=false >/dev/null 2>&1\n"
        f'{wait} --timeout={more_seconds}s 2>&1; }}\ns=$?; say "removed\t$s"\n'
    )


# What runs inside the check pods (any sh, curl, dig)

_POD_HEAD = """\
up() { read -r T _ </proc/uptime; }
say() { printf '\\036%s\\n' "$1"; }
get() { # CHECK TARGET TRIES URL
  up; b=$T; n=1
  # Refusals are quick and may pass; two time-outs are enough.
  while o=$(curl -sSf -m 3 "$4" 2>&1); s=$?; up; [ $s != 0 ] && [ $n -lt "$3" ] && [ $((${T%.*} - ${b%.*})) -lt 5 ]; do
    n=$((n + 1)); sleep 1
  done
  up; say "$1	$2	$s	$b	$T	$o"
}
name() { # CHECK NAME
  up; b=$T; o=$(dig +time=2 +tries=2 +noall +comments +answer "$2" A 2>&1); s=$?
  up; say "$1	$2	$s	$b	$T"; printf '%s\\n' "$o"
}
say inside
"""

# The name is given its address: whether names resolve is another check.
_API_CALL = """\
t=/var/run/secrets/kubernetes.io/serviceaccount
up; b=$T
# The token goes through a pipe: an argument could be read by every process of the node.
o=$(printf 'header = "Authorization: Bearer %s"\\n' "$(cat $t/token)" \\
  | curl -sS -m 5 --resolve kubernetes.default.svc:443:ADDRESS --cacert $t/ca.crt -o /dev/null -w '%{http_code}' \\
    -K - https://kubernetes.default.svc/api 2>&1)
s=$?; up; say "token	api	$s	$b	$T	$o"
"""


@dataclass(frozen=True, slots=True)
class Probe:
    """A URL that a check pod asks for, up to `tries` times; `check` and `target` come back in the answer."""

    check: str
    target: str
    url: str
    tries: int = 2


def probe_script(probes: Sequence[Probe], names: Mapping[str, str], api: str = "") -> str:
    """What a check pod runs: the probes all at once, then DNS queries (check → name), then an API call.

    `api`: the address of the service `kubernetes`; empty: no API call.
    """
    parts = [_POD_HEAD]
    parts.extend(f"get {quote(p.check)} {quote(p.target)} {p.tries} {quote(p.url)} &\n" for p in probes)
    parts.append("wait\n")
    parts.extend(f"name {quote(check)} {quote(name)}\n" for check, name in names.items())
    if api:
        parts.append(_API_CALL.replace("ADDRESS", api))
    parts.append("exit 0\n")
    return "".join(parts)
