"""Command-line flags of Kubernetes' programs: kinstall's own, each with its reason, and the answers' `extraArgs`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kinstall.cluster import Layer, Layered

# What to do instead of overriding a flag, where several components have the same reason.
FILE = "kinstall manages this file: remove the flag"
KUBECONFIG = "kinstall manages this kubeconfig: remove the flag"
ADDRESS = "set the node's nodeIP or address instead"
SERVICES = "set networking.serviceSubnet instead"
PODS = "set networking.podSubnet and nodeCIDRMaskSize instead"
NODE_NAME = "set the node's name instead"


@dataclass(frozen=True, slots=True)
class Flag:
    """`--name=value`, and why it is set. `layer`: which layer of the answers set it; None where kinstall did.

    Several flags may have one name: a program that takes a list this way reads them in their order.
    """

    name: str
    value: str
    because: str
    layer: Layer | None = None

    def __str__(self) -> str:
        return f"--{self.name}={self.value}"


def merged(own: Iterable[Flag], overrides: Layered) -> tuple[Flag, ...]:
    """The flags of a component on one node, sorted by name: kinstall's own, and the answers' over them.

    An answer replaces all flags of its name. An empty value is still written.
    """
    flags = list(own)
    for layer, each in overrides.layers:
        flags = [flag for flag in flags if flag.name not in each.extra_args]
        flags += [Flag(name, value, f"extraArgs of the {layer}", layer) for name, value in each.extra_args.items()]
    return tuple(sorted(flags, key=lambda flag: flag.name))


def refused(instead: str, *names: str) -> dict[str, str]:
    """Flags that the answers may not set: name → what to do instead, which is the same for all of them."""
    return dict.fromkeys(names, instead)
