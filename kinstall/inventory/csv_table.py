"""A table with a row of column names (comma, semicolon or tab between) → machines."""

from __future__ import annotations

import csv
import io

from kinstall.cluster.subnets import is_address
from kinstall.inventory.columns import ALIASES, Machine, simplified
from kinstall.inventory.machines import MAX_MACHINES, Collector, Imported, without_mask
from kinstall.inventory.pasted_lines import read_lines

DELIMITERS = ",;\t|"
_MAX_COLUMNS = 500
"""Beyond this a line is not one of column names."""


def delimiter_of(header: str) -> str:
    """The character that separates the columns of a header line."""
    return max(DELIMITERS, key=header.count)


def has_header(text: str) -> bool:
    """Whether the first line names columns, a name or an address among them."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    columns = _columns(_cells(header))
    return len(columns) > 1 and bool({"name", "address"} & set(columns))


def _cells(line: str) -> list[str]:
    try:
        cells = next(csv.reader([line], delimiter=delimiter_of(line)), [])
    except csv.Error:  # a cell beyond the library's limit of 128 KiB
        return []
    return cells if len(cells) <= _MAX_COLUMNS else []


def read_csv(text: str) -> Imported:
    """One machine per row. Columns have many known names (ip, hostname, ssh_user …); others are reported."""
    collector = Collector()
    text = text.removeprefix("\ufeff")
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not has_header(text):
        if any(is_address(without_mask(cell.strip())) for cell in _cells(first)):
            return read_lines(text)  # the first row is a machine already
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
    columns: list[str] = []
    taken = {""}
    for name in names:
        field_name = ALIASES.get(simplified(name), "")
        columns.append("" if field_name in taken else field_name)
        taken.add(field_name)
    return columns


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
