"""How the API is protected."""

from __future__ import annotations

from dataclasses import dataclass

from kinstall.cluster.fields import answer


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAuthority:
    """A certificate authority that exists already. It is taken once, when the cluster's keys are made."""

    certificate: str = answer(
        "path of its certificate (PEM) on this machine; an intermediate's will do",
        guide=(17,),
        since="0.2",
        default="",
    )
    key: str = answer("path of its private key (PEM, not encrypted)", guide=(17,), since="0.2", secret=True, default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAuthorities:
    """Authorities of the operator's own, in the place of those that are made."""

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

    mode: str = answer("how the API is protected", guide=(14, 15), choices=("https", "http"), default="https")
    trusted_networks: tuple[str, ...] = answer(
        "mode http: the networks (IPv4 CIDR) whose hosts are admin without credentials",
        guide=(14,),
        since="0.2",
        default=(),
    )
    acknowledge_insecure: bool = answer(
        "mode http: true says that you know that everybody in the trusted networks can do everything",
        guide=(14,),
        since="0.2",
        default=False,
    )
    key_type: str = answer("type of the keys that are made", guide=(17,), choices=("ecdsa", "rsa"), default="ecdsa")
    extra_sans: tuple[str, ...] = answer(
        "further names and addresses in the API server's certificate", guide=(17,), key="extraSANs", default=()
    )
    own_ca: OwnAuthorities = answer(
        "certificate authorities of your own",
        guide=(17,),
        key="ownCA",
        since="0.2",
        group="Authorities of your own",
        default_factory=OwnAuthorities,
    )
    ca_days: int = answer("days a new certificate authority is valid", guide=(17,), default=3650)
    leaf_days: int = answer("days a new certificate is valid", guide=(17,), default=365)
