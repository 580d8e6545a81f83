"""Certificates: what they say, whether they verify, and when one has to go."""

import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509 import load_pem_x509_certificate

from assets.credentials import issue
from assets.credentials.pki import KeyPair, Leaf, LeafRequest, Signer
from assets.credentials.required import wanted_leaves
from kinstall.cluster import Security
from tests.unit.assets.cluster import NOW, SPEC

CP1, W1 = SPEC.nodes[:2]


def request_for(name: Leaf) -> LeafRequest:
    everything = [*wanted_leaves(SPEC), *wanted_leaves(SPEC, CP1)]
    return next(request for request in everything if request.name == name)


@pytest.fixture(scope="module")
def ca() -> KeyPair:
    return issue.new_authority("kubernetes", "ecdsa", NOW, 3650)


@pytest.mark.parametrize("key_type", ["ecdsa", "rsa"])
def test_openssl_accepts_every_leaf_for_its_purpose_only(key_type: str, tmp_path: Path) -> None:
    """Each certificate of a control plane verifies against its authority, for server or client use as asked."""
    authorities = {signer: issue.new_authority(signer.name, key_type, NOW, 3650) for signer in Signer}
    for request in wanted_leaves(SPEC, CP1):
        signer = authorities[request.signer]
        pair = issue.issue(request, signer, key_type, NOW, 365)
        (tmp_path / "ca.crt").write_bytes(signer.certificate_pem)
        (tmp_path / "leaf.crt").write_bytes(pair.certificate_pem)
        for purpose, wanted in (("sslserver", request.server), ("sslclient", request.client)):
            command = ["openssl", "verify", "-x509_strict", "-attime", str(int(NOW.timestamp())), "-purpose", purpose]
            done = subprocess.run(
                [*command, "-CAfile", tmp_path / "ca.crt", tmp_path / "leaf.crt"], capture_output=True, check=False
            )
            assert (done.returncode == 0) == wanted, (request.name, purpose, done.stderr)


def test_the_api_servers_names() -> None:
    """Everything a client may call the API: its service, its node, loopback, the endpoint, and what was asked for."""
    spec = replace(
        SPEC,
        control_plane_endpoint="api.example.org:443",
        security=Security(extra_sans=("192.0.2.99", "api.example.org", "k8s.example.org")),
    )
    request = next(r for r in wanted_leaves(spec, CP1) if r.name == Leaf.APISERVER)
    assert request.dns_names == (
        "cp1",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "api.example.org",
        "k8s.example.org",
    )
    assert request.addresses == ("10.96.0.1", "192.0.2.11", "127.0.0.1", "192.0.2.99")


def test_identities_are_kubernetes_own() -> None:
    """The names that Kubernetes' authorizers and role bindings look for."""
    names = {r.name: (r.common_name, r.organization) for n in (None, *SPEC.nodes) for r in wanted_leaves(SPEC, n)}
    assert names[Leaf.ADMIN] == ("kubernetes-admin", "kubeadm:cluster-admins")
    assert names[Leaf.SUPER_ADMIN][1] == "system:masters"
    assert names[Leaf.CONTROLLER_MANAGER] == ("system:kube-controller-manager", "")
    assert names[Leaf.SCHEDULER] == ("system:kube-scheduler", "")
    assert names[Leaf.KUBE_PROXY] == ("system:kube-proxy", "")
    assert names[Leaf.KUBELET_CLIENT] == ("system:node:w2", "system:nodes")
    assert {r.name for r in wanted_leaves(SPEC, W1)} == {Leaf.KUBELET_SERVING, Leaf.KUBELET_CLIENT, Leaf.KUBE_PROXY}


def test_a_fresh_leaf_stays(ca: KeyPair) -> None:
    """A certificate that fits stays until a third of its life is left, and not longer."""
    request = request_for(Leaf.APISERVER)
    pair = issue.issue(request, ca, "ecdsa", NOW, 300)
    assert issue.needs_renewal(pair, request, ca, "ecdsa", NOW) == ""
    assert issue.needs_renewal(pair, request, ca, "ecdsa", NOW + timedelta(days=199)) == ""
    assert "third" in issue.needs_renewal(pair, request, ca, "ecdsa", NOW + timedelta(days=201))
    assert "not valid yet" in issue.needs_renewal(pair, request, ca, "ecdsa", NOW - timedelta(hours=1))


def test_what_makes_a_leaf_unfit(ca: KeyPair) -> None:
    """Another authority (also one of the same name), subject, name, purpose, key type or key, and garbage."""
    request = request_for(Leaf.APISERVER)
    pair = issue.issue(request, ca, "ecdsa", NOW, 365)
    namesake = issue.new_authority("kubernetes", "ecdsa", NOW, 3650)
    other_key = issue.issue(request, ca, "ecdsa", NOW, 365).key_pem

    def why(pair: KeyPair = pair, request: LeafRequest = request, ca: KeyPair = ca, key_type: str = "ecdsa") -> str:
        return issue.needs_renewal(pair, request, ca, key_type, NOW)

    assert "another CA" in why(ca=namesake)
    assert "subject" in why(request=replace(request, organization="system:masters"))
    assert "names" in why(request=replace(request, dns_names=(*request.dns_names, "more.example.org")))
    assert "names" in why(request=replace(request, addresses=request.addresses[:-1]))
    assert "purpose" in why(request=replace(request, client=True))
    assert "type rsa" in why(key_type="rsa")
    assert "its key is a different one" in why(pair=KeyPair(pair.certificate_pem, other_key))
    assert "cannot be read" in why(pair=KeyPair(b"nonsense", pair.key_pem))


def test_a_leaf_ends_with_its_authority() -> None:
    """A certificate that outlives its signer would only look valid."""
    short = issue.new_authority("kubernetes", "ecdsa", NOW, 30)
    pair = issue.issue(request_for(Leaf.ADMIN), short, "ecdsa", NOW, 365)
    assert issue.expires(pair.certificate_pem) == issue.expires(short.certificate_pem) == NOW + timedelta(days=30)


def test_backdated_and_of_random_serial(ca: KeyPair) -> None:
    """Valid five minutes before it was made, for nodes whose clocks are behind; no two serial numbers are the same."""
    pairs = [issue.issue(request_for(Leaf.ADMIN), ca, "ecdsa", NOW, 365) for _ in range(3)]
    certificates = [load_pem_x509_certificate(pair.certificate_pem) for pair in pairs]
    assert {c.not_valid_before_utc for c in certificates} == {NOW - timedelta(minutes=5)}
    assert len({c.serial_number for c in certificates}) == 3


def test_the_fingerprint_is_kubeadms(ca: KeyPair, tmp_path: Path) -> None:
    """The hash that `kubeadm join --discovery-token-ca-cert-hash` takes, computed here by openssl."""
    (tmp_path / "ca.crt").write_bytes(ca.certificate_pem)
    script = f"openssl x509 -pubkey -noout -in {tmp_path}/ca.crt | openssl pkey -pubin -outform DER | openssl sha256 -r"
    expected = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.split()[0]
    assert issue.ca_fingerprint(ca.certificate_pem) == f"sha256:{expected}"


def test_no_key_in_a_repr(ca: KeyPair) -> None:
    """A pair that ends up in a traceback or a log shows no key."""
    assert b"PRIVATE" in ca.key_pem
    assert "PRIVATE" not in repr(ca) + repr(issue.new_signing_key("ecdsa"))
