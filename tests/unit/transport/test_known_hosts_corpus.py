"""known_hosts files made up at random, read by kinstall and by `ssh-keygen -F`: the same lines are about a host."""

import base64
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kinstall.transport.host_keys import host_name, parse_known_hosts

FILES = 40
HOSTS = ("10.0.0.1", "10.0.0.11", "node1.example.org", "Node2.Example.org", "2001:db8::1", "a")
PORTS = (22, 2222)


@pytest.fixture(autouse=True)
def _ssh_keygen_is_here() -> None:
    if not shutil.which("ssh-keygen"):
        pytest.skip("ssh-keygen (openssh-client) is not installed")


def key(dice: random.Random) -> str:
    """An ed25519 key's two words; any 32 bytes are one."""
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + dice.randbytes(32)
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def patterns(dice: random.Random) -> str:
    one = dice.choice
    name = one(
        (
            *HOSTS,
            "*.example.org",
            "node?.example.org",
            "*",
            "10.0.0.*",
            "!10.0.0.1",
            "[abc]",
            "*:*",
            "NODE1.example.org",
        )
    )
    return f"[{name}]:{one((*PORTS, '*'))}" if dice.random() < 0.4 and name[0] not in "![" else name


def hashed(folder: Path, line: str) -> str:
    """The line with its name hashed, as `ssh-keygen -H` does it."""
    file = folder / "one"
    file.write_text(line)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    return file.read_text()


def made(seed: int, folder: Path) -> str:
    dice = random.Random(seed)
    lines = []
    for _ in range(dice.randint(3, 12)):
        host, port = dice.choice(HOSTS[:3]), dice.choice(PORTS)
        lines.append(
            dice.choice(
                (
                    lambda: f"{','.join(patterns(dice) for _ in range(dice.randint(1, 3)))} {key(dice)} comment\n",
                    lambda: f"{patterns(dice)}\t{key(dice)}\n",
                    lambda: f"@{dice.choice(('revoked', 'cert-authority'))} {patterns(dice)} {key(dice)}\n",
                    lambda h=host, p=port: hashed(folder, f"{host_name(h, p)} {key(dice)}\n"),
                    lambda: dice.choice(("\n", "# a comment\n", "10.0.0.1\n", "10.0.0.1 ssh-ed25519\n")),
                    lambda: f"@unknown {patterns(dice)} {key(dice)}\n",
                    lambda: f"{patterns(dice)} ssh-ed25519 {'?' * dice.randint(1, 9)}\n",
                    lambda: f"  {patterns(dice)} {key(dice)}\n",
                )
            )()
        )
    return "".join(lines)


def found(file: Path, name: str) -> list[int]:
    """The lines that ssh-keygen finds; it also lists those whose key cannot be read, and ssh trusts none of them."""
    lines = file.read_text().splitlines()
    said = subprocess.run(["ssh-keygen", "-F", name, "-f", file], check=False, capture_output=True, text=True).stdout
    numbers = map(int, re.findall(r"^# Host .* found: line (\d+)", said, re.MULTILINE))
    return [number for number in numbers if "ssh-ed25519 ?" not in lines[number - 1]]


@pytest.mark.parametrize("seed", range(FILES))
def test_the_same_lines_as_ssh_keygen(seed: int, tmp_path: Path) -> None:
    """Hashed names, ports, wildcards, negations, markers, and lines that cannot be read."""
    file = tmp_path / "known_hosts"
    file.write_text(made(seed, tmp_path))
    entries = list(parse_known_hosts(file.read_text(), "f"))
    for host in HOSTS:
        for port in PORTS:
            name = host_name(host, port)
            own = [int(entry.source.partition(":")[2]) for entry in entries if entry.applies(name)]
            assert own == found(file, name), name


def test_the_corpus_is_worth_its_time(tmp_path: Path) -> None:
    """Of each kind of line there are some, and most files know some host."""
    texts = [made(seed, tmp_path) for seed in range(FILES)]
    whole = "".join(texts)
    for kind in ("|1|", "@revoked", "@cert-authority", "@unknown", "]:2222", "]:*", "!10.0.0.1", "???", "node?"):
        assert whole.count(kind) > 2, kind
