"""The sh programs themselves, run by real shells with stand-ins for kubectl, curl and dig."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from kinstall.verify.check import LookQuestion, LookView, Place, PodQuestion
from kinstall.verify.checks import system_pods
from kinstall.verify.ground import Ground, ground_of
from kinstall.verify.inside_pod import fetch, resolve
from kinstall.verify.look import look_program
from kinstall.verify.program import DONE, WAIT, Call, program
from kinstall.verify.records import Record, parse
from kinstall.verify.routes import route_call
from kinstall.verify.with_pods import pod_program, pods_calls, views_of
from tests.unit.verify.cluster import SPEC, check_pods, healthy_objects
from tests.unit.verify.cluster import pod as a_pod

GROUND = ground_of(SPEC, check_pods())
UNREADY = LookView(SPEC, {}, [*healthy_objects(), a_pod("coredns-c", ready=False)])
TOKEN = Call("checks/service_account", ("call_with_token", "10.96.0.1"))
PROGRAMS = {
    "look at a control plane": look_program(LookQuestion(SPEC, SPEC.nodes[0], front=True)),
    "look at a worker": look_program(LookQuestion(SPEC, SPEC.nodes[1], front=False)),
    "causes": program(system_pods.causes(UNREADY), kubectl=True),
    "routes": program([route_call(["10.0.0.1", "it's"])]),
    "create": program([Call("checks/check_pods", ("create_objects", "old"))], kubectl=True),
    "wait": program([Call("workspace", ("wait_for", "n", "5", "deployment/a"))], kubectl=True),
    "pods": program(pods_calls("n", [("pod", "w1", ("exec", "p", "--", "sh", "-c", "echo 'it'"))]), kubectl=True),
    "delete": program([Call("checks/pod_replaced", ("delete_pod", "n", "p"))], kubectl=True),
    "remove": program([Call("checks/clean_up", ("remove_namespace", "n", "10", "20"))], kubectl=True),
    "in a pod": pod_program(PodQuestion(SPEC, GROUND, "w1", has_resolver=True), Place.POD),
    "in a host's pod": pod_program(PodQuestion(SPEC, GROUND, "w1", has_resolver=True), Place.HOST),
}
LIST = program([Call("look", ("list_objects", "nodes")), Call("look", ("print_objects",)), DONE], kubectl=True)
SHELLS = [shell for shell in (["sh"], ["dash"], ["bash", "--posix"], ["busybox", "sh"]) if shutil.which(shell[0])]


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return path


def run(text: str, path: str) -> tuple[Record, ...]:
    environment = {**os.environ, "PATH": path}
    ended = subprocess.run(["sh"], input=text, capture_output=True, text=True, timeout=30, env=environment)
    assert ended.stderr == ""
    return parse(ended.stdout.split("\n"))


def on_this_machine(text: str, folder: Path) -> str:
    """The program with the node's folder and its kubectl replaced by ones below `folder`."""
    (folder / "run").mkdir(exist_ok=True)
    return text.replace("folder=/run/kinstall", f"folder={folder}/run").replace(
        "kubectl=/usr/local/bin/kubectl", f"kubectl={folder}/kubectl"
    )


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_is_sh(name: str, shell: Sequence[str]) -> None:
    """Every shell reads each of them to its end."""
    ended = subprocess.run([*shell, "-n"], input=PROGRAMS[name], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_programs_functions_are_all_there() -> None:
    """The first word of each call is a function of the program, or a command of the shell: no file is forgotten."""
    for name, text in PROGRAMS.items():
        calls = [line for line in text[text.rindex("\n}\n") + 3 :].splitlines() if "() {" not in line]
        assert calls, name
        for word in {line.split()[0] for line in calls} - {"wait", "exit"}:
            assert f"\n{word}() {{" in text, (name, word)


@pytest.fixture
def pod(tmp_path: Path) -> Path:
    """A folder of a pod's programs: curl fails for the URL http://down and answers for all others."""
    script(
        tmp_path / "curl",
        f'echo "$*" >>{tmp_path}/argv\n'
        'case "$*" in\n'
        '*http://down*) echo "curl: (7) refused" >&2; exit 7;;\n'
        f"*-K*) cat >{tmp_path}/config; printf 200;;\n"
        "*) printf spread-x;;\nesac\n",
    )
    script(tmp_path / "dig", 'echo ";; status: NOERROR, id: 1"; echo "$6 5 IN A 10.96.0.1"\n')
    script(tmp_path / "cat", f'case "$1" in */token) printf S3CRET;; *) exec {_where("cat")} "$@";; esac\n')
    script(tmp_path / "sleep", "exit 0\n")
    return tmp_path


def _where(name: str) -> str:
    return subprocess.run(["sh", "-c", f"command -v {name}"], capture_output=True, text=True).stdout.strip()


def test_a_check_pods_script_tells_a_record_per_question(pod: Path) -> None:
    """Answers, refusals in curl's words, names and the API's code come back as records; refused URLs are retried."""
    probes = [fetch("pod to pod", "w1", "http://up", tries=2), fetch("NodePort", "w2", "http://down", tries=3)]
    text = program([*probes, WAIT, resolve("DNS inside", "kubernetes"), TOKEN])
    records = run(text, f"{pod}:{os.environ['PATH']}")
    by_kind = {each.kind: each for each in records}
    assert by_kind["pod to pod"].fields[1:3] == ("w1", "0")
    assert by_kind["pod to pod"].field(5) == "spread-x"
    assert by_kind["NodePort"].field(2) == "7"
    assert by_kind["NodePort"].field(5) == "curl: (7) refused"
    assert "kubernetes 5 IN A 10.96.0.1" in by_kind["DNS inside"].text
    assert by_kind["token"].field(5) == "200"
    assert (pod / "argv").read_text().count("http://down") == 3


def test_the_token_is_in_no_argument(pod: Path) -> None:
    """Every process of the node can read arguments: curl gets the token on its standard input."""
    run(program([TOKEN]), f"{pod}:{os.environ['PATH']}")
    assert "S3CRET" in (pod / "config").read_text()
    assert "S3CRET" not in (pod / "argv").read_text()


def test_answers_of_many_pods_do_not_mix(tmp_path: Path) -> None:
    """Commands run at once, more than are let run together; each answer stays whole, and no file is left."""
    script(
        tmp_path / "kubectl",
        'for last; do :; done\nprintf "\\036inside\\n"\n'
        'for i in 1 2 3 4 5 6 7 8; do echo "$last $i"; sleep 0.01; done\n[ "$last" != n3 ]\n',
    )
    commands = [("pod", f"n{index}", ("exec", "p", "--", f"n{index}")) for index in range(9)]
    text = on_this_machine(program(pods_calls("space", commands), kubectl=True), tmp_path)
    views = views_of(PodQuestion(SPEC, Ground({}, {}, "", 0, {}), "", False), run(text, os.environ["PATH"]))
    answers = list(views.values())
    assert [each.head.field(2) for each in answers] == [f"n{index}" for index in range(9)]
    assert [each.head.field(3) for each in answers] == ["1" if index == 3 else "0" for index in range(9)]
    for index, each in enumerate(answers):
        assert each.inside[0].text.split("\n")[:8] == [f"n{index} {turn}" for turn in range(1, 9)]
    assert [each.name for each in (tmp_path / "run").iterdir()] == ["home"]


def test_the_look_leaves_no_file_and_no_cache_in_roots_home(tmp_path: Path) -> None:
    """kubectl's cache goes to the folder below /run, and what the program collected is removed."""
    script(tmp_path / "kubectl", 'echo "{\\"items\\": []}"; echo "$HOME $KUBECONFIG" >&2\n')
    text = on_this_machine(LIST, tmp_path)
    ended = subprocess.run(["sh"], input=text, capture_output=True, text=True, timeout=30)
    by_kind = {each.kind: each for each in parse(ended.stdout.split("\n"))}
    assert by_kind["snapshot"].field(1) == "0"
    assert by_kind["snapshot"].text == '{"items": []}'
    assert by_kind["errors"].text == f"{tmp_path}/run/home /etc/kubernetes/admin.conf"
    assert "done" in by_kind
    assert [each.name for each in (tmp_path / "run").iterdir()] == ["home"]


def test_asking_a_worker_makes_nothing_there(tmp_path: Path) -> None:
    """Where no kubectl runs, no folder is needed for it."""
    subprocess.run(["sh"], input=on_this_machine(PROGRAMS["look at a worker"], tmp_path), text=True)
    assert list((tmp_path / "run").iterdir()) == []
