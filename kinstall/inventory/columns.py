"""What lists of machines call things: names of columns and variables, words for roles, and how single values are read.

A value is checked here with the answers file's own rules, so that an import gives only what an answers file accepts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kinstall.answers.fields import keys_of
from kinstall.answers.rules import formats
from kinstall.answers.rules.formats import Complaint
from kinstall.cluster import CONTROL_PLANE, WORKER, Node

_SECRET = re.compile(r"pass|secret|token|credential|vault|pwd", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s_.-]+")
_MAKERS = re.compile(r"^(kubernetes|kubespray|kube|k8s|k3s|rke2)(?=.)")
_SERVERS = re.compile(r"(k3s|rke2)servers?")
"""Their word for a control plane; elsewhere a server is just a machine."""
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_CONTROL_PLANE_WORDS = frozenset({"controlplane", "controlplanenode", "cp", "master", "masternode", "controller"})
_WORKER_WORDS = frozenset({"worker", "workernode", "node", "agent", "minion", "compute"})


@dataclass(slots=True)
class Machine:
    """What a list says about one machine; empty or None: nothing. `line` is 1-based."""

    name: str = ""
    address: str = ""
    role: str = ""
    line: int = 0
    host_key: str = ""
    pod_cidr: str = ""
    node_ip: str = ""
    user: str = ""
    port: int | None = None
    identity_files: list[str] = field(default_factory=list)
    identities_only: bool | None = None
    identity_agent: str = ""
    proxy_jump: str | list[dict[str, Any]] = ""
    """As the answers have it: text, or a record for each jump host."""
    labels: dict[str, str] = field(default_factory=dict)
    taints: list[dict[str, str]] | None = None


def simplified(name: str) -> str:
    """A column's or variable's name without case, blanks, dashes, dots and underscores."""
    return _SEPARATORS.sub("", name.strip().lower())


def is_secret(name: str) -> bool:
    """Whether a variable or column of this name may hold a password or the like."""
    return bool(_SECRET.search(name))


def role_of(word: str) -> str:
    """The role that a word (`master`, `kube_node`, `Workers`) means, or empty."""
    simple = simplified(word)
    plain = _MAKERS.sub("", simple)
    if _SERVERS.fullmatch(simple):
        return CONTROL_PLANE
    for candidate in (plain, plain.removesuffix("s")):
        if candidate in _CONTROL_PLANE_WORDS:
            return CONTROL_PLANE
        if candidate in _WORKER_WORDS:
            return WORKER
    return ""


# Setters: each puts a text into a machine, or complains and leaves it unchanged. No complaint repeats the text: in a
# list whose columns are shifted by one, it may be a password.


def _checked(
    attribute: str, check: Callable[[str], Complaint | None], what: str, remedy: str
) -> Callable[[Machine, str], Complaint | None]:
    def put(machine: Machine, text: str) -> Complaint | None:
        if check(text):
            return f"this is not a valid {what}", remedy
        setattr(machine, attribute, text)
        return None

    return put


def _role(machine: Machine, text: str) -> Complaint | None:
    role = _role_among(text)
    machine.role = role or machine.role
    return None if role else ("this is not a role", f"write {CONTROL_PLANE} or {WORKER}")


def _group(machine: Machine, text: str) -> Complaint | None:
    """A group says a role or something else; a role that is told as such goes first."""
    machine.role = machine.role or _role_among(text)
    return None


def _role_among(text: str) -> str:
    """The role that one of several words means (`controlplane,etcd,worker`): a control plane's goes first."""
    roles = {role_of(word) for word in re.split(r"[\s,;|+]+", text.strip())}
    return CONTROL_PLANE if CONTROL_PLANE in roles else WORKER if WORKER in roles else role_of(text)


def _port(machine: Machine, text: str) -> Complaint | None:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    if formats.port(number):
        return "this is not a valid TCP port", "write a number from 1 to 65535"
    machine.port = number
    return None


def _labels(machine: Machine, text: str) -> Complaint | None:
    found: dict[str, str] = {}
    for pair in re.split(r"[\s,;|]+", text.strip()):
        key, equals, value = pair.partition("=")
        if not equals or formats.label_key(key) or formats.label_value(value):
            return "this is not a valid label", "write KEY=VALUE, both as Kubernetes accepts them"
        found[key] = value
    machine.labels.update(found)
    return None


def _taints(machine: Machine, text: str) -> Complaint | None:
    found = []
    for one in filter(None, re.split(r"[\s,;|]+", text.strip())):
        rest, _, effect = one.rpartition(":")
        key, _, value = rest.partition("=")
        if effect not in _EFFECTS or formats.label_key(key) or formats.label_value(value):
            return "this is not a valid taint", f"write KEY=VALUE:EFFECT, with the effect {', '.join(_EFFECTS)}"
        found.append({"key": key, "effect": effect} | ({"value": value} if value else {}))
    machine.taints = [*(machine.taints or []), *found]
    return None


def _key_file(machine: Machine, text: str) -> Complaint | None:
    if formats.key_file(text):
        return "this is not a valid path of a key", "write the path of the file"
    machine.identity_files.append(text)
    return None


def _identities_only(machine: Machine, text: str) -> Complaint | None:
    if text.lower() not in ("yes", "true", "no", "false"):
        return "this is not yes or no", "write yes or no"
    machine.identities_only = text.lower() in ("yes", "true")
    return None


def _any(_: str) -> Complaint | None:
    return None


_HOST_KEY = "write SHA256: and 43 characters, as `ssh-keygen -lf` prints it"
SETTERS: dict[str, Callable[[Machine, str], Complaint | None]] = {
    # These two are made valid, or reported, when the list is complete.
    "name": _checked("name", _any, "name", ""),
    "address": _checked("address", _any, "address", ""),
    "role": _role,
    "group": _group,
    "user": _checked("user", formats.user, "login name", "write the name alone"),
    "port": _port,
    "identityFile": _key_file,
    "identityAgent": _checked("identity_agent", formats.agent, "agent's socket", "write its path, or none"),
    "identitiesOnly": _identities_only,
    "proxyJump": _checked("proxy_jump", formats.jumps, "jump host", "write [user@]host[:port], several with commas"),
    "hostKey": _checked("host_key", formats.fingerprint, "host key's fingerprint", _HOST_KEY),
    "labels": _labels,
    "taints": _taints,
    "podCIDR": _checked("pod_cidr", formats.cidr, "pod range", "write one like 10.244.1.0/24"),
    "nodeIP": _checked("node_ip", formats.node_address, "IPv4 address of a machine", "write one like 192.0.2.11"),
}

_WORDS = {
    "name": "name hostname host node nodename vm server machine inventoryhostname",
    "address": "address addr ip ipaddress ipv4 ipv4address ansiblehost ansiblesshhost privateip internalip hostaddress"
    " serverip primaryip primaryipaddress primaryip4 primaryipv4 primaryipv4address ip4 managementip mgmtip hostip"
    " nodeaddress machineip vmip",
    "role": "role roles noderole",
    "group": "group groups",
    "user": "user username login sshuser ansibleuser ansiblesshuser remoteuser",
    "port": "port sshport ansibleport ansiblesshport",
    "identityFile": "identityfile key keyfile sshkey sshkeyfile privatekey privatekeyfile sshprivatekeyfile"
    " ansiblesshprivatekeyfile ansibleprivatekeyfile",
    "proxyJump": "proxyjump jump jumphost bastion",
    "hostKey": "hostkey hostkeyfingerprint fingerprint sshhostkey",
    "labels": "labels label nodelabels",
    "taints": "taints taint nodetaints",
    "podCIDR": "podcidr",
    "nodeIP": "nodeip",
}
ALIASES = {word: name for name, words in _WORDS.items() for word in words.split()}
"""Simplified name of a column → the field it fills."""


def as_row(machine: Machine) -> dict[str, Any]:
    """The machine as under `nodes:` of an answers file, with only what the list says."""
    known = {key.name for key in keys_of(Node)}
    files = list(dict.fromkeys(machine.identity_files))
    ssh = {
        "user": machine.user,
        "port": machine.port,
        "identityFile": files[0] if len(files) == 1 else files,
        "identitiesOnly": machine.identities_only,
        "identityAgent": machine.identity_agent,
        "proxyJump": machine.proxy_jump,
    }
    row: dict[str, Any] = {
        "name": machine.name,
        "address": machine.address,
        "role": machine.role or WORKER,
        "hostKey": machine.host_key,
        "labels": dict(machine.labels),
        "ssh": {key: value for key, value in ssh.items() if value or value is False},
        "podCIDR": machine.pod_cidr,
        "nodeIP": machine.node_ip,
    }
    row = {key: value for key, value in row.items() if value and key in known}
    return row if machine.taints is None else {**row, "taints": machine.taints}
