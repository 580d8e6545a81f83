"""The ranges out of which a third-party network gives pods their addresses, as its manifest says. Pure.

Networks that read nothing else than what Kubernetes gave each node (`spec.podCIDR`) say nothing here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CALICO_DEFAULT = "192.168.0.0/16"
"""What Calico takes where neither its own settings nor kubeadm's ConfigMap `kubeadm-config` name a range."""


@dataclass(frozen=True, slots=True)
class Pool:
    """`setting`: where the manifest says it, in its own words. `cidr`: as written; "" where the network looks for one
    itself."""

    setting: str
    cidr: str


def pools(objects: Iterable[Mapping[str, Any]]) -> tuple[Pool, ...]:
    """What the objects of a manifest say, of Calico (its DaemonSet, its pools, its operator), flannel and Cilium."""
    every = list(objects)
    found = [pool for each in every for pool in _of(each)]
    named = any(pool.cidr and pool.setting.startswith("IPPool") for pool in found)
    return tuple(dict.fromkeys(pool for pool in found if pool.cidr or not named))


def _of(each: Mapping[str, Any]) -> Iterator[Pool]:
    kind, group = each.get("kind"), str(each.get("apiVersion")).partition("/")[0]
    name = _at(each, "metadata", "name")
    if kind == "DaemonSet":
        yield from _calico(each)
    elif kind == "IPPool" and group.endswith("projectcalico.org"):
        yield from _written(f"IPPool {name}", _at(each, "spec", "cidr"))
    elif kind == "Installation" and group == "operator.tigera.io":
        given = _at(each, "spec", "calicoNetwork", "ipPools")
        if given is None:
            yield Pool("spec.calicoNetwork.ipPools of the Installation", "")
        for one in given if isinstance(given, list) else ():
            yield from _written("spec.calicoNetwork.ipPools of the Installation", _at(one, "cidr"))
    elif kind == "ConfigMap":
        yield from _flannel(each)
        if _at(each, "data", "ipam") == "cluster-pool":
            yield from _written(
                f"cluster-pool-ipv4-cidr of ConfigMap {name}", _at(each, "data", "cluster-pool-ipv4-cidr")
            )


def _calico(each: Mapping[str, Any]) -> Iterator[Pool]:
    containers = _at(each, "spec", "template", "spec", "containers")
    for container in containers if isinstance(containers, list) else ():
        if _at(container, "name") != "calico-node":
            continue
        given = _at(container, "env")
        env = {_at(one, "name"): one for one in given if isinstance(one, dict)} if isinstance(given, list) else {}
        pool = env.get("CALICO_IPV4POOL_CIDR")
        if pool is not None:
            yield from _written("CALICO_IPV4POOL_CIDR of calico-node", _at(pool, "value"))
        elif not any(_at(env.get(key), "value") == value for key, value in _WITHOUT_POOL):
            yield Pool("CALICO_IPV4POOL_CIDR of calico-node", "")


_WITHOUT_POOL = (("NO_DEFAULT_POOLS", "true"), ("CALICO_NETWORKING_BACKEND", "none"))


def _flannel(each: Mapping[str, Any]) -> Iterator[Pool]:
    text = _at(each, "data", "net-conf.json")
    if isinstance(text, str):
        try:
            yield from _written("Network in net-conf.json", _at(json.loads(text), "Network"))
        except (ValueError, RecursionError):
            return  # flannel will say so


def _written(setting: str, value: Any) -> Iterator[Pool]:
    """Ranges of IPv4, several with spaces or commas between."""
    for text in re.split(r"[\s,]+", value if isinstance(value, str) else ""):
        if re.fullmatch(r"[0-9.]{7,15}/[0-9]{1,2}", text):
            yield Pool(setting, text)


def _at(thing: Any, *keys: str) -> Any:
    for key in keys:
        thing = thing.get(key) if isinstance(thing, dict) else None
    return thing
