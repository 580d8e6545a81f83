"""The comparison that shows that an undone install left nothing."""

from tests.lab.snapshot import difference


def test_same_is_empty() -> None:
    """Two equal snapshots have no difference."""
    assert difference({"file /etc/hosts": "a"}, {"file /etc/hosts": "a"}) == []


def test_each_kind_is_named() -> None:
    """What went, what came and what changed each get a line that says which."""
    before = {"file /gone": "a", "file /same": "b", "file /changed": "c"}
    after = {"file /same": "b", "file /changed": "d", "file /new": "e"}
    assert difference(before, after) == ["! file /changed c -> d", "- file /gone a", "+ file /new e"]
