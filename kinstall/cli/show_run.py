"""A replay as the operator sees it, real or rehearsed: its display, and the ways to stop it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from kinstall.cli.interrupt import interruptible
from kinstall.cluster import ClusterSpec
from kinstall.errors import KinstallError
from kinstall.operations.options import Options
from kinstall.operations.replay import logged_replay
from kinstall.terminal import make_sink
from kinstall.verify import CheckResult


def run_shown(
    spec: ClusterSpec, options: Options, output: str, *, quiet: bool = False
) -> tuple[list[CheckResult], KinstallError | None]:
    """Replay with the display of `output` (text or json); returns verify's results and the error that ended it, if any.

    When it returns, the display has given the terminal back: now the table, then what went wrong or how to go on.
    """
    checks: list[CheckResult] = []
    cancel = threading.Event()
    options.state.prepare()  # before the display begins: it may be refused
    on_check = options.secrets.redactor.sink(checks.append)
    with make_sink(output, sys.stdout, sys.stdout.isatty(), quiet=quiet) as shown, interruptible(cancel):
        ended = _caught(lambda: logged_replay(spec, options, shown, on_check, cancel))
    return checks, ended


def _caught(work: Callable[[], object]) -> KinstallError | None:
    try:
        work()
    except KinstallError as error:
        return error
    return None
