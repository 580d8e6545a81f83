"""The bench's figures: what is compared with what, and what is written down."""

import json

from kinstall.answers.load import parse
from tests.bench import cluster, figures, rehearse, w1
from tests.bench.figures import Row, Target
from tests.bench.w1_steps import STEPS, plan, tasks

ROWS = [
    Row("32 nodes", w1.FLOOR, "cold", (2.0, 1.0, 9.0)),
    Row("32 nodes", w1.KINSTALL, "cold", (3.0,), 50.0),
    Row("cluster", cluster.KINSTALL, cluster.FETCHING, (20.0,), 60.0),
    Row("cluster", cluster.KUBEADM, cluster.PRELOADED, (50.0,)),
]


def test_a_target_compares_medians_and_says_whether_it_is_met() -> None:
    """The median of 1, 2 and 9 is 2: 3 s are 1.5 times the floor, and 20 s are 0.4 of kubeadm's 50."""
    (against_floor,) = w1.targets(ROWS)
    (against_kubeadm,) = cluster.targets(ROWS)
    assert (against_floor.value, against_floor.met) == (1.5, True)
    assert (against_kubeadm.value, against_kubeadm.limit, against_kubeadm.met) == (0.4, 0.8, True)
    assert not Target("x", 59, 60, at_least=True).met
    assert not Target("x", 2.6, 2.5).met


def test_the_page_holds_only_what_was_measured() -> None:
    """Parts that were not measured have no heading; each row's figures stand in a table."""
    page = figures.page("2 cores", "1.37.2", ROWS[:2], w1.targets(ROWS))
    assert "## Small tasks" in page
    assert "## A whole cluster" not in page
    assert "| 32 nodes | kinstall | cold | 3.00 | 3.00 | 50 |" in page
    assert "yes |" in page


def test_the_data_can_be_read_back() -> None:
    """docs/bench.json keeps each run, so that a part measured later can stand beside it."""
    data = json.loads(json.dumps(figures.as_data({"cores": 2}, "1.37.2", ROWS, w1.targets(ROWS))))
    assert data["rows"][0]["seconds"] == [2.0, 1.0, 9.0]
    assert data["rows"][0]["median"] == 2.0
    assert data["targets"][0]["met"] is True


def test_the_small_tasks_are_what_the_page_says() -> None:
    """40 files of 1 to 4 KiB and 20 commands; the plan has a step for each."""
    sizes = [len(task.content) for task in tasks() if not task.command]
    assert (len(sizes), min(sizes), max(sizes)) == (40, 1024, 4096)
    assert sum(bool(task.check) for task in tasks()) == 20
    assert plan(("a", "b")).total() == 2 * STEPS


def test_a_rehearsals_answers_are_valid_at_every_size() -> None:
    """Pod ranges and addresses for a thousand nodes; its figures have a section and targets of their own."""
    for size in rehearse.SIZES:
        assert len(parse(rehearse.answers(size)).nodes) == size
    row = Row(rehearse.GROUP, rehearse.KINSTALL, "1,000 nodes", (20.0,), 200.0)
    assert figures.section_of(row) == "rehearse"
    assert [(target.value, target.met) for target in rehearse.targets([row])] == [(20.0, True), (200.0, True)]
