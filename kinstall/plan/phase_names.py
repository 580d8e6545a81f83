"""The names of the phases in which a cluster comes up, in their order: what `--until` takes and every display shows.

Standard library only: the command line reads them before anything else is loaded.
"""

from __future__ import annotations

PREPARE = "prepare"
DOWNLOAD = "download"
RUNTIME = "runtime"
IMAGES = "images"
KUBERNETES = "kubernetes"
CONTROL_PLANE = "control-plane"
NETWORK = "network"
ADDONS = "addons"

PHASES = (PREPARE, DOWNLOAD, RUNTIME, IMAGES, KUBERNETES, CONTROL_PLANE, NETWORK, ADDONS)
