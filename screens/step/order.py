"""The wizard's steps in their order. A screen is imported when it is shown: the first one shall appear at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """`name` in the app, `title` in the header; `screen` is MODULE:CLASS below screens."""

    name: str
    title: str
    screen: str

    def factory(self) -> Callable[[], Any]:
        """What makes the screen."""

        def make() -> Any:
            module, _, name = self.screen.partition(":")
            return getattr(import_module(f"screens.{module}"), name)()

        return make


STEPS = (
    Step("networking", "Networking", "networking.screen:NetworkingScreen"),
    Step("security", "Security", "security.screen:SecurityScreen"),
    Step("images", "Images", "images.screen:ImagesScreen"),
    Step("nodes", "Nodes", "nodes.screen:NodesScreen"),
    Step("review", "Review", "review.screen:ReviewScreen"),
    Step("install", "Install", "install.screen:InstallScreen"),
    Step("done", "Done", "done.screen:DoneScreen"),
)

NAMES = tuple(step.name for step in STEPS)


def neighbour(name: str, by: int) -> str:
    """The step so many further on; `name` itself at either end."""
    index = NAMES.index(name) + by
    return NAMES[index] if 0 <= index < len(NAMES) else name
