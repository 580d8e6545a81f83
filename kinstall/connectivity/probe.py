"""Runs the matrix: all nodes listen, then all connect, then all stop listening. Nothing is left on a node."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from kinstall.connectivity.program import LISTEN_SECONDS, Call, calls, connect_program, listen_program
from kinstall.connectivity.required import Connection, Port
from kinstall.connectivity.results import Listening, Matrix, read_listening, read_matrix
from kinstall.errors import KinstallError
from kinstall.transport.budget import Lines
from kinstall.transport.channel import Channel

_READY_SECONDS = 20.0
_SILENCE = 60.0


def _lines(node: str) -> Lines:
    """What one program may print: a thousand nodes' answers are a tenth of it."""
    return Lines(node, most_bytes=8 << 20, most_lines=200_000, seconds=300.0, longest=1000)


class _Listener:
    """The listening program of one node. `ready` also when it never will be."""

    def __init__(self, channel: Channel, program: str) -> None:
        self._channel, self._program, self._output = channel, program, _lines(channel.node)
        self.ready, self._enough = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def lines(self) -> list[str]:
        return self._output.lines

    def stop(self) -> None:
        """End the input; the program then ends its listeners."""
        self._enough.set()

    def join(self) -> None:
        self._thread.join(_READY_SECONDS)

    def _run(self) -> None:
        try:
            self._channel.execute(self._program, self._input(), self._add, timeout=_SILENCE)
        except KinstallError:
            pass  # a lost node counts as not tried
        finally:
            self.ready.set()

    def _input(self) -> Iterator[bytes]:
        self._enough.wait(LISTEN_SECONDS)
        yield from ()

    def _add(self, line: str) -> None:
        self._output.add(line)
        if line == "ready":
            self.ready.set()


def try_all(
    connections: Sequence[Connection],
    channels: Mapping[str, Channel],
    addresses: Mapping[str, str],
    mtus: Mapping[str, int],
) -> Matrix:
    """Try all connections. `addresses`: node → the address its peers use; `mtus`: of the interfaces that have them.

    What a node that is lost on the way had to try counts as not tried; nothing is raised.
    """
    token = f"kinstall-{os.urandom(6).hex()}"
    ports: dict[str, set[Port]] = defaultdict(set)
    for connection in connections:
        ports[connection.target].add(connection.port)
    sources = len({connection.source for connection in connections})
    listeners = {
        name: _Listener(channels[name], listen_program(addresses[name], each, token, sources))
        for name, each in ports.items()
    }
    try:
        for listener in listeners.values():
            listener.ready.wait(_READY_SECONDS)
        listening = {name: read_listening(tuple(listener.lines)) for name, listener in listeners.items()}
        output = {connection.source: _lines(connection.source) for connection in connections}

        def matrix() -> Matrix:
            received = {name: tuple(listener.lines) for name, listener in listeners.items()}
            printed = {name: tuple(each.lines) for name, each in output.items()}
            return read_matrix(connections, addresses, mtus, listening, received, printed, token)

        _connect(_calls(connections, addresses, listening), output, channels, mtus, token)
        if again := [each.connection for each in matrix().blocked]:
            # A busy machine is no firewall: what counts as blocked was so twice.
            _connect(_calls(again, addresses, listening), output, channels, mtus, token)
    finally:
        for listener in listeners.values():
            listener.stop()
        for listener in listeners.values():
            listener.join()
    return matrix()


def _calls(
    connections: Sequence[Connection], addresses: Mapping[str, str], listening: Mapping[str, Listening]
) -> dict[str, list[Call]]:
    """What each node tries: whatever is listened on, and full packets on one port per pair that is only for us."""
    tried: dict[str, list[Call]] = {connection.source: [] for connection in connections}
    filled: set[tuple[str, str]] = set()
    for connection in connections:
        there, key = listening[connection.target], (connection.port.protocol, connection.port.number)
        pair = (connection.source, connection.target)
        large = connection.port.fills and key in there.own and pair not in filled
        if large:
            filled.add(pair)
        if key in there.ports:
            tried[connection.source].append(Call(addresses[connection.target], connection.port, large))
    return tried


def _connect(
    tried: Mapping[str, Sequence[Call]],
    output: Mapping[str, Lines],
    channels: Mapping[str, Channel],
    mtus: Mapping[str, int],
    token: str,
) -> None:
    """Run the connecting programs of all nodes at once; their lines go to `output`."""

    def run(name: str) -> None:
        try:
            program, sent = connect_program(name, token), [calls(tried[name], mtus[name])]
            channels[name].execute(program, sent, output[name].add, timeout=_SILENCE)
        except KinstallError:
            pass  # as above

    threads = [threading.Thread(target=run, args=(name,), daemon=True) for name in tried]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
