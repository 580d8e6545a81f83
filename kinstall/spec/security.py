"""How the API is protected."""

from __future__ import annotations

from dataclasses import dataclass

from kinstall.spec.fields import answer


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
    ca_days: int = answer("days a new certificate authority is valid", guide=(17,), default=3650)
    leaf_days: int = answer("days a new certificate is valid", guide=(17,), default=365)
