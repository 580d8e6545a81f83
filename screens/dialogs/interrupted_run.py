"""A run that did not finish: the wizard offers to continue it when it is opened again."""

from __future__ import annotations

from pathlib import Path

from kinstall.errors import KinstallError
from screens.begin.clusters import interruption
from screens.dialogs.questions import Question
from screens.draft import saved
from screens.draft.draft import Draft
from screens.step.wizard import Wizard


async def offer(wizard: Wizard) -> None:
    """Ask whether to continue the last run if it did not finish; a worker."""
    path = wizard.draft.path or saved.last_run()
    if path is None:
        return
    run = await unfinished(wizard, path)
    if run is None:
        return
    draft, sentence = run
    chosen = await wizard.push_screen_wait(
        Question(
            f"{sentence[0].upper()}{sentence[1:]}.\nAnswers: {_short(path)}",
            [("go-on", "Continue it on Install"), ("leave", "Look at the answers first")]
            if draft is wizard.draft
            else [("go-on", "Continue it on Install"), ("leave", "Start a new cluster")],
        )
    )
    if chosen == "go-on":
        if draft is not wizard.draft:
            wizard.draft.become(draft)
        wizard.run_of_nodes.before = sentence  # Install looks itself, but a moment later
        await wizard.action_go("install")


def _short(path: Path) -> str:
    """The path as one would type it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


async def unfinished(wizard: Wizard, path: Path) -> tuple[Draft, str] | None:
    """The answers of `path` and how their cluster's last run fell short; None if there is nothing to continue."""
    try:
        draft = wizard.draft if wizard.draft.path == path else Draft.load(path)
        if draft.problems:
            return None
        spec = draft.spec
        run, _ = await wizard.background.result("unfinished", lambda emit, stop: wizard.services.last_run(spec, path))
    except KinstallError:
        return None
    sentence = interruption(run)
    return (draft, sentence) if sentence else None
