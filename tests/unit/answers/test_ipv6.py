"""IPv6 wherever the answers take an address or a host: the sentence says that IPv4 is needed."""

import pytest

from kinstall.answers.load import parse
from kinstall.errors import InvalidAnswers

ADDRESS, ENDED = "fd00::1", "[fd00::1]:5000"
CASES = {
    "nodes[0].address": f"nodes: [{{name: cp1, role: control-plane, address: '{ADDRESS}'}}]",
    "nodes[0].nodeIP": f"nodes: [{{name: cp1, role: control-plane, address: 10.90.0.11, nodeIP: '{ADDRESS}'}}]",
    "nodes[0].podCIDR": "nodes: [{name: cp1, role: control-plane, address: 10.90.0.11, podCIDR: 'fd00::/64'}]",
    "nodes[0].ssh.proxyJump": (
        f"nodes: [{{name: cp1, role: control-plane, address: 10.90.0.11, ssh: {{proxyJump: '{ADDRESS}'}}}}]"
    ),
    "ssh.proxyJump": f"ssh: {{proxyJump: 'me@{ENDED}'}}",
    "controlPlaneEndpoint": f"controlPlaneEndpoint: '{ENDED}'",
    "networking.podSubnet": "networking: {podSubnet: 'fd00::/48'}",
    "networking.serviceSubnet": "networking: {serviceSubnet: '10.96.0.0/16,fd00::/108'}",
    "security.trustedNetworks[0]": (
        f"security: {{mode: http, acknowledgeInsecure: true, trustedNetworks: ['{ADDRESS}']}}"
    ),
    'images.mirrors["registry.k8s.io"].endpoint': (
        f"images: {{mirrors: {{registry.k8s.io: {{endpoint: 'https://{ENDED}'}}}}}}"
    ),
    f'images.mirrors["{ENDED}"]': f"images: {{mirrors: {{'{ENDED}': {{endpoint: 'https://a.example'}}}}}}",
    "images.imageRepository": f"images: {{imageRepository: '{ENDED}/kubernetes'}}",
    "images.etcd": f"images: {{etcd: '{ENDED}/etcd:3.6.14-0'}}",
    "downloads.kubernetes": f"downloads: {{kubernetes: 'https://{ENDED}/k8s'}}",
    "downloads.serverTarball": f"downloads: {{serverTarball: 'https://{ENDED}/server.tar.gz'}}",
}
NODES = "nodes: [{name: cp1, role: control-plane, address: 10.90.0.11}]"


def problems(part: str) -> dict[str, str]:
    text = "\n".join(["apiVersion: kinstall/v1", part, *([] if part.startswith("nodes:") else [NODES])])
    with pytest.raises(InvalidAnswers) as refused:
        parse(text, "answers.yaml")
    return {each.path: f"{each.message}; {each.remedy}" for each in refused.value.problems}


@pytest.mark.parametrize("path", CASES)
def test_ipv4_is_asked_for(path: str) -> None:
    """At its own place, as the only problem there."""
    told = problems(CASES[path])
    assert "IPv4" in told.pop(path)
    assert told == {}


def test_certificates_take_ipv6_without_brackets() -> None:
    """The one list that may hold it."""
    parse(f"apiVersion: kinstall/v1\nsecurity: {{extraSANs: ['{ADDRESS}']}}\n{NODES}", "answers.yaml")
    told = problems(f"security: {{extraSANs: ['[{ADDRESS}]']}}")
    assert told == {
        "security.extraSANs[0]": f"'[{ADDRESS}]' has brackets, which a certificate's address does not have; remove them"
    }
