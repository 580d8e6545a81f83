"""A node over SSH: programs run as root on one connection that is kept for the whole run."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from paramiko import ChannelException, SSHException

from kinstall.errors import AuthenticationFailed, Unreachable
from kinstall.transport import become
from kinstall.transport.become import Become
from kinstall.transport.channel import discard
from kinstall.transport.output import Output
from kinstall.transport.ssh import errors
from kinstall.transport.ssh.connect import Connector, Link
from kinstall.transport.ssh.exec import Command, Silence
from kinstall.transport.target import SshTarget

_SUDO_SECONDS = 60.0
_START_SECONDS = 120.0
"""Until the program begins, whatever the login shell prints before."""
_LOST = (SSHException, EOFError, OSError)


class SshChannel:
    """The channel (kinstall.transport.channel) to one node.

    It connects at the first `execute` and again after a broken connection. Programs may run at the same time from
    several threads. `close` from any thread ends what runs with Unreachable.
    """

    def __init__(self, node: str, target: SshTarget, connector: Connector) -> None:
        self.node = node
        self.target = target
        self._connector = connector
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._become: Become | None = None
        self._closed = threading.Event()

    def execute(
        self,
        program: str,
        payload: Iterable[bytes] = (),
        on_line: Callable[[str], None] = discard,
        timeout: float | None = None,
    ) -> int:
        """See kinstall.transport.channel.Channel.execute."""
        link, how = self._ready()
        mark = _new_mark()
        output = Output(mark, on_line)
        length, head = become.framed(program, mark)
        first = self._sudo_password() if how.password else b""
        try:
            with Command(link.transport, become.command(how, become.bootstrap(length, mark))) as running:
                running.send(_input(first + head, payload))
                late = _after(_START_SECONDS)
                running.read(output.feed, lambda: output.ended or (not output.started and late()), timeout)
                output.close()
                if output.status is None:
                    return self._without_an_end(link, output, running)
                return output.status
        except Silence:
            link.close()
            raise errors.silent(self.node, self.target, timeout or 0.0) from None
        except ChannelException as error:
            raise Unreachable(
                self.node,
                f"{self.target.where} opens no further session: {error.text}",
                "raise MaxSessions in its sshd_config",
            ) from None
        except _LOST as error:
            raise self._lost(link, error) from None

    def close(self) -> None:
        """End the connection; a second call does nothing."""
        self._closed.set()
        link = self._link
        if link:
            link.close()

    def _ready(self) -> tuple[Link, Become]:
        """The connection, made where there is none, and how to become root on it."""
        with self._lock:
            if self._closed.is_set():
                raise errors.closed(self.node)
            if self._link is None or not self._link.alive:
                if self._link is not None:
                    self._link.close()
                self._link = self._connector.connect(self.node, self.target, self._closed.is_set)
            if self._closed.is_set():
                self._link.close()
                raise errors.closed(self.node)
            if self._become is None:
                self._become = self._how_to_become_root(self._link)
            return self._link, self._become

    def _how_to_become_root(self, link: Link) -> Become:
        if self.target.user == "root":
            return Become()
        said = ""
        for tty in (False, True):
            needs_password, said = self._ask_sudo(link, tty)
            if needs_password is not None:
                return Become(sudo=True, password=needs_password, tty=tty)
            if not become.needs_terminal(said):
                break
        raise AuthenticationFailed(self.node, *become.explain(said, self.target.user))

    def _ask_sudo(self, link: Link, tty: bool) -> tuple[bool | None, str]:
        """Whether sudo asks for the password (None: it refuses), and what it said."""
        mark = _new_mark()
        said = b""
        reply: str | None = None

        def feed(data: bytes) -> None:
            nonlocal said, reply
            said = (said + data)[-8192:]
            words = [w.partition("\n")[0].strip() for w in said.decode(errors="replace").split(mark)[1:]]
            reply = words[-1] if words and said.endswith(b"\n") else reply

        try:
            with Command(link.transport, become.probe(mark, tty)) as asking:
                late = _after(2 * _SUDO_SECONDS)
                asking.read(feed, lambda: reply is not None or late(), _SUDO_SECONDS)
                if reply == become.ASKS and (self.target.sudo_password or self.target.password):
                    reply = None
                    asking.send([self._sudo_password()])
                    asking.read(feed, lambda: reply == become.ACCEPTED or late(), _SUDO_SECONDS)
        except Silence:
            raise Unreachable(
                self.node, f"sudo does not answer within {_SUDO_SECONDS:g} s", "try `sudo true` on the host"
            ) from None
        except _LOST as error:
            raise self._lost(link, error) from None
        answer = {become.OPEN: False, become.ACCEPTED: True}.get(reply or "")
        return answer, said.decode(errors="replace").replace(mark, "")

    def _sudo_password(self) -> bytes:
        reference = self.target.sudo_password or self.target.password
        return self._connector.secrets.resolve(reference).reveal().encode() + b"\n"

    def _without_an_end(self, link: Link, output: Output, running: Command) -> int:
        """The bootstrap did not print the program's status."""
        status = running.exit_status()
        if not link.alive:
            raise self._lost(link, link.transport.get_exception())
        if output.incomplete:
            raise Unreachable(self.node, "the program did not arrive whole", "running again continues")
        if not output.started:
            said = f"{output.preamble}\n{running.complaints()}"
            raise AuthenticationFailed(self.node, *become.explain(said, self.target.user))
        if status:
            return status
        raise Unreachable(self.node, "the shell that ran the program was ended", "see the host's log")

    def _lost(self, link: Link, error: Exception | None) -> Unreachable:
        if self._closed.is_set():
            return errors.closed(self.node)
        if link.alive:  # the host refused a session, or what was asked on it
            return Unreachable(self.node, f"{self.target.where} runs no command: {error}", "see the host's sshd log")
        return errors.broken(self.node, self.target, link.transport.get_exception() or error)


def _input(head: bytes, payload: Iterable[bytes]) -> Iterator[bytes]:
    yield head
    yield from payload


def _after(seconds: float) -> Callable[[], bool]:
    """Whether so much time has passed since now."""
    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until


def _new_mark() -> str:
    return f"kinstall-{os.urandom(8).hex()}-"
