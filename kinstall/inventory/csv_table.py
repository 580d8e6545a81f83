"""A table with a row of column names (comma, semicolon or tab between) → machines."""

from __future__ import annotations

import csv
import io

from kinstall.inventory.columns import ALIASES, Machine, simplified
from kinstall.inventory.machines import MAX_MACHINES, Collector, Imported

DELIMITERS = ",;\t|"


def delimiter_of(header: str) -> str:
    """The character that separates the columns of a header line."""
    return max(DELIMITERS, key=header.count)


def has_header(text: str) -> bool:
    """Whether the first line names columns, a name or an address among them."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    columns = _columns(next(csv.reader([header], delimiter=delimiter_of(header)), []))
    return len(columns) > 1 and bool({"name", "address"} & set(columns))


def read_csv(text: str) -> Imported:
    """One machine per row. Columns have many known names (ip, hostname, ssh_user …); others are reported."""
    collector = Collector()
    text = text.removeprefix("\ufeff")
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not has_header(text):
        collector.problem(1, "the first line names no columns", "begin with a line like name,address,role,user,port")
        return collector.finish()
    reader = csv.reader(io.StringIO(text), delimiter=delimiter_of(first), skipinitialspace=True, strict=True)
    names: list[str] = []
    columns: list[str] = []
    try:
        for row in reader:
            if not any(cell.strip() for cell in row) or len(collector.machines) > MAX_MACHINES:
                continue
            if not names:
                names, columns = row, _columns(row)
                _note_unused(names, columns, collector)
            else:
                _row(row, columns, reader.line_num, collector)
    except csv.Error:
        collector.problem(reader.line_num, "an unmatched quote", "write a quote inside quotes twice, and close it")
    return collector.finish()


def _columns(names: list[str]) -> list[str]:
    """The field of each column; empty for those that are not used, a second one of the same field for example."""
    seen: list[str] = []
    for name in names:
        found = ALIASES.get(simplified(name), "")
        seen.append("" if found in seen else found)
    return seen


def _note_unused(names: list[str], columns: list[str], collector: Collector) -> None:
    for name, column in zip(names, columns, strict=True):
        if not column and name.strip():
            collector.unused(name.strip())


def _row(row: list[str], columns: list[str], line: int, collector: Collector) -> None:
    if len(row) > len(columns):
        # Not repeated: the surplus may be part of a password with a comma in it.
        collector.problem(line, f"{len(row)} cells under {len(columns)} columns", "put text with commas in quotes")
        return
    machine = Machine(line=line)
    fine = True
    for cell, column in zip(row, columns, strict=False):
        if cell.strip() and column:
            fine = collector.put(machine, column, cell.strip(), line) and fine
    if fine:
        collector.machines.append(machine)
