"""What kinstall takes from inside paramiko: an upgrade that changes it fails here, and not on an operator's hosts."""

from __future__ import annotations

import socket
import struct
import threading
import time

import pytest

from kinstall.errors import Unreachable
from kinstall.transport.ssh.handshake import SshTransport, hang_up, key_exchange
from kinstall.transport.target import SshTarget

DISCONNECT, KEXINIT = 1, 20


def name_lists(payload: bytes) -> list[list[str]]:
    """The lists of algorithms in a key exchange's first message (RFC 4253, 7.1): kex, host keys, ciphers …"""
    lists, at = [], 17
    for _ in range(10):
        size = struct.unpack_from(">I", payload, at)[0]
        lists.append(payload[at + 4 : at + 4 + size].decode().split(","))
        at += 4 + size
    return lists


def packet(payload: bytes) -> bytes:
    padding = 8 - (len(payload) + 5) % 8 + 8
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


class Peer(threading.Thread):
    """A host that greets, reads what the client offers, and says goodbye. `offer` are the client's lists."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(daemon=True)
        self.sock = sock
        self.offer: list[list[str]] = []

    def run(self) -> None:
        self.sock.sendall(b"SSH-2.0-peer\r\n")
        with self.sock.makefile("rb") as stream:
            stream.readline()
            size, padding = struct.unpack(">IB", stream.read(5))
            payload = stream.read(size - 1)[: size - 1 - padding]
            assert payload[0] == KEXINIT
            self.offer = name_lists(payload)
            words = b"go away"
            self.sock.sendall(packet(struct.pack(">BII", DISCONNECT, 2, len(words)) + words + bytes(4)))
            stream.read()


@pytest.fixture
def ends() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair()


def test_only_the_algorithms_that_were_asked_for_are_offered(ends: tuple[socket.socket, socket.socket]) -> None:
    """The host keys' algorithms go out as given, in their order and without certificates."""
    peer = Peer(ends[1])
    peer.start()
    asked = ("rsa-sha2-512", "ssh-ed25519")
    with pytest.raises(Unreachable):
        key_exchange("n1", SshTarget(host="192.0.2.1"), ends[0], asked, time.monotonic() + 10)
    peer.join(10)
    assert tuple(peer.offer[1]) == asked
    ends[1].close()


def test_the_hosts_last_words_are_kept(ends: tuple[socket.socket, socket.socket]) -> None:
    """What a host says as it hangs up is where the reason is."""
    peer = Peer(ends[1])
    peer.start()
    transport = SshTransport(ends[0])
    transport.host_key_algorithms = ("ssh-ed25519",)
    event = threading.Event()
    transport.start_client(event)
    assert event.wait(10)
    transport.join(10)
    assert transport.last_words == "go away"
    hang_up(transport)
    peer.join(10)
    ends[1].close()
