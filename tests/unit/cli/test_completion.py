"""What shells complete, and the manual page: both made from the declaration of the command line."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kinstall.cli.completion import FILES, completion_script
from kinstall.cli.man import man_page
from kinstall.cli.parser import command_line, commands_of
from kinstall.plan.phase_names import PHASES
from tests.unit.cli.test_cli import COMMANDS

_OFFERS = (
    'offers() { COMP_WORDS=("$@" \'\'); COMP_CWORD=$#; COMPREPLY=(); _shtab_kinstall; echo "${COMPREPLY[@]}"; }\n'
    "offers kinstall; offers kinstall replay x.yaml --until\n"
)


def test_bash_completes_commands_and_phases() -> None:
    """bash itself runs the script: after `kinstall` it offers every command, after --until every phase."""
    ran = subprocess.run(
        ["bash", "--norc", "-c", f"{completion_script('bash')}\n{_OFFERS}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    commands, phases = ran.stdout.splitlines()
    assert (set(commands.split()) >= set(COMMANDS), phases.split(), ran.stderr) == (True, list(PHASES), "")


@pytest.mark.parametrize("shell", FILES)
def test_every_shell_knows_every_command_and_option(shell: str) -> None:
    """The script names them all, completes files and folders where they belong, and the shell finds no error in it."""
    script = completion_script(shell)
    files, folders = {
        "bash": ("_shtab_compgen_files", "_shtab_compgen_dirs"),
        "zsh": (":_files", "_files -/"),
        "fish": ("__fish_complete_path", "__fish_complete_directories"),
    }[shell]
    assert files in script and folders in script
    for word in (*COMMANDS, "recover-pki", "show-defaults", "forget-pki"):
        assert word in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True, capture_output=True)


def test_the_manual_page_has_all_that_the_help_has() -> None:
    """Every command with its description, every option with its help, the exit codes; no placeholder of argparse's."""
    page = man_page()
    plain = page.replace("\\-", "-").replace("\\(dq", '"').replace("\\fB", "").replace("\\fI", "").replace("\\fR", "")
    for command in commands_of(command_line()).values():
        assert command.description and command.description in plain
        for action in command._actions:
            assert all(option in plain for option in action.option_strings if option not in ("-h", "--help"))
    assert "exit" in plain.lower() and "0 done" in plain and "%(" not in plain


@pytest.mark.skipif(not shutil.which("man"), reason="no man")
def test_man_reads_it_without_a_warning(tmp_path: Path) -> None:
    """The page is formatted, and the formatter has nothing to say about it."""
    (tmp_path / "kinstall.1").write_text(man_page(), "utf-8")
    ran = subprocess.run(
        ["man", "--warnings", "-l", str(tmp_path / "kinstall.1")],
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "100"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stderr == "" and "--recover-pki" in ran.stdout
