"""The lab's cache: what is there is whole."""

from pathlib import Path

import pytest

from tests.lab import cache


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINSTALL_CACHE", str(tmp_path))


def test_built_once() -> None:
    """A second caller gets what the first one built."""
    calls = []

    def build(directory: Path) -> None:
        calls.append(directory)
        (directory / "program").write_text("x")

    first = cache.entry("thing", "key", build)
    assert cache.entry("thing", "key", build) == first
    assert (first / "program").read_text() == "x"
    assert len(calls) == 1


def test_an_interrupted_build_starts_again_cleanly() -> None:
    """Half a result never stands under the entry's name, and does not leak into the next try."""

    def interrupted(directory: Path) -> None:
        (directory / "half").write_text("x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.entry("thing", "key", interrupted)
    whole = cache.entry("thing", "key", lambda directory: None)
    assert list(whole.iterdir()) == []


def test_other_inputs_are_another_entry() -> None:
    """Changing a source does not answer with what the old one made."""
    assert cache.key_of({"main.go": "a"}) != cache.key_of({"main.go": "b"})
