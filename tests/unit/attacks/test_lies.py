"""A node that lies about itself, about the cluster, or before anybody has logged in: a sentence names it, and the
others are judged as always.
"""

from __future__ import annotations

import json
import socket
import threading
from base64 import encodebytes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.attacks import mixed
from tests.unit.attacks.child import fine, run
from tests.unit.attacks.node import RS, Answer, facts, saying
from tests.unit.attacks.test_hostile_node import STEERING, attack, key

__all__ = ["key"]

Change = Callable[[list[str]], list[str]]
NINES = "9" * 400


def instead(start: str, line: str) -> Change:
    """Another line in the place of those that begin so."""
    return lambda lines: [line if each.startswith(start) else each for each in lines]


def below(section: str, *more: str) -> Change:
    """Lines at the begin of a section, whose mark has the run's token."""

    def change(lines: list[str]) -> list[str]:
        at = next(index for index, each in enumerate(lines) if each.startswith("== ") and each.endswith(f" {section}"))
        return [*lines[: at + 1], *more, *lines[at + 1 :]]

    return change


def record(**more: object) -> Change:
    return below("files", f"/var/lib/kinstall/cluster.json:{json.dumps({'cluster': 'demo', **more})}")


FACTS: dict[str, Change] = {
    "a clock of the year 30 million": instead("clock", "clock 999999999999999"),
    "a clock that is none": instead("clock", "clock -1e999"),
    "a user of many digits": instead("uid", f"uid {NINES}"),
    "a kernel with escapes": instead("kernel", f"kernel {STEERING}"),
    "a name with escapes": instead("/proc/sys/kernel/hostname", f"/proc/sys/kernel/hostname:{STEERING}"),
    "a name that is a shell's word": instead("/proc/sys/kernel/hostname", "/proc/sys/kernel/hostname:$(reboot);`id`"),
    "memory without end": instead("/proc/meminfo", f"/proc/meminfo:MemTotal: {NINES} kB"),
    "memory below none": instead("/proc/meminfo", "/proc/meminfo:MemTotal: -5 kB"),
    "processors without end": instead("/sys/devices/system/cpu/online", f"/sys/devices/system/cpu/online:0-{NINES}"),
    "room below none": below("space", f"root -1 -1 -{NINES} -1% /", f"root {NINES} 1 {NINES} 1% /var/lib"),
    "an interface with escapes": below("links", f"9: {STEERING}: <UP> mtu {NINES} state UP\\    link/ether x brd y"),
    "addresses that are none": below("addresses", f"9: x    inet {STEERING}/99 scope global x", "9: x inet 1/1"),
    "routes that are none": below("routes", f"{STEERING} via {STEERING} dev {STEERING}", "0.0.0.0/99 dev x", "default"),
    "listeners of no port": below("listening", f'tcp LISTEN 0 1 0.0.0.0:{NINES} *:* users:(("{STEERING}",pid=1))'),
    "units with escapes": below("units", f"Id={STEERING}", f"ActiveState={STEERING}", "", "Id=docker.service", "x"),
    "ten thousand listeners": below(
        "listening", *(f"tcp LISTEN 0 1 0.0.0.0:{port} 0.0.0.0:* " for port in range(10_000, 20_000))
    ),
    "a record of other types": record(podCIDR=5, role=["x"], address={"a": 1}, caFingerprint=None, format=1),
    "a record of a later format": record(format=STEERING + NINES),
    "a record that is too deep": below("files", "/var/lib/kinstall/cluster.json:" + '{"a":' * 100_000),
    "a record of another node": record(role="control-plane", address="10.90.0.11", podCIDR="0.0.0.0/0"),
    "a record with escapes": record(kubernetesVersion=STEERING, podSubnet=STEERING, clusterDomain=STEERING),
}  # fmt: skip


@pytest.mark.parametrize("name", FACTS)
def test_facts_that_are_lies(tmp_path: Path, key: str, name: str) -> None:
    """The node is judged by what is credible; the others are as always."""
    answers = {"facts": facts("10.90.0.12", "w1", FACTS[name])}
    ran = attack(tmp_path, key, ["preflight", "--all"], answers)
    fine(ran, ran.code or 0, "w1")
    assert ran.code in (0, 2, 3)
    assert [line for line in ran.out.splitlines() if "w2" in line] and "w2   error" not in ran.out


CONF = "/etc/sysctl.d/90-kinstall.conf"
OTHERWISE = saying(
    *(f"{RS}paths", f"644|root:root|regular file|9:9:9|{CONF}"), *(f"{RS}digests", f"{'0' * 64}  {CONF}", f"{RS}done")
)


def test_a_file_that_is_read_for_a_diff(tmp_path: Path, key: str) -> None:
    """A file on the node that is large, and full of lines that are alike, is compared in a moment, and shown cut."""
    text = "".join(f"{STEERING}net.ipv4.ip_forward = {number % 7}\n" for number in range(60_000))
    content = encodebytes(text.encode()).decode().splitlines()
    ran = attack(tmp_path, key, ["plan"], {"observe": OTHERWISE, "read": saying(f"{RS}{CONF}", *content)})
    fine(ran, 0, "w1", CONF)


NOT_READ: dict[str, Answer] = {
    "something else": saying(f"{RS}/etc/sysctl.d/90-kinstall.conf", "%%%%", "x"),
    "another file": saying(f"{RS}/etc/shadow", "eA=="),
    "no end": saying("x" * 100_000, RS, f"{RS}\t{STEERING}"),
}


@pytest.mark.parametrize("name", NOT_READ)
def test_a_file_in_another_form(tmp_path: Path, key: str, name: str) -> None:
    """It is not there, or the node is named."""
    ran = attack(tmp_path, key, ["plan"], {"observe": OTHERWISE, "read": NOT_READ[name]})
    fine(ran, 4 if name == "something else" else 0, "w1")


# Before a key is checked


@contextmanager
def greeting(data: bytes, *, again: bytes = b"") -> Iterator[int]:
    """A server that sends this to whoever connects; its port."""

    def serve(sock: socket.socket) -> None:
        try:
            sock.sendall(data)
            while again:
                sock.sendall(again)
            sock.recv(1)
        except OSError:
            pass

    def loop() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(sock,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=loop, daemon=True).start()
        yield int(listener.getsockname()[1])


ESCAPES = STEERING.encode("utf-8", "replace")
GREETINGS: dict[str, tuple[bytes, bytes]] = {
    "a banner without end": (b"", b"x" * (1 << 16)),
    "banners without end": (b"", b"hello\r\n" * 10_000),
    "a banner with escapes": (ESCAPES + b"\r\n" * 200, b""),
    "a version with escapes": (b"SSH-2.0-" + ESCAPES + b"\r\n", b""),
    "a version of another time": (b"SSH-7.\x1b[2J-" + b"y" * 9000 + b"\r\n", b""),
    "a packet of 3 GiB": (b"SSH-2.0-x\r\n\xbf\xff\xff\xfc\x04", b"x" * (1 << 16)),
    "packets that are none": (b"SSH-2.0-x\r\n", b"\0\0\0\x0c\x04\x14" + b"\xff" * 10),
    "a goodbye with escapes": (b"SSH-2.0-x\r\n\0\0\0\x1c\x04\x01\0\0\0\x02\0\0\0\x08\x1b[2J\x1b[2J" + bytes(10), b""),
    "not UTF-8": (b"\xff\xfe\x80\r\nSSH-2.0-\xff\r\n", b""),
}


@pytest.mark.parametrize("name", GREETINGS)
def test_trust_of_a_host_that_is_none(tmp_path: Path, name: str) -> None:
    """It is unreachable, in words; nothing is stored."""
    first, again = GREETINGS[name]
    with greeting(first, again=again) as port:
        node = {"name": "cp1", "address": "10.90.0.11", "role": "control-plane"}
        path = tmp_path / "answers.yaml"
        path.write_text(json.dumps({"clusterName": "demo", "ssh": {"connectTimeout": 3}, "nodes": [node]}))
        ran = run(mixed.trust, str(path), str(tmp_path / "state"), port)
    fine(ran, 3, "cp1", "unreachable", "127.0.0.1")
    assert not list(tmp_path.rglob("known_hosts"))
