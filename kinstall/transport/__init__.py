"""Ways to reach a node, and the seam (`channel`) behind which they are."""

import sys

# paramiko imports invoke (and with it asyncio, unittest and a YAML parser: a third of its start-up) for one keyword of
# ssh_config files, which are not read here; where invoke is missing it does without.
if "paramiko" not in sys.modules:
    sys.modules.setdefault("invoke", None)  # type: ignore[arg-type]
