"""The command line as a user types it: help, exit codes, sentences instead of tracebacks."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kinstall import __version__
from kinstall.answers import example
from kinstall.cli import main
from kinstall.cli.completion import completion_script
from kinstall.cli.man import man_page
from kinstall.cli.parser import EXAMPLES, SHELLS, command_line

ROOT = Path(__file__).parents[3]
MINIMAL = str(ROOT / "kinstall/answers/examples" / "minimal.yaml")
COMMANDS = (
    "replay",
    "plan",
    "preflight",
    "verify",
    "reset",
    "trust",
    "rehearse",
    "render",
    "routes",
    "report",
    "kubeconfig",
    "example",
    "schema",
    "completion",
    "man",
    "help",
)


@dataclass(frozen=True)
class Ended:
    code: object
    out: str
    err: str


Type = Callable[..., Ended]


@pytest.fixture
def kinstall(capsys: pytest.CaptureFixture[str]) -> Type:
    """Run a command in this process: an exception that it does not turn into a sentence fails the test."""

    def typed(*words: str) -> Ended:
        try:
            code: object = main.main(words)
        except SystemExit as ended:
            code = ended.code
        return Ended(code or 0, *capsys.readouterr())

    return typed


@pytest.fixture
def refused(kinstall: Type) -> Callable[..., str]:
    """What a command says when it ends with exit code 2 and nothing on its standard output."""

    def typed(*words: str) -> str:
        ran = kinstall(*words)
        assert (ran.code, ran.out) == (2, ""), ran
        return ran.err

    return typed


Refused = Callable[..., str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of one's own for the state folder, and nobody at a terminal."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return tmp_path


def test_every_command_has_help_with_an_example(kinstall: Type) -> None:
    """The example can be typed as it stands, and the list of commands is complete."""
    for command in COMMANDS:
        ran = kinstall(command, "--help")
        example = ran.out.split("Example: kinstall ")[1].split(">")[0]
        assert ran.code == 0 and command_line().parse_args(example.split()).command == command
    shown = kinstall("--help").out
    assert set(re.findall(r"^    (\w+)\b", shown, re.MULTILINE)) == set(COMMANDS) and "Exit codes:" in shown


def test_help_is_a_command_too(kinstall: Type) -> None:
    """As in git and kubectl: alone it lists the commands, with a name it explains that one."""
    assert kinstall("help") == kinstall("--help")
    assert kinstall("help", "replay") == kinstall("replay", "--help")


def test_every_example_can_be_printed_and_used(home: Path, kinstall: Type) -> None:
    """`kinstall example NAME > FILE` gives answers that kinstall takes; the list says what each is for."""
    listed = kinstall("example", "--list").out.splitlines()
    assert [line.split()[0] for line in listed] == list(EXAMPLES) == list(example.names())
    assert all(len(line.split()) > 4 for line in listed)
    for name in EXAMPLES:
        (home / "answers.yaml").write_text(kinstall("example", name).out)
        assert kinstall("plan", str(home / "answers.yaml"), "--show-defaults").code == 0
    assert kinstall("example").out == kinstall("example", "minimal").out


def test_the_shell_asks_for_its_own_script(kinstall: Type) -> None:
    """The single file completes without a package: the same text that packages install."""
    for shell in SHELLS:
        assert kinstall("completion", shell) == Ended(0, completion_script(shell), "")
    assert kinstall("man") == Ended(0, man_page(), "")


def test_what_is_written_is_named_as_json(home: Path, kinstall: Type) -> None:
    """render, report and kubeconfig say as JSON where their files are."""
    rendered = json.loads(kinstall("render", MINIMAL, str(home / "out"), "--output", "json").out)
    assert rendered["folder"] == str(home / "out") and (home / "out" / rendered["files"][0]).is_file()
    kinstall("rehearse", MINIMAL, "--state", str(home / "state"))
    told = json.loads(kinstall("report", MINIMAL, "--state", str(home / "state"), "--output", "json").out)
    assert Path(told["report"]).read_text().startswith("<!DOCTYPE html>")
    there = json.loads(kinstall("kubeconfig", MINIMAL, "--state", str(home / "state"), "--output", "json").out)
    words = ("--merge", "--file", str(home / "config"), "--output", "json")
    merged = json.loads(kinstall("kubeconfig", MINIMAL, "--state", str(home / "state"), *words).out)
    assert Path(there["kubeconfig"]).is_file()
    context = "kubernetes-admin@demo"
    expected = {"kubeconfig": str(home / "config"), "context": context, "current": True, "changed": True, "backup": ""}
    assert merged == expected


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_unicode_gets_help_too(encoding: str) -> None:
    """A character it cannot show is replaced."""
    ran = subprocess.run(
        [sys.executable, "-m", "kinstall", "trust", "--help"],
        cwd=ROOT, env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0 and ran.stderr == "" and "--fingerprint" in ran.stdout


def test_the_version_is_the_packages(kinstall: Type) -> None:
    """One place says it."""
    assert kinstall("--version").out == f"kinstall {__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "the wizard needs a terminal"),
        (("--answers", MINIMAL), "the wizard needs a terminal"),
        (("--answers", MINIMAL, "plan", MINIMAL), "belong to the wizard"),
        (("install",), "install is not a command; there are replay, "),
        (("verfy", MINIMAL), "verfy is not a command; did you mean verify?"),
        (("replay", MINIMAL, "--until", "imges"), "did you mean images?"),
        (("example", "mini"), "did you mean minimal?"),
        (("replay",), "ANSWERS"),
        (("replay", MINIMAL, "--until", "dinner"), "--until dinner: not one of prepare, download,"),
        (("replay", MINIMAL, "--parallel", "0"), "0 is not a whole number from 1 up"),
        (("plan", MINIMAL, "--parallel", "many"), "many is not a whole number from 1 up"),
        (("plan", MINIMAL, "--output", "xml"), "--output xml: not one of text, json"),
        (("render", MINIMAL), "DIR"),
        (("trust", MINIMAL, "--fingerprint", "cp1"), "--fingerprint cp1 is not NODE=SHA256:…"),
        (("trust", MINIMAL, "--fingerprint", "cp1=MD5:aa"), "is not NODE=SHA256:…"),
    ],
)
def test_a_wrong_command_line_is_a_sentence(words: tuple[str, ...], said: str, refused: Refused) -> None:
    """Exit code 2, what is wrong, and where help is."""
    assert said in refused(*words)


def test_an_answers_file_that_cannot_be_used_is_a_sentence(home: Path, refused: Refused) -> None:
    """Missing, a folder, not text, empty: the file is named, and what to do."""
    (home / "binary.yaml").write_bytes(b"\xff\xfe\0")
    (home / "empty.yaml").write_text("")
    for name, said in (
        ("missing.yaml", "there is no such file"),
        ("", "this is a directory"),
        ("binary.yaml", "not UTF-8"),
        ("empty.yaml", "problem"),
    ):
        text = refused("plan", str(home / name))
        assert said in text and str(home) in text


def test_an_answers_file_that_may_not_be_read(home: Path, refused: Refused) -> None:
    """Its mode is what the sentence is about."""
    path = home / "answers.yaml"
    path.write_text((ROOT / "kinstall/answers/examples/minimal.yaml").read_text())
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root may read everything")
    assert "may not read" in refused("plan", str(path))


def test_problems_come_as_json_where_json_was_asked_for(home: Path, refused: Refused) -> None:
    """A program that reads the output gets each problem by itself."""
    (home / "bad.yaml").write_text("apiVersion: kinstall/v1\nnodez: []\n")
    text = refused("plan", str(home / "bad.yaml"), "--output", "json")
    data = json.loads(text)
    places = {(each["path"], each["line"]) for each in data["problems"]}
    assert (data["error"], places >= {("nodez", 2)}) == ("InvalidAnswers", True)


def test_defaults_are_shown_as_answers_that_are_valid(home: Path, kinstall: Type) -> None:
    """What --show-defaults prints says the same as the file, every default with it, and can be used itself."""
    shown = kinstall("plan", MINIMAL, "--show-defaults")
    assert shown.code == 0 and "podSubnet: 10.244.0.0/16" in shown.out
    again = home / "again.yaml"
    again.write_text(shown.out)
    assert kinstall("plan", str(again), "--show-defaults").out == shown.out
    assert not (home / "state").exists()


def test_the_schema_is_json_schema(kinstall: Type) -> None:
    """For an editor: it names every part of the answers."""
    data = json.loads(kinstall("schema").out)
    assert data["$schema"].startswith("https://json-schema.org/") and "nodes" in data["properties"]


@pytest.mark.parametrize("command", ["replay", "plan", "preflight", "verify", "reset", "trust"])
def test_a_state_folder_open_to_others_is_refused(command: str, home: Path, refused: Refused) -> None:
    """Before any node is reached: it holds keys."""
    folder = home / "open"
    folder.mkdir()
    folder.chmod(0o755)
    text = refused(command, MINIMAL, "--state", str(folder))
    assert "is open to others (mode 0755)" in text and f"chmod 700 {folder}" in text


def test_reset_asks_for_the_name_and_takes_no_other(refused: Refused) -> None:
    """Without a terminal, or with another cluster's name, nothing is done, not even a folder made."""
    assert "add --yes demo" in refused("reset", MINIMAL)
    assert "it is called demo" in refused("reset", MINIMAL, "--yes", "prod")
    assert "not in these answers: nowhere" in refused("reset", MINIMAL, "--yes", "demo", "--node", "nowhere")


def test_reset_takes_answers_that_are_refused_now(refused: Refused, tmp_path: Path) -> None:
    """A cluster that was installed from a mirror over plain HTTP, without digests, can be removed: only its name is
    missing then. Every other command says what to write."""
    answers = tmp_path / "old.yaml"
    mirror = "images: {mirrors: {registry.k8s.io: {endpoint: 'http://192.0.2.1:5000'}}}\n"
    answers.write_text(mirror + Path(MINIMAL).read_text())
    assert "add --yes demo" in refused("reset", str(answers))
    assert "images.digests has no digest for registry.k8s.io/kube-apiserver" in refused("plan", str(answers))


@pytest.mark.parametrize("typed", ["prod\n", "\n", "\x04"])
def test_reset_at_a_terminal_takes_only_the_name(typed: str) -> None:
    """Another name, nothing, or the end of input: exit code 2 and a sentence."""
    outer, inner = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "kinstall", "reset", MINIMAL], stdin=inner, stdout=inner, stderr=subprocess.PIPE,
        text=True, cwd=ROOT,
    ) as ran:  # fmt: skip
        os.close(inner)
        os.write(outer, typed.encode())
        assert ran.stderr is not None
        said = ran.stderr.read()
        assert ran.wait(20) == 2 and "Traceback" not in said and "kinstall:" in said, said
    os.close(outer)


def test_render_writes_what_may_be_shown(home: Path, kinstall: Type, refused: Refused) -> None:
    """A private folder, no authority's key, secrets only for their owner; a folder with something in it is refused."""
    target = home / "out"
    ran = kinstall("render", MINIMAL, str(target))
    assert ran.code == 0 and "throw-away keys" in ran.out, ran
    files = {str(path.relative_to(target)): path for path in target.rglob("*") if path.is_file()}
    assert target.stat().st_mode & 0o777 == 0o700
    assert {"cp1/etc/kubernetes/manifests/etcd.yaml", "w1/var/lib/kubelet/config.yaml"} <= set(files)
    assert [name for name in files if name.endswith(("ca.key", "sa.key"))] == []
    kept = [path for path in files.values() if "kubernetes" in path.parts and path.suffix in (".key", ".conf")]
    assert len(kept) > 10 and {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    assert {path for path in files.values() if b"PRIVATE KEY" in path.read_bytes()} <= set(kept)
    assert "is not empty" in refused("render", MINIMAL, str(target))
    (home / "file").write_text("")
    assert str(home / "file") in refused("render", MINIMAL, str(home / "file"))
    assert not (home / "state").exists()


def test_a_reader_that_goes_away_is_no_error() -> None:
    """`kinstall schema | head -1` ends quietly."""
    with subprocess.Popen(
        [sys.executable, "-m", "kinstall", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as ran:
        assert ran.stdout is not None and ran.stderr is not None
        ran.stdout.readline()
        ran.stdout.close()
        assert ran.stderr.read() == b""
        assert ran.wait(20) == 0


def test_packages_in_the_current_directory_are_not_ours(tmp_path: Path) -> None:
    """`python -m kinstall` from a folder that holds another `assets` and `screens`."""
    for name in ("assets", "screens", "pathlib"):
        (tmp_path / f"{name}.py").write_text('raise SystemExit("hijacked")')
    ran = subprocess.run(
        [sys.executable, "-m", "kinstall", "plan", MINIMAL, "--show-defaults"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0 and "podSubnet" in ran.stdout, ran


def test_routes_for_a_router(kinstall: Type, refused: Callable[..., str], tmp_path: Path) -> None:
    """A line per node as `ip route add` takes it: the ranges that are planned, or those that were once."""
    state = tmp_path / "state"
    words = ("routes", MINIMAL, "--state", str(state))
    assert kinstall(*words).out.splitlines() == [
        "10.244.0.0/24 via 192.168.56.11",
        "10.244.1.0/24 via 192.168.56.12",
        "10.244.2.0/24 via 192.168.56.13",
    ]
    assert not state.exists()
    state.mkdir(mode=0o700)
    (state / "nodes.json").write_text('{"gone": "10.244.1.0/24", "w1": "10.244.9.0/24"}')
    told = json.loads(kinstall(*words, "--output", "json").out)["routes"]
    assert [each["podCIDR"] for each in told] == ["10.244.0.0/24", "10.244.9.0/24", "10.244.2.0/24"]
    assert "the cluster gives the nodes their ranges" in refused(
        "routes", str(ROOT / "kinstall/answers/examples" / "own-parts.yaml")
    )
