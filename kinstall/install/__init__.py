"""The shared path of every front end: preflight, plan, replay, verify and reset of one cluster.

Everything here raises kinstall.errors only; nothing prints. Events go to a sink. One module per command, each beginning
where the one before ends; `options.py` is what all of them take.
"""

from kinstall.install.judging import Judgement, judge, run_preflight
from kinstall.install.options import Options, Report, options_for
from kinstall.install.planning import Prepared, plan_only, prepare
from kinstall.install.replaying import logged_replay, replay
from kinstall.install.resetting import reset
from kinstall.install.verifying import verify_only
from kinstall.session import open_session

__all__ = [
    "Judgement",
    "Options",
    "Prepared",
    "Report",
    "judge",
    "logged_replay",
    "open_session",
    "options_for",
    "plan_only",
    "prepare",
    "replay",
    "reset",
    "run_preflight",
    "verify_only",
]
