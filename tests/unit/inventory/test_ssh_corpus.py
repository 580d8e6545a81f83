"""ssh_config files made up at random, read by kinstall and by `ssh -G`: the same hosts, logins, keys and jump hosts."""

import json
import os
import pwd
import random
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kinstall.answers.load import parse
from kinstall.cluster import JumpHost
from kinstall.inventory import read_ssh_config

FILES = 60
ALIASES = ("w1", "w2", "db.example.org", "a-1", "x[1]")
JUMPS = ("bastion", "gate.example.org")
Hop = tuple[str, int, str, tuple[str, ...]]
"""Host, port, user, keys."""

LOCAL = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture(autouse=True)
def _ssh_is_here() -> None:
    if not shutil.which("ssh"):
        pytest.skip("ssh (openssh-client) is not installed")


def quoted(dice: random.Random, text: str) -> str:
    forms = (text, text, f'"{text}"', f"'{text}'") if " " not in text else (f'"{text}"', text.replace(" ", "\\ "))
    return dice.choice(forms)


def option(dice: random.Random) -> str:
    """A line below Host or Match."""
    one = dice.choice
    name, value = one(
        (
            ("User", one(("adm", "ops", "root", "d.user"))),
            ("Port", str(one((22, 2201, 2202, 65535)))),
            ("HostName", one(("10.1.0.1", "10.1.0.2", "%h.example.net", "Host.Example.COM", "10.1.0.%h"))),
            ("IdentityFile", one(("~/.ssh/a", "~/.ssh/b#1", "/keys/two words", "%d/.ssh/c", "none"))),
            ("IdentityFile", one(("~/.ssh/a", "~/.ssh/d"))),
            ("IdentitiesOnly", one(("yes", "no"))),
            ("IdentityAgent", one(("~/agent.sock", "none", "SSH_AUTH_SOCK", "/run/two words"))),
            ("ProxyJump", one(("bastion", "eve@gate.example.org:2222", "none", "bastion,ann@gate.example.org"))),
            ("ProxyCommand", one(("none", "ssh -W %h:%p bastion"))),
            ("ForwardX11", "no"),
        )
    )
    name = one((name, name.lower(), name.upper()))
    comment = one(("", "", "  # a comment"))
    if name.lower().startswith("proxy"):
        comment = ""  # ssh takes the rest of these lines as it is
    else:
        value = quoted(dice, value)
    return f"{one(('', '  ', chr(9)))}{name}{one((' ', '=', ' = ', '   '))}{value}{comment}\n"


def head(dice: random.Random) -> str:
    """A Host or Match line; Match names no program."""
    one, known = dice.choice, [*ALIASES, *JUMPS]
    patterns = [one((*known, "*", "*.example.org", "w?", "!w1", "db*", "10.1.*")) for _ in range(dice.randint(1, 3))]
    if dice.random() < 0.7:
        return f"Host {' '.join(patterns)}\n"
    criteria = [
        one(
            (
                f"host {','.join(patterns)}",
                f"originalhost {one(known)},{one(patterns)}",
                f"user {one(('adm', 'root,ops', '*'))}",
                f"!user {one(('adm', 'nobody'))}",
                f"!originalhost {one(known)}",
                f"localuser {one((LOCAL, 'nobody'))}",
            )
        )
        for _ in range(dice.randint(1, 2))
    ]
    return f"Match {one(('all', ' '.join(criteria)))}\n"


def made(seed: int) -> str:
    dice = random.Random(seed)
    blocks = [head(dice) + "".join(option(dice) for _ in range(dice.randint(0, 4))) for _ in range(dice.randint(2, 8))]
    hosts = "".join(f"Host {alias}\n" for alias in (*ALIASES, *JUMPS))
    return "".join((*(option(dice) for _ in range(dice.randint(0, 1))), *blocks, hosts))


def asked(config: Path, alias: str) -> dict[str, list[str]]:
    """What `ssh -G` says: keyword → its values."""
    said = subprocess.run(["ssh", "-F", config, "-G", alias], check=True, capture_output=True, text=True).stdout
    found: dict[str, list[str]] = {}
    for line in said.splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name, []).append(value)
    return found


def files(said: dict[str, list[str]], *, of: dict[str, list[str]]) -> tuple[str, ...]:
    """Its IdentityFile; none where they are ssh's own, which `of` an unnamed host says."""
    if said.get("identityfile") == of.get("identityfile"):
        return ()
    keys = [key.replace("%d", "~") for key in said.get("identityfile", []) if key != "none"]
    return tuple(dict.fromkeys(keys))


def hops(config: Path, said: dict[str, list[str]], plain: dict[str, list[str]]) -> list[Hop]:
    """The jump hosts: `ssh -J` starts an ssh for each, the first with the options of its own."""
    jump = said.get("proxyjump", [""])[0]
    if said.get("proxycommand", [""])[0] == "ssh -W %h:%p bastion":
        jump = "bastion"
    found: list[Hop] = []
    for index, text in enumerate(filter(None, jump.split(","))):
        user, _, rest = text.rpartition("@")
        alias, _, port = rest.partition(":")
        there = asked(config, alias)
        if index == 0:
            found += hops(config, there, plain)
        login = (there["hostname"][0], int(port or there["port"][0]), user or there["user"][0])
        found.append((*login, files(there, of=plain)))
    return found


def read(jump: JumpHost) -> Hop:
    return jump.address, jump.port, jump.user or LOCAL, jump.identity_files


@pytest.mark.parametrize("seed", range(FILES))
def test_the_same_as_ssh(seed: int, tmp_path: Path) -> None:
    """Of each host that kinstall takes over: HostName, Port, User, IdentityFile in order, the agent, the way there."""
    config = tmp_path / "config"
    config.write_text(made(seed))
    plain = asked(Path("/dev/null"), "host")
    imported = read_ssh_config(config.read_text())
    judged = set()
    for row in imported.nodes:
        alias = next(name for name in (*ALIASES, *JUMPS) if name.replace("[", "-").replace("]", "") == row["name"])
        said = asked(config, alias)
        node = {**row, "name": "n", "address": "192.0.2.1", "role": "control-plane"}
        ssh = (spec := parse(json.dumps({"nodes": [node]}))).ssh_of(spec.nodes[0])
        given = row.get("ssh", {})
        assert row["address"].lower() == said["hostname"][0], alias
        assert (ssh.port, given.get("user", LOCAL)) == (int(said["port"][0]), said["user"][0]), alias
        assert ssh.identity_files == files(said, of=plain), alias
        assert bool(ssh.identities_only) is (said["identitiesonly"][0] == "yes"), alias
        agent = said.get("identityagent", ["SSH_AUTH_SOCK"])[0]
        assert str(Path(ssh.identity_agent or "SSH_AUTH_SOCK").expanduser()) == agent, alias
        way = hops(config, said, plain)
        jumps = [read(jump) for jump in ssh.jumps]
        assert [jump[:3] for jump in jumps] == [hop[:3] for hop in way], alias
        own = [hop[3] for hop in way]
        # As text they say nothing of keys: then none of the hosts has another than the node's.
        assert [jump[3] for jump in jumps] == own or all(keys in ((), ssh.identity_files) for keys in own), alias
        judged.add(alias)
    assert judged or imported.problems or imported.notices


def test_the_corpus_is_worth_its_time() -> None:
    """Most files give hosts, some have jumps with keys of their own, several keys, Match lines that are followed."""
    found: list[Any] = [read_ssh_config(made(seed)) for seed in range(FILES)]
    rows = [row.get("ssh", {}) for each in found for row in each.nodes]
    assert len(rows) > 2 * FILES
    count = partial(lambda wanted: sum(1 for row in rows if wanted(row)))
    assert count(lambda row: isinstance(row.get("identityFile"), list)) > 5
    assert count(lambda row: isinstance(row.get("proxyJump"), list)) > 5
    assert count(lambda row: "," in str(row.get("proxyJump", ""))) > 5
    assert not any("Match" in notice for each in found for notice in each.notices)
