"""Secrets that have to be typed: which questions a cluster's answers hold."""

import pytest

from kinstall.cluster import CONTROL_PLANE, ClusterSpec, Node, NodeSsh, Ssh
from kinstall.errors import UsageError
from kinstall.operations.prompts import prompted, typed
from kinstall.secrets import Secrets


def test_each_question_once_and_in_the_answers_order() -> None:
    """References of the cluster and of single nodes; those to files and the environment are no questions."""
    spec = ClusterSpec(
        ssh=Ssh(password="prompt:Login of admin", passphrase="env:PASSPHRASE", sudo_password="prompt:"),
        nodes=(
            Node(name="a", address="192.0.2.1", role=CONTROL_PLANE, ssh=NodeSsh(password="prompt:Login of admin")),
            Node(name="b", address="192.0.2.2", role="worker", ssh=NodeSsh(sudo_password="prompt: Sudo on b ")),
        ),
    )
    assert prompted(spec) == ("Login of admin", "Password", "Sudo on b")
    assert prompted(ClusterSpec(nodes=())) == ()


def test_what_was_typed_answers_the_reference() -> None:
    """Secrets gets it under the question that was shown; what was never asked is an error, and not a second prompt."""
    given = {"Login of admin": "hunter22", "Password": "sesame99"}
    secrets = Secrets(prompt=lambda question: typed(given, question))
    assert secrets.resolve("prompt:Login of admin").reveal() == "hunter22"
    assert secrets.resolve("prompt:").reveal() == "sesame99"
    with pytest.raises(UsageError, match="was not asked for"):
        secrets.resolve("prompt:Sudo on b")
