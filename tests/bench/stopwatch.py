"""Runs a program and prints what it took, as JSON. It is a program of its own: `stopwatch.py LIMIT WORD …`.

The peak memory that the system tells of a process is never less than that of whoever started it (getrusage(2), as
Linux keeps it over execve(2)). So whoever measures must be small: nothing but a few modules of the standard library.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time


def main() -> None:
    limit, *argv = sys.argv[1:]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    lines: list[tuple[float, str]] = []
    started = time.monotonic()
    running = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    overdue = threading.Timer(float(limit), os.killpg, (running.pid, signal.SIGKILL))
    overdue.daemon = True
    overdue.start()
    try:
        assert running.stdout
        lines.extend((time.monotonic() - started, line.rstrip("\n")) for line in running.stdout)
        _, status, usage = os.wait4(running.pid, 0)
        seconds = time.monotonic() - started
        running.returncode = os.waitstatus_to_exitcode(status)
    except BaseException:
        os.killpg(running.pid, signal.SIGKILL)
        raise
    finally:
        overdue.cancel()
    # KiB, but of macOS, which counts bytes.
    rss = usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    print(json.dumps({"seconds": seconds, "rss": rss, "code": running.returncode, "lines": lines}))


if __name__ == "__main__":
    main()
