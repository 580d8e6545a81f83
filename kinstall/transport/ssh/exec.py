"""One command on an open connection: its input is sent by a thread of its own while its output is read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator

from paramiko import Channel, SSHException, Transport

_BLOCK = 32768 - 64
"""What fits into one SSH packet of the usual size."""

_READ = 1 << 18
_TICK = 0.5
_OPEN_SECONDS = 30.0


class Silence(Exception):
    """Nothing came and nothing went for the allowed time."""


class Command:
    """A command that runs. Use as a context manager: leaving it closes the channel and ends the sending thread.

    Raises:
        SSHException, EOFError, OSError: the connection broke, or the host opens no session
    """

    def __init__(self, transport: Transport, command: str) -> None:
        self._channel: Channel = transport.open_session(timeout=_OPEN_SECONDS)
        self._transport = transport
        self._sender: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._active = time.monotonic()
        # paramiko waits for the answer as long as the connection lives.
        given_up = threading.Timer(_OPEN_SECONDS, self._channel.close)
        given_up.start()
        try:
            self._channel.settimeout(_TICK)
            self._channel.exec_command(command)
        except BaseException:
            self._channel.close()
            raise
        finally:
            given_up.cancel()

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._channel.close()
        except (SSHException, EOFError, OSError):
            pass  # the connection is gone, and the channel with it
        if self._sender:
            self._sender.join(2.0)

    def send(self, data: Iterable[bytes]) -> None:
        """Send `data`, then the end of input, in the background. A program that does not read it ends the sending."""
        self._sender = threading.Thread(target=self._send, args=(data,), name="kinstall-ssh-input", daemon=True)
        self._sender.start()

    def read(self, feed: Callable[[bytes], None], ended: Callable[[], bool], silence: float | None) -> None:
        """Give all output to `feed` until the channel ends or `ended()`.

        Raises:
            Silence: no byte in either direction for `silence` seconds
            BaseException: whatever the iterable given to `send` raised
        """
        while not ended():
            try:
                data = self._channel.recv(_READ)
            except TimeoutError:
                if self._failure:
                    raise self._failure from None
                if silence is not None and time.monotonic() - self._active > silence:
                    raise Silence from None
                continue
            if not data:
                break
            self._active = time.monotonic()
            feed(data)
        if self._failure:
            raise self._failure

    def complaints(self) -> str:
        """What came on the standard error: never a program's (see kinstall.transport.become), so it is read last."""
        said = b""
        while self._channel.recv_stderr_ready() and len(said) < _READ:
            said += self._channel.recv_stderr(_READ)
        return said.decode(errors="replace")

    def exit_status(self) -> int | None:
        """The login shell's exit status; None where there is none (a signal, or the connection broke)."""
        deadline = time.monotonic() + 2.0
        while self._channel.exit_status < 0 and self._transport.is_active() and time.monotonic() < deadline:
            time.sleep(0.005)
        return self._channel.exit_status if self._channel.exit_status >= 0 else None

    def _send(self, data: Iterable[bytes]) -> None:
        try:
            for block in blocks(data):
                if not self._send_block(block):
                    return
            self._channel.shutdown_write()
        except (SSHException, EOFError, OSError):
            return  # closed by either side: the reader learns why
        except BaseException as error:
            self._failure = error
            self._channel.close()

    def _send_block(self, block: bytes) -> bool:
        while block:
            try:
                sent = self._channel.send(block)
            except TimeoutError:
                continue  # the window is full; closing the channel ends this
            if not sent:
                return False
            self._active = time.monotonic()
            block = block[sent:]
        return True


def blocks(data: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of one packet; small neighbours are put together, except after the first piece."""
    gathered = b""
    first = True
    for chunk in data:
        if first:
            first = False  # the program: it can start while the payload is still being made
            yield from _cut(chunk)
            continue
        if len(gathered) + len(chunk) < _BLOCK:
            gathered += chunk
            continue
        chunk, gathered = gathered + chunk, b""
        whole = len(chunk) // _BLOCK * _BLOCK
        yield from _cut(memoryview(chunk)[:whole])
        gathered = chunk[whole:]
    if gathered:
        yield gathered


def _cut(chunk: bytes | memoryview) -> Iterator[bytes]:
    for at in range(0, len(chunk), _BLOCK):
        yield bytes(chunk[at : at + _BLOCK])
