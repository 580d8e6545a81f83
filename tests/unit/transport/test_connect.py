"""Connections to real sshds: host keys, jump hosts, hosts that do not answer as they should."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kinstall.errors import HostKeyChanged, HostKeyUnknown, TransportError, Unreachable
from kinstall.secrets import Secrets
from kinstall.transport.host_keys import HostKeys
from kinstall.transport.ssh.channel import SshChannel
from kinstall.transport.ssh.connect import Connector
from kinstall.transport.target import SshTarget
from tests.unit.sshd import PASSWORD, Farm, Sshd, farm, free_port, sshd

__all__ = ["farm", "sshd"]


def trusting(state: Path | None = None, user: Path | None = None) -> Connector:
    return Connector(HostKeys(state, user), Secrets())


def error_of(connector: Connector, target: SshTarget) -> TransportError:
    channel = SshChannel("n1", target, connector)
    with pytest.raises(TransportError) as caught:
        channel.execute("true")
    channel.close()
    assert caught.value.what.startswith("n1: ")
    assert caught.value.remedy
    return caught.value


def works(connector: Connector, target: SshTarget) -> bool:
    channel = SshChannel("n1", target, connector)
    try:
        return channel.execute("exit 5") == 5
    finally:
        channel.close()


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


# Host keys


def test_an_unknown_host_is_refused_before_anything_is_sent(farm: Farm) -> None:
    """No trust on first use: the fingerprint and the way out are told, sshd never hears of a user."""
    sshd = farm.start("LogLevel DEBUG1")
    error = error_of(trusting(), sshd.target(host_key=""))
    assert isinstance(error, HostKeyUnknown)
    assert error.exit_code == 3
    assert f"127.0.0.1:{sshd.port} shows the ED25519 key {sshd.fingerprint()}, and no trusted source" in error.what
    assert "kinstall trust ANSWERS" in error.remedy
    sshd.wait_for_log("Connection (closed|reset) by")
    assert "KEX_ECDH_INIT received" in sshd.log, "the connection ended before keys were exchanged"
    assert "userauth-request" not in sshd.log
    assert works(trusting(), sshd.target()), "the log above must know user names once they are sent"
    assert "userauth-request for user root" in sshd.log


def test_trusted_by_the_state_folder_or_the_user(sshd: Sshd, tmp_path: Path) -> None:
    """Either file is enough."""
    file = write(tmp_path / "known", sshd.known_hosts_line())
    assert works(trusting(state=file), sshd.target(host_key=""))
    assert works(trusting(user=file), sshd.target(host_key=""))


def test_a_changed_key_names_both(farm: Farm, tmp_path: Path) -> None:
    """The trusted fingerprint with its source, and the shown one; a newer entry elsewhere is mentioned, not obeyed."""
    old, new = farm.start(), farm.start()
    stale = old.known_hosts_line().replace(str(old.port), str(new.port))
    state = write(tmp_path / "state", f"# comment\n{stale}")
    user = write(tmp_path / "user", new.known_hosts_line())
    error = error_of(trusting(state, user), new.target(host_key=""))
    assert isinstance(error, HostKeyChanged)
    assert f"shows the ED25519 key {new.fingerprint()}, but {state}:2 says ED25519 {old.fingerprint()}" in error.what
    assert f"({user}:1 knows the key it shows)" in error.what
    pinned = error_of(trusting(state, user), new.target(host_key=old.fingerprint()))
    assert f"but the answers say {old.fingerprint()}" in pinned.what
    assert works(trusting(state, user), new.target(host_key=new.fingerprint())), "the answers are asked first"


def test_a_revoked_key_is_refused_even_if_pinned(sshd: Sshd, tmp_path: Path) -> None:
    """@revoked in any file is the last word."""
    file = write(tmp_path / "known", "@revoked * " + sshd.known_hosts_line().partition(" ")[2])
    error = error_of(trusting(user=file), sshd.target())
    assert isinstance(error, HostKeyChanged)
    assert f"{file}:1 marks as revoked" in error.what


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_the_known_key_type_is_asked_for(farm: Farm, tmp_path: Path, kind: str) -> None:
    """A host with several keys of which one is known shows that one; likewise one that only a fingerprint pins."""
    sshd = farm.start(host_keys=("ed25519", "ecdsa", "rsa"))
    state = write(tmp_path / "known", sshd.known_hosts_line(kind))
    assert works(trusting(state), sshd.target(host_key=""))
    assert works(trusting(), sshd.target(host_key=sshd.fingerprint(kind)))


def test_a_pinned_key_that_no_type_matches(farm: Farm) -> None:
    """All of the host's keys are looked at before it is refused."""
    sshd, other = farm.start(host_keys=("ed25519", "rsa")), farm.start()
    error = error_of(trusting(), sshd.target(host_key=other.fingerprint()))
    assert isinstance(error, HostKeyChanged)
    assert sshd.fingerprint() in error.what


# Jump hosts


def test_through_a_jump_host(farm: Farm, tmp_path: Path) -> None:
    """Both keys are checked; the node is reached from the jump host, and one connection to it serves all nodes."""
    jump, node = farm.start("LogLevel VERBOSE"), farm.start()
    (jump.directory / "authorized_keys").write_text((node.directory / "id.pub").read_text())
    through = {"through": jump.target(identity_files=(str(node.key),))}
    connector = trusting()
    channels = [SshChannel(f"n{n}", node.target(**through), connector) for n in range(4)]
    lines: list[str] = []
    for channel in channels:
        assert channel.execute("set -- $SSH_CONNECTION; cat", [b"x" * 300_000 + b"\n"], lines.append) == 0
    assert [len(line) for line in lines] == [300_000] * 4
    assert jump.log.count("Accepted publickey for root") == 1
    for channel in channels[:3]:
        channel.close()
    assert channels[3].execute("true") == 0
    assert len(jump.sessions()) == 1
    channels[3].close()
    deadline = time.monotonic() + 5
    while jump.sessions() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not jump.sessions(), "the jump host's connection ends with the last node's"


def test_a_jump_host_that_is_not_trusted(farm: Farm) -> None:
    """The sentence is about the jump host, the error is the node's."""
    jump, node = farm.start(), farm.start()
    error = error_of(trusting(), node.target(through=jump.target(host_key="")))
    assert isinstance(error, HostKeyUnknown)
    assert error.node == "n1"
    assert f"jump host 127.0.0.1:{jump.port}: " in error.what
    assert jump.fingerprint() in error.what


def test_a_node_that_the_jump_host_cannot_reach(farm: Farm) -> None:
    """Refused there, and forwarding forbidden there."""
    jump = farm.start()
    strict = farm.start("AllowTcpForwarding no")
    for host in (jump, strict):
        through = {"through": host.target()}
        begun = time.monotonic()
        error = error_of(trusting(), host.target(port=free_port(), **through))
        assert isinstance(error, Unreachable)
        assert "the jump host cannot reach port" in error.what
        assert time.monotonic() - begun < 5


def test_an_unreachable_jump_host_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight nodes behind it fail together, not one after another."""
    jump = SshTarget(host="127.0.0.1", port=free_port(), connect_timeout=5)
    target = SshTarget(host="192.0.2.1", host_key="SHA256:x", through=jump, connect_timeout=5)
    connector, errors = trusting(), []

    def one(name: str) -> None:
        try:
            SshChannel(name, target, connector).execute("true")
        except Unreachable as error:
            errors.append(error.node)

    threads = [threading.Thread(target=one, args=(f"n{n}",)) for n in range(8)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(errors) == [f"n{n}" for n in range(8)]
    assert time.monotonic() - begun < 4


def test_through_several_jump_hosts(farm: Farm) -> None:
    """Each is reached through the one before it, logged in to with its own key, and its own host key is checked."""
    first, second, node = (farm.start("LogLevel DEBUG1") for _ in range(3))
    chain = second.target(through=first.target())
    channel = SshChannel("n1", node.target(through=chain), trusting())
    assert channel.execute("exit 5") == 5
    channel.close()
    for host, onward in ((first, second), (second, node)):
        assert host.log.count("Accepted publickey for root") == 1
        host.wait_for_log(f"direct_tcpip: .* target 127.0.0.1 port {onward.port}")
    distrusted = second.target(through=first.target(), host_key=first.fingerprint())
    error = error_of(trusting(), node.target(through=distrusted))
    assert isinstance(error, HostKeyChanged)
    assert f"jump host 127.0.0.1:{second.port}: " in error.what
    unreachable = second.target(through=first.target(port=free_port()))
    error = error_of(trusting(), node.target(through=unreachable))
    assert isinstance(error, Unreachable)
    assert "nothing listens" in error.what


# Hosts that do not answer as they should


def serve(answer: Callable[[socket.socket], None]) -> int:
    """A listener that is no sshd; it lives as long as the test's process needs it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def loop() -> None:
        while True:
            try:
                answer(listener.accept()[0])
            except OSError:
                return

    threading.Thread(target=loop, daemon=True).start()
    return int(listener.getsockname()[1])


def test_a_closed_port() -> None:
    """Refused: three tries within two seconds, then a sentence with the port."""
    port = free_port()
    begun = time.monotonic()
    error = error_of(trusting(), SshTarget(host="127.0.0.1", port=port, host_key="SHA256:x"))
    assert f"nothing listens on port {port} of 127.0.0.1" in error.what
    assert 1.0 < time.monotonic() - begun < 3.0


def test_a_port_that_opens_a_moment_later(farm: Farm) -> None:
    """sshd that restarts is no failure."""
    port = free_port()
    waiting = SshTarget(host="127.0.0.1", port=port, connect_timeout=10)
    with ThreadPoolExecutor() as pool:
        told = pool.submit(error_of, trusting(), waiting)
        time.sleep(0.4)
        ready = farm.start(port=port)
        error = told.result()
    assert isinstance(error, HostKeyUnknown)
    assert ready.fingerprint() in error.what


def test_a_host_that_takes_connections_and_says_nothing() -> None:
    """Given up after connect_timeout, told apart from a host that does not answer."""
    held: list[socket.socket] = []
    port = serve(held.append)
    begun = time.monotonic()
    error = error_of(trusting(), SshTarget(host="127.0.0.1", port=port, connect_timeout=1.0))
    assert "takes connections but does not greet within 1 s" in error.what
    assert time.monotonic() - begun < 3


def test_a_host_that_hangs_up() -> None:
    """Before its greeting: the limits that do that are named."""
    port = serve(lambda sock: sock.close())
    error = error_of(trusting(), SshTarget(host="127.0.0.1", port=port, connect_timeout=3))
    assert "closes the connection before it greets" in error.what
    assert "MaxStartups" in error.remedy


def test_a_web_server() -> None:
    """Another protocol on the port is told once, without further tries."""
    asked: list[socket.socket] = []

    def answer(sock: socket.socket) -> None:
        asked.append(sock)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n" * 200)

    error = error_of(trusting(), SshTarget(host="127.0.0.1", port=serve(answer), connect_timeout=3))
    assert "does not speak SSH" in error.what
    assert len(asked) == 1


def test_a_host_that_stops_after_its_greeting() -> None:
    """A host that hangs in the key exchange is given up in time."""
    held: list[socket.socket] = []

    def answer(sock: socket.socket) -> None:
        held.append(sock)
        sock.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")

    begun = time.monotonic()
    error = error_of(trusting(), SshTarget(host="127.0.0.1", port=serve(answer), connect_timeout=1.0))
    assert isinstance(error, Unreachable)
    assert "key exchange" in error.what
    assert time.monotonic() - begun < 3


def test_no_common_algorithm(farm: Farm) -> None:
    """An sshd with only what kinstall does without: its version and the remedy are told, once."""
    sshd = farm.start("Ciphers aes256-cbc")
    error = error_of(trusting(), sshd.target())
    assert "have no algorithm in common" in error.what
    assert "OpenSSH" in error.what
    assert not error.retryable


def test_a_name_that_does_not_exist() -> None:
    """Told as that, without tries."""
    error = error_of(trusting(), SshTarget(host="no-such-host.invalid"))
    assert "the name no-such-host.invalid cannot be resolved" in error.what
    assert not error.retryable


def test_fast_algorithms_are_agreed_on(farm: Farm) -> None:
    """curve25519 and aes128-gcm with an sshd of default configuration."""
    sshd = farm.start("LogLevel DEBUG1")
    link = trusting().connect("n1", sshd.target())
    assert link.transport.local_cipher == "aes128-gcm@openssh.com"
    assert "kex: algorithm: curve25519-sha256@libssh.org" in sshd.log
    link.close()
    assert not link.alive
    link.close()


def test_closing_is_quick_and_ends_the_session(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread of the connection survives, none makes the process wait, and the host sees the end."""
    monkeypatch.setenv("LOGIN", PASSWORD)
    sshd = farm.start()
    before = set(threading.enumerate())
    link = trusting().connect("n1", sshd.target())
    assert len(sshd.sessions()) == 1
    begun = time.monotonic()
    link.close()
    assert time.monotonic() - begun < 0.1
    deadline = time.monotonic() + 3
    while (sshd.sessions() or set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not sshd.sessions()
    assert not set(threading.enumerate()) - before
