"""Logins to nodes."""

from __future__ import annotations

from dataclasses import dataclass

from kinstall.cluster.fields import answer

_KEY = "path of the private key, or a list of paths that are tried in turn; a public key chooses one of the agent's"
_JUMP = (
    "jump hosts to go through: [user@]host[:port], several with commas, or a list with a login for each; without a "
    "user it is your own login name, as with ssh"
)
_ONLY = "whether only these keys are tried, and not the agent's others; default: true where identityFile is given"
_AGENT = "the agent's socket: a path, none or SSH_AUTH_SOCK"


@dataclass(frozen=True, slots=True, kw_only=True)
class JumpHost:
    """A host to go through, with its own login. The nodes' passwords are never sent to it."""

    address: str = answer("host name or IPv4 address, as seen from the host before it", since="0.2")
    port: int = answer("TCP port", since="0.2", default=22)
    user: str = answer("login name; default: your own login name, as with ssh", since="0.2", default="")
    identity_file: str | tuple[str, ...] = answer(
        "path of the private key, or a list of paths; default: the nodes', then your own default keys",
        since="0.2",
        secret=True,
        default="",
    )
    passphrase: str = answer("reference to the key's passphrase", since="0.2", secret=True, reference=True, default="")
    password: str = answer("reference to the login password", since="0.2", secret=True, reference=True, default="")
    host_key: str = answer("SHA256: fingerprint of the SSH host key", since="0.2", default="")

    @property
    def identity_files(self) -> tuple[str, ...]:
        return _several(self.identity_file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """How kinstall logs in to nodes. Secrets are references: `env:NAME`, `file:PATH`, `prompt:`."""

    user: str = answer("login name", default="root")
    port: int = answer("TCP port", default=22)
    identity_file: str | tuple[str, ...] = answer(
        f"{_KEY}; default: the agent's keys, and without a password ssh's own default files", secret=True, default=""
    )
    identities_only: bool | None = answer(_ONLY, since="0.2", default=None)
    identity_agent: str = answer(f"{_AGENT}; default: SSH_AUTH_SOCK", since="0.2", default="")
    passphrase: str = answer("reference to the key's passphrase", secret=True, reference=True, default="")
    password: str = answer("reference to the login password", secret=True, reference=True, default="")
    sudo_password: str = answer(
        "reference to sudo's password; default: the login password, if there is one",
        secret=True,
        reference=True,
        default="",
    )
    proxy_jump: str | tuple[JumpHost, ...] = answer(_JUMP, default="")
    proxy_jump_host_key: str = answer(
        "SHA256: fingerprint of the jump host, where proxyJump is one host as text", default=""
    )
    connect_timeout: int = answer("connection timeout in seconds", default=15)

    @property
    def identity_files(self) -> tuple[str, ...]:
        return _several(self.identity_file)

    @property
    def jumps(self) -> tuple[JumpHost, ...]:
        """The jump hosts, the first to connect to first."""
        if not isinstance(self.proxy_jump, str):
            return self.proxy_jump
        found = tuple(_jump(text) for text in self.proxy_jump.split(",") if text.strip())
        return (_pinned(found[0], self.proxy_jump_host_key),) if len(found) == 1 else found


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSsh:
    """Per-node overrides; `None` takes the value of `ssh`."""

    user: str | None = answer("login name", default=None)
    port: int | None = answer("TCP port", default=None)
    identity_file: str | tuple[str, ...] | None = answer(_KEY, secret=True, default=None)
    identities_only: bool | None = answer(_ONLY, since="0.2", default=None)
    identity_agent: str | None = answer(_AGENT, since="0.2", default=None)
    passphrase: str | None = answer("reference to the key's passphrase", secret=True, reference=True, default=None)
    password: str | None = answer("reference to the login password", secret=True, reference=True, default=None)
    sudo_password: str | None = answer("reference to sudo's password", secret=True, reference=True, default=None)
    proxy_jump: str | tuple[JumpHost, ...] | None = answer(_JUMP, default=None)
    proxy_jump_host_key: str | None = answer(
        "SHA256: fingerprint of the jump host, where proxyJump is one host as text", default=None
    )


def _several(files: str | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(filter(None, (files,) if isinstance(files, str) else files))


def _jump(text: str) -> JumpHost:
    """One host of a proxyJump that was checked (kinstall.answers.rules.access)."""
    user, _, place = text.strip().rpartition("@")
    host, _, port = place.partition(":")
    return JumpHost(address=host, user=user, port=int(port) if port.isdecimal() else 22)


def _pinned(jump: JumpHost, host_key: str) -> JumpHost:
    return JumpHost(address=jump.address, user=jump.user, port=jump.port, host_key=host_key)
