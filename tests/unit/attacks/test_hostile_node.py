"""A node that floods, falls silent or lies, beside honest ones: the command ends in time and in bounded memory, with
the node's name and its exit code; what the honest nodes had to do is done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.attacks import mixed
from tests.unit.attacks.child import Ran, fine, run
from tests.unit.attacks.node import (
    FINGERPRINT,
    RS,
    Answer,
    Node,
    beyond_the_window,
    flood,
    saying,
    silent,
    trickle,
)
from tests.unit.sshd import keygen

SHORT: dict[str, float] = {
    "kinstall.engine.host.SILENCE": 1.0,
    "kinstall.engine.host.WORK_SILENCE": 1.0,
    "kinstall.engine.host.ANSWER_SECONDS": 1.5,
    "kinstall.engine.host.WORK_SECONDS": 1.5,
    "kinstall.operations.ssh_session._SILENCE": 1.0,
    "kinstall.operations.ssh_session.SECONDS": 1.5,
    "kinstall.operations.reset._SECONDS": 1.0,
    "kinstall.connectivity.probe._SILENCE": 1.0,
    "kinstall.connectivity.probe._READY_SECONDS": 1.0,
    "kinstall.transport.ssh.channel._START_SECONDS": 2.0,
    "kinstall.transport.ssh.exec._OPEN_SECONDS": 1.0,
    "kinstall.engine.run.RETRIES": 1,
    "kinstall.engine.run.PAUSE": 0.1,
}
"""Time that a node may take for each kind of program. How much it may print is as in production."""


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(keygen(tmp_path_factory.mktemp("key") / "id"))


def attack(tmp_path: Path, key: str, words: list[str], answers: Mapping[str, Answer], liar: str = "w1") -> Ran:
    """`kinstall WORDS` for a control plane and two workers, of which `liar` answers so."""
    addresses = {"cp1": "10.90.0.11", "w1": "10.90.0.12", "w2": "10.90.0.13"}
    nodes = [
        {"name": name, "address": address, "role": "control-plane" if name == "cp1" else "worker"}
        for name, address in addresses.items()
    ]
    kubelet = {"kubelet": {"config": {"failCgroupV1": False}}}
    path = tmp_path / "answers.yaml"
    path.write_text(json.dumps({"clusterName": "demo", "nodes": nodes, "components": kubelet}))
    command = [words[0], str(path), *words[1:]]
    with Node(liar, addresses[liar], answers) as node:
        home = str(tmp_path / "state")
        ran = run(mixed.command, command, home, {liar: node.port}, key, FINGERPRINT, budgets=SHORT)
    assert set(answers) <= set(node.asked), f"the attack did not take place: {node.asked} {ran.said}"
    return ran


FLOODS: dict[str, Answer] = {
    "lines": flood(b"x" * 99 + b"\n"),
    "empty lines": flood(b"\n"),
    "a line without an end": flood(b"x"),
    "NUL": flood(b"\0"),
    "no UTF-8": flood(b"\xff\xfe\x80\n"),
    "escapes": flood(b"\x1b]0;title\x07\x1b[2J\n"),
    "records": flood(f"{RS}paths\n755|root:root|directory|1:1:1|/etc\n".encode()),
    "beyond the window": beyond_the_window(errors=False),
    "standard error": beyond_the_window(errors=True),
    "silence": silent,
    "a trickle": trickle,
}


@pytest.mark.parametrize("name", FLOODS)
def test_facts_without_end(tmp_path: Path, key: str, name: str) -> None:
    """Preflight names the node; of the others all is judged."""
    ran = attack(tmp_path, key, ["preflight", "--all"], {"facts": FLOODS[name]})
    fine(ran, 3, "w1")
    assert [line for line in ran.out.splitlines() if "w2" in line and "error" not in line]
    assert sum("w1 " in line and "error" in line for line in ran.out.splitlines()) == 1


@pytest.mark.parametrize("name", ["lines", "records", "standard error", "silence", "a trickle"])
@pytest.mark.parametrize("kind", ["hello", "observe"])
def test_a_plan_beside_a_node_without_end(tmp_path: Path, key: str, kind: str, name: str) -> None:
    """It ends with the node's name."""
    fine(attack(tmp_path, key, ["plan"], {kind: FLOODS[name]}), 3 if kind == "hello" else 4, "w1")


@pytest.mark.parametrize("name", ["lines", "records", "standard error", "silence", "a trickle"])
def test_a_replay_beside_a_node_without_end(tmp_path: Path, key: str, name: str) -> None:
    """What the other nodes have to do is done; a replay ends with the name of the one that is not."""
    ran = attack(tmp_path, key, ["replay"], {"apply": FLOODS[name]})
    fine(ran, 4, "w1")
    assert "w2   kubernetes: changed" in ran.out, ran.out


@pytest.mark.parametrize("name", ["lines", "records", "standard error", "silence", "a trickle"])
@pytest.mark.parametrize("kind", ["observe", "undo"])
def test_a_reset_beside_a_node_without_end(tmp_path: Path, key: str, kind: str, name: str) -> None:
    """The others are reset."""
    record = '{"kind":"directory","subject":"/opt/x"}'
    recorded = saying(f"{RS}record", record, f"{RS}done")
    ran = attack(tmp_path, key, ["reset", "--yes", "demo"], {"observe": recorded, kind: FLOODS[name]})
    fine(ran, 4, "w1")
    assert "w2   undo: changed" in ran.out, ran.out


STEERING = "\x1b]52;c;aGk=\x07\x1b[2J\x9b31m\u202e"
NOT_APPLIED: dict[str, Answer] = {
    "a step that does not exist": saying(f"{RS}begin\t99999", f"{RS}end\t99999\t0", f"{RS}done"),
    "a step before the first": saying(f"{RS}begin\t-1", f"{RS}end\t-1\t0", f"{RS}done"),
    "a step that is no number": saying(f"{RS}begin\tone", f"{RS}done"),
    "fields that are missing": saying(f"{RS}begin", f"{RS}out", f"{RS}end\t0", f"{RS}done"),
    "a digit of another script": saying(f"{RS}begin\t\u00b2", f"{RS}done"),
    "a word that is not the program's": saying(f"{RS}obey\t0", f"{RS}done"),
    "a status that is none": saying(f"{RS}begin\t0", f"{RS}end\t0\t" + "9" * 5000, f"{RS}done"),
    "an exit status out of range": saying(f"{RS}begin\t0", status=99999),
    "an exit status of words": saying(f"{RS}begin\t0", status=STEERING),
    "an exit status below none": saying(f"{RS}begin\t0", status=-1),
    "escapes": saying(f"{RS}begin\t0", STEERING, f"{RS}out\t0\t{STEERING}", f"{RS}end\t0\t1", status=1),
    "escapes, and the end": saying(f"{RS}fatal\t{STEERING}", status=1),
    "half of a program's words": saying(f"{RS}begin\t0", f"{RS}end\t0\t0"),
}


@pytest.mark.parametrize("name", NOT_APPLIED)
def test_a_replay_that_is_lied_to_about_its_steps(tmp_path: Path, key: str, name: str) -> None:
    """The node is named, nothing of another node changes by it."""
    ran = attack(tmp_path, key, ["replay"], {"apply": NOT_APPLIED[name]})
    fine(ran, 4, "w1")
    assert "w2   kubernetes: changed" in ran.out, ran.out


NEWER = json.dumps({"kind": "format", "format": STEERING + "2" * 9000})
NOT_SEEN: dict[str, tuple[int, Answer]] = {
    "paths of another form": (4, saying(f"{RS}paths", "x", f"{RS}done")),
    "a mode that is none": (4, saying(f"{RS}paths", "9|root:root|directory|1:1:1|/etc", f"{RS}done")),
    "a check of no step": (4, saying(f"{RS}check\t99999\t0", f"{RS}done")),
    "a check of the last step": (4, saying(f"{RS}check\t-1\t0", f"{RS}check", f"{RS}done")),
    "a check without a number": (4, saying(f"{RS}check\tx\t0", f"{RS}done")),
    "a tool without a name": (4, saying(f"{RS}tool", f"{RS}done")),
    "a newer record": (2, saying(f"{RS}record", NEWER, f"{RS}done")),
    "a record of other types": (2, saying(f"{RS}record", '{"kind":"file","subject":["/etc"]}', f"{RS}done")),
    "a record of another kind": (2, saying(f"{RS}record", '{"kind":"soul","subject":"/etc"}', f"{RS}done")),
    "a record that is too deep": (4, saying(f"{RS}record", '{"a":' * 100_000, "x" * 10, f"{RS}done", f"{RS}check")),
    "an exit status of words": (4, saying(status=STEERING)),
    "nothing": (4, saying()),
}


@pytest.mark.parametrize("name", NOT_SEEN)
def test_a_plan_of_a_node_that_answers_in_another_form(tmp_path: Path, key: str, name: str) -> None:
    """It ends with the node's name."""
    code, answer = NOT_SEEN[name]
    fine(attack(tmp_path, key, ["plan"], {"observe": answer}), code, "w1")


@pytest.mark.parametrize("name", NOT_SEEN)
def test_a_reset_of_a_node_that_answers_in_another_form(tmp_path: Path, key: str, name: str) -> None:
    """The others are reset."""
    ran = attack(tmp_path, key, ["reset", "--yes", "demo"], {"observe": NOT_SEEN[name][1]})
    fine(ran, 4, "w1")
    assert "w2   undo: changed" in ran.out, ran.out
