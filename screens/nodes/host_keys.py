"""Host keys before a probe: asked of all nodes, shown where they are not trusted yet, pinned in the answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from kinstall.cluster import ClusterSpec
from screens.dialogs.secrets import Prompt
from screens.nodes.trust import TrustKeys
from screens.services import Services
from screens.step.wizard import Wizard

if TYPE_CHECKING:
    from kinstall.operations.trust import Seen


async def confirm(wizard: Wizard, prompt: Prompt, told: Callable[[dict[str, str]], None] = lambda keys: None) -> bool:
    """Ask about untrusted host keys; whether to continue. A jump host comes first, as it leads to the others.

    `told` gets node → status of its key (`known`, `unknown` …). Called in a worker: it waits for the dialog.

    Raises:
        KinstallError: the nodes could not be asked at all
    """
    background, services = wizard.background, wizard.services
    while True:
        spec = wizard.draft.spec
        keys = await background.result("keys", partial(_ask, services, spec, prompt))
        statuses = {key.node: key.status.value for key in keys}
        told(statuses)
        unknown = [key for key in keys if key.status.value == "unknown"]
        if not unknown:
            return True
        refused = [key for key in keys if key.status.value == "changed"]
        chosen = await wizard.push_screen_wait(TrustKeys(unknown, refused))
        if not chosen:
            return False
        trusted = [key for key in unknown if key.node in chosen]
        _pin(wizard, trusted)
        jump_hosts = [key for key in trusted if key.node not in {node.name for node in spec.nodes}]
        if not jump_hosts:
            told(statuses | {key.node: "known" for key in trusted})
            return True
        await background.result("keys", partial(_trust, services, spec, jump_hosts))


def _ask(services: Services, spec: ClusterSpec, prompt: Prompt, emit: Any, stop: threading.Event) -> Sequence[Seen]:
    return services.host_keys(spec, prompt)


def _trust(services: Services, spec: ClusterSpec, keys: Sequence[Seen], emit: Any, stop: threading.Event) -> None:
    services.trust(spec, keys)


def _pin(wizard: Wizard, trusted: Sequence[Seen]) -> None:
    """Put the fingerprints into the answers, which are all that a replay elsewhere has."""
    fingerprints = {key.node: key.fingerprint for key in trusted}
    rows = wizard.draft.get(("nodes",), [])
    for index, row in enumerate(rows if isinstance(rows, list) else []):
        if isinstance(row, dict) and row.get("name") in fingerprints:
            wizard.draft.set(("nodes", index, "hostKey"), fingerprints[row["name"]])
