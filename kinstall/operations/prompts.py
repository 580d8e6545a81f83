"""Secrets that answers ask to be typed (`prompt:TEXT`), found before a run so that all are asked at once. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from kinstall.cluster import ClusterSpec, JumpHost, NodeSsh, Ssh
from kinstall.errors import UsageError
from kinstall.secrets import prompt_text
from kinstall.wording import listed

_PROMPT = "prompt:"
_Users = Mapping[str, Sequence[str]]
"""Login name → the nodes that it logs in to."""


def prompted(spec: ClusterSpec) -> tuple[str, ...]:
    """What has to be typed for these answers, each question once and in their order."""
    return tuple(dict.fromkeys(prompt_text(reference) for reference in _references(with_questions(spec))))


def typed(answers: Mapping[str, str], question: str) -> str:
    """What was typed for a question; a prompt for Secrets where the screen, not a terminal, asked before.

    Raises:
        UsageError: it was not asked
    """
    if question not in answers:
        raise UsageError(f"{question!r} was not asked for", "refer to the secret by env:NAME or file:PATH")
    return answers[question]


def with_questions(spec: ClusterSpec) -> ClusterSpec:
    """The same answers, where each bare `prompt:` asks for what it is (`prompt:sudo password of admin on cp1, w1`).

    Two of them are two secrets: a secret is known by its question. sudo's is left out where only root logs in.
    """
    mirrors = {
        registry: replace(mirror, password=_asking(mirror.password, f"password of {mirror.user} at {registry}"))
        for registry, mirror in spec.images.mirrors.items()
    }
    ssh = replace(
        spec.ssh,
        passphrase=_asking(spec.ssh.passphrase, _passphrase(spec.ssh)),
        password=_asking(spec.ssh.password, _login(_users(spec, "password"))),
        sudo_password=_sudo(spec.ssh.sudo_password, _users(spec, "sudo_password")),
        proxy_jump=_jumps(spec.ssh.proxy_jump),
    )
    nodes = tuple(
        replace(node, ssh=_of_node(node.ssh, {spec.ssh_of(node).user: [node.name]}, spec.ssh_of(node)))
        for node in spec.nodes
    )
    return replace(spec, ssh=ssh, nodes=nodes, images=replace(spec.images, mirrors=mirrors))


def _of_node(own: NodeSsh, users: _Users, whole: Ssh) -> NodeSsh:
    return replace(
        own,
        passphrase=own.passphrase and _asking(own.passphrase, _passphrase(whole)),
        password=own.password and _asking(own.password, _login(users)),
        sudo_password=own.sudo_password and _sudo(own.sudo_password, users),
        proxy_jump=None if own.proxy_jump is None else _jumps(own.proxy_jump),
    )


def _users(spec: ClusterSpec, attribute: str) -> _Users:
    """Those to which the cluster's own value of a field applies."""
    found: dict[str, list[str]] = {}
    for node in spec.nodes:
        if getattr(node.ssh, attribute) is None:
            found.setdefault(spec.ssh_of(node).user, []).append(node.name)
    return found


def _jumps(jumps: str | tuple[JumpHost, ...]) -> str | tuple[JumpHost, ...]:
    if isinstance(jumps, str):
        return jumps

    def asking(jump: JumpHost) -> JumpHost:
        whose = f"of {jump.user} " if jump.user else ""
        return replace(
            jump,
            passphrase=_asking(jump.passphrase, _passphrase(jump)),
            password=_asking(jump.password, f"password {whose}on the jump host {jump.address}"),
        )

    return tuple(map(asking, jumps))


def _passphrase(login: Ssh | JumpHost) -> str:
    files = login.identity_files
    return f"passphrase of the key {listed(files)}" if files else "passphrase of your SSH key"


def _login(users: _Users) -> str:
    return f"password of {_who(users)}" if users else "password"


def _sudo(reference: str, users: _Users) -> str:
    needed = {user: nodes for user, nodes in users.items() if user != "root"}
    if not needed and _is_bare(reference):
        return ""
    return _asking(reference, f"sudo password of {_who(needed)}")


def _who(users: _Users) -> str:
    return ", of ".join(f"{user} on {listed(nodes)}" for user, nodes in users.items())


def _asking(reference: str, question: str) -> str:
    return f"{_PROMPT}{question}" if _is_bare(reference) else reference


def _is_bare(reference: str) -> bool:
    return reference.startswith(_PROMPT) and not reference.removeprefix(_PROMPT).strip()


def _references(value: Any) -> Iterator[str]:
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            inner = getattr(value, field.name)
            if field.metadata.get("secret") and isinstance(inner, str):
                if inner.startswith(_PROMPT):
                    yield inner
            else:
                yield from _references(inner)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _references(inner)
