"""From facts to a plan, and what the nodes have of it already."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from assets.credentials.issue import ca_fingerprint
from kinstall.cluster import ClusterSpec
from kinstall.cluster.pod_ranges import assign_pod_cidrs
from kinstall.engine.preview import PlannedChange, planned_changes, to_read
from kinstall.engine.run import NodeSurvey, for_each, survey_node
from kinstall.engine.steps import Plan
from kinstall.errors import KinstallError
from kinstall.findings import Finding
from kinstall.operations import operator_files
from kinstall.operations.options import Options
from kinstall.operations.preflight import judged
from kinstall.operations.session import Asked, Session
from kinstall.pki.recover import recover_pki
from kinstall.pki.store import ensure_pki
from kinstall.plan import Inputs, NodeFound, build_plan
from kinstall.sources.checksums import resolve
from kinstall.sources.model import Sources


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, and what the nodes have of it already."""

    plan: Plan
    inputs: Inputs
    surveys: Mapping[str, NodeSurvey]
    run: str


def prepare(session: Session, options: Options, asked: Mapping[str, Asked], pki: Path, run: str) -> Prepared:
    """From facts to a plan and a survey. `pki` is the folder whose keys are used and completed.

    Raises:
        UsageError, TransportError, PkiMissing, PkiUnusable, InvalidAnswers
    """
    spec = session.spec
    recorded = {name: each.facts.cluster for name, each in asked.items() if each.facts.cluster}
    living = bool(recorded)
    if living and options.recover_pki and not (pki / "ca.key").exists():
        recover_pki(spec, session.hosts, pki)
    now = datetime.now(UTC)
    own = operator_files.read(spec, pki, now)
    keys = ensure_pki(spec, pki, now, create_cas=not living, own=own.authorities)
    kept = {**options.state.read_nodes(), **{name: str(who["podCIDR"]) for name, who in recorded.items()}}
    archs = {each.facts.architecture for each in asked.values()}
    sources, fetched = session.sources(archs), resolve(spec, archs, session.checksums)
    inputs = Inputs(
        spec=spec,
        pki=keys,
        ca_fingerprint=ca_fingerprint(keys.ca.certificate_pem),
        pod_cidrs=assign_pod_cidrs(spec, kept),
        mirrors=sources.mirrors,
        found={node.name: _found(asked[node.name], node.internal_ip, fetched, sources) for node in spec.nodes},
        own_network=own.own_network,
    )
    plan = build_plan(inputs)
    surveys: dict[str, NodeSurvey] = {}
    for name, result in for_each(
        session.hosts, lambda host: survey_node(plan, host, run, options.sink), options.parallel
    ).items():
        if isinstance(result, KinstallError):
            raise result
        surveys[name] = result
    return Prepared(plan, inputs, surveys, run)


def _found(asked: Asked, address: str, fetched: Mapping[str, Mapping[str, str]], sources: Sources) -> NodeFound:
    facts = asked.facts
    arch = facts.architecture
    own = facts.interface_of(address)
    return NodeFound(
        arch=arch,
        digests={**fetched.get(arch, {}), **sources.digests.get(arch, {})},
        archives=sources.archives.get(arch, {}),
        mtu=own[0].mtu if own else 0,
        resolv_conf=facts.resolv_conf,
        has_resolver=bool(facts.upstream_nameservers),
        ca_folders=facts.ca_folders,
    )


def plan_only(spec: ClusterSpec, options: Options) -> tuple[list[Finding], list[PlannedChange]]:
    """What a replay would do, per node and step; nothing is changed on any node or in the state folder."""
    with options.session(spec) as session, tempfile.TemporaryDirectory(prefix="kinstall-") as scratch:
        asked, findings = judged(session, options)
        pki = Path(scratch) / "pki"
        if options.state.pki.exists():
            shutil.copytree(options.state.pki, pki)
        prepared = prepare(session, options, asked, pki, run="")
        changes: list[PlannedChange] = []
        for name, survey in prepared.surveys.items():
            contents = session.hosts[name].read(to_read(survey.todo)) if to_read(survey.todo) else {}
            changes += planned_changes(name, survey.todo, contents)
        return findings, changes
