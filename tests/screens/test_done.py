"""The step Done: what came of the last run, from its log, and how to go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from kinstall.answers.load import load
from kinstall.operations.options import options_for
from kinstall.operations.replay import logged_replay
from screens.app import WizardApp
from screens.dialogs.questions import Question
from tests.screens.simulated import SimulatedServices, wizard
from tests.screens.test_install import said, top, until


def installed(home: Path, services: SimulatedServices | None = None) -> WizardApp:
    """A wizard on the answers of a cluster that was installed before, by `kinstall replay`."""
    app = wizard(home, services)
    spec = load(home / "demo.yaml")
    options = replace(options_for(spec), session=app.services.world.session)  # type: ignore[attr-defined]
    logged_replay(spec, options, lambda event: None)
    return app


async def test_the_last_run_is_read_from_its_log(home: Path) -> None:
    """Headline, checks, commands and the chart are there in a wizard that made no run itself."""
    app = installed(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.action_go("done")
        await until(pilot, lambda: "cluster demo" in said(app, "#done-headline"))
        assert "3 nodes, Kubernetes" in said(app, "#done-headline")
        assert "CoreDNS" in said(app, "#done-checks") and "node Ready ×3" in said(app, "#done-checks")
        assert f"--kubeconfig {home}/state/kinstall/demo/admin.conf get nodes" in said(app, "#done-commands")
        chart = said(app, "#done-chart")
        assert all(name in chart for name in ("cp1", "w1", "w2", "░ prepare", "control-plane"))


async def test_before_a_run_it_says_so(home: Path) -> None:
    """No chart, no commands, and no key that would need a cluster."""
    app = wizard(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.action_go("done")
        await until(pilot, lambda: "Install creates one" in said(app, "#done-headline"))
        assert said(app, "#done-commands") == ""
        await pilot.press("m", "o", "k", "v")
        await pilot.pause()
        assert app.step.STEP == "done" and not isinstance(top(app), Question)


async def test_the_report_is_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """o writes the page into the state folder; without a display nothing tries to open it."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    app = installed(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.action_go("done")
        await until(pilot, lambda: "cluster demo" in said(app, "#done-headline"))
        await pilot.press("o")
        page = home / "state" / "kinstall" / "demo" / "report.html"
        await until(pilot, page.exists)
        assert "cluster demo" in page.read_text()


async def test_the_kubeconfig_line_is_copied(home: Path) -> None:
    """k puts the line with kubectl into the clipboard."""
    app = installed(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.action_go("done")
        await until(pilot, lambda: "cluster demo" in said(app, "#done-headline"))
        await pilot.press("k")
        await pilot.pause()
        assert app.clipboard.endswith("admin.conf get nodes")


async def test_merging_asks_and_overwrites_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """~/.kube/config keeps its clusters and its current context; a second time it says that all is there."""
    monkeypatch.setenv("HOME", str(home))
    config = home / ".kube" / "config"
    config.parent.mkdir()
    other = {"name": "other", "context": {"cluster": "other", "user": "me"}}
    theirs = {"clusters": [{"name": "other", "cluster": {"server": "https://192.0.2.1"}}], "contexts": [other]}
    config.write_text(yaml.safe_dump({**theirs, "users": [{"name": "me"}], "current-context": "other"}))
    app = installed(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.action_go("done")
        await until(pilot, lambda: "cluster demo" in said(app, "#done-headline"))
        before = config.read_text()
        await pilot.press("m")
        await until(pilot, lambda: isinstance(top(app), Question))
        await pilot.press("down", "enter")
        await pilot.pause()
        assert config.read_text() == before
        await pilot.press("m")
        await until(pilot, lambda: isinstance(top(app), Question))
        await pilot.press("enter")
        await until(pilot, lambda: config.read_text() != before)
    after = yaml.safe_load(config.read_text())
    assert after["current-context"] == "other" and other in after["contexts"]
    assert [each["name"] for each in after["contexts"]] == ["other", "kubernetes-admin@demo"]


async def test_verify_checks_again(home: Path) -> None:
    """v asks the cluster anew; results stand there as they come."""
    app = installed(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.action_go("done")
        await until(pilot, lambda: "cluster demo" in said(app, "#done-headline"))
        await pilot.press("v")
        await until(pilot, lambda: app.screen._checked is not None and not app.screen._checking)  # type: ignore[attr-defined]
        assert "CoreDNS" in said(app, "#done-checks")
