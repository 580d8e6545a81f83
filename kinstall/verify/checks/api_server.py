"""Whether each API server lives and is ready, asked on its own node."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from assets import paths
from kinstall.cluster import ports
from kinstall.verify.check import LookCheck, LookQuestion, LookView, Subject, Verdict, failed, passed
from kinstall.verify.objects import flat
from kinstall.verify.program import Call
from kinstall.verify.records import Record, of_kind

_CLIENT = f"{paths.PKI}/apiserver-kubelet-client"


def call(check: str, url: str) -> Call:
    return Call("checks/api_server", ("call_api", check, url, paths.CA_CERT, _CLIENT))


def verdict(record: Record) -> Verdict:
    """Of `api CHECK URL began ended`, then the body and the HTTP status."""
    url, seconds = record.field(2), record.seconds(3, 4)
    body, _, code = record.text.rstrip("\n").rpartition("\n")
    if code == "200":
        return passed(f"{url.partition('//')[2]} answers", seconds)
    bad = [line for line in body.splitlines() if line.startswith("[-]")]
    if bad:
        why = ", ".join(line[3:].removesuffix(": reason withheld") for line in bad)
    elif not code.isdigit():
        why = flat(record.text)
    else:
        why = flat(_status_message(body)) + (f" (HTTP {code})" if code != "000" else "")
    return failed(f"{url}: {why or 'no answer'}", seconds, may_pass=True)


def _status_message(body: str) -> str:
    """The message of the API's Status object, or the body itself."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return body


def _asks(check: str, path: str) -> Callable[[LookQuestion], Sequence[Call]]:
    def asks(question: LookQuestion) -> Sequence[Call]:
        if not question.node.is_control_plane:
            return ()
        return [call(check, f"https://{question.node.internal_ip}:{ports.API_SERVER}/{path}")]

    return asks


def _judge(check: str) -> Callable[[LookView, str], Verdict]:
    def judge(view: LookView, node: str) -> Verdict:
        reply = view.replies[node]
        answers = [each for each in of_kind(reply.records, "api") if each.field(1) == check]
        return verdict(answers[0]) if answers else failed(reply.error or "no answer")

    return judge


LIVEZ, READYZ = (
    LookCheck(name, Subject.CONTROL_PLANES, _judge(name), _asks(name, path))
    for name, path in (("API livez", "livez"), ("API readyz", "readyz"))
)
