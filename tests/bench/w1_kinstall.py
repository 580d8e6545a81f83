"""W1 by kinstall's engine, as a program of its own: python -m tests.bench.w1_kinstall INVENTORY FOLDER

Everything is there that `kinstall replay` has: survey, runner, a run log, lines for the operator. It ends by printing
`changed N ok N`. INVENTORY is JSON: {"key": FILE, "hostKey": FINGERPRINT, "nodes": {NAME: PORT}}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from kinstall.engine.run import NodeSurvey, Runner, for_each, survey_node
from kinstall.errors import KinstallError
from kinstall.secrets import Secrets
from kinstall.state.run_log import RunLog, tee
from kinstall.terminal import make_sink
from kinstall.transport.host_keys import HostKeys
from kinstall.transport.ssh.channel import SshChannel
from kinstall.transport.ssh.connect import Connector
from kinstall.transport.target import SshTarget


def main(inventory: Path, folder: Path) -> int:
    from kinstall.engine.host import ShellHost
    from tests.bench.w1_steps import plan

    known = json.loads(inventory.read_text())
    connector = Connector(HostKeys(None, None), Secrets())
    hosts = {
        name: ShellHost(
            name,
            SshChannel(
                name,
                SshTarget(host="127.0.0.1", port=port, identity_files=(known["key"],), host_key=known["hostKey"]),
                connector,
            ),
        )
        for name, port in known["nodes"].items()
    }
    wanted = plan(tuple(hosts))
    surveys: dict[str, NodeSurvey] = {}
    try:
        with RunLog(folder, "bench") as log, make_sink("text", sys.stdout, False) as shown:
            sink = tee(log, shown)
            for name, found in for_each(hosts, lambda host: survey_node(wanted, host, "bench", sink), 32).items():
                if isinstance(found, KinstallError):
                    raise found
                surveys[name] = found
            runner = Runner(wanted, hosts, surveys, sink, run="bench", explain=lambda step, lines: " / ".join(lines))
            result = runner.run()
    finally:
        for host in hosts.values():
            host.close()
    print(f"changed {result.changed} ok {result.ok}", *result.failures.values())
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
