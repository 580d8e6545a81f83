"""What runs in the cluster for everybody: objects that are applied once its API answers, one module per add-on.

To add one: a module that makes an Addon, and a line in ADDONS.
"""

from __future__ import annotations

from assets.addons import coredns
from assets.addons.shape import Addon, AddonInputs

ADDONS: tuple[Addon, ...] = (coredns.ADDON,)
"""In the order in which they are applied."""

__all__ = ["ADDONS", "Addon", "AddonInputs"]
