"""From the nodes' facts to a plan, and what the nodes have of it already: where every operation with phases begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from assets.credentials.issue import ca_fingerprint
from kinstall.cluster import ClusterSpec
from kinstall.cluster.pod_ranges import assign_pod_cidrs
from kinstall.engine.events import Sink
from kinstall.engine.run import NodeSurvey, for_each, survey_node
from kinstall.engine.steps import Plan
from kinstall.errors import KinstallError
from kinstall.operations import operator_files
from kinstall.operations.options import Options
from kinstall.operations.preflight import PreflightResult
from kinstall.operations.session import NodeReply, Session
from kinstall.pki.pki_folder import PkiFolder
from kinstall.pki.recover import recover_pki
from kinstall.pki.store import ensure_pki
from kinstall.plan.living_cluster import leader
from kinstall.plan.node_inputs import Inputs, NodeProfile
from kinstall.sources.checksums import resolve
from kinstall.sources.model import Sources


@dataclass(frozen=True, slots=True)
class PlanSurvey:
    """A plan, what it follows from, and what the nodes have of it already. `run`: the run that owns the nodes."""

    plan: Plan
    inputs: Inputs
    nodes: Mapping[str, NodeSurvey]
    run: str


def survey(
    session: Session,
    options: Options,
    preflight: PreflightResult,
    phases: Callable[[Inputs], Plan],
    *,
    pki: PkiFolder,
    run: str,
    sink: Sink,
) -> PlanSurvey:
    """Make the operation's plan and ask the nodes what they have of it. `phases`: the operation's list; `pki`: the
    folder whose keys are used and completed. Without a `run` nothing is touched on the nodes.

    Raises:
        UsageError, TransportError, PkiMissing, PkiUnusable, InvalidAnswers
    """
    inputs = _inputs(session, options, preflight, pki)
    plan = phases(inputs)
    nodes: dict[str, NodeSurvey] = {}
    hosts = {name: session.hosts[name] for name in plan.nodes}
    for name, result in for_each(hosts, lambda host: survey_node(plan, host, run, sink), options.parallel).items():
        if isinstance(result, KinstallError):
            raise result
        nodes[name] = result
    return PlanSurvey(plan, inputs, nodes, run)


def _inputs(session: Session, options: Options, preflight: PreflightResult, pki: PkiFolder) -> Inputs:
    spec, replies = session.spec, preflight.replies
    members = preflight.cluster.members
    living = any(each.facts.cluster for each in replies.values())
    front = leader(spec, preflight.cluster)
    if living and front and options.recover_pki and not pki.has("ca.key"):
        recover_pki(spec, front, session.hosts, pki)
    now = datetime.now(UTC)
    own = operator_files.read(spec, pki.path, now)
    keys = ensure_pki(spec, pki, now, create_cas=not living, own=own.authorities)
    # The state folder's ranges count: a node's record is only as good as whoever has that node.
    kept = {**{name: each.pod_cidr for name, each in members.items()}, **options.state.read_nodes()}
    archs = {each.facts.architecture for each in replies.values()}
    sources, digests = session.sources(archs), resolve(spec, archs, session.checksums)
    return Inputs(
        spec=spec,
        pki=keys,
        ca_fingerprint=ca_fingerprint(keys.ca.certificate_pem),
        pod_cidrs=assign_pod_cidrs(spec, kept),
        mirrors=sources.mirrors,
        profiles={
            node.name: _profile(spec, replies[node.name], node.internal_ip, digests, sources)
            for node in spec.nodes
            if node.name in replies  # the others are left alone
        },
        own_network=own.own_network,
        cluster=preflight.cluster,
    )


def _profile(
    spec: ClusterSpec, reply: NodeReply, address: str, digests: Mapping[str, Mapping[str, str]], sources: Sources
) -> NodeProfile:
    facts = reply.facts
    arch = facts.architecture
    own = facts.interface_of(address)
    return NodeProfile(
        arch=arch,
        digests={**digests.get(arch, {}), **sources.digests.get(arch, {})},
        archives=sources.archives.get(arch, {}),
        mtu=own[0].mtu if own else 0,
        resolv_conf=facts.resolv_conf,
        has_resolver=bool(facts.upstream_nameservers((*spec.networking.pods, *spec.networking.services))),
        ca_folders=facts.ca_folders,
    )
