"""Reads what kubectl printed: which objects there are, what state they are in and why. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kinstall.cluster import Node
from kinstall.diagnosis import explain
from kinstall.verify.programs import Record
from kinstall.verify.results import CheckResult, failed, passed

Object = Mapping[str, Any]
NODE_READY, KUBE_PROXY, COREDNS = "node Ready", "kube-proxy", "CoreDNS"
SYSTEM_PODS = "kube-system pods"
STATIC_PODS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A result, and for a failed one whether time may mend it (a pod that is still starting)."""

    result: CheckResult
    may_pass: bool = False


def items(text: str) -> list[Object] | None:
    """The objects of a list as kubectl prints it, None where the text is none."""
    try:
        listed = json.loads(text)["items"]
    except (ValueError, KeyError, TypeError):
        return None
    return list(listed) if isinstance(listed, list) else None


def of(objects: Iterable[Object], kind: str) -> list[Object]:
    return [each for each in objects if each.get("kind") == kind]


def name_of(thing: Object) -> str:
    return str(thing.get("metadata", {}).get("name", ""))


def named(objects: Iterable[Object], kind: str, name: str) -> Object | None:
    return next((each for each in objects if each.get("kind") == kind and name_of(each) == name), None)


def condition(thing: Object, kind: str) -> Object:
    """The condition of that type, empty where there is none."""
    return next((c for c in thing.get("status", {}).get("conditions") or [] if c.get("type") == kind), {})


def is_ready(thing: Object) -> bool:
    return condition(thing, "Ready").get("status") == "True"


def is_going(thing: Object) -> bool:
    """Whether it is being deleted."""
    return bool(thing.get("metadata", {}).get("deletionTimestamp"))


# Pods


def pod_cause(pod: Object, events: Iterable[Object] = ()) -> str:
    """Why a pod is not ready: its containers' states and the last warning about it."""
    status = pod.get("status", {})
    scheduled = condition(pod, "PodScheduled")
    said = []
    if scheduled.get("status") == "False":
        said.append(f"not scheduled: {scheduled.get('message', '')}")
    statuses = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    said.extend(filter(None, map(_container_cause, statuses)))
    if status.get("reason"):  # Evicted, NodeLost …
        said.append(f"{status['reason']}: {status.get('message', '')}")
    warning = last_warning(pod, events)
    # Failed and BackOff only repeat what the container's state says.
    if warning and not (said and warning.startswith(("Failed:", "BackOff:"))):
        said.append(warning)
    if not said:
        said.append(str(condition(pod, "Ready").get("message") or f"its phase is {status.get('phase', 'unknown')}"))
    return "; ".join(flat(each) for each in said)


def _container_cause(status: Object) -> str:
    name, state = status.get("name", ""), status.get("state", {})
    ended = state.get("terminated") or status.get("lastState", {}).get("terminated") or {}
    how = f"exit code {ended.get('exitCode')} ({ended.get('reason', '')})" if ended else ""
    if ended.get("message"):
        how += f": {ended['message']}"
    waiting = state.get("waiting")
    if waiting:
        reason, message = waiting.get("reason", "waiting"), waiting.get("message", "")
        if reason in ("ContainerCreating", "PodInitializing"):
            return how and f"{name} ended with {how}"
        return f"{name}: {reason}" + (f", it ended with {how}" if how else f": {message}" if message else "")
    if state.get("terminated"):
        return "" if ended.get("exitCode") == 0 else f"{name} ended with {how}"
    if not status.get("ready") and state.get("running"):
        return f"{name} runs and is not ready" + (f"; before, it ended with {how}" if how else "")
    return ""


def last_warning(thing: Object, events: Iterable[Object]) -> str:
    """The newest warning event about an object."""
    uid = thing.get("metadata", {}).get("uid")
    about = [
        each
        for each in events
        if each.get("kind") == "Event"
        and each.get("type") == "Warning"
        and each.get("involvedObject", {}).get("uid") == uid
    ]
    if not about:
        return ""
    newest = max(about, key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""))
    return f"{newest.get('reason', '')}: {newest.get('message', '')}"


def flat(text: str, limit: int = 400) -> str:
    """One line, cut where it is longer than a person reads."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def explained(source: str, words: str) -> str:
    """What the last words of a unit or container mean."""
    return explain.explain([f"[{source}] {line}" if source else line for line in words.split("\n") if line.strip()])


# The read-only checks


def node_verdict(node: Node, objects: Sequence[Object], units: Mapping[str, str]) -> Verdict:
    """Ready, with its pod range; `units`: unit name → how it ended, for those of the node that do not run."""
    check = NODE_READY
    found = named(objects, "Node", node.name)
    down = "; ".join(f"{unit} {how}" for unit, how in units.items() if unit.startswith(("kubelet", "containerd")))
    if down:  # the Node object goes on saying Ready for 40 s
        return Verdict(failed(check, down, node.name))
    if found is None:
        return Verdict(failed(check, "no Node object of that name: its kubelet has not registered", node.name), True)
    ready = condition(found, "Ready")
    if ready.get("status") != "True":
        why = flat(f"{ready.get('reason', 'no Ready condition')}: {ready.get('message', '')}")
        return Verdict(failed(check, why, node.name), True)
    pod_cidr = found.get("spec", {}).get("podCIDR", "")
    if not pod_cidr:
        return Verdict(failed(check, "the Node object has no podCIDR: its pods get no addresses", node.name), True)
    if node.pod_cidr and pod_cidr != node.pod_cidr:
        return Verdict(failed(check, f"podCIDR is {pod_cidr}, the answers say {node.pod_cidr}", node.name))
    version = found.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", "")
    return Verdict(passed(check, f"kubelet {version}, podCIDR {pod_cidr}", node.name))


def system_pods_verdict(
    control_planes: Iterable[Node], objects: Sequence[Object], events: Sequence[Object], words: Mapping[str, str]
) -> Verdict:
    """The static pods of every control plane and all else in kube-system; `words`: pod name → its last lines."""
    check = SYSTEM_PODS
    pods = [pod for pod in of(objects, "Pod") if not is_going(pod) and not has_ended(pod)]
    there = {name_of(pod) for pod in pods}
    missing = [f"{pod}-{n.name}" for n in control_planes for pod in STATIC_PODS if f"{pod}-{n.name}" not in there]
    said = [f"{name}: there is no such pod" for name in missing]
    for pod in pods:
        if not is_ready(pod):
            last = words.get(name_of(pod), "")
            said.append(f"{name_of(pod)}: {pod_cause(pod, events)}" + (f"; {explained('', last)}" if last else ""))
    if said:
        return Verdict(failed(check, " | ".join(said)), True)
    return Verdict(passed(check, f"{len(pods)} pods Ready"))


def has_ended(pod: Object) -> bool:
    return bool(pod.get("status", {}).get("phase") == "Succeeded")


def coredns_verdict(objects: Sequence[Object]) -> Verdict:
    check = COREDNS
    found = named(objects, "Deployment", "coredns")
    if found is None:
        return Verdict(failed(check, "there is no Deployment coredns in kube-system"), True)
    wanted = int(found.get("spec", {}).get("replicas", 1))
    available = int(found.get("status", {}).get("availableReplicas", 0))
    if wanted == 0:  # the Deployment calls itself available then
        return Verdict(failed(check, "the Deployment coredns is scaled to 0, so no name resolves in pods"))
    if available < wanted:
        why = condition(found, "Progressing").get("message") or condition(found, "Available").get("message", "")
        return Verdict(failed(check, flat(f"{available} of {wanted} replicas available: {why}")), True)
    return Verdict(passed(check, f"{available} of {wanted} replicas available"))


def unready_containers(objects: Sequence[Object]) -> list[tuple[str, str]]:
    """(pod, container) of what is there and not ready: whose last words tell the cause."""
    return [
        (name_of(pod), str(status["name"]))
        for pod in of(objects, "Pod")
        if not is_going(pod) and not has_ended(pod) and not is_ready(pod)
        for status in pod.get("status", {}).get("containerStatuses") or []
        if not status.get("ready")
    ]


# What the programs tell beside objects


def api_verdict(record: Record, node: str = "") -> Verdict:
    """`api CHECK URL began ended`, then the body and the HTTP status."""
    check, url, seconds = record.field(1), record.field(2), record.seconds(3, 4)
    body, _, code = record.text.rstrip("\n").rpartition("\n")
    if code == "200":
        return Verdict(passed(check, f"{url.partition('//')[2]} answers", node, seconds))
    bad = [line for line in body.splitlines() if line.startswith("[-]")]
    if bad:
        why = ", ".join(line[3:].removesuffix(": reason withheld") for line in bad)
    elif not code.isdigit():
        why = flat(record.text)
    else:
        why = flat(_status_message(body)) + (f" (HTTP {code})" if code != "000" else "")
    return Verdict(failed(check, f"{url}: {why or 'no answer'}", node, seconds), True)


def _status_message(body: str) -> str:
    """The message of the API's Status object, or the body itself."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body


def kubectl_said(text: str) -> str:
    """kubectl's last word: before it, it logs each of its attempts."""
    lines = [line for line in text.split("\n") if line.strip()]
    final = [line for line in lines if not re.match(r"[EWI]\d{4} ", line)] or [explain.clean(line) for line in lines]
    return flat(final[-1]) if final else ""


def proxy_verdict(node: str, units: Mapping[str, str], health: Record | None) -> Verdict:
    """kube-proxy runs and calls itself healthy; `units` as for node_verdict."""
    check = KUBE_PROXY
    down = units.get("kube-proxy.service")
    if down:
        return Verdict(failed(check, f"kube-proxy.service {down}", node))
    if health is None:
        return Verdict(passed(check, "kube-proxy.service is active", node))
    seconds = health.seconds(1, 2)
    body, _, code = health.text.rstrip("\n").rpartition("\n")
    if code == "200":
        return Verdict(passed(check, "healthy", node, seconds))
    if code == "unknown":
        return Verdict(passed(check, "kube-proxy.service is active (no curl or wget to ask for its health)", node))
    return Verdict(failed(check, f"its health check says: {flat(body or code)}", node, seconds), True)


def units_down(records: Sequence[Record]) -> dict[str, str]:
    """Unit → how it stands and its last words, for those that are not active."""
    words = {record.field(1): record.text for record in records if record.kind == "words"}
    down: dict[str, str] = {}
    for record in records:
        if record.kind != "units":
            continue
        for block in record.text.split("\n\n"):
            shown = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            unit = shown.get("Id", "")
            if unit and shown.get("ActiveState") != "active":
                result = shown.get("Result", "success")
                how = f"is {shown.get('ActiveState')} ({shown.get('SubState')})"
                how += f", result {result}" if result != "success" else ""
                # Of one that somebody stopped, the last words are no cause.
                stopped = shown.get("ActiveState") == "inactive" and result == "success"
                down[unit] = how if stopped else f"{how}: {explained(unit, words.get(unit, ''))}"
    return down


def stale_namespaces(objects: Sequence[Object], prefix: str, now: float, age: float) -> list[str]:
    """Namespaces of that prefix older than `age` seconds; `now`: seconds since the epoch on the node."""
    stale = []
    for each in of(objects, "Namespace"):
        created = str(each.get("metadata", {}).get("creationTimestamp", ""))
        try:
            born = datetime.fromisoformat(created).timestamp()
        except ValueError:
            continue
        if name_of(each).startswith(prefix) and not is_going(each) and now - born > age:
            stale.append(name_of(each))
    return stale
