"""What programs on nodes and in check pods print, as records.

A line that starts with the ASCII record separator holds tab-separated fields; the plain lines after it belong to it.
A program that runs several things at once collects their output in files first, so that lines never mix.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kinstall.engine.shell_functions import SEPARATOR


@dataclass(frozen=True, slots=True)
class Record:
    """A line of the protocol and the plain lines after it."""

    fields: tuple[str, ...]
    text: str = ""

    @property
    def kind(self) -> str:
        return self.fields[0]

    def field(self, index: int) -> str:
        """A field, empty where the line was cut short."""
        return self.fields[index] if index < len(self.fields) else ""

    def seconds(self, began: int, ended: int) -> float:
        """The time between two fields that hold uptimes."""
        try:
            return max(0.0, float(self.field(ended)) - float(self.field(began)))
        except ValueError:
            return 0.0


def parse(lines: Iterable[str]) -> tuple[Record, ...]:
    """The records that a program printed; lines before the first one belong to a record of kind ''."""
    heads: list[tuple[str, ...]] = []
    texts: list[list[str]] = []
    for line in lines:
        if line.startswith(SEPARATOR):
            heads.append(tuple(line[1:].split("\t")))
            texts.append([])
        else:
            if not heads:
                heads.append(("",))
                texts.append([])
            texts[-1].append(line)
    return tuple(Record(head, "\n".join(text)) for head, text in zip(heads, texts, strict=True))


def of_kind(records: Iterable[Record], kind: str) -> tuple[Record, ...]:
    return tuple(record for record in records if record.kind == kind)


def first_of(records: Iterable[Record], kind: str) -> Record | None:
    return next((record for record in records if record.kind == kind), None)
