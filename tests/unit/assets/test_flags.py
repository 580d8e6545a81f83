"""Flags of Kubernetes' programs: kinstall's own with their reasons, and the answers' over them."""

from dataclasses import replace

import pytest

from assets.control_plane.pod import Component
from assets.control_plane.static_pods import COMPONENTS
from assets.flags import Flag, merged
from assets.node import DAEMONS
from assets.node.daemon import Daemon
from kinstall.answers.fields import keys_of
from kinstall.cluster import (
    ComponentOverrides,
    Components,
    ControlPlaneRole,
    Layer,
    Layered,
    Networking,
    OwnComponents,
    Roles,
)
from tests.unit.assets.cluster import SPEC

CONTROL_PLANE = SPEC.nodes[0]


def own_flags(each: Component | Daemon, networking: Networking) -> tuple[Flag, ...]:
    """Of the control plane, without the answers'."""
    if isinstance(each, Daemon):
        return each.flags(CONTROL_PLANE)
    return each.flags(replace(SPEC, networking=networking), CONTROL_PLANE)


def layers(**flags: dict[str, str]) -> Layered:
    return Layered(tuple((Layer(name), ComponentOverrides(extra_args=args)) for name, args in flags.items()))


def test_an_answer_replaces_and_adds() -> None:
    """It wins over kinstall's own flag, a new one is added, an empty value is still written, all sorted by name."""
    own = (Flag("b", "1", "why"), Flag("c", "2", "why"))
    assert list(map(str, merged(own, layers(cluster={"a": "", "b": "3"})))) == ["--a=", "--b=3", "--c=2"]


def test_a_flag_may_repeat_in_its_order() -> None:
    """Of several issuers the first one signs. An answer replaces all flags of that name."""
    own = (Flag("issuer", "new", "signs"), Flag("issuer", "an older one", "still accepted"), Flag("a", "1", "why"))
    assert list(map(str, merged(own, layers()))) == ["--a=1", "--issuer=new", "--issuer=an older one"]
    assert list(map(str, merged(own, layers(cluster={"issuer": "x"})))) == ["--a=1", "--issuer=x"]


def test_a_value_remembers_which_layer_of_the_answers_set_it() -> None:
    """The role goes over the cluster and the node over both; kinstall's own flags have no layer."""
    own = {"c": "3", "snapshot-count": "7"}
    spec = replace(
        SPEC,
        components=Components(etcd=ComponentOverrides(extra_args={"a": "1", "b": "1", "c": "1"})),
        roles=Roles(
            control_plane=ControlPlaneRole(
                components=OwnComponents(etcd=ComponentOverrides(extra_args={"b": "2", "c": "2"}))
            )
        ),
        nodes=(replace(CONTROL_PLANE, components=OwnComponents(etcd=ComponentOverrides(extra_args=own))),),
    )
    etcd = next(each for each in COMPONENTS if each.name == "etcd")
    set_by = {flag.name: (flag.value, flag.layer) for flag in etcd.all_flags(spec, spec.nodes[0])}
    assert set_by["a"] == ("1", Layer.CLUSTER)
    assert set_by["b"] == ("2", Layer.ROLE)
    assert set_by["c"] == ("3", Layer.NODE)
    assert set_by["snapshot-count"] == ("7", Layer.NODE)
    assert set_by["name"] == ("cp1", None)


@pytest.mark.parametrize("each", [*COMPONENTS, *DAEMONS], ids=lambda each: str(each.key))
@pytest.mark.parametrize("pod_network", ["routed", "manifest"])
def test_every_flag_has_a_reason(each: Component | Daemon, pod_network: str) -> None:
    """A text for people; and no flag comes twice by accident."""
    flags = own_flags(each, Networking(pod_network=pod_network))
    assert flags
    for flag in flags:
        assert len(flag.because) > 8, flag
        assert flag.layer is None
    assert len({flag.name for flag in flags}) == len(flags)


@pytest.mark.parametrize("each", [*COMPONENTS, *DAEMONS], ids=lambda each: str(each.key))
def test_a_flag_that_names_a_file_or_an_address_cannot_be_overridden(each: Component | Daemon) -> None:
    """Whatever kinstall places or plans is refused in the answers: with another value the component would not start."""
    for flag in own_flags(each, Networking()):
        bound = flag.value.startswith(("/etc/", "/var/")) or CONTROL_PLANE.internal_ip in flag.value
        assert not bound or flag.name in each.owned_flags, flag


def test_every_component_of_the_answers_with_flags_has_its_list() -> None:
    """The keys below `components` are those of the components' modules."""
    with_flags = {key.name for key in keys_of(Components) if key.name != "containerd"}
    assert {each.key for each in (*COMPONENTS, *DAEMONS)} == with_flags
