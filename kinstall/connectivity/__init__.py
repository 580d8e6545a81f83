"""Node × node: whether every node reaches every other on the ports that the cluster will use, before anything runs.

`required.py` says what has to be reached, `program.py` makes the two programs that try it, `probe.py` runs them on all
nodes at once, `results.py` reads what they print. Pure but for `probe.py`; what the results mean for a cluster is said
in `kinstall.preflight.checks.connectivity`.
"""

from kinstall.connectivity.probe import try_all
from kinstall.connectivity.required import Connection, Port, required_connections
from kinstall.connectivity.results import Attempt, Matrix, Result

__all__ = ["Attempt", "Connection", "Matrix", "Port", "Result", "required_connections", "try_all"]
