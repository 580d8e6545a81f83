"""Existing lists of machines (pasted lines, Ansible, CSV, ~/.ssh/config) → rows of an answers file.

Pure but for load(). Secrets in a list are never kept: a notice names the variable, and nothing repeats its value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePath

from kinstall import files
from kinstall.errors import UsageError
from kinstall.findings import Problem
from kinstall.inventory.ansible_folder import read_ansible_folder
from kinstall.inventory.ansible_ini import read_ansible_ini
from kinstall.inventory.ansible_json import read_ansible_json
from kinstall.inventory.ansible_yaml import read_ansible_yaml
from kinstall.inventory.csv_table import has_header, read_csv
from kinstall.inventory.machines import Imported
from kinstall.inventory.merge import Merged, merge
from kinstall.inventory.pasted_lines import read_lines
from kinstall.inventory.ssh_config import read_ssh_config

FORMATS = {
    "lines": "lines: name address role",
    "ansible-ini": "Ansible inventory (INI)",
    "ansible-yaml": "Ansible inventory (YAML)",
    "ansible-json": "Ansible inventory (JSON)",
    "csv": "table (CSV)",
    "ssh-config": "OpenSSH client configuration",
}
_READERS: dict[str, Callable[[str], Imported]] = {
    "lines": read_lines,
    "ansible-ini": read_ansible_ini,
    "ansible-yaml": read_ansible_yaml,
    "ansible-json": read_ansible_json,
    "csv": read_csv,
    "ssh-config": read_ssh_config,
}
_BY_SUFFIX = {
    ".csv": "csv",
    ".tsv": "csv",
    ".yaml": "ansible-yaml",
    ".yml": "ansible-yaml",
    ".json": "ansible-json",
    ".ini": "ansible-ini",
}
# Each is searched in the whole text; the first that matches gives the format.
_BLANK = r"(?:[ \t]*(?:#.*)?\n)*[ \t]*"
_BY_CONTENT = (
    ("ansible-json", re.compile(r"\A\s*\{\s*\"")),
    ("ansible-ini", re.compile(r"^[ \t]*\[[^\]\s]+\][ \t]*(?:[#;].*)?$", re.MULTILINE)),
    (
        "ssh-config",
        re.compile(rf"^[ \t]*Host(?:[ \t]+|[ \t]*=)\S.*\n{_BLANK}[A-Za-z]+(?:[ \t]+|[ \t]*=)\S", re.MULTILINE),
    ),
    ("ansible-yaml", re.compile(rf"\A{_BLANK}(?:---|[\w.\"'-]+:[ \t]*(?:#.*)?$)", re.MULTILINE)),
    ("ansible-ini", re.compile(r"^[ \t]*[^\s#;].*[ \t]ansible_\w+[ \t]*=", re.MULTILINE)),
)
MAX_BYTES = 1 << 20
_PROGRAM = ("this is a program, not a list", "import what `ansible-inventory -i FILE --list` prints")
_REMEDY = "name an inventory, a CSV file or ~/.ssh/config"


def detect(text: str, filename: str = "") -> str:
    """Which of FORMATS a text is in; `lines` where it looks like nothing else."""
    path = PurePath(filename)
    if path.suffix.lower() in _BY_SUFFIX:
        return _BY_SUFFIX[path.suffix.lower()]
    if path.name in ("config", "ssh_config"):
        return "ssh-config"
    for name, pattern in _BY_CONTENT:
        if pattern.search(text):
            return name
    return "csv" if has_header(text) else "lines"


def read(text: str, filename: str = "", format: str = "") -> Imported:  # noqa: A002 - the word for it
    """The machines in a text of one of FORMATS; by default it is detected. A program is never run."""
    if text.startswith("#!"):
        return Imported(problems=(Problem("", *_PROGRAM, line=1),))
    return _READERS[format or detect(text, filename)](text)


def load(path: str | Path) -> Imported:
    """The machines of a file, or of an Ansible inventory folder. With an Ansible inventory, the folders group_vars and
    host_vars beside it are read too.

    Raises:
        UsageError: there is no such file, it cannot be read, is larger than 1 MiB or not UTF-8 text
    """
    place = Path(path)
    with suppress(ValueError, RuntimeError):  # a NUL, `~name` of an unknown user: files.read says so
        place = place.expanduser()
        if place.is_dir():
            return read_ansible_folder(place, detect)
    try:
        content = files.read(path, MAX_BYTES)
    except files.TooLarge:
        raise UsageError(f"{path} is larger than 1 MiB", "a list of machines is not: name another file") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", _REMEDY) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text", "store the file as UTF-8") from None
    if detect(text, place.name).startswith("ansible-") and not text.startswith("#!"):
        return read_ansible_folder(place, detect)
    return read(text, place.name)


__all__ = [
    "FORMATS",
    "Imported",
    "Merged",
    "detect",
    "load",
    "merge",
    "read",
    "read_ansible_ini",
    "read_ansible_json",
    "read_ansible_yaml",
    "read_csv",
    "read_lines",
    "read_ssh_config",
]
