"""Which etcd may follow on which, by their images."""

import pytest

from kinstall.cluster.etcd_versions import etcd_upgrade

HOME = "registry.k8s.io/etcd:"


@pytest.mark.parametrize(
    ("runs", "wanted", "words"),
    [
        ("3.6.8-0", "3.6.14-0", ""),
        ("3.6.14-0", "3.6.8-0", ""),
        ("3.6.11-0", "3.7.1-0", ""),
        ("3.6.10-0", "3.7.1-0", "takes over from 3.6.11 or later only"),
        ("v3.6.8", "v3.7.0", "takes over from 3.6.11 or later only"),
        ("3.6.8-0@sha256:" + "0" * 64, "3.7.1-0", "takes over from 3.6.11 or later only"),
        ("3.7.1-0", "3.6.14-0", "cannot go back to 3.6.14"),
        ("3.5.21-0", "3.7.1-0", "would skip a minor release"),
        ("3.5.21-0", "3.6.14-0", ""),
        ("3.7.1-0", "4.0.0", "would skip a minor release"),
        ("production", "3.7.1-0", ""),
        ("3.6.8-0", "latest", ""),
        ("3.6.8.1", "3.7.1-0", ""),
        ("", "3.7.1-0", ""),
    ],
)
def test_what_may_follow(runs: str, wanted: str, words: str) -> None:
    """Patches may, the next minor from 3.6.11 on, none before; of tags that are no versions nothing is known."""
    complaint = etcd_upgrade(HOME + runs, f"other.example:5000/a/etcd:{wanted}")
    if not words:
        assert complaint is None
    else:
        assert complaint is not None and complaint[0].endswith(words) and complaint[1]
