"""Runs the matrix: all nodes listen, then all connect, then all stop listening. Nothing is left on a node."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from kinstall.connectivity.program import LISTEN_SECONDS, Call, calls, connect_program, listen_program
from kinstall.connectivity.required import Port, Want
from kinstall.connectivity.results import Listening, Matrix, listening, read
from kinstall.errors import KinstallError
from kinstall.transport.channel import Channel

_READY_SECONDS = 20.0
_SILENCE = 60.0


class _Listener:
    """The listening program of one node. `ready` also when it never will be."""

    def __init__(self, channel: Channel, program: str) -> None:
        self._channel, self._program = channel, program
        self.ready, self._enough = threading.Event(), threading.Event()
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the input; the program then ends its listeners."""
        self._enough.set()

    def join(self) -> None:
        self._thread.join(_READY_SECONDS)

    def _run(self) -> None:
        try:
            self._channel.execute(self._program, self._input(), self._hear, timeout=_SILENCE)
        except KinstallError:
            pass  # what a lost node did not say is told as not asked
        finally:
            self.ready.set()

    def _input(self) -> Iterator[bytes]:
        self._enough.wait(LISTEN_SECONDS)
        yield from ()

    def _hear(self, line: str) -> None:
        self.lines.append(line)
        if line == "ready":
            self.ready.set()


def ask(
    wants: Sequence[Want], channels: Mapping[str, Channel], addresses: Mapping[str, str], mtus: Mapping[str, int]
) -> Matrix:
    """Try everything wanted. `addresses`: node → the address its peers use; `mtus`: of the interfaces that have them.

    A node that is lost on the way is told as not asked; nothing is raised.
    """
    token = f"kinstall-{os.urandom(6).hex()}"
    ports: dict[str, set[Port]] = defaultdict(set)
    for want in wants:
        ports[want.target].add(want.port)
    listeners = {name: _Listener(channels[name], listen_program(addresses[name], each)) for name, each in ports.items()}
    try:
        for listener in listeners.values():
            listener.ready.wait(_READY_SECONDS)
        heard = {name: listening(tuple(listener.lines)) for name, listener in listeners.items()}
        said: dict[str, list[str]] = {want.source: [] for want in wants}

        def told() -> Matrix:
            received = {name: tuple(listener.lines) for name, listener in listeners.items()}
            return read(wants, addresses, mtus, heard, received, said, token)

        _connect(_calls(wants, addresses, heard), said, channels, mtus, token)
        if again := [each.want for each in told().blocked]:
            # A busy machine is no firewall: what is said to be blocked was so twice.
            _connect(_calls(again, addresses, heard), said, channels, mtus, token)
    finally:
        for listener in listeners.values():
            listener.stop()
        for listener in listeners.values():
            listener.join()
    return told()


def _calls(
    wants: Sequence[Want], addresses: Mapping[str, str], heard: Mapping[str, Listening]
) -> dict[str, list[Call]]:
    """What each node tries: whatever is listened on, and full packets on one port per pair that is only for us."""
    found: dict[str, list[Call]] = {want.source: [] for want in wants}
    filled: set[tuple[str, str]] = set()
    for want in wants:
        there, key = heard[want.target], (want.port.protocol, want.port.number)
        pair = (want.source, want.target)
        large = want.port.fills and key in there.own and pair not in filled
        if large:
            filled.add(pair)
        if key in there.ports:
            found[want.source].append(Call(addresses[want.target], want.port, large))
    return found


def _connect(
    tried: Mapping[str, Sequence[Call]],
    said: Mapping[str, list[str]],
    channels: Mapping[str, Channel],
    mtus: Mapping[str, int],
    token: str,
) -> None:
    """Run the connecting programs of all nodes at once; their lines go to `said`."""

    def run(name: str) -> None:
        try:
            program, sent = connect_program(name, token), [calls(tried[name], mtus[name])]
            channels[name].execute(program, sent, said[name].append, timeout=_SILENCE)
        except KinstallError:
            pass  # as above

    threads = [threading.Thread(target=run, args=(name,), daemon=True) for name in tried]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
