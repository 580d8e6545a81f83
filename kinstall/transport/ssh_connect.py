"""Connections: socket, key exchange, the host key's check, login; direct or through a jump host.

Nothing is sent to a host, not even a user's name, before its key was checked.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable

import paramiko
from paramiko import ChannelException, SSHException
from paramiko.ssh_exception import IncompatiblePeer

from kinstall.errors import AuthenticationFailed, HostKeyChanged, TransportError, Unreachable
from kinstall.secrets import Secrets
from kinstall.transport import ssh_errors
from kinstall.transport.host_keys import HostKey, HostKeys
from kinstall.transport.ssh_auth import KeyFiles, log_in
from kinstall.transport.target import SshTarget

TRIES = 3
_PAUSES = (0.3, 1.0)

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

# paramiko would print tracebacks of connections that fail; they are told as errors instead.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


class SshTransport(paramiko.Transport):
    """paramiko's transport that asks for plain host keys only and keeps what the host says as it hangs up."""

    last_words = ""

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        return self._preferred_keys

    @preferred_keys.setter
    def preferred_keys(self, algorithms: tuple[str, ...]) -> None:
        self._preferred_keys = algorithms

    def _parse_disconnect(self, message: paramiko.Message) -> None:
        message.get_int()
        self.last_words = message.get_text().strip()


class Link:
    """An authenticated connection. `close` may be called from any thread, and more than once."""

    def __init__(self, transport: SshTransport, release: Callable[[], None] | None) -> None:
        self.transport = transport
        self._release = release

    @property
    def alive(self) -> bool:
        return self.transport.is_active()

    def close(self) -> None:
        _hang_up(self.transport)
        release, self._release = self._release, None
        if release:
            release()


class Connector:
    """Makes the connections of one run: what they share are the trusted keys, the secrets and the jump hosts' links.

    Nodes behind one jump host share one connection to it: sshd drops those that come at once (MaxStartups).
    """

    def __init__(self, trust: HostKeys, secrets: Secrets) -> None:
        self.trust = trust
        self.secrets = secrets
        self._keys = KeyFiles(secrets)
        self._lock = threading.Lock()
        self._jumps: dict[SshTarget, _SharedLink] = {}

    def connect(self, node: str, target: SshTarget, cancelled: Callable[[], bool] = lambda: False) -> Link:
        """A checked, authenticated connection; up to three tries within `connect_timeout`, where a try can help.

        Raises:
            Unreachable, AuthenticationFailed, HostKeyUnknown, HostKeyChanged
        """
        transport, release = self._handshaken(node, target, cancelled, self._trusted_key)
        try:
            transport.auth_timeout = target.auth_timeout
            log_in(transport, node, target, self._keys)
        except (SSHException, EOFError, OSError) as error:
            _abandon(transport, release)
            raise ssh_errors.broken(node, target, error) from None
        except BaseException:
            _abandon(transport, release)
            raise
        return Link(transport, release)

    def show_key(self, node: str, target: SshTarget, wanted: str = "") -> HostKey:
        """The key that the host shows; that of fingerprint `wanted` if it has it. No login, nothing is sent.

        Raises:
            Unreachable; for the jump host also the other transport errors
        """

        def any_key(name: str, peer: SshTarget, dial: Callable[[], socket.socket], deadline: float) -> SshTransport:
            transport = _key_exchange(name, peer, dial(), self._algorithms(peer), deadline)
            if not wanted or _key_of(transport).fingerprint == wanted:
                return transport
            return _another_key(name, peer, dial, transport, wanted, deadline) or transport

        transport, release = self._handshaken(node, target, lambda: False, any_key)
        key = _key_of(transport)
        _abandon(transport, release)
        return key

    def _handshaken(
        self,
        node: str,
        target: SshTarget,
        cancelled: Callable[[], bool],
        exchange: Callable[[str, SshTarget, Callable[[], socket.socket], float], SshTransport],
    ) -> tuple[SshTransport, Callable[[], None] | None]:
        try:
            jump = target.jump()
        except ValueError as error:
            raise AuthenticationFailed(node, str(error), "correct ssh.proxyJump") from None
        shared = self._shared(jump) if jump else None
        if shared and jump:
            shared.acquire(node, lambda: self.connect(f"jump host {jump.where}", jump, cancelled))
        try:
            deadline = time.monotonic() + target.connect_timeout
            dial = shared.dialler(node, target, deadline) if shared else lambda: _dial(node, target, deadline)
            transport = _with_retries(lambda: exchange(node, target, dial, deadline), deadline, cancelled)
        except BaseException:
            if shared:
                shared.release()
            raise
        return transport, shared.release if shared else None

    def _shared(self, jump: SshTarget) -> _SharedLink:
        with self._lock:
            return self._jumps.setdefault(jump, _SharedLink())

    def _algorithms(self, target: SshTarget) -> tuple[str, ...]:
        """Host key algorithms, those of known key types first."""
        types = dict.fromkeys((*self.trust.known_types(target), *HOST_KEY_ALGORITHMS))
        return tuple(algorithm for kind in types for algorithm in HOST_KEY_ALGORITHMS.get(kind, ()))

    def _trusted_key(
        self, node: str, target: SshTarget, dial: Callable[[], socket.socket], deadline: float
    ) -> SshTransport:
        transport = _key_exchange(node, target, dial(), self._algorithms(target), deadline)
        try:
            self.trust.check(node, target, _key_of(transport))
        except HostKeyChanged:
            # A fingerprint does not tell its key's type: the host may have the trusted key beside the one it showed.
            other = _another_key(node, target, dial, transport, target.host_key, deadline) if target.host_key else None
            if other is None:
                _hang_up(transport)
                raise
            transport = other
            self.trust.check(node, target, _key_of(transport))
        except BaseException:
            _hang_up(transport)
            raise
        return transport


class _SharedLink:
    """A jump host's link, opened for the first node that needs it and closed after the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._link: Link | None = None
        self._failures = 0
        self._failure: TransportError | None = None

    def acquire(self, node: str, connect: Callable[[], Link]) -> None:
        before = self._failures
        with self._lock:
            try:
                if self._link is None or not self._link.alive:
                    if self._failure and self._failures > before:
                        raise self._failure  # it failed while this node waited for it: no second wait
                    self._link = connect()
            except TransportError as error:
                self._failure, self._failures = error, self._failures + 1
                own = type(error)(node, error.what, error.remedy)
                own.retryable = error.retryable
                raise own from None
            self._users += 1

    def release(self) -> None:
        with self._lock:
            self._users -= 1
            link, self._link = (self._link, None) if not self._users else (None, self._link)
        if link:
            link.close()

    def dialler(self, node: str, target: SshTarget, deadline: float) -> Callable[[], socket.socket]:
        link = self._link

        def dial() -> socket.socket:
            if link is None or not link.alive:
                raise ssh_errors.broken(f"{node}: jump host", target, None)
            try:
                channel = link.transport.open_channel(
                    "direct-tcpip", (target.host, target.port), ("127.0.0.1", 0), timeout=_left(deadline)
                )
            except ChannelException as error:
                raise Unreachable(
                    node,
                    f"the jump host cannot reach port {target.port} of {target.host}: {error.text or 'refused'}",
                    "check the address as seen from the jump host, and its AllowTcpForwarding",
                ) from None
            except (SSHException, EOFError, OSError):
                raise Unreachable(
                    node,
                    f"the jump host did not reach port {target.port} of {target.host} in time",
                    "check the address as seen from the jump host",
                ) from None
            return channel  # type: ignore[return-value]  # it quacks like one, as paramiko.Transport documents

        return dial


def _with_retries(attempt: Callable[[], SshTransport], deadline: float, cancelled: Callable[[], bool]) -> SshTransport:
    for pause in (*_PAUSES, None):
        try:
            return attempt()
        except TransportError as error:
            if not error.retryable or pause is None or cancelled() or _left(deadline) <= pause:
                raise
        time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _dial(node: str, target: SshTarget, deadline: float) -> socket.socket:
    try:
        sock = socket.create_connection((target.host, target.port), timeout=_left(deadline))
    except OSError as error:
        raise ssh_errors.not_connected(node, target, error) from None
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


def _key_exchange(
    node: str, target: SshTarget, sock: socket.socket, algorithms: tuple[str, ...], deadline: float
) -> SshTransport:
    transport = SshTransport(sock)
    options = transport.get_security_options()
    options.kex = tuple(kex for kex in _KEX if kex in options.kex)
    options.ciphers = _CIPHERS
    options.digests = _MACS
    transport.preferred_keys = algorithms
    transport.banner_timeout = transport.handshake_timeout = _left(deadline)
    try:
        transport.start_client(timeout=_left(deadline))
        if not transport.initial_kex_done:
            raise EOFError("timed out")
    except (SSHException, EOFError, OSError) as error:
        greeting = transport.remote_version
        _hang_up(transport)
        raise ssh_errors.no_handshake(node, target, error, greeting) from None
    except BaseException:
        _hang_up(transport)
        raise
    return transport


def _another_key(
    node: str,
    target: SshTarget,
    dial: Callable[[], socket.socket],
    shown: SshTransport,
    wanted: str,
    deadline: float,
) -> SshTransport | None:
    """Ask for the host's other keys, one type after another, until it shows `wanted`; then that one's connection."""
    seen = {_key_of(shown).type}
    while len(seen) < len(HOST_KEY_ALGORITHMS):
        algorithms = tuple(a for kind, names in HOST_KEY_ALGORITHMS.items() if kind not in seen for a in names)
        try:
            transport = _key_exchange(node, target, dial(), algorithms, deadline)
        except Unreachable as error:
            if isinstance(error.__context__, IncompatiblePeer):
                return None
            raise
        key = _key_of(transport)
        if key.fingerprint == wanted.strip().rstrip("="):
            _hang_up(shown)
            return transport
        _hang_up(transport)
        seen.add(key.type)
    return None


def _key_of(transport: SshTransport) -> HostKey:
    key = transport.get_remote_server_key()
    return HostKey(key.get_name(), key.asbytes())


def _abandon(transport: SshTransport, release: Callable[[], None] | None) -> None:
    _hang_up(transport)
    if release:
        release()


def _hang_up(transport: SshTransport) -> None:
    # paramiko's thread sits in recv for up to 0.1 s after a close; a shutdown wakes it at once.
    sock = transport.sock
    if isinstance(sock, socket.socket):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    transport.packetizer.complete_handshake()  # else its timer keeps the process from ending
    transport.close()
    sock.close()


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.1)
