"""Making the plan: what stands in its way, a secret to be typed or an unknown host key, is asked on the way."""

from __future__ import annotations

from collections.abc import Callable

from kinstall.cluster import ClusterSpec
from screens.dialogs.secrets import Prompt, prompt_for
from screens.nodes.host_keys import confirm
from screens.step.wizard import Wizard

Say = Callable[[str], None]


async def way_in(wizard: Wizard, say: Say) -> Prompt | None:
    """Secrets that have to be typed and host keys that nobody trusts yet; None if a dialog was left with Esc.

    Called in a worker. Host keys are not asked for where the answers hold all of them: the plan itself compares them.

    Raises:
        KinstallError: the nodes could not be asked at all
    """
    spec = wizard.draft.spec
    prompt = await prompt_for(wizard, spec)
    if prompt is None or _all_pinned(spec):
        return prompt
    say("asking the hosts for their keys")
    return prompt if await confirm(wizard, prompt) else None


def _all_pinned(spec: ClusterSpec) -> bool:
    return all(node.host_key for node in spec.nodes) and not any(
        node.ssh.proxy_jump or spec.ssh.proxy_jump for node in spec.nodes
    )


async def make(wizard: Wizard, prompt: Prompt, say: Say) -> None:
    """Ask the nodes what a run would change, and keep it as `wizard.plan`. Called in a worker.

    Raises:
        KinstallError: there is no plan; a PreflightFailed has its findings
    """
    spec, data = wizard.draft.spec, wizard.draft.data
    wizard.plan.forget()
    findings, changes = await wizard.background.result(
        "plan", lambda emit, stop: wizard.services.plan(spec, emit, stop, prompt), on_item=say
    )
    wizard.plan.take(data, [node.name for node in spec.nodes], findings, changes)
