"""The node of the engine's tests: one for each sh that a node may have."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.local_node import LocalNode, start
from tests.unit.shell import SHELLS, shell


@pytest.fixture(params=SHELLS)
def node(request: pytest.FixtureRequest) -> Iterator[LocalNode]:
    made = start(shell=shell(request.param))
    yield made
    made.close()
