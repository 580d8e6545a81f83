"""Logins to nodes: users, ports, keys, references to secrets, host keys, jump hosts."""

from __future__ import annotations

from collections.abc import Iterator

from kinstall.answers.rules import formats
from kinstall.answers.rules.view import Rule, View, between, problem_at
from kinstall.cluster import JumpHost, NodeSsh, Ssh
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
    yield from _key_files(f"{path}.identityFile", ssh.identity_file)
    if ssh.identity_agent:
        yield from problem_at(f"{path}.identityAgent", formats.agent(ssh.identity_agent))
    yield from _references(path, passphrase=ssh.passphrase, password=ssh.password, sudoPassword=ssh.sudo_password)
    yield from _jumps(f"{path}.proxyJump", ssh.proxy_jump)
    if ssh.proxy_jump_host_key:
        yield from problem_at(f"{path}.proxyJumpHostKey", formats.fingerprint(ssh.proxy_jump_host_key))
        if ssh.proxy_jump and (not isinstance(ssh.proxy_jump, str) or "," in ssh.proxy_jump):
            message = "which of the jump hosts it belongs to is not said"
            remedy = "write proxyJump as a list, with a hostKey for each"
            yield Problem(f"{path}.proxyJumpHostKey", message, remedy)


def _jumps(path: str, jumps: str | tuple[JumpHost, ...] | None) -> Iterator[Problem]:
    if isinstance(jumps, str):
        if jumps:
            yield from problem_at(path, formats.jumps(jumps))
        return
    if len(jumps or ()) > formats.MOST_JUMPS:
        yield Problem(path, "too many jump hosts", f"write at most {formats.MOST_JUMPS}")
    for index, jump in enumerate(jumps or ()):
        here = f"{path}[{index}]"
        yield from problem_at(f"{here}.address", formats.jump_host(jump.address))
        yield from problem_at(f"{here}.port", formats.port(jump.port))
        if jump.user:
            yield from problem_at(f"{here}.user", formats.user(jump.user))
        yield from _key_files(f"{here}.identityFile", jump.identity_file)
        yield from _references(here, passphrase=jump.passphrase, password=jump.password)
        if jump.host_key:
            yield from problem_at(f"{here}.hostKey", formats.fingerprint(jump.host_key))


def _key_files(path: str, files: str | tuple[str, ...] | None) -> Iterator[Problem]:
    if isinstance(files, str):
        if files:
            yield from problem_at(path, formats.key_file(files))
        return
    for index, file in enumerate(files or ()):
        yield from problem_at(f"{path}[{index}]", formats.key_file(file) if file else formats.NO_PATH)


def _references(path: str, **references: str | None) -> Iterator[Problem]:
    for key, text in references.items():
        if text:
            yield from problem_at(f"{path}.{key}", formats.secret_reference(text))


def host_keys(view: View) -> Iterator[Problem]:
    for path, node in view.nodes():
        if node.host_key:
            yield from problem_at(f"{path}.hostKey", formats.fingerprint(node.host_key))


RULES: tuple[Rule, ...] = (logins, host_keys)
