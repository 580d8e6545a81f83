"""Hosts that exist only in memory, for rehearsals and tests: they interpret step types, never sh.

The whole of a run goes its usual way (assets, plan, survey, runner, events); only what is behind
`kinstall.engine.host.Host` and `kinstall.operations.session.Session` is made up here.
"""

from kinstall.simulation.faults import KINDS, Fault, parse_fault
from kinstall.simulation.host import SimulatedHost, Trouble
from kinstall.simulation.machine import Machine, bare_facts
from kinstall.simulation.session import SimulatedSession, World

__all__ = [
    "KINDS",
    "Fault",
    "Machine",
    "SimulatedHost",
    "SimulatedSession",
    "Trouble",
    "World",
    "bare_facts",
    "parse_fault",
]
