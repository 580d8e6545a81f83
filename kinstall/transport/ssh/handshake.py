"""The first steps of a connection: socket, key exchange, the key that the host shows.

Nothing here says who connects: that is sent after the key was checked (kinstall.transport.ssh.connect).
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Callable
from typing import Any, ClassVar

import paramiko
from paramiko import SSHException
from paramiko.common import MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA
from paramiko.packet import Packetizer
from paramiko.ssh_exception import IncompatiblePeer

from kinstall.errors import Unreachable
from kinstall.transport.host_keys import HostKey, same_fingerprint
from kinstall.transport.ssh import errors
from kinstall.transport.target import SshTarget
from kinstall.wording import LONGEST_WORDS, cut

# curve25519 first: a key exchange with group 16 takes eight times as long.
_KEX = (
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "mlkem768x25519-sha256",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
)
_CIPHERS = ("aes128-gcm@openssh.com", "aes128-ctr", "aes256-gcm@openssh.com", "aes192-ctr", "aes256-ctr")
_MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
HOST_KEY_ALGORITHMS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
"""Key type → signature algorithms, the preferred type first."""

# paramiko would print tracebacks of connections that fail; they are reported as errors instead.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


_LONGEST_GREETING = 1 << 16
"""Bytes before a host's version, and of it."""

_LARGEST_PACKET = 1 << 18
"""Bytes, as OpenSSH has it (PACKET_MAX_SIZE); larger ones are damaged, or made to fill the memory."""

_ROOM = 4 << 20
"""Bytes: twice what a peer is allowed to send ahead (paramiko's window)."""


# paramiko waits for packets and lines of any length, and keeps whatever comes beyond the window: before its key is
# checked anybody is the peer. Private, and noticed by tests/unit/attacks.
class _BoundedPackets(Packetizer):
    _greeted = 0

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        if n > _LARGEST_PACKET + 64:
            raise SSHException("it sends a packet that is larger than SSH allows")
        return super().read_all(n, check_rekey)

    def _read_timeout(self, timeout: float) -> bytes:
        data: bytes = super()._read_timeout(timeout)  # type: ignore[misc]
        self._greeted += len(data)
        if self._greeted > _LONGEST_GREETING:
            raise SSHException(": it greets without end")
        return data


def _fed(feed: Callable[[paramiko.Channel, paramiko.Message], None]) -> Callable[[Any, Any], None]:
    """paramiko's handler of a channel's data, for a peer that keeps to its window."""

    def handle(channel: paramiko.Channel, message: paramiko.Message) -> None:
        if len(channel.in_buffer) > _ROOM or len(channel.in_stderr_buffer) > _ROOM:
            raise SSHException("it sends more than it was given room for")
        feed(channel, message)

    return handle


class SshTransport(paramiko.Transport):
    """paramiko's transport that asks for plain host keys only and keeps what the host says as it hangs up."""

    _channel_handler_table: ClassVar[dict[int, Callable[[Any, Any], None]]] = {
        **paramiko.Transport._channel_handler_table,  # type: ignore[attr-defined]
        MSG_CHANNEL_DATA: _fed(paramiko.Channel._feed),  # type: ignore[attr-defined]
        MSG_CHANNEL_EXTENDED_DATA: _fed(paramiko.Channel._feed_extended),  # type: ignore[attr-defined]
    }
    last_words = ""
    host_key_algorithms: tuple[str, ...] = ()

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """What is offered in the key exchange. paramiko's own adds certificates, which are not checked here."""
        return self.host_key_algorithms

    # Private, and the only place where the host's words are: tests/unit/transport/test_paramiko.py notices a change.
    def _parse_disconnect(self, message: paramiko.Message) -> None:
        message.get_int()
        self.last_words = cut(message.get_text().strip(), LONGEST_WORDS)


def open_socket(node: str, target: SshTarget, deadline: float) -> socket.socket:
    """A TCP connection that does not wait and notices a dead peer, until `deadline` (time.monotonic).

    Raises:
        Unreachable
    """
    try:
        sock = socket.create_connection((target.host, target.port), timeout=left(deadline))
    except OSError as error:
        raise errors.not_connected(node, target, error) from None
    # Without TCP_NODELAY each command waits 40 ms (Nagle's algorithm and delayed acknowledgements).
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # Linux' names; elsewhere the system's own times apply. A dead peer is noticed after about half a minute.
    for option, value in (
        ("TCP_KEEPIDLE", 10),
        ("TCP_KEEPINTVL", 5),
        ("TCP_KEEPCNT", 4),
        ("TCP_USER_TIMEOUT", 30_000),
    ):
        if number := getattr(socket, option, None):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, number, value)
    return sock


def key_exchange(
    node: str, target: SshTarget, sock: socket.socket, algorithms: tuple[str, ...], deadline: float
) -> SshTransport:
    """An encrypted connection over `sock`, nobody logged in; the host shows a key of the first algorithm it has.

    Raises:
        Unreachable
    """
    transport = SshTransport(sock, packetizer_class=_BoundedPackets)
    options = transport.get_security_options()
    options.kex = tuple(kex for kex in _KEX if kex in options.kex)
    options.ciphers = _CIPHERS
    options.digests = _MACS
    transport.host_key_algorithms = algorithms
    transport.banner_timeout = transport.handshake_timeout = left(deadline)
    try:
        transport.start_client(timeout=left(deadline))
        if not transport.initial_kex_done:
            raise EOFError("timed out")
    except (SSHException, EOFError, OSError) as error:
        greeting = transport.remote_version
        hang_up(transport)
        # paramiko's own banner time-out and this deadline end together; its words do not say which it was.
        late = not greeting and time.monotonic() >= deadline - 0.1
        raise errors.no_handshake(node, target, EOFError("timed out") if late else error, greeting) from None
    except BaseException:
        hang_up(transport)
        raise
    return transport


def another_key(
    node: str,
    target: SshTarget,
    dial: Callable[[], socket.socket],
    shown: SshTransport,
    wanted: str,
    deadline: float,
) -> SshTransport | None:
    """Ask for the host's other keys, one type after another, until it shows `wanted`; then that one's connection."""
    seen = {key_of(shown).type}
    while len(seen) < len(HOST_KEY_ALGORITHMS):
        algorithms = tuple(a for kind, names in HOST_KEY_ALGORITHMS.items() if kind not in seen for a in names)
        try:
            transport = key_exchange(node, target, dial(), algorithms, deadline)
        except Unreachable as error:
            if isinstance(error.__context__, IncompatiblePeer):
                return None
            raise
        key = key_of(transport)
        if same_fingerprint(key.fingerprint, wanted):
            hang_up(shown)
            return transport
        hang_up(transport)
        seen.add(key.type)
    return None


def key_of(transport: SshTransport) -> HostKey:
    """The key that the host showed, and proved to have."""
    key = transport.get_remote_server_key()
    return HostKey(key.get_name(), key.asbytes())


def hang_up(transport: SshTransport) -> None:
    """Close the connection now; may be called from any thread and again."""
    # paramiko's thread sits in recv for up to 0.1 s after a close; a shutdown wakes it at once.
    sock = transport.sock
    if isinstance(sock, socket.socket):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    transport.packetizer.complete_handshake()  # else its timer keeps the process from ending
    transport.close()
    sock.close()


def left(deadline: float) -> float:
    """Seconds until `deadline`, a tenth at least: 0 would mean no waiting at all."""
    return max(deadline - time.monotonic(), 0.1)
