"""What every screen of the first steps looks like, at both sizes, also where something is wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from kinstall.errors import PreflightFailed
from screens.app import WizardApp
from screens.draft.draft import Draft
from screens.draft.saved import Unsaved
from tests.screens.picture import SIZES, looks_like
from tests.screens.pretend import FINDINGS, Pretend

NODES = """
nodes:
- {name: cp1, address: 10.90.0.11, role: control-plane}
- {name: w1, address: 10.90.0.12, role: worker, labels: {zone: a}}
"""
GOOD = f"clusterName: demo\nkubernetesVersion: 1.37.2\nsecurity: {{extraSANs: [demo.example.org, 192.0.2.7]}}\n{NODES}"
BAD = f"""
clusterName: Demo
networking: {{podSubnet: 10.90.0.0/16, serviceSubnet: 10.90.128.0/20, mtu: 15x}}
security: {{mode: http, trustedNetworks: [10.0.0.0/24, 0.0.0.0/0], caDays: 90}}
kubernetesVersion: "1.20.1"
images: {{mirrors: {{registry.k8s.io: {{endpoint: mirror}}}}}}
downloads: {{sha256: {{kubelet: abc}}}}
color: red
{NODES}"""
Go = Callable[[Pilot[int], WizardApp], Awaitable[None]]


def at(step: str, *keys: str) -> Go:
    """Go to a step and press keys there."""

    async def go(pilot: Pilot[int], app: WizardApp) -> None:
        await app.action_go(step)
        await pilot.pause()
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
            while any(worker.group in ("check", "plan") for worker in app.workers) or app.background.jobs:
                await pilot.pause(0.02)

    return go


async def offered(pilot: Pilot[int], app: WizardApp) -> None:
    """The question about earlier work."""
    app._offer_unsaved()


async def leaving(pilot: Pilot[int], app: WizardApp) -> None:
    """The question about unsaved answers."""
    app.draft.set(("clusterName",), "other")
    await pilot.press("ctrl+q")


async def opened(pilot: Pilot[int], app: WizardApp) -> None:
    """The plan of a node, unfolded."""
    await at("review", "ctrl+r")(pilot, app)
    for _ in range(100):
        await pilot.pause(0.02)
        if not app.background.jobs:
            break
    await pilot.press("end", "up", "enter")


SHOWN: dict[str, tuple[str, Go]] = {
    "networking": (GOOD, at("networking")),
    "networking-wrong": (BAD, at("networking")),
    "security": (GOOD, at("security")),
    "security-wrong": (BAD, at("security")),
    "images": (GOOD, at("images")),
    "images-wrong": (BAD, at("images")),
    "images-checked": (GOOD, at("images", "ctrl+r", "pagedown", "pagedown")),
    "review": (GOOD, at("review")),
    "review-wrong": (BAD, at("review")),
    "review-plan": (GOOD, opened),
    "all-answers": (GOOD, at("networking", "f2")),
    "all-answers-wrong": (BAD, at("networking", "f2")),
    "help": (GOOD, at("networking", "f1")),
    "save": (GOOD, at("networking", "ctrl+s")),
    "quit": (GOOD, leaving),
    "unsaved": (GOOD, offered),
}


@pytest.fixture(autouse=True)
def nothing_blinks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture is the same at any moment: a cursor that was hidden when blinking stopped would stay so."""
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)
    monkeypatch.setattr(TextArea, "_toggle_cursor_blink_visible", lambda self: None)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SHOWN)
async def test_it_looks_as_it_did(name: str, size: tuple[int, int]) -> None:
    """A screen is what its picture shows; whoever changes it looks at the new one."""
    text, go = SHOWN[name]
    app = WizardApp(Draft.parse(text), Pretend(), unsaved=Unsaved(Path("x.yaml")))
    app.today = lambda: date(2026, 11, 25)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        if name == "unsaved":
            Unsaved(Path("x.yaml")).keep("clusterName: earlier\n")
        await go(pilot, app)
        await looks_like(pilot, name)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_it_looks_as_it_did_where_preflight_refuses(size: tuple[int, int]) -> None:
    """Findings of the plan stand where the plan would."""
    app = WizardApp(Draft.parse(GOOD), Pretend(failure=PreflightFailed(FINDINGS)), unsaved=Unsaved(Path("x.yaml")))
    async with app.run_test(size=size) as pilot:
        await at("review", "ctrl+r", "end")(pilot, app)
        await looks_like(pilot, "review-refused")
