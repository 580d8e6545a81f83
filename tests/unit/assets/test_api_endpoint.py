"""How nodes find the API, and what its certificate must name for it."""

from dataclasses import replace

import pytest

from assets.api_endpoint import api_endpoint
from assets.credentials.pki import Leaf
from assets.credentials.required import control_plane_leaves
from kinstall.cluster import CONTROL_PLANE, Node
from tests.unit.assets.cluster import SPEC

SECOND = Node(name="cp2", address="192.0.2.14", role=CONTROL_PLANE)


@pytest.mark.parametrize(
    ("answer", "server", "name"),
    [
        ("", "192.0.2.11:6443", "192.0.2.11"),
        ("api.example.org:443", "api.example.org:443", "api.example.org"),
        ("198.51.100.1:6443", "198.51.100.1:6443", "198.51.100.1"),
    ],
)
def test_nodes_ask_where_every_api_servers_certificate_is_valid(answer: str, server: str, name: str) -> None:
    """The first control plane's address, or the one in the answers: the second control plane's API server may answer
    there too, so its certificate names it as well."""
    spec = replace(SPEC, nodes=(*SPEC.nodes, SECOND), control_plane_endpoint=answer)
    endpoint = api_endpoint(spec)
    assert {endpoint.from_node(spec, node) for node in spec.nodes} == {server}
    assert endpoint.certificate_names(spec) == (name,)
    for node in spec.control_planes:
        serving = next(leaf for leaf in control_plane_leaves(spec, node) if leaf.name is Leaf.APISERVER)
        assert name in (*serving.dns_names, *serving.addresses)
