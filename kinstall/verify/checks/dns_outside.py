"""Whether names outside of the cluster are resolved for each node's pod, where the hosts have a resolver."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from kinstall.cluster import ClusterSpec
from kinstall.cluster.subnets import is_address
from kinstall.verify.check import Place, PodCheck, PodQuestion, PodView, Subject, Verdict, failed, passed, skipped
from kinstall.verify.inside_pod import NO_ANSWER, dns_answer, resolve
from kinstall.verify.program import Call

_NAME = "DNS outside"


def outside_name(spec: ClusterSpec) -> str:
    """A name that hosts with a resolver know: of a site that the answers have them fetch from."""
    home = spec.images.image_repository.partition("/")[0]
    mirror = spec.images.mirrors.get(home)
    sites = [urlsplit(mirror.endpoint).hostname if mirror else home.partition(":")[0]]
    sites.append(urlsplit(spec.downloads.kubernetes).hostname)
    return next((site for site in sites if site and "." in site and not is_address(site)), "kubernetes.io")


def _asks(question: PodQuestion) -> Sequence[Call]:
    return [resolve(_NAME, outside_name(question.spec))] if question.has_resolver else ()


def _judge(view: PodView) -> Verdict:
    if not view.has_resolver:
        return skipped("the hosts have no resolver, so CoreDNS forwards no names")
    record = view.answer(_NAME)
    if record is None:
        return failed(NO_ANSWER)
    answer, seconds = dns_answer(record), record.seconds(3, 4)
    if not answer.status:
        return failed(f"{answer.name}: {answer.error}", seconds)
    if answer.status == "NOERROR" and answer.addresses:
        return passed(f"{answer.name} is {answer.addresses[0]}", seconds)
    if answer.status in ("NOERROR", "NXDOMAIN"):
        return passed(f"the resolver answers, and does not know {answer.name}", seconds)
    return failed(f"{answer.name}: {answer.status}: CoreDNS does not reach the hosts' resolver", seconds)


DNS_OUTSIDE = PodCheck(_NAME, Subject.NODES, Place.POD, _judge, _asks)
