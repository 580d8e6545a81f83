"""From a command line to an exit code. Imports lazily: `kinstall --version` loads nothing but the standard library."""

from __future__ import annotations

import argparse
import io
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from importlib import import_module

from kinstall.cli.parser import command_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code.

    0 done, 2 usage, 3 preflight, 4 a node failed, 5 cancelled, 6 verify, 70 a bug.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may lack a character
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # a library's words to programmers; what matters to an operator is a sentence
    parser = command_line()
    chosen = parser.parse_args(arguments)
    if chosen.command != "wizard" and (chosen.wizard_answers or chosen.wizard_state):
        parser.error(
            f"--answers and --state before {chosen.command} belong to the wizard; write them after {chosen.command}"
        )
    from kinstall.secrets import Redactor
    from kinstall.terminal.stream import harmless_streams, redacted

    chosen.redactor = Redactor()
    # The wizard owns the terminal, and its services redact what they return.
    redaction = nullcontext() if chosen.command == "wizard" else redacted(chosen.redactor)
    # First harmless, then redacted: a control character inside of a secret must not hide it from the redactor.
    with redaction, harmless_streams():
        return _run(chosen)


def _run(chosen: argparse.Namespace) -> int:
    """The command, with every exception turned into a sentence and an exit code."""
    from kinstall.errors import EXIT_CANCELLED, EXIT_USAGE, KinstallError
    from kinstall.terminal.stream import quiet_pipe

    try:
        with quiet_pipe():
            return _command(chosen.command)(chosen)
    except KinstallError as error:
        chosen.redactor.error(error)  # first: a table may break a text where the streams no longer find it
        _say_error(chosen, error)
        return error.exit_code
    except KeyboardInterrupt:
        print("kinstall: interrupted", file=sys.stderr)
        return EXIT_CANCELLED
    except EOFError:
        print("\nkinstall: the input ended before the question was answered; nothing was changed", file=sys.stderr)
        return EXIT_USAGE
    except OSError as error:
        print(f"kinstall: {error.filename or ''}: {error.strerror or error}".replace(": :", ":"), file=sys.stderr)
        return EXIT_USAGE
    except Exception as error:
        from kinstall.state import crash_report

        internal = crash_report.internal_error(error, chosen.command)
        _say_error(chosen, internal)
        return internal.exit_code


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    """The function of a command. Only its module is loaded: the wizard's first screen need not wait for what a replay
    needs."""
    function: Callable[[argparse.Namespace], int] = getattr(import_module(f"kinstall.cli.{name}"), name)
    return function


def _say_error(chosen: argparse.Namespace, error: Exception) -> None:
    from kinstall.errors import PreflightFailed

    if getattr(chosen, "output", "text") == "json":
        from kinstall.terminal.tables import findings_json, show_json

        problems = [asdict(problem) for problem in getattr(error, "problems", ())]
        findings = findings_json(error.findings)["findings"] if isinstance(error, PreflightFailed) else []
        what, remedy = getattr(error, "what", str(error)), getattr(error, "remedy", "")
        data = {"error": type(error).__name__, "what": what, "remedy": remedy, "problems": problems}
        data["findings"] = findings
        show_json({key: value for key, value in data.items() if value}, sys.stderr)
        return
    if isinstance(error, PreflightFailed):
        from kinstall.terminal.tables import show_findings

        show_findings(error.findings, sys.stderr)
    print(f"kinstall: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
