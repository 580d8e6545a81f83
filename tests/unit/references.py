"""The programs whose reading of a file counts, where this machine has them."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

from tests.lab import programs
from tests.lab.versions import kubernetes_module, versions

_ROOT = Path(__file__).parents[2]


def ansible_inventory() -> str | None:
    """ansible-inventory of packaging/requirements-ansible.txt, else this machine's own."""
    own = _ROOT / ".venv-ansible" / "bin" / "ansible-inventory"
    return str(own) if own.exists() else shutil.which("ansible-inventory")


@cache
def kubectl() -> str | None:
    """The lab's kubectl where it is built already, else this machine's own."""
    built = programs.already_compiled(kubernetes_module(versions().default))
    return str(built / "kubectl") if built else shutil.which("kubectl")
