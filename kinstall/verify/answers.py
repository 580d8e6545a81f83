"""What the check pods' answers mean: one result per check and node. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kinstall.cluster import ClusterSpec
from kinstall.engine.events import Outcome
from kinstall.verify import objects
from kinstall.verify.ground import (
    CLUSTER_IP,
    DNS_INSIDE,
    DNS_OUTSIDE,
    EXEC,
    FROM_HOST,
    FROM_POD,
    LOGS,
    NODE_PORT,
    PER_NODE,
    POD_TO_POD,
    TOKEN,
    CheckPod,
    Ground,
)
from kinstall.verify.objects import COREDNS, KUBE_PROXY
from kinstall.verify.programs import Record
from kinstall.verify.results import CheckResult, failed, passed, skipped
from kinstall.verify.routes import Lost

NO_POD = "no check pod is ready there"
NO_RESOLVER = "the hosts have no resolver, so CoreDNS forwards no names"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one kubectl command printed: its `result kind node status began ended` record, and those of a check pod."""

    head: Record
    inside: tuple[Record, ...]


def groups(records: Sequence[Record]) -> list[Answer]:
    """The answers of a pods_program: a pod's records follow the one of the command that ran in it."""
    heads: list[Record] = []
    tails: list[list[Record]] = []
    for record in records:
        if record.kind == "result":
            heads.append(record)
            tails.append([])
        elif heads:
            tails[-1].append(record)
    return [Answer(head, tuple(tail)) for head, tail in zip(heads, tails, strict=True)]


def results_of(
    spec: ClusterSpec, ground: Ground, answers: Sequence[Answer], *, has_resolver: bool
) -> tuple[list[CheckResult], list[Lost]]:
    """All per-node results, and the pairs of pods between which nothing went: their routes tell why."""
    told = {(each.head.field(1), each.head.field(2)): each for each in answers}
    results: list[CheckResult] = []
    lost: list[Lost] = []
    for node in spec.nodes:
        name = node.name
        mine, mine_lost = _pod_results(spec, ground, name, told.get(("pod", name)), has_resolver=has_resolver)
        lost += mine_lost
        mine += _host_results(ground, name, told.get(("host", name)))
        mine.append(_logs_result(ground, name, told.get(("logs", name))))
        results += sorted(mine, key=lambda each: PER_NODE.index(each.check))
    return results, lost


def explained_by(result: CheckResult, ill: Sequence[CheckResult]) -> str:
    """Which failed results of the look are behind a failed one: kube-proxy's for services, CoreDNS's for names."""
    if result.outcome is not Outcome.FAILED or result.check not in (CLUSTER_IP, NODE_PORT, DNS_INSIDE, TOKEN):
        return ""
    behind = []
    for each in ill:
        concerns = each.node == result.node or f"{each.node}: " in result.message
        if each.check == KUBE_PROXY and concerns:
            behind.append(f"kube-proxy of {each.node} is ill")
        if each.check == COREDNS and result.check == DNS_INSIDE:
            behind.append("CoreDNS is ill")
    return f"{' and '.join(behind)}: see there" if behind else ""


def _pod_results(
    spec: ClusterSpec, ground: Ground, node: str, told: Answer | None, *, has_resolver: bool
) -> tuple[list[CheckResult], list[Lost]]:
    inside, why, execs = _inside(ground, node, told, ground.spread)
    if inside is None:
        return [*(skipped(check, why, node) for check in FROM_POD), *execs], []
    probes = [each for each in inside if each.kind == POD_TO_POD]
    pods, lost = _mesh_result(ground, node, probes)
    by_kind = {each.kind: each for each in inside}
    inside_name = _dns_result(DNS_INSIDE, node, by_kind.get(DNS_INSIDE), spec.networking.api_service_ip)
    outside = skipped(DNS_OUTSIDE, NO_RESOLVER, node)
    if has_resolver:
        outside = _dns_result(DNS_OUTSIDE, node, by_kind.get(DNS_OUTSIDE), "")
    return [pods, inside_name, outside, _token_result(node, by_kind.get("token")), *execs], lost


def _host_results(ground: Ground, node: str, told: Answer | None) -> list[CheckResult]:
    inside, why, _ = _inside(ground, node, told, ground.host)
    if inside is None:
        return [skipped(check, why, node) for check in FROM_HOST]
    return [_service_result(ground, node, check, [e for e in inside if e.kind == check]) for check in FROM_HOST]


def _inside(
    ground: Ground, node: str, told: Answer | None, pods: Mapping[str, CheckPod]
) -> tuple[tuple[Record, ...] | None, str, list[CheckResult]]:
    """The records from inside a pod, or why there are none; and the result of exec itself."""
    if told is None:
        return None, NO_POD, [skipped(EXEC, NO_POD, node)]
    seconds = told.head.seconds(4, 5)
    if not any(each.kind == "inside" for each in told.inside):
        cause = objects.flat(told.head.text) or f"exit status {told.head.field(3)}"
        return None, "kubectl exec does not work there", [failed(EXEC, cause, node, seconds)]
    return told.inside, "", [passed(EXEC, f"in pod {pods[node].name}", node, seconds)]


def _mesh_result(ground: Ground, node: str, probes: Sequence[Record]) -> tuple[CheckResult, list[Lost]]:
    others = [pod for pod in ground.spread.values() if pod.node != node]
    if not others:
        return skipped(POD_TO_POD, "no other node has a check pod", node), []
    answers = {each.field(1): each for each in probes}
    good, bad, lost = [], [], []
    for pod in others:
        answer = answers.get(pod.node)
        if answer and answer.field(2) == "0" and answer.field(5) == pod.name:
            good.append(pod.node)
            continue
        bad.append(f"{pod.node} ({pod.address}): {_why(answer, expected=pod.name)}")
        lost.append(Lost(ground.spread[node], pod))
    seconds = max((each.seconds(3, 4) for each in probes), default=0.0)
    if bad:
        return failed(POD_TO_POD, "; ".join(bad), node, seconds), lost
    return passed(POD_TO_POD, f"answered by {_listed(good)}", node, seconds), []


def _service_result(ground: Ground, node: str, check: str, probes: Sequence[Record]) -> CheckResult:
    known = {pod.name: pod.node for pod in ground.spread.values()}
    bad = {each.field(1): _why(each) for each in probes if each.field(2) != "0" or each.field(5) not in known}
    seconds = max((each.seconds(3, 4) for each in probes), default=0.0)
    if bad or not probes:
        said = "; ".join(f"{target}: {why}" for target, why in bad.items()) or "no answer"
        return failed(check, said, node, seconds)
    if check == CLUSTER_IP:
        by = sorted({known[each.field(5)] for each in probes})
        return passed(check, f"{ground.cluster_ip} answered by {_listed(by)}", node, seconds)
    return passed(
        check, f"port {ground.node_port} of {_listed(sorted(each.field(1) for each in probes))}", node, seconds
    )


_STATUS = re.compile(r"status: ([A-Z]+)")


def _dns_result(check: str, node: str, told: Record | None, expected: str) -> CheckResult:
    """`expected`: the address that must be answered; empty: any reply of a resolver that knows or denies the name."""
    if told is None:
        return failed(check, "the check pod told nothing", node)
    name, seconds = told.field(1), told.seconds(3, 4)
    status = _STATUS.search(told.text)
    addresses = [line.split()[-1] for line in told.text.split("\n") if re.search(r"\sIN\s+A\s", line)]
    if status is None:
        lines = [line.lstrip("; ") for line in told.text.split("\n") if line.strip()]
        why = objects.flat(lines[-1]) if lines else f"dig ended with exit status {told.field(2)}"
        return failed(check, f"{name}: {why}", node, seconds)
    if expected and addresses == [expected]:
        return passed(check, f"{name} is {expected}", node, seconds)
    if expected:
        what = ", ".join(addresses) or status[1]
        return failed(check, f"{name}: CoreDNS says {what}, not {expected}", node, seconds)
    if status[1] == "NOERROR" and addresses:
        return passed(check, f"{name} is {addresses[0]}", node, seconds)
    if status[1] in ("NOERROR", "NXDOMAIN"):
        return passed(check, f"the resolver answers, and knows no {name}", node, seconds)
    return failed(check, f"{name}: {status[1]}: CoreDNS does not reach the hosts' resolver", node, seconds)


def _token_result(node: str, told: Record | None) -> CheckResult:
    if told is None:
        return failed(TOKEN, "the check pod told nothing", node)
    seconds = told.seconds(3, 4)
    if told.field(2) == "0" and told.field(5) == "200":
        return passed(TOKEN, "the API accepts a pod's token", node, seconds)
    if told.field(2) == "0":
        return failed(TOKEN, f"the API answers a pod's token with HTTP {told.field(5)}", node, seconds)
    return failed(TOKEN, f"the service kubernetes: {_why(told)}", node, seconds)


def _logs_result(ground: Ground, node: str, told: Answer | None) -> CheckResult:
    if told is None:
        return skipped(LOGS, NO_POD, node)
    seconds = told.head.seconds(4, 5)
    if told.head.field(3) == "0" and "HTTP server" in told.head.text:
        return passed(LOGS, f"of pod {ground.spread[node].name}", node, seconds)
    return failed(LOGS, objects.flat(told.head.text) or "kubectl printed no line of the pod's log", node, seconds)


def _why(answer: Record | None, expected: str = "") -> str:
    """curl's own words without its prefix: `http_code` and codes are no news to the operator."""
    if answer is None:
        return "no answer"
    if answer.field(2) == "0":
        return f"{objects.flat(answer.field(5)) or 'an empty answer'}" + (f" instead of {expected}" if expected else "")
    words = re.sub(r"^.*?curl: \(\d+\)\s*", "", objects.flat(answer.field(5)))
    return words or f"curl ended with exit status {answer.field(2)}"


def _listed(names: Sequence[str], most: int = 6) -> str:
    shown = ", ".join(names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
