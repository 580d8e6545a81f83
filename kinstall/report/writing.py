"""From a state folder to a page on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shlex import quote

from kinstall import files
from kinstall.answers import load
from kinstall.cluster import ClusterSpec
from kinstall.errors import InvalidAnswers, UsageError
from kinstall.report.page import Commands, page
from kinstall.report.run import Run, read_log
from kinstall.state.folder import StateFolder, state_home
from kinstall.state.run_log import logs


def last_run(state: StateFolder) -> Run:
    """The newest run that reached its first step.

    Raises:
        UsageError: there is none yet, or the folder or a log cannot be read
    """
    later = 0
    for path in reversed(logs(state.check().runs)):
        run = read_log((state.read(path) or b"").decode("utf-8", "replace").splitlines(), path.name)
        if run.started is not None:
            return replace(run, later=later)
        later += 1
    what = f"there is no run in {state.runs} yet"
    if later:
        what = f"no run in {state.runs} reached its first step"
    raise UsageError(what, "kinstall replay ANSWERS creates one; --state selects another state folder")


def newest_state() -> StateFolder:
    """The state folder of the most recently used cluster.

    Raises:
        UsageError: there is none
    """
    home = state_home() / "kinstall"
    newest = max(
        ((found[-1].name, folder) for folder in home.glob("*") if (found := logs(folder / "runs"))), default=None
    )
    if newest is None:
        raise UsageError(f"there is no run in {home} yet", "kinstall replay ANSWERS creates one")
    return StateFolder(newest[1])


def spec_of_run(state: StateFolder) -> ClusterSpec | None:
    """The answers of the last run, also where a replay refuses them today; None if this version cannot read them."""
    content = state.read(state.answers)
    try:
        return load.parse(content.decode("utf-8", "replace"), to_remove=True) if content else None
    except InvalidAnswers:
        return None


def commands_for(state: StateFolder, named: str = "") -> Commands:
    """What the operator types next; `named`: the answers file as the operator named it."""
    kubectl = state.bin / "kubectl"
    return Commands(
        kubectl=_typed(kubectl) if kubectl.exists() else "kubectl",
        kubeconfig=_typed(state.admin_conf),
        answers=quote(named) if named else _typed(state.answers),
    )


def _typed(path: Path) -> str:
    """The path as one would type it: below the home folder with ~."""
    home, text = str(Path.home()), quote(str(path))
    return f"~{text[len(home) :]}" if len(home) > 1 and text.startswith(f"{home}/") else text


def write(state: StateFolder, path: Path | None = None, named: str = "") -> Path:
    """Write the page of the last run, readable by its owner only; returns its path.

    `path`: default report.html in the state folder. `named`: the answers file as the operator names it.

    Raises:
        UsageError: there is no run yet, or the file cannot be written
    """
    run = last_run(state)
    content = page(run, spec_of_run(state), commands_for(state, named)).encode("utf-8", "backslashreplace")
    if path is None:
        state.write(state.report, content)
        return state.report
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)  # such as a pipe
        else:
            files.write(path.resolve(), content)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a valid path"
        raise UsageError(f"{path} cannot be written: {reason}", "choose another file with --file") from None
    return path
