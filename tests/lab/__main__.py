"""`python -m tests.lab up --hosts 3 [--json]`, `down`, `status`, `build`: see --help."""

import argparse
import json
import sys
from typing import Any

from tests.lab.api import DEFAULT_HOSTS, Lab, machine, why_not
from tests.lab.built import build, build_all
from tests.lab.progress import say
from tests.lab.shell import LabError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="build what is missing and start hosts, mirror and registry")
    up.add_argument("--hosts", type=int, default=DEFAULT_HOSTS, help="how many hosts at least (default: %(default)s)")
    up.add_argument("--json", action="store_true", help="print the lab as JSON")
    status = commands.add_parser("status", help="what runs")
    status.add_argument("--json", action="store_true", help="print the lab as JSON")
    commands.add_parser("down", help="take everything away again")
    fill = commands.add_parser("build", help="only fill the cache")
    fill.add_argument("--if-possible", action="store_true", help="say why not and end well where the lab cannot run")
    fill.add_argument("--all", action="store_true", help="for every release, not only for the default one")
    chosen = parser.parse_args(arguments)
    try:
        return _run(chosen)
    except LabError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; `python -m tests.lab down` takes away what was started")
        return 130


def _run(chosen: argparse.Namespace) -> int:
    lab = Lab()
    if chosen.command == "build":
        if chosen.if_possible and (reason := why_not()):
            say(reason)
            return 0
        (build_all if chosen.all else build)()
    elif chosen.command == "down":
        lab.down()
        say("nothing of the lab is left but the cache")
    else:
        if chosen.command == "up":
            lab.up(chosen.hosts)
        elif not lab.hosts:
            say("down")
            return 0
        _show({**lab.describe(), "machine": machine()}, as_json=chosen.json)
    return 0


def _show(lab: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(lab, indent=2))
        return
    for host in lab["hosts"]:
        state = f"running, pid {host['pid']}" if host["running"] else "off"
        login = f"ssh -i {host['identityFile']} {host['user']}@{host['address']}"
        print(f"{host['name']:4} {host['address']:12} {state:20} {login}")
    running = lab["services"]
    print(f"mirror   {lab['mirror']['url']}  {'running' if 'mirror' in running else 'off'}")
    print(f"registry {lab['registry']['url']}  {'running' if 'registry' in running else 'off'}")


if __name__ == "__main__":
    sys.exit(main())
