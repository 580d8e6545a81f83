"""Preflight: all nodes are asked, and their answers judged, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from shlex import quote

from assets import paths
from assets.credentials.issue import ca_fingerprint
from kinstall.cluster import ClusterSpec
from kinstall.connectivity import Matrix, wanted
from kinstall.findings import Finding
from kinstall.operations import operator_files
from kinstall.operations.existing_cluster import own_records, refuse_changes
from kinstall.operations.options import Options
from kinstall.operations.session import Asked, Session, require
from kinstall.preflight.judge import check_cluster, check_node, check_peers
from kinstall.state.folder import StateFolder

Heard = Callable[[str, Sequence[Finding]], None]

_LISTING = (
    '{range .items[*]}{.metadata.name}|{.status.addresses[?(@.type=="InternalIP")].address}|'
    '{.metadata.managedFields[*].manager}{"\\n"}{end}'
)
_MEMBERS = f"""\
HOME=/run/kinstall/home {paths.KUBECTL_BIN} --kubeconfig={paths.ADMIN_CONF} --request-timeout=5s get nodes \\
  --show-managed-fields -o jsonpath={quote(_LISTING)} 2>/dev/null
"""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What preflight came to: node → its facts, the findings, and which node reaches which."""

    asked: dict[str, Asked]
    findings: list[Finding]
    matrix: Matrix


def judge(
    session: Session, state: StateFolder, *, only_new: bool = False, heard: Heard = lambda node, findings: None
) -> Judgement:
    """Ask all nodes and judge their answers; nothing is changed anywhere.

    `only_new`: of the ways between nodes only those from and to nodes that belong to no cluster yet are tried. `heard`
    gets the findings of a node as soon as it has answered, from several threads; under an empty name then come those
    that compare nodes, and last what stands between them.

    Raises:
        InvalidAnswers: a file that the answers name cannot be used
    """
    spec = session.spec
    operator_files.read(spec, state.pki, datetime.now(UTC))
    fingerprint = known_fingerprint(state)

    def answered(node: str, answer: Asked | Finding) -> None:
        if isinstance(answer, Finding):
            heard(node, [answer])
        else:
            heard(node, check_node(spec, spec.node(node), answer.facts, answer.clock, fingerprint))

    asked, findings = session.ask(answered)
    facts = {name: each.facts for name, each in asked.items()}
    for name, each in asked.items():
        findings += check_node(spec, spec.node(name), each.facts, each.clock, fingerprint)
    compared = [
        *check_cluster(spec, facts, {name: each.clock for name, each in asked.items()}),
        # Not to be ignored: without what is missing there no plan can be made.
        *session.sources(each.facts.architecture for each in asked.values()).findings,
    ]
    heard("", compared)
    matrix = _reach(session, asked, only_new=only_new)
    between = check_peers(spec, matrix)
    heard("", between)
    return Judgement(asked, [*findings, *compared, *between], matrix)


def run_preflight(
    session: Session, state: StateFolder, heard: Heard = lambda node, findings: None
) -> tuple[dict[str, Asked], list[Finding]]:
    """judge() for whom facts and findings are enough."""
    judgement = judge(session, state, heard=heard)
    return judgement.asked, judgement.findings


def judged(session: Session, options: Options) -> tuple[dict[str, Asked], list[Finding]]:
    """judge() for what goes on from there: what the answers may not change comes first, as it explains much of what
    preflight then finds.

    Raises:
        InvalidAnswers, PreflightFailed
    """
    told = judge(session, options.state, only_new=True)
    recorded = {name: each.facts.cluster for name, each in told.asked.items() if each.facts.cluster}
    own = own_records(session.spec, recorded, known_fingerprint(options.state))
    # A workstation that has seen the cluster before knows its nodes; any other has to be told.
    members = {} if options.state.read_nodes() else _members(session, own)
    refuse_changes(session.spec, options.state, own, members)
    require(told.findings)
    return told.asked, told.findings


def _reach(session: Session, asked: dict[str, Asked], *, only_new: bool) -> Matrix:
    mtus = {name: mtu for name, each in asked.items() if (mtu := _own_mtu(session.spec, name, each))}
    facts = {name: asked[name].facts for name in mtus}
    new = {name for name, each in facts.items() if each.cluster is None} if only_new else None
    wants = wanted(session.spec, facts, new)
    return session.reach(wants, mtus) if wants else Matrix()


def _own_mtu(spec: ClusterSpec, name: str, asked: Asked) -> int:
    """MTU of the interface that has the node's address; 0 where it takes no part: others' findings say why."""
    held = asked.facts.interface_of(spec.node(name).internal_ip)
    return held[0].mtu if held and asked.facts.uid == 0 else 0


def _members(session: Session, living: Container[str]) -> dict[str, str]:
    """Node name → address ("" where it has none yet) of the nodes that kinstall set up, as the API of a control plane
    among `living` has them; empty where there is none, or none that answers."""
    planes = [node.name for node in session.spec.control_planes if node.name in living]
    lines: list[str] = []
    for plane in planes[:1]:
        session.channels[plane].execute(_MEMBERS, on_line=lines.append, timeout=30)
    nodes = [line.split("|") for line in lines]
    # Some have two addresses; the first is the one that they registered with.
    return {name: addresses.partition(" ")[0] for name, addresses, by in nodes if "kinstall" in by.split()}


def known_fingerprint(state: StateFolder) -> str:
    """That of the state folder's authority; empty where it has none."""
    certificate = state.read(state.pki / "ca.crt")
    return ca_fingerprint(certificate) if certificate else ""
