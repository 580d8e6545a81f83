"""Ansible inventories of all kinds, and what Ansible itself makes of the same files."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kinstall import inventory
from kinstall.inventory import Imported, read_ansible_ini, read_ansible_json, read_ansible_yaml
from tests.unit import references

REFERENCE = references.ansible_inventory()


def by_name(found: Imported) -> dict[str, dict[str, Any]]:
    assert found.problems == ()
    return {row["name"]: row for row in found.nodes}


def test_the_node_ip_of_kubespray_is_its_ip() -> None:
    """`ip` is what kubespray gives the kubelet, in whichever order it stands beside `access_ip`."""
    for variables in ("ip=10.1.0.1 access_ip=203.0.113.1", "access_ip=203.0.113.1 ip=10.1.0.1"):
        row = by_name(read_ansible_ini(f"[kube_node]\nw1 ansible_host=203.0.113.1 {variables}\n"))["w1"]
        assert (row["address"], row["nodeIP"]) == ("203.0.113.1", "10.1.0.1")
    row = by_name(read_ansible_ini("[kube_node]\nw1 ansible_host=10.1.0.1 access_ip=203.0.113.1\n"))["w1"]
    assert "nodeIP" not in row


def test_a_bastion_is_the_way_to_all_others() -> None:
    """kubespray's group `bastion` with one host; a host with a jump host of its own keeps it."""
    found = read_ansible_ini(
        "[kube_control_plane]\ncp1 ansible_host=10.1.0.1\n[kube_node]\nw1 ansible_host=10.1.0.2 "
        "ansible_ssh_common_args='-o ProxyCommand=\"ssh -q -W %h:%p x@10.9.0.9\"'\n"
        "[bastion]\nb ansible_host=192.0.2.1 ansible_user=adm ansible_port=2200\n"
    )
    rows = by_name(found)
    assert {name: row["ssh"]["proxyJump"] for name, row in rows.items()} == {
        "cp1": "adm@192.0.2.1:2200",
        "w1": "x@10.9.0.9",
    }
    assert any("b is in the group bastion" in notice for notice in found.notices)


@pytest.mark.parametrize(
    ("group", "role"),
    [
        ("rke2_servers", "control-plane"),
        ("rke2_agents", "worker"),
        ("k3s_server", "control-plane"),
        ("k3s_agent", "worker"),
        ("kube-master", "control-plane"),
        ("servers", None),
    ],
)
def test_what_a_group_is_called(group: str, role: str | None) -> None:
    """Servers of k3s and rke2 are control planes; other servers may be anything."""
    found = read_ansible_ini(f"[{group}]\na ansible_host=10.1.0.1\n")
    assert (by_name(found)["a"]["role"] if found.has_roles else None) == role


def test_a_groups_priority_decides_between_groups_of_one_depth() -> None:
    """ansible_group_priority: the larger number wins over the alphabet, and depth over both."""
    text = (
        "[b]\nw1 ansible_host=10.1.0.1\n[a]\nw1\n[a:vars]\nansible_user=a\nansible_group_priority=10\n"
        "[b:vars]\nansible_user=b\n"
    )
    assert by_name(read_ansible_ini(text))["w1"]["ssh"] == {"user": "a"}
    assert by_name(read_ansible_ini(text.replace("=10\n", "=x\n")))["w1"]["ssh"] == {"user": "b"}


def test_merge_keys_are_filled_in() -> None:
    """`<<` with one anchor or several; what stands in the mapping itself wins, and the earlier anchor."""
    found = read_ansible_yaml(
        "x: &x\n  vars: {}\nall:\n  vars: &login {ansible_user: adm, ansible_port: 22}\n  hosts:\n"
        "    a:\n      <<: *login\n      ansible_host: 10.1.0.1\n      ansible_port: 2222\n"
        "    b:\n      <<: [{ansible_user: one}, *login]\n      ansible_host: 10.1.0.2\n"
    )
    rows = by_name(found)
    assert rows["a"]["ssh"] == {"user": "adm", "port": 2222}
    assert rows["b"]["ssh"] == {"user": "one", "port": 22}


LIST = {
    "_meta": {"hostvars": {"cp1": {"ansible_host": "10.1.0.1", "ansible_port": 2222}, "w1": {}}},
    "all": {"children": ["ungrouped", "kube_control_plane", "kube_node"]},
    "kube_control_plane": {"hosts": ["cp1"]},
    "kube_node": {"hosts": ["w1"], "vars": {"ansible_user": "adm"}},
}


def test_the_output_of_ansible_inventory_is_read() -> None:
    """`ansible-inventory --list`: groups, and variables below _meta; it is known by its first characters."""
    rows = by_name(inventory.read(json.dumps(LIST, indent=4)))
    assert rows["cp1"] == {"name": "cp1", "address": "10.1.0.1", "role": "control-plane", "ssh": {"port": 2222}}
    assert rows["w1"]["ssh"] == {"user": "adm"}


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"a": 3, "b": {"hosts": 3}, "_meta": []}', "[" * 100_000])
def test_json_that_is_no_inventory(text: str) -> None:
    """Whatever stands in it, there is a result, and no host is made up."""
    assert read_ansible_json(text).nodes == ()


# On disk


def tree(home: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    return home


FOLDER = {
    "10-hosts": "[kube_control_plane]\ncp1 ansible_host=10.1.0.1\n[kube_node]\nw1 ansible_host=10.1.0.2\n",
    "20-more.yml": "kube_node: {hosts: {w2: {ansible_host: 10.1.0.3, ansible_user: inline}}}\n",
    "dynamic.py": "#!/usr/bin/python3\nimport json\n",
    "notes.md": "nonsense here\n",
    "old.orig": "[kube_node]\nold\n",
    ".hidden": "[kube_node]\nhidden\n",
    "group_vars/all.yml": "ansible_user: everyone\nansible_password: hunter2\n",
    "group_vars/kube_node/10-a.yml": "ansible_user: a\nansible_port: 2222\n",
    "group_vars/kube_node/20-b.yml": "ansible_user: b\n",
    "group_vars/others.yml": "ansible_user: nobody\n",
    "group_vars/kube_control_plane.yml": "$ANSIBLE_VAULT;1.1;AES256\n6131\n",
    "host_vars/w1": "ansible_port: 2200\n",
    "host_vars/w1.example.org.yml": "ansible_port: 1\n",
}


def test_a_folder_is_read_as_ansible_does(tmp_path: Path) -> None:
    """All its files and the folders of variables; a program is not run, and what Ansible passes over is not read."""
    found = inventory.load(tree(tmp_path, FOLDER))
    rows = by_name(found)
    assert {name: row["ssh"] for name, row in rows.items()} == {
        "cp1": {"user": "everyone"},
        "w1": {"user": "b", "port": 2200},
        "w2": {"user": "inline", "port": 2222},
    }
    text = "\n".join(found.notices)
    assert "programs are never run: dynamic.py" in text
    assert "ansible-vault, and left out: group_vars/kube_control_plane.yml" in text
    assert "hunter2" not in repr(found)
    assert "folders are not read" not in text


def test_a_file_is_read_with_the_folders_beside_it(tmp_path: Path) -> None:
    """One file of the same folder: its own hosts, with the variables of group_vars and host_vars."""
    assert by_name(inventory.load(tree(tmp_path, FOLDER) / "10-hosts"))["w1"]["ssh"] == {"user": "b", "port": 2200}


def test_a_problem_in_a_folder_names_its_file(tmp_path: Path) -> None:
    """A mistake, a file that is not text, one that is too large: each with its name; the rest is read."""
    home = tree(tmp_path, {"hosts": "[w]\nw1 'open\nw2 ansible_host=10.1.0.2\n", "group_vars/w.yml": "a: [\n"})
    (home / "image").write_bytes(b"\xff\xfe")
    (home / "large").write_bytes(b"#" * (inventory.MAX_BYTES + 1))
    found = inventory.load(home)
    assert [row["name"] for row in found.nodes] == ["w2"]
    assert sorted(problem.message.partition(": ")[0] for problem in found.problems) == [
        "group_vars/w.yml",
        "hosts",
        "image",
        "large",
    ]
    assert any("line 2: hosts: a quote that is never closed" in str(problem) for problem in found.problems)


def test_a_folder_without_an_inventory_is_a_problem(tmp_path: Path) -> None:
    """Nothing in it, or only programs: a sentence."""
    assert "no inventory" in str(inventory.load(tmp_path).problems[0])


def test_a_huge_folder_ends(tmp_path: Path) -> None:
    """Two thousand files, links that go round in circles, and a device: a result in time."""
    for number in range(2000):
        (tmp_path / f"{number:04}").write_text("[w]\nw1\n")
    (tmp_path / "again").symlink_to(tmp_path)
    (tmp_path / "zero").symlink_to("/dev/zero")
    found = inventory.load(tmp_path)
    assert any("the rest is left out" in notice for notice in found.notices)


# Against Ansible itself


def corpus(chance: random.Random) -> dict[str, str]:
    """An inventory folder with groups below groups, and the login's variables on all levels."""
    groups = [f"g{number}" for number in range(6)]
    hosts = [f"h{number}" for number in range(5)]

    def variables(between: str) -> list[str]:
        names = chance.sample(["ansible_user", "ansible_port", "ansible_host"], chance.randint(0, 3))
        return [
            f"{name}{between}{chance.randint(1, 9)}" if name == "ansible_port" else
            f"{name}{between}{'10.1.0.' if name == 'ansible_host' else 'u'}{chance.randint(1, 99)}"
            for name in names
        ]  # fmt: skip

    lines = []
    for group in groups:
        lines += [f"[{group}]", *chance.sample(hosts, 2)]
        lines += [f"[{group}:vars]", *variables("=")]
        lines += [f"ansible_group_priority={chance.randint(1, 3)}"] if chance.random() < 0.3 else []
    for parent, child in itertools.pairwise(groups):
        lines += [f"[{parent}:children]", child] if chance.random() < 0.5 else []
    lines += ["[all:vars]", *variables("=")]
    lines = [f"{host} {' '.join(variables('='))}" for host in hosts] + lines
    files = {"hosts": "\n".join(lines) + "\n"}
    for name in ("group_vars/all.yml", *(f"group_vars/{group}.yml" for group in groups[:3]), "host_vars/h1.yml"):
        if chance.random() < 0.6:
            files[name] = "---\n" + "".join(f"{line}\n" for line in variables(": "))
    return files


@pytest.mark.skipif(REFERENCE is None, reason="no ansible-inventory: packaging/tools.sh installs it")
@pytest.mark.parametrize("seed", range(8))
def test_ansible_gives_hosts_the_same_variables(tmp_path: Path, seed: int) -> None:
    """User, port and address of every host of a random inventory are those that `ansible-inventory --list` says."""
    home = tree(tmp_path, corpus(random.Random(seed)))
    environment = {**os.environ, "ANSIBLE_LOCALHOST_WARNING": "False", "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)}
    ran = subprocess.run(
        [str(REFERENCE), "-i", str(home), "--list"], env=environment, capture_output=True, text=True, check=True
    )
    wanted = {
        host: (str(values.get("ansible_host", host)), values.get("ansible_user"), values.get("ansible_port"))
        for host, values in json.loads(ran.stdout)["_meta"]["hostvars"].items()
    }
    found = inventory.load(home)
    assert found.problems == ()
    mine = {
        row["name"]: (row["address"], row.get("ssh", {}).get("user"), row.get("ssh", {}).get("port"))
        for row in found.nodes
    }
    # Hosts that share address and port are one machine to kinstall.
    assert mine == {host: wanted[host] for host in mine}
    assert len(mine) >= len({values[::2] for values in wanted.values()})
    listed = {row["name"]: row["address"] for row in read_ansible_json(ran.stdout).nodes}
    assert listed == {host: wanted[host][0] for host in listed}
    assert len(listed) == len(mine)
