"""Logins to nodes: users, ports, keys, references to secrets, host keys, jump hosts."""

from __future__ import annotations

from collections.abc import Iterator

from kinstall.answers.rules import formats
from kinstall.answers.rules.view import Rule, View, between, problem_at
from kinstall.cluster import NodeSsh, Ssh
from kinstall.findings import Problem


def logins(view: View) -> Iterator[Problem]:
    yield from _login("ssh", view.spec.ssh)
    yield from between("ssh.connectTimeout", view.spec.ssh.connect_timeout, 1, 600, "it is seconds")
    for path, node in view.nodes():
        yield from _login(f"{path}.ssh", node.ssh)


def _login(path: str, ssh: Ssh | NodeSsh) -> Iterator[Problem]:
    if ssh.user is not None:
        yield from problem_at(f"{path}.user", formats.user(ssh.user))
    if ssh.port is not None:
        yield from problem_at(f"{path}.port", formats.port(ssh.port))
    if ssh.identity_file:
        yield from problem_at(f"{path}.identityFile", formats.key_file(ssh.identity_file))
    for key, text in (
        ("passphrase", ssh.passphrase),
        ("password", ssh.password),
        ("sudoPassword", ssh.sudo_password),
    ):
        if text:
            yield from problem_at(f"{path}.{key}", formats.secret_reference(text))
    if ssh.proxy_jump:
        yield from problem_at(f"{path}.proxyJump", formats.jump(ssh.proxy_jump))
    if ssh.proxy_jump_host_key:
        yield from problem_at(f"{path}.proxyJumpHostKey", formats.fingerprint(ssh.proxy_jump_host_key))


def host_keys(view: View) -> Iterator[Problem]:
    for path, node in view.nodes():
        if node.host_key:
            yield from problem_at(f"{path}.hostKey", formats.fingerprint(node.host_key))


RULES: tuple[Rule, ...] = (logins, host_keys)
