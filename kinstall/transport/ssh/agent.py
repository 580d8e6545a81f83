"""The operator's agent, over the socket that SSH_AUTH_SOCK or `identityAgent` names."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from paramiko import AgentKey, SSHException
from paramiko.agent import AgentSSH

_SECONDS = 90.0
"""Somebody may have to touch a security key, or to type a PIN."""


class NoAgent(Exception):
    """The agent that was named does not answer; the text says why."""


class Agent(AgentSSH):
    """A connection to one agent; without an agent it has no keys. Close it."""

    def __init__(self, where: str = "") -> None:
        """`where` as ssh's IdentityAgent: a path, `none`, `SSH_AUTH_SOCK` (the default, also for "") or `$NAME`.

        Raises:
            NoAgent: a socket that `where` names does not answer as an agent
        """
        super().__init__()
        self.where = where
        path = _socket_path(where)
        if not path:
            return
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(_SECONDS)
            connection.connect(path)
            # Private: tests/unit/transport/test_agent.py notices a change.
            self._connect(connection)  # type: ignore[attr-defined]
        except (OSError, SSHException) as error:
            connection.close()
            if where not in ("", "SSH_AUTH_SOCK"):
                reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
                raise NoAgent(f"the agent at {path} does not answer: {reason}") from None

    def in_order(self) -> list[AgentKey]:
        """Security keys (FIDO) last: paramiko has a key sign before it knows whether the host takes it, and each of
        theirs costs a touch."""
        return sorted(self.get_keys(), key=lambda key: key.get_name().startswith("sk-"))

    def key(self, public: bytes) -> AgentKey | None:
        """The agent's key with that public part (wire form)."""
        return next((key for key in self.get_keys() if public and key.asbytes() == public), None)

    def close(self) -> None:
        self._close()  # type: ignore[attr-defined]


def _socket_path(where: str) -> str:
    if where.lower() == "none":
        return ""
    if where in ("", "SSH_AUTH_SOCK"):
        return os.environ.get("SSH_AUTH_SOCK", "")
    if where.startswith("$"):
        return os.environ.get(where[1:].strip("{}"), "")
    return str(Path(where).expanduser())
