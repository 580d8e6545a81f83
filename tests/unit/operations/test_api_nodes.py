"""What a control plane's API says of the cluster's Nodes, where a kubelet may have written what it likes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from kinstall.operations.api_nodes import ApiNode, ask_api, parse
from kinstall.transport.channel import discard


def node(name: Any = "w1", **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **more.pop("metadata", {})}, **more}


def one(item: dict[str, Any]) -> ApiNode:
    (parsed,) = parse(json.dumps({"items": [item]}))
    return parsed


def addresses(*pairs: tuple[Any, Any]) -> dict[str, Any]:
    return {"addresses": [{"type": kind, "address": address} for kind, address in pairs]}


def test_what_kinstall_needs_of_a_node() -> None:
    """The first internal address, the kubelet's release, and whether kinstall has applied the object."""
    status = addresses(("Hostname", "w1"), ("InternalIP", "10.0.0.2"), ("InternalIP", "fd00::2"))
    status["nodeInfo"] = {"kubeletVersion": "v1.36.1"}
    metadata = {"managedFields": [{"manager": "kubelet"}, {"manager": "kinstall"}]}
    metadata["annotations"] = {"kinstall/taints": "only=batch:NoSchedule x=:NoExecute"}  # type: ignore[assignment]
    taints = ("only=batch:NoSchedule", "x=:NoExecute")
    expected = ApiNode(name="w1", address="10.0.0.2", version="1.36.1", managed=True, taints=taints)
    assert one(node(metadata=metadata, status=status)) == expected
    assert one(node()) == ApiNode(name="w1")


@pytest.mark.parametrize(
    "address", ["10.0.0.2\nevil|10.0.0.9|kinstall", "10.0.0.2 ", "$(id)", "", 7, None, ["10.0.0.2"], {"a": "b"}]
)
def test_an_address_that_is_none_is_not_believed(address: Any) -> None:
    """Line breaks in a kubelet's status make up no member, and end no run."""
    assert one(node(status=addresses(("InternalIP", address)))) == ApiNode(name="w1")


@pytest.mark.parametrize("name", ["w1\nw2", "W1", "--all", "", "w1;id", 5, None, "a" * 300, "-w1"])
def test_a_name_that_is_none_is_left_out(name: Any) -> None:
    """Nothing is known of such a node."""
    assert parse(json.dumps({"items": [node(name), node("w2")]})) == (ApiNode(name="w2"),)


@pytest.mark.parametrize(
    "odd",
    [
        {"metadata": {"annotations": {"kinstall/taints": "--kubeconfig=/evil $(id) a=b:NoSchedule- *"}}},
        {"metadata": {"annotations": "kinstall/taints"}},
        {"metadata": {"managedFields": {"manager": "kinstall"}}},
        {"metadata": {"managedFields": ["kinstall", None]}},
        {"status": []},
        {"status": {"nodeInfo": {"kubeletVersion": "v1.36.1;id"}}},
        {"status": {"nodeInfo": None, "addresses": "10.0.0.2"}},
    ],
)
def test_what_has_another_form_counts_as_not_said(odd: dict[str, Any]) -> None:
    """Whatever a field holds instead, the node is there and the field is empty."""
    assert one(node(**odd)) == ApiNode(name="w1")


@pytest.mark.parametrize("text", ["", "no", "[]", "{}", '{"items": {}}', '{"items": [1, null, []]}', "[" * 100_000])
def test_what_is_not_a_list_of_nodes_has_none(text: str) -> None:
    """An API that does not answer, answers in part, or with something else."""
    assert parse(text) == ()


class Talkative:
    """A control plane that prints these lines."""

    node = "cp1"

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = lines

    def execute(
        self,
        program: str,
        payload: Iterable[bytes] = (),
        on_line: Callable[[str], None] = discard,
        timeout: float | None = None,
    ) -> int:
        for line in self.lines:
            on_line(line)
        return 0

    def close(self) -> None: ...


def test_what_the_api_prints_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a cluster's nodes can take is not kept, and not believed either."""
    text = json.dumps({"items": [node()]})
    assert ask_api(Talkative([text])) == (ApiNode(name="w1"),)
    monkeypatch.setattr("kinstall.operations.api_nodes._MOST", 10_000)
    assert ask_api(Talkative([text, *[" " * 1000] * 10])) == ()
