"""How one host is reached and logged in to: plain fields, so that this layer knows nothing of a cluster's spec."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_JUMP = re.compile(r"(?:(?P<user>[^@\s,]+)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^@:\s,\[\]]+)(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SshTarget:
    """A host's address and login. `passphrase`, `password` and `sudo_password` are references, never the secrets.

    `host_key` and `proxy_jump_host_key` are `SHA256:…` fingerprints ("" where none is pinned). An empty
    `identity_file` means the agent's keys; an empty `sudo_password` means the login password, if there is one.
    Time-outs are in seconds: `connect_timeout` for all tries to connect together, key exchange included.
    """

    host: str
    port: int = 22
    user: str = "root"
    host_key: str = ""
    identity_file: str = ""
    passphrase: str = ""
    password: str = ""
    sudo_password: str = ""
    proxy_jump: str = ""
    proxy_jump_host_key: str = ""
    connect_timeout: float = 15.0
    auth_timeout: float = 60.0

    @property
    def where(self) -> str:
        """host or host:port, as messages name it."""
        if self.port == 22:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def jump(self) -> SshTarget | None:
        """The jump host as a target of its own, None where the host is reached directly.

        It is logged in to with the same credentials. Where the jump names another user the passwords stay away from
        it: they belong to the node's user.

        Raises:
            ValueError: `proxy_jump` is not `[user@]host[:port]`
        """
        if not self.proxy_jump:
            return None
        match = _JUMP.fullmatch(self.proxy_jump.strip())
        port = int(match["port"] or 22) if match else 0
        if not match or not 0 < port < 65536:
            raise ValueError(f"proxyJump {self.proxy_jump!r} is not [user@]host[:port]")
        user = match["user"] or self.user
        return replace(
            self,
            host=match["host"].strip("[]"),
            port=port,
            user=user,
            password=self.password if user == self.user else "",
            sudo_password="",
            host_key=self.proxy_jump_host_key,
            proxy_jump="",
            proxy_jump_host_key="",
        )
