"""One cluster for all tests in this folder, which run in the order of their files: it is installed once."""

from collections.abc import Iterator

import pytest

from tests.lab.api import Lab
from tests.lab.life import world


@pytest.fixture(scope="package")
def life(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[world.Life]:
    """Three hosts with something of somebody else's on them and a shell open to each; then the installation."""
    found = world.begin(lab, tmp_path_factory.mktemp("life"))
    yield found
    for shell in found.shells.values():
        shell.kill()
        shell.wait()
