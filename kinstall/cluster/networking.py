"""Address ranges, and how pods and services reach one another."""

from __future__ import annotations

from dataclasses import dataclass

from kinstall.cluster.fields import When, answer
from kinstall.cluster.subnets import Range, nth, parse_ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class Networking:
    """Address ranges and how pods and services reach one another."""

    pod_subnet: str = answer(
        "every pod's address comes from here (IPv4 CIDR)",
        guide=(3,),
        more="It must not overlap services, nodes, or what pods need to reach outside. It cannot change later.",
        default="10.244.0.0/16",
    )
    node_cidr_mask_size: int = answer(
        "each node gets a range of this size",
        guide=(3,),
        key="nodeCIDRMaskSize",
        more="A /24 holds 253 pods. The smaller the number, the more pods on a node and the fewer nodes.",
        default=24,
    )
    service_subnet: str = answer(
        "every service's address comes from here (IPv4 CIDR)",
        guide=(6,),
        more="These addresses exist on the nodes only. The first is the API's, the tenth is the DNS server's.",
        default="10.96.0.0/16",
    )
    dns_domain: str = answer("the cluster's DNS domain", guide=(40,), group="More", default="cluster.local")
    pod_network: str = answer(
        "how pods on different nodes reach one another; routed and overlay enforce no NetworkPolicy",
        guide=(4, 5),
        more="For policies take manifest, with a network that enforces them (Calico, Cilium …).",
        choices={
            "routed": "plain routes, no overlay: fastest; nodes share one link",
            "overlay": "VXLAN: nodes anywhere; 50 bytes less in each packet",
            "manifest": "Calico, Cilium, flannel …: you bring the file",
        },
        panel=True,
        default="routed",
    )
    pod_network_manifest: str = answer(
        "podNetwork manifest: path of the CNI's manifest (Calico, Cilium, flannel …) on this machine",
        guide=(4,),
        since="0.2",
        when=When("podNetwork", ("manifest",)),
        default="",
    )
    proxy_mode: str = answer(
        "how kube-proxy programs services",
        guide=(27,),
        choices={
            "nftables": "the newer one, fast with many services; kernel 5.13 or newer",
            "iptables": "for older kernels, and tools that read iptables' rules",
        },
        group="More",
        default="nftables",
    )
    mtu: int = answer(
        "MTU of pod interfaces; 0: the MTU of the node's interface",
        guide=(23, 29),
        when=When(
            "podNetwork", ("routed", "overlay"), "a third-party network sets its own MTU; set it in the manifest"
        ),
        group="More",
        default=0,
    )
    masquerade: bool | None = answer(
        "outside the cluster pods appear with their node's address; default: true, unless podNetwork is manifest",
        guide=(30,),
        group="More",
        default=None,
    )

    @property
    def plans_ranges(self) -> bool:
        """Whether kinstall gives each node its pod range; for a third-party network the cluster does."""
        return self.pod_network != "manifest"

    @property
    def masquerades(self) -> bool:
        return self.plans_ranges if self.masquerade is None else self.masquerade

    @property
    def pods(self) -> tuple[Range, ...]:
        """podSubnet, a range for each family. ValueError where it is not valid."""
        return parse_ranges(self.pod_subnet)

    @property
    def services(self) -> tuple[Range, ...]:
        """serviceSubnet, a range for each family. ValueError where it is not valid."""
        return parse_ranges(self.service_subnet)

    @property
    def ranges(self) -> tuple[tuple[str, Range], ...]:
        """(key, range) of all pods' and services' ranges. ValueError where one is not valid."""
        return (
            *(("podSubnet", each) for each in self.pods),
            *(("serviceSubnet", each) for each in self.services),
        )

    @property
    def api_service_ip(self) -> str:
        """The `kubernetes` service's address: the first of the range."""
        return str(nth(self.services[0], 1))

    @property
    def dns_service_ip(self) -> str:
        """The `kube-dns` service's address: the tenth of the range, by convention."""
        return str(nth(self.services[0], 10))
