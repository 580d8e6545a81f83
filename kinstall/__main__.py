"""`python -m kinstall`."""

import os
import sys

# Python puts the current directory first, where `assets` and others may be somebody else's.
_ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - pathlib may be theirs too
if not sys.flags.safe_path and os.path.abspath(sys.path[0]) != _ours:  # noqa: PTH100
    del sys.path[0]

from kinstall.cli.main import main  # noqa: E402

sys.exit(main())
