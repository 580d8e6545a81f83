"""Logins to nodes."""

from __future__ import annotations

from dataclasses import dataclass

from kinstall.cluster.fields import answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """How kinstall logs in to nodes. Secrets are references: `env:NAME`, `file:PATH`, `prompt:`."""

    user: str = answer("login name", default="root")
    port: int = answer("TCP port", default=22)
    identity_file: str = answer("path of the private key; default: the keys of ssh-agent", secret=True, default="")
    passphrase: str = answer("reference to the key's passphrase", secret=True, default="")
    password: str = answer("reference to the login password", secret=True, default="")
    sudo_password: str = answer(
        "reference to sudo's password; default: the login password, if there is one", secret=True, default=""
    )
    proxy_jump: str = answer("[user@]host[:port] to go through", default="")
    proxy_jump_host_key: str = answer("SHA256: fingerprint of the jump host", default="")
    connect_timeout: int = answer("connection timeout in seconds", default=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSsh:
    """Per-node overrides; `None` takes the value of `ssh`."""

    user: str | None = answer("login name", default=None)
    port: int | None = answer("TCP port", default=None)
    identity_file: str | None = answer("path of the private key", secret=True, default=None)
    passphrase: str | None = answer("reference to the key's passphrase", secret=True, default=None)
    password: str | None = answer("reference to the login password", secret=True, default=None)
    sudo_password: str | None = answer("reference to sudo's password", secret=True, default=None)
    proxy_jump: str | None = answer("[user@]host[:port] to go through", default=None)
    proxy_jump_host_key: str | None = answer("SHA256: fingerprint of the jump host", default=None)
