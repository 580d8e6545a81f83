"""Reads what kubectl printed: which objects there are, what state they are in and why. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from kinstall.diagnosis import explain
from kinstall.wording import cut

Object = Mapping[str, Any]
STATIC_PODS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


def items(text: str) -> list[Object] | None:
    """The objects of a list as kubectl prints it, None where the text is none."""
    try:
        listed = json.loads(text)["items"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else None


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
    return cut(" ".join(text.split()), limit)


def explained(source: str, words: str) -> str:
    """What the last words of a unit or container mean."""
    return explain.explain([f"[{source}] {line}" if source else line for line in words.split("\n") if line.strip()])


def has_ended(pod: Object) -> bool:
    return bool(pod.get("status", {}).get("phase") == "Succeeded")


def kubectl_said(text: str) -> str:
    """kubectl's last words: before them, it logs each of its attempts."""
    lines = [line for line in text.split("\n") if line.strip()]
    final = [line for line in lines if not re.match(r"[EWI]\d{4} ", line)] or [explain.clean(line) for line in lines]
    return flat(final[-1]) if final else ""


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
