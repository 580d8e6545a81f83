"""The step Networking: address ranges, with what they hold and where they lie while one types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult

from screens import addresses
from screens.fields.form import Hint
from screens.formstep import FormStep
from screens.quiet import Quiet

_CELLS_BESIDE, _CELLS_UNDER = 32, 40


class NetworkingScreen(FormStep):
    """Ranges, endpoint, pod network; beside them the picture of the address space."""

    STEP: ClassVar[str] = "networking"
    HINTS: ClassVar[Mapping[str, Hint]] = {
        "networking.podSubnet": addresses.pods_hint,
        "networking.serviceSubnet": addresses.services_hint,
        "networking.mtu": addresses.mtu_hint,
        "controlPlaneEndpoint": addresses.endpoint_hint,
    }

    def side(self) -> ComposeResult:
        yield Quiet(id="space")

    def draft_changed(self) -> None:
        super().draft_changed()
        cells = _CELLS_BESIDE if self.wide else _CELLS_UNDER
        picture = addresses.picture(addresses.ranges_of(self.draft), cells, ends=not self.wide)
        self.query_one("#space", Quiet).say(picture)

    def on_resize(self) -> None:
        self.draft_changed()
