"""The step Security: what each mode protects and what it gives up, and which certificates are valid until when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult

from screens.draft.draft import Draft
from screens.fields.form import Hint
from screens.security import certificates
from screens.step.form_step import FormStep
from screens.text import SteadyText

_HTTP_KEEPS = (
    "The API server is as with https; a gateway on port 8080 of each control plane admits trusted networks over plain "
    "HTTP. A packet filter keeps everyone else, and every pod, out."
)
_HTTP_GIVES_UP = (
    "Gives up: everyone in a trusted network is admin without a password, their traffic can be read, no one can tell "
    "them apart; exec and attach do not work there."
)
MODES: Mapping[str, tuple[str, str]] = {
    "https": (
        "All traffic to the API is encrypted, and both sides present a certificate.",
        "Gives up nothing: access needs a kubeconfig.",
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
    """Mode, keys, names; below or beside them the consequences."""

    STEP: ClassVar[str] = "security"
    HINTS: ClassVar[Mapping[str, Hint]] = {
        "security.caDays": _days("caDays"),
        "security.leafDays": _days("leafDays"),
    }

    def side(self) -> ComposeResult:
        yield SteadyText(id="mode")
        yield SteadyText(id="certificates")

    def draft_changed(self) -> None:
        super().draft_changed()
        chosen = str(self.draft.effective(("security", "mode")))
        texts = MODES.get(chosen)
        self.query_one("#mode", SteadyText).set_text("\n".join((f"Mode {chosen}:", *texts)) if texts else "")
        width = min(self.app.size.width - 4, 100)
        found = certificates.rows(self.draft.spec, self.wizard.today())
        note = "Existing certificates that fit are kept; replay renews each before the last third of its lifetime."
        self.query_one("#certificates", SteadyText).set_text(f"{certificates.table(found, width)}\n{note}")

    def on_resize(self) -> None:
        self.draft_changed()
