"""Machines pasted, or imported from a file; the list shows what would be added before it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Input, Label, OptionList, Static, TextArea
from textual.widgets.option_list import Option

from kinstall import inventory
from kinstall.errors import UsageError
from kinstall.inventory import FORMATS, Imported, Merged
from kinstall.progress.text import MARKS, clean
from screens.dialogs.dialog import Dialog
from screens.dialogs.hints import Hints
from screens.dialogs.ticks import Tick, Ticks
from screens.nodes.rows import login, summary

_PASTE = """\
One machine per line: name, address, role, user@:port, in any order. Lines of
/etc/hosts, ssh commands, an Ansible inventory, CSV and ssh_config work too."""
_IMPORT = """\
An Ansible inventory (YAML or INI), a CSV table, a list of lines, or an OpenSSH client configuration.
Passwords and vault values are never read: references (env:, file:, prompt:) replace them."""


class Machines(Dialog[Merged | None]):
    """Asks for a text or a file; its result is the merged rows, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Go back")]

    def __init__(self, existing: Sequence[dict[str, Any]], *, path: str | None = None, text: str = "") -> None:
        """With `path`, asks for a file and suggests this one; else for pasted text, starting with `text`."""
        super().__init__()
        self.existing = list(existing)
        self.path, self.text = path, text
        self.found = Imported()

    def compose(self) -> ComposeResult:
        with Vertical(classes="page"):
            title = "Paste machines" if self.path is None else "Import machines"
            yield Label(title, classes="heading", markup=False)
            yield Static(_PASTE if self.path is None else _IMPORT, markup=False)
            if self.path is None:
                yield TextArea(self.text, compact=True, tab_behavior="focus", id="pasted")
            else:
                yield Input(self.path, compact=True, id="from", select_on_focus=False)
            yield Ticks(id="machines")
            yield OptionList(id="do", markup=False)
            with VerticalScroll(id="notices", can_focus=False):
                yield Static(id="message", markup=False)
            keys = ("Tab to the list", "Space tick", "a all", "n none", "Enter confirm", "Esc go back")
            yield Hints(*keys, between=" · ")

    def on_mount(self) -> None:
        if self.path is None:
            self._read(self.text)
        else:
            self._show(Imported(), "Enter reads the file")

    @on(TextArea.Changed, "#pasted")
    def _pasted(self, event: TextArea.Changed) -> None:
        self._read(event.text_area.text)

    @on(Input.Submitted, "#from")
    def _named(self, event: Input.Submitted) -> None:
        name = event.value.strip()
        try:
            self._show(inventory.load(name), f"read {name}")
        except UsageError as error:
            self._show(Imported(), f"{MARKS['bad']} {error.what}; {error.remedy}")
            return
        if self.found.nodes:
            self.query_one("#machines").focus()

    def _read(self, text: str) -> None:
        if text.strip():
            self._show(inventory.read(text), f"read as {FORMATS[inventory.detect(text)]}")
        else:
            self._show(Imported(), "nothing pasted yet")

    def _show(self, found: Imported, head: str) -> None:
        rows = self.query_one(Ticks)
        left_out = {line.value for line in _lines(self.found.nodes, {})} - set(rows.ticked)
        self.found = found
        lines_ = _lines(found.nodes, {})
        rows.show(lines_, {line.value for line in lines_} - left_out)
        rows.display = bool(found.nodes)
        lines = [clean(head)]
        lines += [f"{MARKS['bad']} line {each.line}: {clean(each.message)}; {each.remedy}" for each in found.problems]
        lines += [f"{MARKS['warn']} {clean(each)}" for each in found.notices]
        self.query_one("#message", Static).update("\n".join(lines))
        self._offer()

    @on(Ticks.Changed)
    def _offer(self) -> None:
        """Offer what can be done with the chosen machines, worded as what will change."""
        offers = self.query_one("#do", OptionList)
        offers.clear_options()
        chosen = self._chosen()
        if chosen.nodes:
            alone = inventory.merge(self.existing, chosen, update=False)
            roles = {str(row["name"]): str(row.get("role", "")) for row in alone.nodes}
            self.query_one(Ticks).relabel(_lines(self.found.nodes, roles))
            known = len(chosen.nodes) - len(alone.added)
            if alone.added:
                kept = f"; leave {known} existing unchanged" if known else ""
                offers.add_option(Option(f"Add {len(alone.added)} ({summary(alone.nodes)} in all){kept}", id="add"))
            if known:
                both = f"Add {len(alone.added)} and update" if alone.added else "Update"
                offers.add_option(Option(f"{both} {known} existing", id="update"))
        offers.add_option(Option("Go back", id="back"))
        offers.highlighted = 0

    def _chosen(self) -> Imported:
        ticked = set(self.query_one(Ticks).ticked)
        values = [line.value for line in _lines(self.found.nodes, {})]
        rows = zip(values, self.found.nodes, strict=True)
        return replace(self.found, nodes=tuple(row for value, row in rows if value in ticked))

    @on(Ticks.Accepted)
    def _accepted(self) -> None:
        """Enter in the list leads to what can be done with it."""
        self.query_one("#do").focus()

    @on(OptionList.OptionSelected, "#do")
    def _done(self, event: OptionList.OptionSelected) -> None:
        if event.option.id == "back":
            self.dismiss(None)
        else:
            self.dismiss(inventory.merge(self.existing, self._chosen(), update=event.option.id == "update"))


def suggested() -> str:
    """The file to suggest."""
    config = Path("~/.ssh/config")
    return str(config) if config.expanduser().exists() else ""


def _lines(rows: Sequence[dict[str, Any]], roles: Mapping[str, str]) -> list[Tick]:
    """A line per machine, by its name; `roles`: what each becomes, where that is known."""
    return [Tick(str(row["name"]), _line(row, roles.get(str(row["name"]), row["role"]))) for row in rows]


def _line(row: dict[str, Any], role: str) -> str:
    labels = " ".join(f"{key}={value}" for key, value in row.get("labels", {}).items())
    text = f"{row['name']:<20} {row['address']:<16} {role:<14} {login(row, {})} {labels}"
    return clean(text).rstrip()
