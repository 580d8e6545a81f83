"""Secrets that have to be typed: which questions a cluster's answers hold."""

from typing import Any

import pytest

from kinstall.cluster import CONTROL_PLANE, ClusterSpec, Images, JumpHost, Mirror, Node, NodeSsh, Ssh
from kinstall.errors import UsageError
from kinstall.operations.prompts import prompted, typed
from kinstall.operations.ssh_session import targets_of
from kinstall.secrets import Secrets


def test_each_question_once_and_in_the_answers_order() -> None:
    """References of the cluster and of single nodes; those to files and the environment are no questions."""
    spec = ClusterSpec(
        ssh=Ssh(user="admin", password="prompt:Login of admin", passphrase="env:P", sudo_password="prompt:"),
        nodes=(
            Node(name="a", address="192.0.2.1", role=CONTROL_PLANE, ssh=NodeSsh(password="prompt:Login of admin")),
            Node(name="b", address="192.0.2.2", role="worker", ssh=NodeSsh(sudo_password="prompt: Sudo on b ")),
        ),
    )
    assert prompted(spec) == ("Login of admin", "sudo password of admin on a", "Sudo on b")
    assert prompted(ClusterSpec(nodes=())) == ()


def node(name: str, **ssh: Any) -> Node:
    return Node(name=name, address=f"192.0.2.{len(name)}", role=CONTROL_PLANE, ssh=NodeSsh(**ssh))


def test_each_bare_prompt_says_whose_secret_it_is() -> None:
    """Two of them are two questions; one of the whole cluster is asked once for all its nodes, by their logins."""
    jumps = (JumpHost(address="bastion", user="eve", password="prompt:"), JumpHost(address="b2", password="prompt: "))
    spec = ClusterSpec(
        ssh=Ssh(user="admin", identity_file="~/k", passphrase="prompt:", sudo_password="prompt:", proxy_jump=jumps),
        nodes=(
            node("cp1"),
            node("w1", user="ops"),
            node("w2"),
            node("w3", sudo_password="prompt:", password="prompt:"),
            node("w4", user="root", identity_file=("~/a", "~/b"), passphrase="prompt:"),
        ),
        images=Images(mirrors={"docker.io": Mirror(endpoint="https://m.example.com", user="bot", password="prompt:")}),
    )
    assert prompted(spec) == (
        "password of bot at docker.io",
        "passphrase of the key ~/k",
        "sudo password of admin on cp1, w2, of ops on w1",
        "password of eve on the jump host bastion",
        "password on the jump host b2",
        "password of admin on w3",
        "sudo password of admin on w3",
        "passphrase of the key ~/a, ~/b",
    )


def test_sudos_password_is_not_asked_for_root() -> None:
    """Nobody becomes root there; a question that no node needs is left out."""
    spec = ClusterSpec(ssh=Ssh(password="prompt:", sudo_password="prompt:"), nodes=(node("cp1"), node("w1")))
    assert prompted(spec) == ("password of root on cp1, w1",)


def test_a_run_asks_both_and_each_once() -> None:
    """The targets of all nodes refer to the two questions; Secrets asks each once, however many nodes there are."""
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return f"typed for {question}"

    spec = ClusterSpec(
        ssh=Ssh(user="admin", identity_file="~/k", passphrase="prompt:", sudo_password="prompt:"),
        nodes=(node("cp1"), node("w1"), node("w2")),
    )
    secrets = Secrets(prompt=answer)
    for target in targets_of(spec).values():
        assert secrets.resolve(target.passphrase).reveal() == "typed for passphrase of the key ~/k"
        assert secrets.resolve(target.sudo_password).reveal() == "typed for sudo password of admin on cp1, w1, w2"
    assert asked == ["passphrase of the key ~/k", "sudo password of admin on cp1, w1, w2"]


def test_what_was_typed_answers_the_reference() -> None:
    """Secrets gets it under the question that was shown; what was never asked is an error, and not a second prompt."""
    given = {"Login of admin": "hunter22", "Password": "sesame99"}
    secrets = Secrets(prompt=lambda question: typed(given, question))
    assert secrets.resolve("prompt:Login of admin").reveal() == "hunter22"
    assert secrets.resolve("prompt:").reveal() == "sesame99"
    with pytest.raises(UsageError, match="was not asked for"):
        secrets.resolve("prompt:Sudo on b")
