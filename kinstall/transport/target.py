"""How one host is reached and logged in to: plain fields, so that this layer knows nothing of a cluster's spec."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_KEYS = ("~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ecdsa_sk", "~/.ssh/id_ed25519", "~/.ssh/id_ed25519_sk")
"""What ssh tries where no IdentityFile is named, in its order (`ssh -G`); those that are not there are passed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshTarget:
    """A host's address and login. `passphrase`, `password` and `sudo_password` are references, never the secrets.

    `host_key` is a `SHA256:…` fingerprint ("" where none is pinned). No `identity_files` means the agent's keys and
    ssh's default files; a public key among them chooses one of the agent's. `identities_only`: whether the agent's
    other keys are left alone; None: if files are named. `identity_agent` as ssh's IdentityAgent. An empty
    `sudo_password` means the login password, if there is one. `through` is the jump host, which may be behind another;
    its login is its own. Time-outs are in seconds: `connect_timeout` for all tries to connect together, key exchange
    included.
    """

    host: str
    port: int = 22
    user: str = "root"
    host_key: str = ""
    identity_files: tuple[str, ...] = ()
    identities_only: bool | None = None
    identity_agent: str = ""
    passphrase: str = ""
    password: str = ""
    sudo_password: str = ""
    through: SshTarget | None = None
    connect_timeout: float = 15.0
    auth_timeout: float = 60.0

    @property
    def where(self) -> str:
        """host or host:port, as messages name it."""
        if self.port == 22:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def jumps(self) -> tuple[SshTarget, ...]:
        """The hosts that lead to it, the first to connect to first."""
        return (*self.through.jumps(), self.through) if self.through else ()
