"""The operator's own network: a third-party manifest (Calico, Cilium, flannel …) that is applied as it is.

Nothing of the network itself is known here. What kinstall has to know of the manifest is read out of it: which
workloads are waited for, and which of the nodes' paths its pods use, which is what they may leave there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from posixpath import normpath
from typing import Any

import yaml

from assets import yaml_reading
from assets.pod_network.pools import Pool, pools
from assets.pod_network.shape import PodNetwork

POD_NETWORK = PodNetwork(keeper=None, direct=False, links=None)

WAITED_FOR = ("DaemonSet", "Deployment")

_MOST, _DEEPEST = 500_000, 100
"""Values and levels: ten times the largest published manifest, whose schemas are 40 levels deep."""


class Unusable(ValueError):
    """The text is not a valid manifest; the sentence says where and why, and never quotes it."""


@dataclass(frozen=True, slots=True)
class Thing:
    """An object of the manifest by what names it; `namespace` is empty where the object names none."""

    group: str
    kind: str
    namespace: str
    name: str

    @property
    def resource(self) -> str:
        """As kubectl takes it: `DaemonSet.apps`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


@dataclass(frozen=True, slots=True)
class Manifest:
    """`content` as the operator wrote it. `host_paths`: folders and files of the nodes that its pods mount.

    `containers`: names of the containers of its workloads. `secret`: whether it holds a Secret. `pools`: what pods'
    addresses come from.
    """

    content: bytes
    objects: tuple[Thing, ...]
    host_paths: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    secret: bool = False
    pools: tuple[Pool, ...] = ()

    @property
    def workloads(self) -> tuple[Thing, ...]:
        return tuple(each for each in self.objects if each.kind in WAITED_FOR and each.group == "apps")


def read(content: bytes) -> Manifest:
    """The manifest that a file holds: YAML documents, each an object of Kubernetes or a List of them.

    Raises:
        Unusable
    """
    try:
        documents = yaml_reading.load_all(content.decode("utf-8-sig"), _MOST, _DEEPEST)
    except UnicodeDecodeError:
        raise Unusable("it is not UTF-8 text") from None
    except yaml_reading.TooMuch as error:
        raise Unusable(str(error)) from None
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise Unusable("it is not valid YAML" + (f": line {mark.line + 1}" if mark else "")) from None
    objects = [each for number, one in enumerate(documents, 1) for each in _objects(one, f"document {number}")]
    if not objects:
        raise Unusable("it contains no objects")
    templates = [each["spec"]["template"]["spec"] for each in objects if _has_pods(each)]
    return Manifest(
        content,
        tuple(_thing(each) for each in objects),
        host_paths=tuple(dict.fromkeys(path for each in templates for path in _host_paths(each))),
        containers=tuple(dict.fromkeys(name for each in templates for name in _containers(each))),
        secret=any(each["kind"] == "Secret" for each in objects),
        pools=pools(objects),
    )


def _objects(document: Any, where: str) -> Iterator[Mapping[str, Any]]:
    if document is None:
        return
    if not isinstance(document, dict):
        raise Unusable(f"{where} is not an object")
    if str(document.get("kind")) == "List" and isinstance(document.get("items"), list):
        for number, each in enumerate(document["items"], 1):
            yield from _objects(each, f"{where}, item {number},")
        return
    metadata = document.get("metadata")
    fields = {
        "apiVersion": document.get("apiVersion"),
        "kind": document.get("kind"),
        "metadata.name": metadata.get("name") if isinstance(metadata, dict) else None,
    }
    if missing := [key for key, value in fields.items() if not (isinstance(value, str) and value)]:
        raise Unusable(f"{where} has no {missing[0]}")
    fields["metadata.namespace"] = metadata.get("namespace") if isinstance(metadata, dict) else None
    # They are written into a list with one name per line.
    if odd := [key for key, value in fields.items() if value and not re.fullmatch(r"\S+", str(value))]:
        raise Unusable(f"{where}: {odd[0]} is not a valid name")
    yield document


def _thing(each: Mapping[str, Any]) -> Thing:
    group, slash, _ = each["apiVersion"].partition("/")
    metadata = each["metadata"]
    return Thing(group if slash else "", each["kind"], str(metadata.get("namespace") or ""), metadata["name"])


def _has_pods(each: Mapping[str, Any]) -> bool:
    try:
        return each["kind"] in WAITED_FOR and isinstance(each["spec"]["template"]["spec"], dict)
    except (KeyError, TypeError):
        return False  # the API server will say so


def _host_paths(pod: Mapping[str, Any]) -> Iterator[str]:
    for volume in pod.get("volumes") or ():
        mounted = volume.get("hostPath") if isinstance(volume, dict) else None
        path = mounted.get("path") if isinstance(mounted, dict) else None
        if isinstance(path, str) and path.startswith("/") and "\n" not in path:
            yield normpath(path)


def _containers(pod: Mapping[str, Any]) -> Iterator[str]:
    for key in ("initContainers", "containers"):
        for each in pod.get(key) or ():
            if isinstance(each, dict) and isinstance(each.get("name"), str):
                yield each["name"]
