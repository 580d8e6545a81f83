"""The plan of the answers, made once and shown by Review and Install; what stands in its way is asked on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kinstall.cluster import ClusterSpec
from kinstall.findings import Finding
from screens.dialogs.secrets import Prompt, prompt_for

if TYPE_CHECKING:
    from kinstall.engine.preview import PlannedChange
    from screens.step.wizard import Wizard

Say = Callable[[str], None]


@dataclass(slots=True)
class Made:
    """The last plan, and of which answers it is. Empty before one was made."""

    nodes: tuple[str, ...] = ()
    changes: tuple[PlannedChange, ...] = ()
    findings: tuple[Finding, ...] = ()
    _of: dict[str, Any] | None = field(default=None, repr=False)

    def fits(self, data: Mapping[str, Any]) -> bool:
        """Whether it is the plan of these answers. A host key that was pinned since changes nothing on a node."""
        return self._of is not None and self._of == _without_keys(data)

    @property
    def there(self) -> bool:
        return self._of is not None

    def take(
        self,
        data: Mapping[str, Any],
        nodes: Sequence[str],
        findings: Sequence[Finding],
        changes: Sequence[PlannedChange],
    ) -> None:
        self._of, self.nodes, self.changes = _without_keys(data), tuple(nodes), tuple(changes)
        self.findings = tuple(findings)

    def forget(self) -> None:
        """Nothing is known of what a run would do: the answers have changed, or a run has changed the nodes."""
        self._of, self.nodes, self.changes, self.findings = None, (), (), ()


def _without_keys(data: Mapping[str, Any]) -> dict[str, Any]:
    rows = data.get("nodes")
    plain = [
        {key: value for key, value in row.items() if key != "hostKey"} if isinstance(row, dict) else row
        for row in (rows if isinstance(rows, list) else [])
    ]
    return {**data, "nodes": plain}


async def way_in(wizard: Wizard, say: Say) -> Prompt | None:
    """Secrets that have to be typed and host keys that nobody trusts yet; None if a dialog was left with Esc.

    Called in a worker. Host keys are not asked for where the answers hold all of them: the plan itself compares them.

    Raises:
        KinstallError: the nodes could not be asked at all
    """
    from screens.nodes.host_keys import confirm

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
