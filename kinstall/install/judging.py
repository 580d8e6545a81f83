"""Preflight: all nodes are asked, and their answers judged, before anything is changed."""

from __future__ import annotations

from assets.x509 import ca_fingerprint
from kinstall import preflight
from kinstall.findings import Finding
from kinstall.install.options import Options
from kinstall.living import refuse_changes
from kinstall.session import Asked, Session, require
from kinstall.state import StateFolder


def run_preflight(session: Session, state: StateFolder) -> tuple[dict[str, Asked], list[Finding]]:
    """Ask all nodes and judge their answers; nothing is changed anywhere."""
    spec = session.spec
    asked, findings = session.ask()
    fingerprint = known_fingerprint(state)
    facts = {name: each.facts for name, each in asked.items()}
    for name, each in asked.items():
        findings += preflight.check_node(spec, spec.node(name), each.facts, each.clock, fingerprint)
    findings += preflight.check_cluster(spec, facts, {name: each.clock for name, each in asked.items()})
    findings += preflight.relaxed(spec, session.sources(each.facts.architecture for each in asked.values()).findings)
    return asked, findings


def judged(session: Session, options: Options) -> tuple[dict[str, Asked], list[Finding]]:
    """run_preflight() for what goes on from there: what the answers may not change comes first, as it explains much of
    what preflight then finds.

    Raises:
        InvalidAnswers, PreflightFailed
    """
    asked, findings = run_preflight(session, options.state)
    told = {name: each.facts.cluster for name, each in asked.items() if each.facts.cluster}
    refuse_changes(session.spec, options.state, told, known_fingerprint(options.state))
    require(findings)
    return asked, findings


def known_fingerprint(state: StateFolder) -> str:
    """That of the state folder's authority; empty where it has none."""
    certificate = state.read(state.pki / "ca.crt")
    return ca_fingerprint(certificate) if certificate else ""
