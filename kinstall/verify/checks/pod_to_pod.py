"""Whether each node's pod reaches the pods on all other nodes, and the right one answers."""

from __future__ import annotations

from collections.abc import Sequence

from kinstall.verify import manifest
from kinstall.verify.check import Place, PodCheck, PodQuestion, PodView, Subject, Verdict, failed, passed, skipped
from kinstall.verify.ground import CheckPod
from kinstall.verify.inside_pod import fetch, slowest, why
from kinstall.verify.program import Call
from kinstall.verify.routes import Lost
from kinstall.wording import listed

_NAME = "pod to pod"


def _others(question: PodQuestion) -> list[CheckPod]:
    return [pod for pod in question.ground.spread.values() if pod.node != question.node]


def _asks(question: PodQuestion) -> Sequence[Call]:
    return [fetch(_NAME, pod.node, f"http://{pod.address}:{manifest.PORT}", tries=2) for pod in _others(question)]


def _silent(view: PodView) -> dict[str, tuple[CheckPod, str]]:
    """Node → the pod there that did not answer, and why."""
    answers = {each.field(1): each for each in view.answers(_NAME)}
    silent = {}
    for pod in _others(view):
        answer = answers.get(pod.node)
        if not (answer and answer.field(2) == "0" and answer.field(5) == pod.name):
            silent[pod.node] = pod, why(answer, expected=pod.name)
    return silent


def _judge(view: PodView) -> Verdict:
    others, silent, seconds = _others(view), _silent(view), slowest(view.answers(_NAME))
    if not others:
        return skipped("no other node has a check pod")
    if silent:
        return failed("; ".join(f"{node} ({pod.address}): {why}" for node, (pod, why) in silent.items()), seconds)
    return passed(f"answered by {listed([pod.node for pod in others], 6)}", seconds)


def lost(view: PodView) -> list[Lost]:
    """The pairs of pods between which nothing went: their routes say why."""
    return [Lost(view.ground.spread[view.node], pod) for pod, _ in _silent(view).values()]


POD_TO_POD = PodCheck(_NAME, Subject.NODES, Place.POD, _judge, _asks)
