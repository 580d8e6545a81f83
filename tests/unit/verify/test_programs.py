"""The sh programs themselves, run by a real sh with stand-ins for kubectl, curl and dig."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kinstall.verify import programs
from kinstall.verify.answers import groups
from kinstall.verify.programs import Probe, Record, parse, probe_script


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return path


def run(program: str, path: str) -> tuple[Record, ...]:
    environment = {**os.environ, "PATH": path}
    ended = subprocess.run(["sh"], input=program, capture_output=True, text=True, timeout=30, env=environment)
    assert ended.stderr == ""
    return parse(ended.stdout.split("\n"))


def on_this_machine(program: str, folder: Path) -> str:
    """The program with the node's folder and its kubectl replaced by ones below `folder`."""
    (folder / "run").mkdir(exist_ok=True)
    return program.replace("RUNDIR=/run/kinstall", f"RUNDIR={folder}/run").replace(
        "/usr/local/bin/kubectl", f"{folder}/kubectl"
    )


@pytest.mark.parametrize(
    "program",
    [
        programs.look_program("http://127.0.0.1:10256/healthz", {"a b": "https://10.0.0.1:6443/livez"}, snapshot=True),
        programs.look_program("", {}, snapshot=False),
        programs.events_program("n") + programs.last_words_program("n", [("p", "c")]),
        programs.route_program(["10.0.0.1", "it's"]),
        programs.create_program(["old"]),
        programs.wait_program("n", ["deployment/a"], 5),
        programs.pods_program("n", [("pod", "w1", "exec p -- sh -c 'echo'")]),
        programs.delete_pod_program("n", "p"),
        programs.remove_program("n", 10, 20),
        probe_script([Probe("c", "t", "http://x")], {"DNS inside": "name"}, "10.96.0.1"),
    ],
)
def test_every_program_is_sh(program: str) -> None:
    """sh reads each of them to its end, and no line is left to a shell's own taste."""
    assert subprocess.run(["sh", "-n"], input=program, capture_output=True, text=True).stderr == ""


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
    probes = [Probe("pod to pod", "w1", "http://up"), Probe("NodePort", "w2", "http://down", tries=3)]
    records = run(probe_script(probes, {"DNS inside": "kubernetes"}, "10.96.0.1"), f"{pod}:{os.environ['PATH']}")
    told = {each.kind: each for each in records}
    assert told["pod to pod"].fields[1:3] == ("w1", "0")
    assert told["pod to pod"].field(5) == "spread-x"
    assert told["NodePort"].field(2) == "7"
    assert told["NodePort"].field(5) == "curl: (7) refused"
    assert "kubernetes 5 IN A 10.96.0.1" in told["DNS inside"].text
    assert told["token"].field(5) == "200"
    assert (pod / "argv").read_text().count("http://down") == 3


def test_the_token_is_in_no_argument(pod: Path) -> None:
    """Every process of the node can read arguments: curl gets the token on its standard input."""
    run(probe_script([], {}, "10.96.0.1"), f"{pod}:{os.environ['PATH']}")
    assert "S3CRET" in (pod / "config").read_text()
    assert "S3CRET" not in (pod / "argv").read_text()


def test_answers_of_many_pods_do_not_mix(tmp_path: Path) -> None:
    """Commands run at once, more than are let run together; each answer stays whole, and no file is left."""
    script(
        tmp_path / "kubectl",
        'for last; do :; done\nprintf "\\036inside\\n"\n'
        'for i in 1 2 3 4 5 6 7 8; do echo "$last $i"; sleep 0.01; done\n[ "$last" != n3 ]\n',
    )
    wanted = [("pod", f"n{index}", f"exec p -- n{index}") for index in range(9)]
    program = on_this_machine(programs.pods_program("space", wanted), tmp_path)
    answers = groups(run(program, os.environ["PATH"]))
    assert [each.head.field(2) for each in answers] == [f"n{index}" for index in range(9)]
    assert [each.head.field(3) for each in answers] == ["1" if index == 3 else "0" for index in range(9)]
    for index, each in enumerate(answers):
        assert each.inside[0].text.split("\n")[:8] == [f"n{index} {turn}" for turn in range(1, 9)]
    assert [each.name for each in (tmp_path / "run").iterdir()] == ["home"]


def test_the_look_leaves_no_file_and_no_cache_in_roots_home(tmp_path: Path) -> None:
    """kubectl's cache goes to the folder below /run, and what the program collected is removed."""
    script(tmp_path / "kubectl", 'echo "{\\"items\\": []}"; echo "$HOME $KUBECONFIG" >&2\n')
    program = on_this_machine(programs.look_program("", {}, snapshot=True), tmp_path)
    ended = subprocess.run(["sh"], input=program, capture_output=True, text=True, timeout=30)
    told = {each.kind: each for each in parse(ended.stdout.split("\n"))}
    assert told["snapshot"].field(1) == "0"
    assert told["snapshot"].text == '{"items": []}'
    assert told["errors"].text == f"{tmp_path}/run/home /etc/kubernetes/admin.conf"
    assert "done" in told
    assert [each.name for each in (tmp_path / "run").iterdir()] == ["home"]


def test_asking_a_worker_makes_nothing_there(tmp_path: Path) -> None:
    """Where no kubectl runs, no folder is needed for it."""
    subprocess.run(["sh"], input=on_this_machine(programs.look_program("", {}, snapshot=False), tmp_path), text=True)
    assert list((tmp_path / "run").iterdir()) == []
