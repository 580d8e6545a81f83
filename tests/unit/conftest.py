"""The references that tests of several rooms compare with."""

import pytest

from tests.unit import references


@pytest.fixture
def kubectl() -> str:
    """A kubectl: its Go reader of YAML is the one that counts."""
    found = references.kubectl()
    if found is None:
        pytest.skip("no kubectl here: python -m tests.lab build makes one")
    return found
