"""Programs on a node over a real sshd: input, output, ends that are not the usual ones, many at once."""

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kinstall.errors import Unreachable
from kinstall.transport.ssh.channel import SshChannel
from tests.unit.sshd import Farm, Sshd, farm, free_port, sshd

__all__ = ["farm", "sshd"]


def run(sshd: Sshd, program: str, payload: object = ()) -> tuple[int, list[str]]:
    channel = sshd.channel()
    lines: list[str] = []
    try:
        return channel.execute(program, payload, lines.append), lines  # type: ignore[arg-type]
    finally:
        channel.close()


def test_a_program_runs_as_root_and_its_output_is_merged_in_order(sshd: Sshd) -> None:
    """Status, both outputs line by line in the order of writing, a last line without its end."""
    status, lines = run(sshd, "id -u; echo one; echo two >&2; printf 'three\\r\\nö'; exit 42")
    assert (status, lines) == (42, ["0", "one", "two", "three", "ö"])


def test_the_payload_is_the_programs_input(sshd: Sshd) -> None:
    """Whatever bytes, in whatever pieces, arrive complete and end."""
    data = bytes(range(256)) * 5000
    pieces = [data[:1], data[1:70_000], b"", *(data[at : at + 999] for at in range(70_000, len(data), 999))]
    status, lines = run(sshd, "sha256sum; wc -c </dev/null", pieces)
    assert status == 0
    assert lines == [f"{hashlib.sha256(data).hexdigest()}  -", "0"]


def test_every_byte_of_a_program_arrives(sshd: Sshd) -> None:
    """A program far beyond an argument's limit, with every UTF-8 lead byte, quotes and no final newline."""
    text = "".join(chr(c) for c in range(0x20, 0x2FFF) if c != 0x27) + "".join(chr(c) for c in range(0x1F300, 0x1F600))
    program = f"x='{text}'\n" + "# padding\n" * 60_000 + "printf '%s' \"$x\" | sha256sum"
    assert run(sshd, program) == (0, [f"{hashlib.sha256(text.encode()).hexdigest()}  -"])


def test_200_mb_pass_quickly(sshd: Sshd) -> None:
    """A large payload streams (at 300 to 500 MB/s on an idle machine)."""
    block = b"\xa5" * (1 << 20)
    made = 0

    def payload() -> Iterator[bytes]:
        nonlocal made
        for _ in range(200):
            made += 1
            yield block

    begun = time.monotonic()
    assert run(sshd, "wc -c", payload()) == (0, [str(200 << 20)])
    assert made == 200
    assert time.monotonic() - begun < 20


def test_a_program_that_does_not_read_its_payload_ends(sshd: Sshd) -> None:
    """The rest of an endless payload is not sent, and the connection serves the next program."""
    made = 0

    def endless() -> Iterator[bytes]:
        nonlocal made
        while True:
            made += 1
            yield b"x" * 100_000

    channel = sshd.channel()
    lines: list[str] = []
    begun = time.monotonic()
    assert channel.execute("echo done; exit 3", endless(), lines.append) == 3
    assert time.monotonic() - begun < 5
    sent = made
    assert channel.execute("echo again", (), lines.append) == 0
    assert lines == ["done", "again"]
    assert made == sent
    channel.close()


def test_a_payload_that_fails_is_the_callers_error(sshd: Sshd) -> None:
    """An exception of the iterable comes out of execute, while the program still waits for input."""

    def broken() -> Iterator[bytes]:
        yield b"x" * 1000
        raise ValueError("no such asset")

    channel = sshd.channel()
    with pytest.raises(ValueError, match="no such asset"):
        channel.execute("cat >/dev/null; sleep 60", broken())
    assert channel.execute("true") == 0
    channel.close()


def test_a_callback_that_fails_is_the_callers_error(sshd: Sshd) -> None:
    """An exception of on_line comes out of execute at once; the connection is still good."""
    channel = sshd.channel()

    def stop(line: str) -> None:
        raise KeyError(line)

    with pytest.raises(KeyError, match="first"):
        channel.execute("echo first; sleep 60; echo second", (), stop)
    assert channel.execute("true") == 0
    channel.close()


def test_100_000_lines_come_in_order(sshd: Sshd) -> None:
    """No line of a talkative program is lost, doubled or out of order."""
    status, lines = run(sshd, "seq 100000")
    assert status == 0
    assert lines == [str(n) for n in range(1, 100_001)]


def test_lines_come_while_the_program_runs(sshd: Sshd) -> None:
    """The first line is told before the program ends."""
    times: list[float] = []
    channel = sshd.channel()
    channel.execute("echo a; sleep 0.5; echo b", (), lambda line: times.append(time.monotonic()))
    channel.close()
    assert times[1] - times[0] > 0.4


def test_background_children_do_not_keep_the_call(sshd: Sshd) -> None:
    """A daemon that inherits the output and lives on: execute returns when the program itself ends."""
    begun = time.monotonic()
    status, lines = run(sshd, "sleep 300 & echo started; exit 4")
    assert (status, lines) == (4, ["started"])
    assert time.monotonic() - begun < 3


def test_a_program_with_a_syntax_error_runs_nothing_after_it(sshd: Sshd) -> None:
    """sh's own words and its status come back."""
    status, lines = run(sshd, "echo before\nif then\necho after\n")
    assert status == 2
    assert "after" not in lines
    assert any("yntax" in line for line in lines)


def test_a_killed_program_is_a_failure(sshd: Sshd) -> None:
    """SIGKILL of the program's own shell gives its status."""
    assert run(sshd, "kill -9 \"$(exec sh -c 'echo $PPID')\"")[0] == 137


def test_neither_program_nor_payload_is_in_any_argument(sshd: Sshd) -> None:
    """While a program runs, no process shows its text, the payload, or a secret in its arguments or environment."""
    channel = sshd.channel()
    seen: list[bytes] = []
    looked = threading.Event()

    def look(line: str) -> None:
        for entry in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                try:
                    seen.append((entry / name).read_bytes())
                except OSError:
                    pass
        looked.set()

    def payload() -> Iterator[bytes]:
        yield b"canary-payload"
        assert looked.wait(20)

    channel.execute("secret=canary-in-$((6*7)); echo now; cat >/dev/null; : $secret-program", payload(), look)
    channel.close()
    assert any(b"iflag=fullblock" in text for text in seen), "the bootstrap was looked at"
    assert not [text for text in seen if b"canary-in-" in text or b"canary-payload" in text or b"-program" in text]


def test_nothing_is_left_in_the_nodes_run_directory(sshd: Sshd) -> None:
    """Asking a node something writes no file: the program is kept in the shell's memory."""
    assert run(sshd, "find /run -xdev -mindepth 1 -name '*kinstall*'; ls /run") == (0, ["mount", "sshd", "test"])


def test_a_chatty_slow_login_shell_is_not_the_programs_output(farm: Farm) -> None:
    """What start-up files print (with and without line end, to both outputs) is dropped."""
    sshd = farm.start(login_shell="/bin/bash")
    (sshd.directory / "home/.bashrc").write_text("echo welcome; echo oops >&2; sleep 0.3; printf 'prompt> '\n")
    assert run(sshd, "echo mine") == (0, ["mine"])


def test_silence_is_noticed(sshd: Sshd) -> None:
    """Output resets the clock; `timeout` seconds without any are Unreachable, and the channel connects again."""
    channel = sshd.channel()
    assert channel.execute("for i in 1 2 3 4; do sleep 0.6; echo $i; done", (), timeout=1.5) == 0
    begun = time.monotonic()
    with pytest.raises(Unreachable, match=r"said nothing for 1 s"):
        channel.execute("sleep 60", (), timeout=1.0)
    assert time.monotonic() - begun < 3
    assert channel.execute("true") == 0
    channel.close()


def test_a_connection_killed_in_the_middle(farm: Farm) -> None:
    """The node's sshd dies: Unreachable within seconds, and the next execute connects anew."""
    sshd = farm.start()
    channel = sshd.channel()
    channel.execute("true")

    def kill(line: str) -> None:
        for pid in sshd.sessions():
            os.kill(pid, 9)

    begun = time.monotonic()
    with pytest.raises(Unreachable, match=r"n1: the connection to 127.0.0.1:\d+ broke") as caught:
        channel.execute("echo now; sleep 60", (), kill)
    assert caught.value.retryable
    assert time.monotonic() - begun < 5
    assert channel.execute("exit 9") == 9
    channel.close()


def test_close_from_another_thread_ends_what_runs(sshd: Sshd) -> None:
    """Cancelling does not wait for the program; afterwards the channel stays closed."""
    channel = sshd.channel()
    timer = threading.Timer(0.5, channel.close)
    timer.start()
    begun = time.monotonic()
    with pytest.raises(Unreachable, match="the connection was closed") as caught:
        channel.execute("sleep 60")
    assert time.monotonic() - begun < 2
    assert not caught.value.retryable
    with pytest.raises(Unreachable, match="was closed"):
        channel.execute("true")
    channel.close()


def test_two_programs_at_once_on_one_channel(sshd: Sshd) -> None:
    """A second thread's program runs beside a long one (that is how a run is asked to stop)."""
    channel = sshd.channel()
    lines: list[str] = []

    def stop(line: str) -> None:
        lines.append(line)
        if line == "waiting":
            threading.Thread(target=lambda: channel.execute("echo go >/run/flag"), daemon=True).start()

    wait = "i=0; while [ ! -e /run/flag ] && [ $i -lt 100 ]; do sleep 0.05; i=$((i+1)); done"
    program = f"echo waiting; {wait}; cat /run/flag; rm -f /run/flag"
    assert channel.execute(program, (), stop) == 0
    assert lines == ["waiting", "go"]
    channel.close()


def test_32_nodes_in_parallel(sshd: Sshd) -> None:
    """32 connections at once, each with its own output and status."""
    results: dict[int, tuple[int, list[str]]] = {}

    def one(number: int) -> None:
        results[number] = run(sshd, f"seq {number} {number + 200}; exit {number}")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(32)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: (n, [str(i) for i in range(n, n + 201)]) for n in range(32)}
    assert time.monotonic() - begun < 20


def test_a_command_takes_no_nagle_delay(sshd: Sshd) -> None:
    """A command on an open connection takes well below the 40 ms that a delayed acknowledgement costs each of them.

    The quickest of many: on a busy machine the others say how busy it is.
    """
    channel = sshd.channel()
    channel.execute("true")
    times = []
    for _ in range(21):
        begun = time.monotonic()
        channel.execute("true", [b"x"])
        times.append(time.monotonic() - begun)
    channel.close()
    assert min(times) < 0.030


def test_nothing_is_printed(sshd: Sshd, capfd: pytest.CaptureFixture[str]) -> None:
    """paramiko would print the tracebacks of connections that fail; here errors are raised and nothing else is told."""
    run(sshd, "true")
    with pytest.raises(Unreachable):
        SshChannel("n1", sshd.target(port=free_port()), sshd.connector).execute("true")
    assert capfd.readouterr() == ("", "")
