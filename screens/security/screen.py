"""The step Security: what each mode protects and gives up, and which certificates there will be until when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult

from screens.draft.draft import Draft
from screens.fields.form import Hint
from screens.security import certificates
from screens.step.form_step import FormStep
from screens.text import Quiet

_HTTP_KEEPS = (
    "The API server stays as with https; a gateway on port 8080 of each control plane lets trusted networks in over "
    "plain HTTP. A packet filter keeps everybody else, and every pod, out."
)
_HTTP_GIVES_UP = (
    "Gives up: whoever is in a trusted network is admin without a password, can be read along with and cannot be told "
    "apart from others; exec and attach do not work there."
)
MODES: Mapping[str, tuple[str, str]] = {
    "https": (
        "Everything that reaches the API is encrypted, and both sides show a certificate.",
        "Gives up nothing: who wants in needs a kubeconfig.",
    ),
    "http": (_HTTP_KEEPS, _HTTP_GIVES_UP),
}
"""security.mode → what it protects, what it gives up."""


def _days(key: str) -> Hint:
    def hint(draft: Draft) -> str:
        days = draft.effective(("security", key))
        return f"about {days / 365:.3g} years" if isinstance(days, int) and 730 <= days < 40000 else ""

    return hint


class SecurityScreen(FormStep):
    """Mode, keys, names; below or beside them what follows."""

    STEP: ClassVar[str] = "security"
    HINTS: ClassVar[Mapping[str, Hint]] = {
        "security.caDays": _days("caDays"),
        "security.leafDays": _days("leafDays"),
    }

    def side(self) -> ComposeResult:
        yield Quiet(id="mode")
        yield Quiet(id="certificates")

    def draft_changed(self) -> None:
        super().draft_changed()
        chosen = str(self.draft.effective(("security", "mode")))
        texts = MODES.get(chosen)
        self.query_one("#mode", Quiet).say("\n".join((f"Mode {chosen}:", *texts)) if texts else "")
        width = min(self.app.size.width - 4, 100)
        found = certificates.rows(self.draft.spec, self.wizard.today())
        told = "Those that are there already and fit are kept; replay renews each before its last third."
        self.query_one("#certificates", Quiet).say(f"{certificates.table(found, width)}\n{told}")

    def on_resize(self) -> None:
        self.draft_changed()
