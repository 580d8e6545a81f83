"""`kinstall` without a command: the wizard."""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path

from kinstall.errors import UsageError


def wizard(chosen: argparse.Namespace) -> int:
    """Open the wizard on new answers, or on those of --answers."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the wizard needs a terminal", "kinstall replay ANSWERS needs none; kinstall --help lists all commands"
        )
    gc.disable()  # what a start makes is kept: a tenth of its time would go into looking through it. The app ends it.
    from screens.app import WizardApp
    from screens.draft import Draft
    from screens.services import RealServices

    draft = Draft.load(Path(chosen.wizard_answers).expanduser()) if chosen.wizard_answers else Draft.new()
    app = WizardApp(draft, RealServices(chosen.wizard_state, chosen.parallel))
    return app.run() or app.return_code or 0
