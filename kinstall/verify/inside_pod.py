"""What check pods are asked to do, and what their answers mean. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kinstall.verify.check import PodQuestion
from kinstall.verify.objects import flat
from kinstall.verify.program import Call
from kinstall.verify.records import Record

SERVICE_TRIES = 4
"""kube-proxy may take a second to learn of new pods."""

NO_ANSWER = "the check pod did not answer"


def fetch(check: str, target: str, url: str, tries: int) -> Call:
    """Ask for a URL, all at once; the answer is a record `CHECK TARGET status began ended output`."""
    return Call("inside_pod", ("fetch", check, target, str(tries), url), at_once=True)


def resolve(check: str, name: str) -> Call:
    """Ask for a name's addresses; the answer is a record `CHECK NAME status began ended`, and what dig printed."""
    return Call("inside_pod", ("resolve", check, name))


def slowest(answers: Sequence[Record]) -> float:
    """Seconds."""
    return max((each.seconds(3, 4) for each in answers), default=0.0)


def why(answer: Record | None, expected: str = "") -> str:
    """curl's own words without its prefix: `http_code` and codes are no news to the operator."""
    if answer is None:
        return "no answer"
    if answer.field(2) == "0":
        return f"{flat(answer.field(5)) or 'an empty answer'}" + (f" instead of {expected}" if expected else "")
    words = re.sub(r"^.*?curl: \(\d+\)\s*", "", flat(answer.field(5)))
    return words or f"curl ended with exit status {answer.field(2)}"


def service_failures(question: PodQuestion, answers: Sequence[Record]) -> str:
    """Which ways to the service failed and why; empty where each was answered by a check pod."""
    pods = {pod.name for pod in question.ground.spread.values()}
    bad = {each.field(1): why(each) for each in answers if each.field(2) != "0" or each.field(5) not in pods}
    if not answers:
        return "no answer"
    return "; ".join(f"{target}: {cause}" for target, cause in bad.items())


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """`status` is a resolver's (NOERROR, NXDOMAIN …), empty where none answered, for the reason in `error`."""

    name: str
    status: str
    addresses: tuple[str, ...]
    error: str = ""


def dns_answer(record: Record) -> DnsAnswer:
    """What dig printed after a `resolve` record."""
    name = record.field(1)
    status = re.search(r"status: ([A-Z]+)", record.text)
    addresses = tuple(line.split()[-1] for line in record.text.split("\n") if re.search(r"\sIN\s+A\s", line))
    if status is not None:
        return DnsAnswer(name, status[1], addresses)
    lines = [line.lstrip("; ") for line in record.text.split("\n") if line.strip()]
    return DnsAnswer(name, "", (), flat(lines[-1]) if lines else f"dig ended with exit status {record.field(2)}")
