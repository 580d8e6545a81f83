"""Logging in as ssh does: key files (with their certificates), the agent's keys, a password, until one is accepted; a
host may ask for several in turn. Where nothing is named, ssh's own default keys are tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from paramiko import AuthenticationException, BadAuthenticationType, PKey, SSHException, Transport

from kinstall.errors import AuthenticationFailed
from kinstall.transport.ssh.agent import Agent, NoAgent
from kinstall.transport.ssh.key_files import KeyFiles, Unusable, with_certificate
from kinstall.transport.target import DEFAULT_KEYS, SshTarget
from kinstall.wording import LONGEST_WORDS, cut, listed


@dataclass(frozen=True, slots=True)
class _Method:
    """`name` as the operator reads it, `kind` as SSH calls it."""

    name: str
    kind: str
    attempt: Callable[[Transport, str], object]


def log_in(transport: Transport, node: str, target: SshTarget, keys: KeyFiles) -> None:
    """Authenticate `transport`; the host's key has been checked before.

    Raises:
        AuthenticationFailed: with the methods that were tried
        SSHException, EOFError, OSError: the connection broke
    """
    try:
        agent = Agent(target.identity_agent)
    except NoAgent as error:
        remedy = "start it, or correct ssh.identityAgent (a path, none, or SSH_AUTH_SOCK)"
        raise AuthenticationFailed(node, str(error), remedy) from None
    try:
        tried: list[str] = []
        for method in _methods(node, target, keys, agent, tried):
            try:
                method.attempt(transport, target.user)
            except BadAuthenticationType:
                tried.append(f"{method.name} (the host does not take a {method.kind})")
            except AuthenticationException as error:
                tried.append(_refusal(method, error))
            except SSHException as error:
                if str(error) != "key cannot be used for signing":  # paramiko's words for an agent's refusal
                    raise
                what = f"the agent does not sign with {method.name}"
                raise AuthenticationFailed(node, what, "unlock the agent, or touch the security key in time") from None
            else:
                tried.append(f"{method.name} (accepted, but the host asks for more)")
            if transport.is_authenticated():
                return
            if not transport.is_active():
                break
        raise _refused(transport, node, target, tried, agent)
    finally:
        agent.close()


def _methods(node: str, target: SshTarget, keys: KeyFiles, agent: Agent, tried: list[str]) -> Iterator[_Method]:
    """What is tried, in ssh's order: key files and the agent's other keys, then the password. A file of several that
    cannot be used is noted in `tried` and passed over, as ssh does.

    Raises:
        AuthenticationFailed: the only file that the answers name cannot be used
    """
    named = target.identity_files
    offered: set[bytes] = set()
    if not named and not target.identities_only:
        yield from _others(agent, offered)
    for name in named or (() if target.password else DEFAULT_KEYS):
        try:
            method, public = _from_file(name, target, keys, agent)
        except Unusable as error:
            if error.missing and name in DEFAULT_KEYS and len(named) != 1:
                continue
            if len(named) == 1:
                raise AuthenticationFailed(node, f"the key {name} {error.what}", error.remedy) from None
            tried.append(f"the key {name} ({error.what})")
            continue
        if public not in offered:
            offered.add(public)
            yield method
    if named and target.identities_only is False:
        yield from _others(agent, offered)
    if target.password:
        password = keys.secrets.resolve(target.password).reveal()
        yield _Method("the password", "password", lambda t, user: t.auth_password(user, password))


def _others(agent: Agent, offered: set[bytes]) -> Iterator[_Method]:
    """The agent's keys, but for those that were offered."""
    for held in agent.in_order():
        if held.asbytes() not in offered:
            offered.add(held.asbytes())
            yield _with_key(f"the agent's key {held.comment or held.get_name()}", held)


def _from_file(name: str, target: SshTarget, keys: KeyFiles, agent: Agent) -> tuple[_Method, bytes]:
    """The key of a file, and its public part. Where the file has no private key to use, the agent may hold it.

    Raises:
        Unusable
    """
    found = keys.load(name, target.passphrase, agent)
    if found.key is not None:
        return _with_key(f"the key {name}", found.key), found.public
    held = agent.key(found.public)
    if held is None:
        also = ", and no agent holds it" if found.public else ""
        raise Unusable(f"{found.why}{also}", found.remedy)
    with_certificate(held, found.path)
    return _with_key(f"the key {name} (from the agent)", held), found.public


def _with_key(name: str, key: PKey) -> _Method:
    return _Method(name, "key", lambda transport, user: transport.auth_publickey(user, key))


def _refusal(method: _Method, error: AuthenticationException) -> str:
    text = str(error)
    if "imeout" in text:
        return f"{method.name} (no answer in time)"
    if "agree on a pubkey algorithm" in text:
        return f"{method.name} (the host takes only SHA-1 signatures of RSA keys, which are unsafe)"
    return f"{method.name} (refused)"


def _refused(
    transport: Transport, node: str, target: SshTarget, tried: list[str], agent: Agent
) -> AuthenticationFailed:
    said = getattr(transport, "last_words", "")
    ends = f"; then it ended the connection: {said}" if said else ""
    what = f"{target.where} does not let {target.user} in"
    if not tried:
        return AuthenticationFailed(
            node,
            f"{what}: no key and no password to try (no ssh.identityFile, no ssh.password, no keys in an agent, no "
            f"{listed(DEFAULT_KEYS, len(DEFAULT_KEYS))})",
            "set ssh.identityFile or ssh.password, or start an agent and run ssh-add",
        )
    if "Too many" in said:
        remedy = "too many keys were offered: set ssh.identityFile to the right one (its .pub, where an agent holds it)"
    else:
        remedy = (
            f"see that `ssh {target.user}@{target.host}` works with the same credentials; {_accepts(transport, target)}"
        )
        if target.identity_files and target.identities_only is None and agent.get_keys():
            remedy += "; ssh.identitiesOnly: false also tries the agent's other keys"
    return AuthenticationFailed(node, f"{what}; tried {', '.join(tried)}{ends}", remedy)


def _accepts(transport: Transport, target: SshTarget) -> str:
    """What the host would take, asked with SSH's `none`."""
    try:
        if transport.is_active():
            transport.auth_none(target.user)
    except BadAuthenticationType as error:
        return f"the host takes: {cut(', '.join(error.allowed_types), LONGEST_WORDS)}"
    except (SSHException, EOFError, OSError):
        pass
    return "the host's sshd log says why it refused"
