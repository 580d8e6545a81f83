"""`python -m kinstall`."""

import sys

from kinstall.cli import main

sys.exit(main())
