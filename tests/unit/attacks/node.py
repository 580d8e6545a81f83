"""A node that lies: an SSH server on loopback whose answer to each kind of program is the test's.

What it is not told to do otherwise it does as an honest, empty machine.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import paramiko

RS = "\x1e"
_KEY = paramiko.ECDSAKey.generate()
FINGERPRINT = "SHA256:" + b64encode(sha256(_KEY.asbytes()).digest()).decode().rstrip("=")
_FACTS = Path(__file__).parents[1] / "facts" / "recorded" / "debian12.txt"
_KINDS = (
    ("facts", "kinstall-facts 1"),
    ("delete", "delete node "),
    ("stop", "stopped by the operator"),
    ("undo", "restart_unit()"),
    ("apply", "record_entries()"),
    ("observe", "observe_marks\n"),
    ("read", "base64 <"),
    ("listen", "socket-activate"),
    ("connect", "kinstall-connect 1"),
    ("api", "get nodes --show-managed-fields"),
    ("verify", "report()"),
)
"""Kind of program → words that only such a program has, in the order in which they are looked for."""


class Asked:
    """A program that the node was asked to run, and the ways to answer it."""

    def __init__(self, channel: paramiko.Channel, command: str) -> None:
        self.channel = channel
        self.transport: Any = channel.get_transport()
        mark, length = re.search(r"mark=(\S+);", command), re.search(r"length=(\d+);", command)
        assert mark and length
        self.mark, self.program = mark[1], ""
        self._length = int(length[1])

    def receive(self) -> None:
        self.raw(f"{self.mark}+\n".encode())
        data = b""
        while len(data) < self._length and (more := self.channel.recv(1 << 16)):
            data += more
        self.program = data[: self._length].decode("utf-8", "replace")

    @property
    def kind(self) -> str:
        if self.program.strip() == "exit 0":
            return "hello"
        return next((kind for kind, words in _KINDS if words in self.program), "other")

    def raw(self, data: bytes) -> None:
        self.channel.sendall(data)

    def say(self, *lines: str) -> None:
        self.raw("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))

    def end(self, status: int | str = 0) -> None:
        self.say(f"{self.mark}={status}")
        self.channel.send_exit_status(status if isinstance(status, int) and status > 0 else 0)


Answer = Callable[[Asked], None]


# Answers that never end well


def silent(asked: Asked) -> None:
    """Nothing, as long as the other side waits."""
    while not asked.channel.closed and asked.transport.is_active():
        time.sleep(0.05)


def flood(data: bytes) -> Answer:
    """The same again and again."""

    def answer(asked: Asked) -> None:
        block = data * max(1, (1 << 15) // len(data))
        while True:
            asked.raw(block)

    return answer


def beyond_the_window(errors: bool) -> Answer:
    """A flood on the standard error, or output, whatever room the other side says that it has."""

    def answer(asked: Asked) -> None:
        message = paramiko.Message()
        message.add_byte(b"\x5f" if errors else b"\x5e")  # SSH_MSG_CHANNEL_EXTENDED_DATA, SSH_MSG_CHANNEL_DATA
        message.add_int(asked.channel.remote_chanid)
        if errors:
            message.add_int(1)
        message.add_string(b"x" * 30_000)
        while True:
            asked.transport._send_message(message)

    return answer


def trickle(asked: Asked) -> None:
    """A line now and then, for ever."""
    while True:
        asked.say("still here")
        time.sleep(0.2)


def saying(*lines: str, status: int | str = 0) -> Answer:
    """These lines, and the end."""

    def answer(asked: Asked) -> None:
        asked.say(*lines)
        asked.end(status)

    return answer


# What an honest machine says


def facts(address: str, name: str, change: Callable[[list[str]], Iterable[str]] = lambda lines: lines) -> Answer:
    """Those of a bare Debian; `change` makes them a lie."""

    def answer(asked: Asked) -> None:
        token = re.search(r"mark='== ([0-9a-f]+)'", asked.program)
        assert token
        text = _FACTS.read_text().replace("10.90.0.11", address).replace(":h1\n", f":{name}\n")
        text = re.sub(r"^clock .*", f"clock {time.time():.6f}", text, flags=re.MULTILINE)
        machine = sha256(name.encode()).hexdigest()[:32]
        text = re.sub("(/etc/machine-id:).*", rf"\g<1>{machine}", text)
        marked = [re.sub("^== ", f"== {token[1]} ", line) for line in text.splitlines()]
        for line in change(marked):
            asked.say(line)
        asked.end()

    return answer


EMPTY = saying(f"{RS}tool\tcurl", f"{RS}paths", f"{RS}units", "", f"{RS}marks", f"{RS}record", f"{RS}done")


class Node:
    """`answers`: kind of program → what is done; without one the node is honest. `asked`: kinds, as they came.

    Use as a context manager.
    """

    def __init__(self, name: str, address: str, answers: Mapping[str, Answer] | None = None) -> None:
        self.name, self.address = name, address
        honest: dict[str, Answer] = {"facts": facts(address, name), "observe": EMPTY}
        self.answers: dict[str, Answer] = {**honest, **(answers or {})}
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._transports: list[paramiko.Transport] = []

    def __enter__(self) -> Node:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for each in self._transports:
            each.close()

    def run(self, asked: Asked) -> None:
        try:
            asked.receive()
            self.asked.append(asked.kind)
            self.answers.get(asked.kind, saying())(asked)
            asked.channel.close()
        except (OSError, EOFError, paramiko.SSHException):
            pass  # the other side had enough

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(sock)
            transport.add_server_key(_KEY)
            self._transports.append(transport)
            try:
                transport.start_server(server=_Server(self))
            except (paramiko.SSHException, EOFError, OSError):
                pass


class _Server(paramiko.ServerInterface):
    """Lets everybody in, and runs nothing."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_SUCCESSFUL  # type: ignore[attr-defined, no-any-return]

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED  # type: ignore[attr-defined, no-any-return]

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        asked = Asked(channel, command.decode())
        threading.Thread(target=self.node.run, args=(asked,), daemon=True).start()
        return True
