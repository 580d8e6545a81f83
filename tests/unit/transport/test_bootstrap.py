"""The bootstrap and what is made of its output, without a network: sh on this machine plays the node."""

import shutil
import subprocess

import pytest

from kinstall.transport import become
from kinstall.transport.become import Become
from kinstall.transport.output import Output
from kinstall.transport.ssh.exec import blocks

MARK = "kinstall-0011223344556677-"
SHELLS = [shell for shell in ("dash", "bash", "busybox", "fish", "tcsh", "zsh", "ksh") if shutil.which(shell)]


def login(shell: str, command: str, data: bytes) -> tuple[int | None, list[str], Output]:
    """What a login shell makes of the command with that input."""
    argv = [shell, *(["sh"] if shell == "busybox" else []), "-c", command]
    done = subprocess.run(argv, input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
    lines: list[str] = []
    output = Output(MARK, lines.append)
    output.feed(done.stdout)
    output.close()
    return output.status, lines, output


def run(program: str, payload: bytes = b"", shell: str = "sh") -> tuple[int | None, list[str], Output]:
    length, head = become.framed(program, MARK)
    return login(shell, become.command(Become(), become.bootstrap(length, MARK)), head + payload)


@pytest.mark.parametrize("shell", SHELLS)
def test_login_shells(shell: str) -> None:
    """Program, payload and status pass any login shell that this machine has."""
    status, lines, _ = run('echo "a b"; cat; exit 7', b"pay\nload", shell)
    assert (status, lines) == (7, ["a b", "pay", "load"])


def test_the_command_needs_no_particular_shell() -> None:
    """Nothing in it that fish, csh or POSIX shells read differently: no quote, exclamation mark or line end inside."""
    boot = become.bootstrap(10, MARK)
    assert not set("'!\n\\") & set(boot)
    for how in (Become(), Become(sudo=True), Become(sudo=True, password=True)):
        assert become.command(how, boot).count("'") == 2
    for text in (become.probe(MARK), become.probe(MARK, tty=True), become.command(Become(sudo=True, tty=True), boot)):
        assert not set("!\n") & set(text)
        assert "\\\\" not in text
        assert "\\'" not in text


@pytest.mark.parametrize("sent", [0, 1, 20, 35, -20, -2])
def test_a_program_that_is_cut_short_is_not_run(sent: int) -> None:
    """A connection that breaks while the program is sent: not one line of it is run, however much came."""
    length, head = become.framed("echo ran\nrm -rf /nowhere\necho ran too", MARK)
    command = become.command(Become(), become.bootstrap(length, MARK))
    status, lines, output = login("sh", command, head[:sent])
    assert (status, lines, output.incomplete) == (None, [], True)


def test_a_program_of_another_length_is_not_run() -> None:
    """The mark must follow the program to the byte."""
    length, head = become.framed("echo ran", MARK)
    for wrong in (length - 1, length + 1):
        _, lines, output = login("sh", become.command(Become(), become.bootstrap(wrong, MARK)), head)
        assert output.incomplete
        assert "ran" not in lines


def test_the_program_is_its_own_shell() -> None:
    """exit, set -e, exec, its own traps and the umask are the program's; the end is told all the same."""
    assert run("set -e; false; echo no")[:2] == (1, [])
    assert run("exec sh -c 'exit 3'")[:2] == (3, [])
    assert run("trap 'echo bye' EXIT; exit 4")[:2] == (4, ["bye"])
    assert run("umask")[:2] == (0, ["0022"])
    assert run("exec >/dev/null 2>&1; echo no; exit 5")[:2] == (5, [])
    assert run("")[:2] == (0, [])


def test_output_in_any_pieces() -> None:
    """The same lines however the bytes are cut."""
    data = f"noise\nmore{MARK}+\na\n\xe4\r\n\nlast{MARK}=12\nrest\n".encode()
    for size in (1, 2, 3, 7, 1000):
        lines: list[str] = []
        output = Output(MARK, lines.append)
        for at in range(0, len(data), size):
            output.feed(data[at : at + size])
        assert lines == ["a", "ä", "", "last"]
        assert output.status == 12
        assert output.preamble == "noise\nmore"


def test_an_endless_line_is_told_in_parts() -> None:
    """A program that prints megabytes without a line end takes no memory without bound, and loses nothing."""
    lines: list[str] = []
    output = Output(MARK, lines.append)
    output.feed(f"{MARK}+\n".encode())
    for _ in range(50):
        output.feed(b"x" * 100_000)
    output.feed(f"{MARK}=0\n".encode())
    assert sum(map(len, lines)) == 5_000_000
    assert max(map(len, lines)) < 1_300_000
    assert output.status == 0


def test_undecodable_output() -> None:
    """Bytes that are no UTF-8 are replaced, never an error."""
    assert run(r"printf '\377\n'")[1] == ["�"]


def test_blocks() -> None:
    """The program goes first and alone, small pieces are put together, nothing is larger than a packet."""
    pieces = [b"program", b"a" * 10, b"b" * 100_000, b"", b"c" * 32_704, b"d"]
    cut = list(blocks(pieces))
    assert b"".join(cut) == b"".join(pieces)
    assert cut[0] == b"program"
    assert all(0 < len(block) <= 32_704 for block in cut)
    assert len(cut) < 8


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("bash: line 1: sudo: command not found", "there is no sudo"),
        ("env: 'sudo': No such file or directory", "there is no sudo"),
        ("eve is not in the sudoers file.", "does not allow eve"),
        ("Sorry, user eve is not allowed to execute '/usr/bin/sh' as root on h1.", "does not allow eve"),
        ("sudo: I'm sorry eve. I'm afraid I can't do that", "does not allow eve"),
        (
            "Sorry, try again.\nsudo: 1 incorrect password attempt",
            "refuses the password",
        ),
        ("sudo: Authentication failed, try again.", "refuses the password"),
        ("sudo: a password is required", "asks eve for a password"),
        ("sudo: interactive authentication is required", "asks eve for a password"),
        ("This service allows sftp connections only.", "it said: This service allows sftp connections only."),
        ("", "ended before anything could be run"),
    ],
)
def test_refusals_are_explained(said: str, what: str) -> None:
    """What sudo (and sudo-rs) and restricted shells say becomes a sentence with a remedy."""
    told, remedy = become.explain(said, "eve")
    assert what in told
    assert remedy
