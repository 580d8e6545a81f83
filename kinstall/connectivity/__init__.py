"""Node × node: whether every node reaches every other on the ports that the cluster will use, before anything runs.

`wanted.py` says what has to be reached, `program.py` makes the two programs that find it out, `asking.py` runs them on
all nodes at once, `reading.py` makes results of what they say. Pure but for `asking.py`; what the results mean for a
cluster is said in `kinstall.preflight.checks.connectivity`.
"""

from kinstall.connectivity.probe import ask
from kinstall.connectivity.required import Port, Want, wanted
from kinstall.connectivity.results import Matrix, Reached, Result

__all__ = ["Matrix", "Port", "Reached", "Result", "Want", "ask", "wanted"]
