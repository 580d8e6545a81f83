"""Logging in: a key file (with its certificate), the agent's keys, a password. Tried in this order, until one is
accepted; a host may ask for several in turn."""

from __future__ import annotations

import base64
import binascii
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from paramiko import (
    Agent,
    AuthenticationException,
    BadAuthenticationType,
    ECDSAKey,
    Ed25519Key,
    PasswordRequiredException,
    PKey,
    RSAKey,
    SSHException,
    Transport,
)

from kinstall import files
from kinstall.errors import AuthenticationFailed
from kinstall.secrets import Secrets
from kinstall.transport.target import SshTarget
from kinstall.wording import LONGEST_WORDS, cut

_LARGEST_KEY = 1 << 20


@dataclass(frozen=True, slots=True)
class _Method:
    """`name` as the operator reads it, `kind` as SSH calls it."""

    name: str
    kind: str
    attempt: Callable[[Transport, str], object]


class KeyFiles:
    """Private keys, read and decrypted once per run (decrypting takes a tenth of a second)."""

    def __init__(self, secrets: Secrets) -> None:
        self.secrets = secrets
        self._lock = threading.Lock()
        self._keys: dict[tuple[str, str], PKey] = {}

    def load(self, node: str, target: SshTarget) -> PKey | None:
        """The target's key; None where it is encrypted and no passphrase is given (the agent may have it).

        Raises:
            AuthenticationFailed: missing, readable by others, damaged, wrong passphrase
        """
        with self._lock:
            found = self._keys.get((target.identity_file, target.passphrase))
            if found is None:
                path = Path(target.identity_file).expanduser()
                found = _read_key(node, path, self._passphrase(target))
                if found is not None:
                    self._keys[target.identity_file, target.passphrase] = found
            return found

    def _passphrase(self, target: SshTarget) -> str | None:
        return self.secrets.resolve(target.passphrase).reveal() if target.passphrase else None


def log_in(transport: Transport, node: str, target: SshTarget, keys: KeyFiles) -> None:
    """Authenticate `transport`; the host's key has been checked before.

    Raises:
        AuthenticationFailed: with the methods that were tried
        SSHException, EOFError, OSError: the connection broke
    """
    agent = Agent()
    try:
        tried: list[str] = []
        for method in _methods(node, target, keys, agent):
            try:
                method.attempt(transport, target.user)
            except BadAuthenticationType:
                tried.append(f"{method.name} (the host does not take a {method.kind})")
            except AuthenticationException as error:
                tried.append(_refusal(method, error))
            else:
                tried.append(f"{method.name} (accepted, but the host asks for more)")
            if transport.is_authenticated():
                return
            if not transport.is_active():
                break
        raise _refused(transport, node, target, tried)
    finally:
        agent.close()


def _methods(node: str, target: SshTarget, keys: KeyFiles, agent: Agent) -> Iterator[_Method]:
    if target.identity_file:
        key = keys.load(node, target)
        if key is not None:
            yield _with_key(f"the key {target.identity_file}", key)
        else:
            yield _from_agent(node, target, agent)
    else:
        for held in agent.get_keys():
            yield _with_key(f"the agent's key {held.comment or held.get_name()}", held)
    if target.password:
        password = keys.secrets.resolve(target.password).reveal()
        yield _Method("the password", "password", lambda t, user: t.auth_password(user, password))


def _with_key(name: str, key: PKey) -> _Method:
    return _Method(name, "key", lambda transport, user: transport.auth_publickey(user, key))


def _from_agent(node: str, target: SshTarget, agent: Agent) -> _Method:
    """An encrypted key without a passphrase: the agent may hold it decrypted."""
    public = _public_part(Path(target.identity_file).expanduser())
    for held in agent.get_keys():
        if public and held.asbytes() == public:
            return _with_key(f"the key {target.identity_file} (from the agent)", held)
    raise AuthenticationFailed(
        node,
        f"the key {target.identity_file} is encrypted, no passphrase is given, and no agent holds it",
        "set ssh.passphrase to a reference (env:NAME, file:PATH or prompt:), or run ssh-add",
    )


def _read_key(node: str, path: Path, passphrase: str | None) -> PKey | None:
    def refuse(what: str, remedy: str) -> AuthenticationFailed:
        return AuthenticationFailed(node, f"the key {path} {what}", remedy)

    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = files.read(path, _LARGEST_KEY).decode("utf-8", "replace")
    except FileNotFoundError:
        raise refuse("does not exist", "correct ssh.identityFile") from None
    except OSError as error:
        raise refuse(f"cannot be read: {error.strerror}", "correct ssh.identityFile") from None
    if mode & 0o077:
        raise refuse(f"can be read by others (mode {mode:04o})", f"chmod 600 {path}")
    if "BEGIN DSA " in text:
        raise refuse("is a DSA key, which SSH no longer supports", "make a new one: ssh-keygen -t ed25519")
    if "PRIVATE KEY-----" not in text:
        what = "is a public key" if text.startswith(("ssh-", "ecdsa-")) else "is not a private key"
        raise refuse(what, "set ssh.identityFile to the private key, without .pub")
    if "BEGIN PRIVATE KEY" in text or "BEGIN ENCRYPTED PRIVATE KEY" in text:
        raise refuse("is in PKCS 8 form", f"convert it: ssh-keygen -p -f {path}")
    return _decode(path, text, passphrase, refuse)


def _decode(
    path: Path, text: str, passphrase: str | None, refuse: Callable[[str, str], AuthenticationFailed]
) -> PKey | None:
    reasons: list[str] = []
    for kind in (Ed25519Key, ECDSAKey, RSAKey):
        try:
            key: PKey = kind.from_private_key(StringIO(text), password=passphrase)
        except PasswordRequiredException:
            return None
        except (SSHException, ValueError, TypeError, IndexError, binascii.Error, OSError) as error:
            reasons.append(str(error))
            continue
        certificate = path.with_name(path.name + "-cert.pub")
        if certificate.exists():
            try:
                key.load_certificate(str(certificate))
            except (SSHException, ValueError, OSError) as error:
                raise refuse(
                    f"has a certificate that cannot be used: {error}", f"renew or remove {certificate}"
                ) from None
        return key
    if passphrase is not None:
        raise refuse("cannot be decrypted", "correct the secret that ssh.passphrase refers to")
    raise refuse(f"cannot be read ({reasons[0]})", "kinstall reads ed25519, ECDSA and RSA keys: ssh-keygen -t ed25519")


def _public_part(path: Path) -> bytes:
    """The public key in wire form, from FILE.pub or the unencrypted head of an OpenSSH private key; b"" without."""
    try:
        return base64.b64decode(files.read(path.with_name(path.name + ".pub"), _LARGEST_KEY).split()[1])
    except (OSError, IndexError, ValueError):
        pass
    try:
        lines = files.read(path, _LARGEST_KEY).splitlines()
        data = base64.b64decode(b"".join(line for line in lines if b"-----" not in line))
    except (OSError, ValueError):
        return b""
    # openssh-key-v1\0, then cipher, kdf and its options as strings, the number of keys, the public key as a string
    at = 15
    for _ in range(3):
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    at += 4
    return data[at + 4 : at + 4 + int.from_bytes(data[at : at + 4], "big")]


def _refusal(method: _Method, error: AuthenticationException) -> str:
    text = str(error)
    if "imeout" in text:
        return f"{method.name} (no answer in time)"
    if "agree on a pubkey algorithm" in text:
        return f"{method.name} (the host takes only SHA-1 signatures of RSA keys, which are unsafe)"
    return f"{method.name} (refused)"


def _refused(transport: Transport, node: str, target: SshTarget, tried: list[str]) -> AuthenticationFailed:
    said = getattr(transport, "last_words", "")
    ends = f"; then it ended the connection: {said}" if said else ""
    what = f"{target.where} does not let {target.user} in"
    if not tried:
        return AuthenticationFailed(
            node,
            f"{what}: no key and no password to try (no ssh.identityFile, no ssh.password, no keys in an agent)",
            "set ssh.identityFile or ssh.password, or start an agent and run ssh-add",
        )
    if "Too many" in said:
        remedy = "the agent offers too many keys: set ssh.identityFile to the right one"
    else:
        remedy = (
            f"see that `ssh {target.user}@{target.host}` works with the same credentials; {_accepts(transport, target)}"
        )
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
