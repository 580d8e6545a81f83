"""Connections: socket, key exchange, the host key's check, login; direct or through a jump host.

Nothing is sent to a host, not even a user's name, before its key was checked.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

from paramiko import ChannelException, SSHException

from kinstall.errors import AuthenticationFailed, HostKeyChanged, TransportError, Unreachable
from kinstall.secrets import Secrets
from kinstall.transport.host_keys import HostKey, HostKeys, same_fingerprint
from kinstall.transport.ssh import errors
from kinstall.transport.ssh.auth import log_in
from kinstall.transport.ssh.handshake import (
    HOST_KEY_ALGORITHMS,
    SshTransport,
    another_key,
    hang_up,
    key_exchange,
    key_of,
    left,
    open_socket,
)
from kinstall.transport.ssh.key_files import KeyFiles
from kinstall.transport.target import SshTarget

_PAUSES = (0.3, 1.0)

_OWN_LOGIN = "; a jump host's own login is written in ssh.proxyJump: user@host, or a list with its key and password"


class Link:
    """An authenticated connection. `close` may be called from any thread, and more than once."""

    def __init__(self, transport: SshTransport, release: Callable[[], None] | None) -> None:
        self.transport = transport
        self._release = release

    @property
    def alive(self) -> bool:
        return self.transport.is_active()

    def close(self) -> None:
        hang_up(self.transport)
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
            raise errors.broken(node, target, error) from None
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
            transport = key_exchange(name, peer, dial(), self._algorithms(peer), deadline)
            if not wanted or same_fingerprint(key_of(transport).fingerprint, wanted):
                return transport
            return another_key(name, peer, dial, transport, wanted, deadline) or transport

        transport, release = self._handshaken(node, target, lambda: False, any_key)
        key = key_of(transport)
        _abandon(transport, release)
        return key

    def _handshaken(
        self,
        node: str,
        target: SshTarget,
        cancelled: Callable[[], bool],
        exchange: Callable[[str, SshTarget, Callable[[], socket.socket], float], SshTransport],
    ) -> tuple[SshTransport, Callable[[], None] | None]:
        jump = target.through
        shared = self._shared(jump) if jump else None
        if shared and jump:
            shared.acquire(node, lambda: self.connect(f"jump host {jump.where}", jump, cancelled))
        try:
            deadline = time.monotonic() + target.connect_timeout
            dial = shared.dialler(node, target, deadline) if shared else lambda: open_socket(node, target, deadline)
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
        transport = key_exchange(node, target, dial(), self._algorithms(target), deadline)
        try:
            self.trust.check(node, target, key_of(transport))
        except HostKeyChanged:
            # A fingerprint does not show its key's type: the host may have the trusted key beside the one it showed.
            other = another_key(node, target, dial, transport, target.host_key, deadline) if target.host_key else None
            if other is None:
                hang_up(transport)
                raise
            transport = other
            self.trust.check(node, target, key_of(transport))
        except BaseException:
            hang_up(transport)
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
                remedy = error.remedy
                if isinstance(error, AuthenticationFailed) and not remedy.endswith(_OWN_LOGIN):
                    remedy += _OWN_LOGIN
                own = type(error)(node, error.what, remedy)
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
                raise errors.broken(f"{node}: jump host", target, None)
            try:
                channel = link.transport.open_channel(
                    "direct-tcpip", (target.host, target.port), ("127.0.0.1", 0), timeout=left(deadline)
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
            if not error.retryable or pause is None or cancelled() or left(deadline) <= pause:
                raise
        time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _abandon(transport: SshTransport, release: Callable[[], None] | None) -> None:
    hang_up(transport)
    if release:
        release()
