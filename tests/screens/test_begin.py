"""The page that the wizard begins with: what it offers, the clusters that it knows, and the way back to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from kinstall.engine.events import Outcome, RunFinished, RunStarted
from kinstall.state.folder import StateFolder
from kinstall.state.run_log import RunLog
from screens.app import WizardApp
from screens.begin.clusters import KnownCluster, known_clusters
from screens.begin.open_answers import OpenAnswers
from screens.begin.screen import BeginScreen
from screens.dialogs.questions import Question
from screens.draft import saved
from screens.draft.draft import Draft
from screens.draft.saved import Unsaved
from screens.nodes.machines import Machines
from tests.screens.picture import SIZES, looks_like
from tests.screens.pretend import Pretend

ANSWERS = """apiVersion: kinstall/v1
kubernetesVersion: "1.37.2"
clusterName: {name}
# the operator's own words
nodes:
- {{name: cp1, address: 10.90.0.11, role: control-plane}}
- {{name: w1, address: 10.90.0.12, role: worker}}
"""
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Known(Pretend):
    """Services that know these clusters."""

    def __init__(self, *clusters: KnownCluster) -> None:
        super().__init__()
        self.known = clusters

    def clusters(self) -> Sequence[KnownCluster]:
        return self.known


def cluster(name: str, unfinished: str = "", answers: Path | None = None) -> KnownCluster:
    kind, result = ("bad", "failed 2 hours ago") if unfinished else ("good", "up, verified 1 day ago")
    return KnownCluster(
        name, 2, "1.37.2", kind, result, unfinished, answers, Path(f"/{name}"), ANSWERS.format(name=name)
    )


def wizard(*clusters: KnownCluster) -> WizardApp:
    return WizardApp(Draft.new(), Known(*clusters), begin=True)


async def settled(pilot: Pilot[int], app: WizardApp) -> None:
    """Nothing is being looked up any more."""
    for _ in range(200):
        await pilot.pause(0.02)
        if not app.background.jobs and not app.workers:
            return


async def test_a_new_cluster_and_the_way_back() -> None:
    """Enter on the second line opens the first step; Back on it returns; nothing is red, and nothing was made."""
    app = wizard()
    async with app.run_test() as pilot:
        await settled(pilot, app)
        assert isinstance(app.screen, BeginScreen)
        await pilot.press("down", "enter")
        assert app.step.STEP == "networking"
        await pilot.press("ctrl+p")
        assert isinstance(app.screen, BeginScreen)
        await pilot.press("ctrl+q")
        await pilot.pause()
    assert app.return_code == 0 and not Unsaved(None).path.exists()


async def test_machines_are_pasted_first() -> None:
    """What a newcomer has in hand: Enter alone opens the place for it, on the Nodes step."""
    app = wizard()
    async with app.run_test() as pilot:
        await settled(pilot, app)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, Machines) and app.step.STEP == "nodes"
        await pilot.press("escape", "ctrl+p")
        assert app.step.STEP == "images", "the steps before it are there"


async def test_a_file_is_opened_with_its_comments_known(home: Path) -> None:
    """A wrong name is a sentence in the dialog; of a right one everything is taken over, and nothing is unsaved."""
    (home / "site.yaml").write_text(ANSWERS.format(name="site"))
    app = wizard()
    async with app.run_test() as pilot:
        await settled(pilot, app)
        await pilot.press("down", "down", "enter", *"gone", "enter")
        assert isinstance(app.screen, OpenAnswers)
        assert "there is no such file" in str(app.screen.query_one("#message").render())
        await pilot.press(*["backspace"] * 4, *"si", "right", "enter")
        await pilot.pause()
        assert app.step.STEP == "networking" and app.draft.effective(("clusterName",)) == "site"
        assert (app.draft.path, app.draft.comments, app.draft.dirty) == (Path("site.yaml"), True, False)


async def test_a_cluster_that_failed_goes_on_at_install(home: Path) -> None:
    """Its file is opened, and Install says which run is continued."""
    (home / "edge.yaml").write_text(ANSWERS.format(name="edge"))
    app = wizard(cluster("edge", "the run of edge failed", home / "edge.yaml"), cluster("demo"))
    async with app.run_test() as pilot:
        await settled(pilot, app)
        await pilot.press("down", "down", "down", "enter")
        await pilot.pause()
        assert app.step.STEP == "install" and app.draft.path == home / "edge.yaml"


async def test_a_cluster_whose_file_is_gone_is_opened_from_its_last_run() -> None:
    """As new answers: nothing is written into the state folder, and leaving asks whether to save them."""
    app = wizard(cluster("edge"), cluster("demo"))
    async with app.run_test() as pilot:
        await settled(pilot, app)
        await pilot.press("down", "down", "down", "down", "enter")
        await pilot.pause()
        assert app.step.STEP == "networking"
        assert (app.draft.effective(("clusterName",)), app.draft.path, app.draft.dirty) == ("demo", None, True)


async def test_unsaved_answers_come_first() -> None:
    """Work of an earlier session is the first line, and Enter goes on with it."""
    Unsaved(None).keep("clusterName: earlier\n")
    app = wizard()
    async with app.run_test() as pilot:
        await settled(pilot, app)
        assert app.screen.query_one("#begin", OptionList).get_option_at_index(0).id == "unsaved"
        await pilot.press("enter")
        await pilot.pause()
        assert app.step.STEP == "networking" and app.draft.effective(("clusterName",)) == "earlier"


async def test_unsaved_work_is_not_lost_to_a_new_cluster() -> None:
    """Whoever starts anew is asked about the earlier work first, also before machines are pasted."""
    for keys, step in ((("down", "down", "enter"), "networking"), (("down", "enter"), "nodes")):
        Unsaved(None).keep("clusterName: earlier\n")
        app = wizard()
        async with app.run_test() as pilot:
            await settled(pilot, app)
            await pilot.press(*keys)
            await pilot.pause()
            assert isinstance(app.screen, Question) and step == app.step.STEP
            assert Unsaved(None).read() == "clusterName: earlier\n"


async def test_a_new_cluster_after_another_was_opened() -> None:
    """Nothing of the opened one is in it: no answer, and no password that was typed for its machines."""
    app = wizard(cluster("edge"))
    async with app.run_test() as pilot:
        await settled(pilot, app)
        await pilot.press("down", "down", "down", "enter")
        await pilot.pause()
        app.typed["Password of edge"] = "canary"
        await pilot.press("ctrl+p")
        await settled(pilot, app)
        app.screen.query_one("#begin", OptionList).focus()
        at = [option.id for option in app.screen.query_one("#begin", OptionList).options].index("new")
        app.screen.query_one("#begin", OptionList).highlighted = at
        await pilot.press("enter")
        await pilot.pause()
        assert app.draft.effective(("clusterName",)) == "kubernetes" and app.draft.get(("nodes",)) == []
        assert app.typed == {} and not app.draft.dirty


def test_state_folders_are_read(home: Path) -> None:
    """Each with how its last run ended, and when; a rehearsal's folder and one that cannot be read are no clusters."""
    for name, outcome in (("good", Outcome.CHANGED), ("bad", Outcome.FAILED), ("rehearsed", Outcome.CHANGED)):
        state = StateFolder.of(name).prepare()
        state.write(state.answers, ANSWERS.format(name=name))
        with RunLog(state.runs, "replay", now=NOW) as log:
            log(RunStarted(run="1", command="replay", cluster=name, nodes={"cp1": "control-plane"}, phases=(), total=1))
            log(RunFinished(outcome, 1, 0, 0 if outcome is Outcome.CHANGED else 1, 1.0))
        if name == "rehearsed":
            state.simulated.mkdir()
    broken = StateFolder.of("broken").prepare()
    broken.write(broken.answers, "- what")
    saved.remember_run(home / "bad.yaml", "bad")
    (home / "bad.yaml").write_text("")
    found = {each.name: each for each in known_clusters(datetime.now(UTC) + timedelta(hours=2, minutes=1))}
    assert sorted(found) == ["bad", "good"]
    assert (found["good"].kind, found["good"].result) == ("good", "installed 2 hours ago")
    assert (found["bad"].kind, found["bad"].result, found["bad"].nodes) == ("bad", "failed 2 hours ago", 2)
    assert found["bad"].unfinished.endswith("failed") and found["bad"].answers == home / "bad.yaml"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_it_looks_as_it_did(size: tuple[int, int]) -> None:
    """The page is what its picture shows."""
    app = wizard(cluster("edge-7", "the run of edge-7 failed"), cluster("demo"))
    async with app.run_test(size=size) as pilot:
        await settled(pilot, app)
        await looks_like(pilot, "begin")
