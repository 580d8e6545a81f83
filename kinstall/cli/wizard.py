"""`kinstall` without a command: the wizard."""

from __future__ import annotations

import argparse
import gc
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from kinstall.errors import UsageError

if TYPE_CHECKING:
    from kinstall.operations.options import Options
    from screens.app import WizardApp


def wizard(chosen: argparse.Namespace) -> int:
    """Open the wizard on new answers, or on those of --answers."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the wizard needs a terminal",
            "kinstall replay ANSWERS works without one, and kinstall --help lists the rest",
        )
    gc.disable()  # what a start makes is kept: a tenth of its time would go into looking through it. The app ends it.
    from screens.app import WizardApp
    from screens.draft.draft import Draft
    from screens.services import RealServices

    draft = Draft.load(Path(chosen.wizard_answers).expanduser()) if chosen.wizard_answers else Draft.new()
    services = RealServices(chosen.wizard_state, chosen.parallel, _rehearsal)
    return run(WizardApp(draft, services, begin=not chosen.wizard_answers))


def _rehearsal() -> AbstractContextManager[Options]:
    from kinstall.cli import rehearse  # loaded when it is asked for: the first screen shall appear at once

    return rehearse.in_memory()


def run(app: WizardApp) -> int:
    """Run the wizard to its end; returns the program's exit code."""
    code = app.run()
    # Nothing is looked through for garbage at the program's end: after a long run that took a third of a second.
    gc.freeze()
    if app.crash is not None:
        return app.crash.exit_code
    return code or app.return_code or 0
