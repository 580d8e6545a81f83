"""The certificates that a cluster gets, as a table: who signs them, what they are for, until when. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from assets.credentials.pki import CA_COMMON_NAMES, LeafRequest, Signer
from assets.credentials.required import wanted_leaves
from kinstall.cluster import ClusterSpec
from kinstall.wording import count, cut


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of certificate; `count` says how many nodes have one each."""

    name: str
    signer: str
    purpose: str
    until: date | None
    count: int = 1


def rows(spec: ClusterSpec, today: date) -> list[Row]:
    """CAs first, then what they sign, in the order in which assets.credentials.required names them."""
    security = spec.security
    authority_until, leaf_until = (
        _after(today, security.ca_days),
        _after(today, min(security.leaf_days, security.ca_days)),
    )
    found = [
        Row(str(signer), "its issuer", f"your own: {own}", None)
        if (own := _own(spec, signer))
        else Row(str(signer), "itself", CA_COMMON_NAMES[signer], authority_until)
        for signer in Signer
    ]
    by_name: dict[str, list[LeafRequest]] = {}
    for request in _requests(spec):
        by_name.setdefault(request.name, []).append(request)
    found += [
        Row(name, CA_COMMON_NAMES[requests[0].signer], _purpose(requests), leaf_until, len(requests))
        for name, requests in by_name.items()
    ]
    return found


def _own(spec: ClusterSpec, signer: Signer) -> str:
    """The path of the operator's own certificate for this CA; empty if one is generated."""
    own = spec.security.own_ca
    return {Signer.CLUSTER: own.cluster, Signer.ETCD: own.etcd, Signer.FRONT_PROXY: own.front_proxy}[signer].certificate


def _requests(spec: ClusterSpec) -> Iterator[LeafRequest]:
    for node in spec.nodes:
        try:
            yield from wanted_leaves(spec, node)
        except (ValueError, IndexError):
            continue  # a range or the endpoint is not valid yet: its field says so
    yield from wanted_leaves(spec)


def _purpose(requests: list[LeafRequest]) -> str:
    """What a server's certificate holds for the first node, or which user a client's is for."""
    first = requests[0]
    if first.server:
        names = [count(len(first.dns_names), "name")] if first.dns_names else []
        addresses = [count(len(first.addresses), "address", "addresses")] if first.addresses else []
        return ", ".join(names + addresses)
    user = first.common_name if len({request.common_name for request in requests}) == 1 else "a user per node"
    return f"{user} ({first.organization})" if first.organization else user


def _after(today: date, days: int) -> date | None:
    try:
        return today + timedelta(days=days)
    except OverflowError:
        return None


def table(found: list[Row], width: int) -> str:
    """The rows as text of at most `width` columns."""
    names = [f"{row.name} ×{row.count}" if row.count > 1 else row.name for row in found]
    until = [row.until.isoformat() if row.until else "–" for row in found]
    first = max(map(len, [*names, "certificate"]))
    second = max(len(row.signer) for row in found)
    third = max(width - first - second - 16, 8)
    lines = [f"{'certificate':<{first}}  {'signed by':<{second}}  {'for':<{third}}  until"]
    for name, row, end in zip(names, found, until, strict=True):
        lines.append(f"{name:<{first}}  {row.signer:<{second}}  {cut(row.purpose, third):<{third}}  {end}")
    return "\n".join(lines)
