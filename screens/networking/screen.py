"""The step Networking: address ranges, with their sizes and a map of them while one types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult

from screens.fields.form import Hint
from screens.networking import address_map
from screens.step.form_step import FormStep
from screens.text import SteadyText

_CELLS_BESIDE, _CELLS_UNDER = 20, 40


class NetworkingScreen(FormStep):
    """Ranges, endpoint, pod network; beside them the map of the address space."""

    STEP: ClassVar[str] = "networking"
    HINTS: ClassVar[Mapping[str, Hint]] = {
        "networking.podSubnet": address_map.pods_hint,
        "networking.serviceSubnet": address_map.services_hint,
        "networking.mtu": address_map.mtu_hint,
        "controlPlaneEndpoint": address_map.endpoint_hint,
    }

    def side(self) -> ComposeResult:
        yield SteadyText(id="space")

    def draft_changed(self) -> None:
        super().draft_changed()
        cells = _CELLS_BESIDE if self.wide else _CELLS_UNDER
        picture = address_map.picture(address_map.ranges_of(self.draft), cells, ends=13 if self.wide else 22)
        self.query_one("#space", SteadyText).set_text(picture)

    def on_resize(self) -> None:
        self.draft_changed()
