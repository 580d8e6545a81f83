"""Key files of the operator: read, judged and decrypted once per run (decrypting takes a tenth of a second)."""

from __future__ import annotations

import stat
import threading
from dataclasses import dataclass
from pathlib import Path

from paramiko import PKey, SSHException

from kinstall import files
from kinstall.secrets import Secrets
from kinstall.transport.ssh import private_key
from kinstall.transport.ssh.agent import Agent

_LARGEST = 1 << 20

_PUBLIC = "run ssh-add for its private key, or set ssh.identityFile to that, without .pub"
_DECRYPT = "set ssh.passphrase to a reference (env:NAME, file:PATH or prompt:), or run ssh-add"
_WRONG = "correct the secret that ssh.passphrase refers to"
_NEW = "kinstall reads ed25519, ECDSA and RSA keys: ssh-keygen -t ed25519"


class Unusable(Exception):
    """A key file that cannot be used: `what` is the end of a sentence about it; `missing`: there is none."""

    def __init__(self, what: str, remedy: str, *, missing: bool = False) -> None:
        super().__init__(what)
        self.what, self.remedy, self.missing = what, remedy, missing


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What a file holds: the private `key`, or only its `public` part (wire form, b"" where it is not known), for which
    an agent may have the private one. `why`, the end of a sentence, says why there is no private key here."""

    path: Path
    key: PKey | None
    public: bytes
    why: str = ""
    remedy: str = ""


class KeyFiles:
    """Reads each file once. May be used by several threads."""

    def __init__(self, secrets: Secrets) -> None:
        self.secrets = secrets
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str, str], KeyFile] = {}

    def load(self, name: str, passphrase: str, agent: Agent) -> KeyFile:
        """What the file `name` holds; `passphrase` is a reference, looked up only where the key is encrypted and the
        agent does not hold it.

        Raises:
            Unusable: missing, readable by others, beside a bad certificate
        """
        with self._lock:
            known = (name, passphrase, agent.where)
            if known not in self._found:
                self._found[known] = self._read(name, passphrase, agent)
            return self._found[known]

    def _read(self, name: str, passphrase: str, agent: Agent) -> KeyFile:
        try:
            path = Path(name).expanduser()
            mode = stat.S_IMODE(path.stat().st_mode)
            text = files.read(path, _LARGEST).decode("utf-8", "replace")
        except FileNotFoundError:
            raise Unusable("does not exist", "correct ssh.identityFile", missing=True) from None
        except OSError as error:
            raise Unusable(f"cannot be read: {error.strerror}", "correct ssh.identityFile") from None
        except (RuntimeError, ValueError):  # `~name` of an unknown user, a NUL
            raise Unusable("has a path that is not valid", "correct ssh.identityFile") from None
        public = private_key.public_part(text) or _beside(path)
        if private_key.is_public(text):
            # As with ssh: it chooses one of the agent's keys.
            return KeyFile(path, None, public, "is a public key", _PUBLIC)
        if mode & 0o077:
            raise Unusable(f"can be read by others (mode {mode:04o})", f"chmod 600 {path}")
        try:
            key = self._private(text, "" if agent.key(public) else passphrase)
        except private_key.Encrypted:
            return KeyFile(path, None, public, "is encrypted, no passphrase is given", _DECRYPT)
        except private_key.WrongPassphrase:
            return KeyFile(
                path, None, public, "cannot be decrypted", "correct the secret that ssh.passphrase refers to"
            )
        except private_key.Unusable as error:
            return KeyFile(path, None, public, error.what, error.remedy.replace("{}", str(path)) or _NEW)
        with_certificate(key, path)
        return KeyFile(path, key, key.asbytes())

    def _private(self, text: str, passphrase: str) -> PKey:
        try:
            return private_key.load(text, None)
        except private_key.Encrypted:
            if not passphrase:
                raise
            return private_key.load(text, self.secrets.resolve(passphrase).reveal())


def with_certificate(key: PKey, path: Path) -> None:
    """Have the key present the certificate KEY-cert.pub beside it, where there is one.

    Raises:
        Unusable: it cannot be used
    """
    certificate = path.with_name(path.name.removesuffix(".pub") + "-cert.pub")
    if certificate.exists():
        try:
            key.load_certificate(str(certificate))
        except (SSHException, ValueError, OSError) as error:
            what = f"has a certificate that cannot be used: {error}"
            raise Unusable(what, f"renew or remove {certificate}") from None


def _beside(path: Path) -> bytes:
    """The public key in FILE.pub, for forms that hide theirs; b"" without."""
    try:
        return private_key.public_part(files.read(path.with_name(path.name + ".pub"), _LARGEST).decode())
    except (OSError, ValueError):
        return b""
