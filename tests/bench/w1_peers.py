"""W1 by pyinfra and by ansible-core: the same files and commands, written the way their documentation shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.bench.nodes import Farm
from tests.bench.process import Measured, measured
from tests.bench.w1_steps import Task, tasks

_OWNER = "root"


class Pyinfra:
    """pyinfra: a fact per file, compared on the operator's side, an upload or a command where something differs."""

    name = "pyinfra"

    def __init__(self, farm: Farm, programs: Path) -> None:
        self.folder = farm.folder / "pyinfra"
        self.folder.mkdir()
        _write_sources(self.folder)
        self.command: list[str | Path] = [programs / "pyinfra", "-y", "inventory.py", "deploy.py"]
        known = {
            "ssh_hostname": "127.0.0.1",
            "ssh_user": "root",
            "ssh_key": str(farm.key),
            "ssh_known_hosts_file": str(_known_hosts(farm)),
            "ssh_strict_host_key_checking": "yes",
            "ssh_allow_agent": False,
        }
        hosts = [(node.name, {**known, "ssh_port": node.port}) for node in farm.nodes]
        (self.folder / "inventory.py").write_text(f"nodes = {hosts!r}\n")
        lines = ["from pyinfra.operations import files, server"]
        for task in tasks():
            if task.command:
                lines.append(f"server.shell(commands=[{_once(task)!r}])")
            else:
                source = Path(task.path).name
                lines.append(
                    f"files.put(src={source!r}, dest={task.path!r}, mode={f'{task.mode:o}'!r}, "
                    f"user={_OWNER!r}, group={_OWNER!r})"
                )
        (self.folder / "deploy.py").write_text("\n".join(lines) + "\n")

    def run(self) -> Measured:
        return measured(self.command, cwd=self.folder)


class Ansible:
    """ansible-core with what makes it fast: pipelining, a connection kept open, a fork per node, no facts."""

    name = "ansible-core"

    def __init__(self, farm: Farm, programs: Path) -> None:
        self.folder = farm.folder / "ansible"
        self.folder.mkdir()
        _write_sources(self.folder)
        self.command: list[str | Path] = [programs / "ansible-playbook", "-i", "inventory.ini", "play.json"]
        (self.folder / "ansible.cfg").write_text(
            f"""\
[defaults]
forks = {len(farm.nodes)}
gathering = explicit
interpreter_python = /usr/bin/python3
local_tmp = {self.folder}/local
remote_tmp = /tmp/.ansible
[ssh_connection]
pipelining = true
control_path_dir = {farm.folder}
ssh_args = -F none -o ControlMaster=auto -o ControlPersist=60s -o IdentitiesOnly=yes -o UserKnownHostsFile={
                _known_hosts(farm)
            }
"""
        )
        (self.folder / "inventory.ini").write_text(
            "".join(
                f"{node.name} ansible_host=127.0.0.1 ansible_port={node.port} ansible_user=root "
                f"ansible_ssh_private_key_file={farm.key}\n"
                for node in farm.nodes
            )
        )
        work: list[dict[str, Any]] = []
        for task in tasks():
            if task.command:
                work.append({"ansible.builtin.shell": _once(task)})
            else:
                copy = {"src": Path(task.path).name, "dest": task.path, "mode": f"{task.mode:04o}"}
                work.append({"ansible.builtin.copy": {**copy, "owner": _OWNER, "group": _OWNER}})
        (self.folder / "play.json").write_text(json.dumps([{"hosts": "all", "tasks": work}]))  # JSON is YAML

    def run(self) -> Measured:
        return measured(
            self.command,
            cwd=self.folder,
            env={"ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"), "ANSIBLE_HOME": str(self.folder / "home")},
        )


def _once(task: Task) -> str:
    return f"{task.check} 2>/dev/null || {task.command}"


def _write_sources(folder: Path) -> None:
    for task in tasks():
        if not task.command:
            (folder / Path(task.path).name).write_bytes(task.content)


def _known_hosts(farm: Farm) -> Path:
    path = farm.folder / "known_hosts"
    key = " ".join((farm.folder / "host.pub").read_text().split()[:2])
    path.write_text("".join(f"[127.0.0.1]:{node.port} {key}\n" for node in farm.nodes))
    return path
