"""Services for screen tests: the product's own over simulated hosts, so that a run in a test is a run."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kinstall.cli.rehearse import in_memory
from kinstall.cluster import ClusterSpec
from kinstall.operations.options import Options, Report
from kinstall.operations.trust import Seen, Status
from kinstall.plan.phase_names import PHASES
from kinstall.simulation import World, parse_fault
from kinstall.transport.host_keys import HostKey
from screens.app import WizardApp
from screens.draft.draft import Draft
from screens.services import Emit, Prompt, RealServices

NODES = ("cp1", "w1", "w2")
ANSWERS = """\
apiVersion: kinstall/v1
clusterName: demo
nodes:
- name: cp1
  address: 10.90.0.11
  role: control-plane
- name: w1
  address: 10.90.0.12
  role: worker
- name: w2
  address: 10.90.0.13
  role: worker
"""


class SimulatedServices(RealServices):
    """`world`: the hosts, which outlive a run. `keys`: what each host shows where it is not in the answers."""

    def __init__(self, *faults: str, pace: float = 0.0) -> None:
        super().__init__()
        self.world = World(pace=pace)
        self.fail(*faults)
        self.changed: set[str] = set()
        self.trusted = False
        """Whether ~/.ssh/known_hosts knows the hosts."""
        self.asked: list[str] = []

    def rehearse(self, answers: Path, emit: Emit, stop: threading.Event) -> Report:
        """On hosts of its own, as the command line's."""
        self._rehearsal = lambda: in_memory(self.world.pace)
        return super().rehearse(answers, emit, stop)

    def fail(self, *faults: str) -> None:
        """From now on these faults strike, as `kinstall rehearse --fault` takes them."""
        self.world.faults = tuple(parse_fault(fault, NODES, PHASES) for fault in faults)

    def _options(self, spec: ClusterSpec, prompt: Prompt) -> Options:
        return replace(super()._options(spec, prompt), session=self.world.session)

    def host_keys(self, spec: ClusterSpec, prompt: Prompt) -> Sequence[Seen]:
        return [self._seen(node.name, node.address, node.host_key) for node in spec.nodes]

    def _seen(self, name: str, address: str, pinned: str) -> Seen:
        key = HostKey("ssh-ed25519", name.encode() * 9)
        if name in self.changed:
            what = f"{name} shows another host key than the one that is trusted"
            return Seen(name, address, 22, Status.CHANGED, key, what, "ask whoever runs the host")
        return Seen(name, address, 22, Status.KNOWN if pinned or self.trusted else Status.UNKNOWN, key)


def wizard(folder: Path, services: RealServices | None = None, text: str = ANSWERS) -> WizardApp:
    """The wizard on a saved answers file."""
    path = folder / "demo.yaml"
    path.write_text(text)
    return WizardApp(Draft.load(path), services or SimulatedServices())
