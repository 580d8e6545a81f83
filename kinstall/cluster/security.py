"""How the API is protected."""

from __future__ import annotations

from dataclasses import dataclass

from kinstall.cluster.fields import When, answer


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAuthority:
    """A certificate authority that already exists. It is read once, when the cluster's keys are made."""

    certificate: str = answer(
        "path of its certificate (PEM) on this machine; an intermediate CA is fine",
        guide=(17,),
        since="0.2",
        default="",
    )
    key: str = answer("path of its private key (PEM, not encrypted)", guide=(17,), since="0.2", secret=True, default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAuthorities:
    """The operator's own CAs, instead of new ones."""

    cluster: OwnAuthority = answer(
        "signs the API's, the kubelets' and the users' certificates", since="0.2", default_factory=OwnAuthority
    )
    etcd: OwnAuthority = answer("signs etcd's certificates", since="0.2", default_factory=OwnAuthority)
    front_proxy: OwnAuthority = answer(
        "signs the certificate of the API server at aggregated APIs", since="0.2", default_factory=OwnAuthority
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """How the API is protected."""

    mode: str = answer(
        "how the API is protected",
        guide=(14, 15),
        choices={
            "https": "certificates for everything: take this",
            "http": "also plain HTTP behind a filter: trusted hosts are admin",
        },
        panel=True,
        default="https",
    )
    trusted_networks: tuple[str, ...] = answer(
        "mode http: networks (IPv4 CIDR) whose hosts are admin without credentials",
        guide=(14,),
        since="0.2",
        when=When("mode", ("http",), "trusted networks have no effect in mode https"),
        default=(),
    )
    acknowledge_insecure: bool = answer(
        "mode http: write true to confirm that everyone in the trusted networks may do everything",
        guide=(14,),
        since="0.2",
        when=When("mode", ("http",), harmless=True),
        default=False,
    )
    key_type: str = answer(
        "type of new keys",
        guide=(17,),
        choices={
            "ecdsa": "P-256: small and fast, and understood by all that is current",
            "rsa": "2048 bits: for old clients; slower to make",
        },
        default="ecdsa",
    )
    extra_sans: tuple[str, ...] = answer(
        "additional names and addresses in the API server's certificate", guide=(17,), key="extraSANs", default=()
    )
    own_ca: OwnAuthorities = answer(
        "your own certificate authorities",
        guide=(17,),
        key="ownCA",
        since="0.2",
        group="Your own CA",
        default_factory=OwnAuthorities,
    )
    ca_days: int = answer("days a new certificate authority is valid", guide=(17,), default=3650)
    leaf_days: int = answer("days a new certificate is valid", guide=(17,), default=365)
