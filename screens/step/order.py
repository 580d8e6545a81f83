"""The wizard's steps in their order. A screen is imported when it is shown: the first one shall appear at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """`name` in the app, `title` in the header; `screen` is MODULE:CLASS below screens; `purpose` is for its help."""

    name: str
    title: str
    screen: str
    purpose: str

    def factory(self) -> Callable[[], Any]:
        """What makes the screen."""

        def make() -> Any:
            module, _, name = self.screen.partition(":")
            return getattr(import_module(f"screens.{module}"), name)()

        return make


STEPS = (
    Step(
        "networking",
        "Networking",
        "networking.screen:NetworkingScreen",
        "which addresses pods and services get, and how they reach one another. Defaults suit most clusters.",
    ),
    Step(
        "security",
        "Security",
        "security.screen:SecurityScreen",
        "how the API is protected, and the certificates that the cluster gets.",
    ),
    Step(
        "images",
        "Images",
        "images.screen:ImagesScreen",
        "which release, and where its images and files come from. ^R checks whether everything is there.",
    ),
    Step(
        "nodes",
        "Nodes",
        "nodes.screen:NodesScreen",
        "the machines, how to log in to them, and whether they are fit. ^R probes them; nothing is changed there.",
    ),
    Step(
        "review",
        "Review",
        "review.screen:ReviewScreen",
        "what is wrong with the answers, and what a run would do. Nothing is changed before Install.",
    ),
    Step("install", "Install", "install.screen:InstallScreen", "the run: every node with its progress and its log."),
    Step("done", "Done", "done.screen:DoneScreen", "what was checked after the run, and how to go on."),
)

NAMES = tuple(step.name for step in STEPS)


def neighbour(name: str, by: int) -> str:
    """The step so many further on; `name` itself at either end."""
    index = NAMES.index(name) + by
    return NAMES[index] if 0 <= index < len(NAMES) else name
