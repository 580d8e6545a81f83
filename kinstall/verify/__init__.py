"""Whether a cluster works: a quick look that changes nothing, and a full check with pods of its own.

`read_only` ends a replay that changed nothing; `full` is the command `kinstall verify`, and ends a replay that
changed something.
"""

from kinstall.verify.look import read_only
from kinstall.verify.results import CheckResult, any_failed, as_dict
from kinstall.verify.with_pods import full

__all__ = ["CheckResult", "any_failed", "as_dict", "full", "read_only"]
