"""Lists of machines in any format: which it is, what is never kept, and how they join those that are there."""

from pathlib import Path
from typing import Any

import pytest

from kinstall import inventory
from kinstall.answers import load
from kinstall.errors import UsageError
from kinstall.inventory import Imported

CANARY = "hunter2-canary"
INI = "[masters]\ncp1 ansible_host=10.1.0.1\n[workers]\nw1 ansible_host=10.1.0.2\n"
YAML = "all:\n  hosts:\n    cp1: {ansible_host: 10.1.0.1}\n"
SSH = "Host *\n\n  User root\nHost w1\n  HostName 10.1.0.2\n"

LEAKY = {
    "lines": f"""\
w1 10.1.0.1 worker password={CANARY}
w2 10.1.0.2 root {CANARY}
root:{CANARY}@10.1.0.3:22
sshpass -p {CANARY} ssh root@10.1.0.4
w5 10.1.0.5 root:{CANARY}:x@10.1.0.5
w6 10.1.0.6 user=root:{CANARY}
""",
    "ansible-ini": f"""\
[workers]
w1 ansible_host=10.1.0.1 ansible_password={CANARY} ansible_ssh_pass="{CANARY}" api_token='{CANARY}'
w2 ansible_host=10.1.0.2 ansible_become_password=half {CANARY}
w3 ansible_host=10.1.0.3 ansible_ssh_common_args='-o ProxyCommand="x {CANARY}"' ansible_user=root:{CANARY}
[workers:vars]
ansible_become_pass={CANARY}
db = {CANARY}
{CANARY} no equals
""",
    "ansible-yaml": f"""\
all:
  vars:
    ansible_password: {CANARY}
    vault_key: [{CANARY}, {{a: {CANARY}}}]
    ansible_port: {CANARY}
  hosts:
    w1:
      ansible_host: 10.1.0.1
      ansible_become_password: !vault |
          $ANSIBLE_VAULT;1.1;AES256
          {CANARY}
      ansible_user: !vault |
          $ANSIBLE_VAULT;1.1;AES256
          {CANARY}
""",
    "ansible-json": f"""\
{{"_meta": {{"hostvars": {{
  "w1": {{"ansible_host": "10.1.0.1", "ansible_password": "{CANARY}", "api_token": {{"a": ["{CANARY}"]}}}},
  "w2": {{"ansible_host": "10.1.0.2", "ansible_user": {{"__ansible_vault": "{CANARY}"}},
         "ansible_port": "{CANARY}"}}}}}},
 "workers": {{"hosts": ["w1", "w2", "x {CANARY}"], "vars": {{"ansible_become_pass": "{CANARY}"}}}}}}
""",
    "csv": f"""\
name,address,user,password,ssh_pass
w1,10.1.0.1,root,{CANARY},{CANARY}
w2,10.1.0.2,root,one,two,{CANARY}
w3,10.1.0.3,root:{CANARY},,
""",
    "ssh-config": f"""\
Host w1
  HostName 10.1.0.1
  ProxyCommand connect --password {CANARY} %h
  SetEnv PASSWORD={CANARY}
  User root:{CANARY}
Host w2
  HostName 10.1.0.2
  ProxyCommand connect --password {CANARY} %h
""",
}


@pytest.mark.parametrize("format_", inventory.FORMATS)
def test_passwords_leave_no_trace(format_: str) -> None:
    """Wherever a password stands in a list, no row, notice or problem repeats it."""
    found = inventory.read(LEAKY[format_], format=format_)
    assert CANARY not in repr(found)
    assert found.nodes or found.problems


@pytest.mark.parametrize(
    ("format_", "text"),
    [
        ("lines", f"w1 10.1.0.1 root:{CANARY}\nroot:{CANARY}\nroot:{CANARY}@10.1.0.3:x=y\nw2 10.1.0.2 role={CANARY}\n"),
        ("lines", f"w1 10.1.0.1 labels={CANARY}\nw2 10.1.0.2 taints={CANARY}\nw3 10.1.0.3 jump=a@b:{CANARY}\n"),
        ("ansible-ini", f"[workers]\nansible_password={CANARY}\n w1 ansible_host=root:{CANARY}\n"),
        ("ansible-ini", f"[workers:vars]\n{CANARY} of=mine\nnode_labels={CANARY}\n"),
        ("ansible-yaml", f"all:\n  vars:\n    password:{CANARY} x: y\n    a: [{CANARY}\n"),
        ("csv", f"name,ip,role,labels,taints\nw1,root:{CANARY},{CANARY},,\nw2,1.2.3.4,,{CANARY},{CANARY}\n"),
        ("csv", f"name,ip,nodeip,podcidr,hostkey,port\nw1,10.1.0.1,{CANARY},{CANARY},{CANARY},{CANARY}\n"),
        ("ssh-config", f"Host w1\n HostName root:{CANARY}\n Port {CANARY}\n ProxyJump x:{CANARY}@y:{CANARY}\n"),
    ],
)  # fmt: skip
def test_passwords_that_went_astray_are_not_repeated(format_: str, text: str) -> None:
    """A list out of step by a column, a variable where a host belongs: what is complained about is not shown."""
    found = inventory.read(text, format=format_)
    assert CANARY not in repr(found)
    assert found.notices or found.problems


@pytest.mark.parametrize(
    ("format_", "named"),
    [
        ("lines", "password in line 1"),
        ("ansible-ini", "ansible_password, ansible_ssh_pass, api_token"),
        ("ansible-yaml", "ansible_become_password of w1"),
        ("ansible-json", "ansible_user of w2"),
        ("csv", "password, ssh_pass"),
        ("ssh-config", "ProxyCommand"),
    ],
)
def test_what_was_left_out_is_named(format_: str, named: str) -> None:
    """The operator learns which variable or column was not taken over."""
    assert any(named in notice for notice in inventory.read(LEAKY[format_], format=format_).notices)


@pytest.mark.parametrize(
    ("text", "filename", "expected"),
    [
        (INI, "", "ansible-ini"),
        (INI, "hosts", "ansible-ini"),
        ("w1 ansible_host=10.1.0.1\n", "", "ansible-ini"),
        (YAML, "", "ansible-yaml"),
        ("# mine\n---\nall:\n", "", "ansible-yaml"),
        ('{"_meta": {}}', "", "ansible-json"),
        ("anything", "list.json", "ansible-json"),
        (SSH, "", "ssh-config"),
        ("anything", "/home/me/.ssh/config", "ssh-config"),
        ("name;ip\nw1;10.1.0.1\n", "", "csv"),
        ("Hostname\tIP Address\nw1\t10.1.0.1\n", "", "csv"),
        ("anything", "list.CSV", "csv"),
        ("10.1.0.1 w1 w1.example.org\n", "hosts", "lines"),
        ("w1, 10.1.0.1, worker\n", "", "lines"),
        ("ssh -p 2222 root@10.1.0.1\n", "", "lines"),
        ("", "", "lines"),
    ],
)
def test_formats_are_told_apart(text: str, filename: str, expected: str) -> None:
    """By the file's name where it says so, else by what stands in it."""
    assert inventory.detect(text, filename) == expected


@pytest.mark.parametrize("format_", inventory.FORMATS)
@pytest.mark.parametrize(
    "text",
    [
        "\n" * 100_000,
        " " * 100_000,
        "[" * 20_000,
        "x[1:999999999]" * 50 + "\n",
        "Host a*\n" * 30_000,
        "Host" + " " * 40_000 + "a\n",
        "Host a\n User" + " =" * 40_000 + "\n",
        "w1 " + "\t" * 100_000 + "=\n",
        "w1 " + "'" * 99_999 + "\n",
        '{"a":' * 20_000,
        "[a]\n" * 30_000,
        "\x00\ud800\u2028\n",
        "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c,*c]\n",
        "[a:children]\nb\n[b:children]\na\n[a]\nw1 ansible_host=10.1.0.1\n",
        "".join(f"[g{n}:children]\ng{n + 1}\n" for n in reversed(range(2000))) + "[g2000]\nw1\n",
    ],
    ids=range(15),
)
def test_hostile_text_ends(format_: str, text: str) -> None:
    """Whatever is pasted, a result comes: detecting and reading neither raise nor run away."""
    inventory.detect(text)
    assert isinstance(inventory.read(text, format=format_), Imported)


def test_rows_are_what_an_answers_file_takes() -> None:
    """The rows of a list with everything in it stand under `nodes:` without a change."""
    text = (
        "name,ip,role,user,port,key,jump,labels,taints,hostkey\n"
        f"cp1,10.1.0.1,master,adm,2222,~/.ssh/k,adm@10.9.0.1:22,zone=a disk=ssd,,SHA256:{'A' * 43}\n"
        "w1,10.1.0.2,node,,,,,,gpu=yes:NoSchedule,\n"
    )
    found = inventory.read(text)
    data: dict[str, Any] = {"nodes": list(found.nodes)}
    import yaml

    spec = load.parse(yaml.safe_dump(data))
    assert [node.role for node in spec.nodes] == ["control-plane", "worker"]
    assert spec.nodes[0].labels == {"zone": "a", "disk": "ssd"}
    assert (spec.nodes[0].ssh.port, spec.nodes[0].ssh.proxy_jump) == (2222, "adm@10.9.0.1:22")
    assert spec.nodes[1].taints is not None
    assert spec.nodes[1].taints[0].value == "yes"
    assert (found.problems, found.has_roles) == ((), True)


# Joining


def test_new_rows_go_behind_and_known_ones_are_left_alone() -> None:
    """A machine is known by its address, or else by its name; what was passed in stays as it was."""
    there = [{"name": "cp1", "address": "10.1.0.1", "role": "control-plane", "ssh": {"port": 2222}}]
    before = repr(there)
    imported = inventory.read_lines("other 10.1.0.1 worker adm@\ncp1 10.1.0.9\nw1 10.1.0.2\n")
    merged = inventory.merge(there, imported, update=False)
    assert [row["name"] for row in merged.nodes] == ["cp1", "w1"]
    assert (merged.added, merged.updated) == (("w1",), ())
    assert merged.nodes[0] == there[0]
    assert "other" in merged.notices[0]
    assert repr(there) == before


def test_an_update_takes_what_the_list_tells() -> None:
    """The known row keeps its name, its place and what the list does not tell."""
    there = [{"name": "cp1", "address": "10.1.0.1", "role": "control-plane", "ssh": {"port": 2222}}]
    imported = inventory.read_lines("other 10.1.0.1 adm@ label.zone=a\n")
    merged = inventory.merge(there, imported, update=True)
    row = merged.nodes[0]
    assert row["ssh"] == {"port": 2222, "user": "adm"}
    assert (row["name"], row["role"], row["labels"]) == ("cp1", "control-plane", {"zone": "a"})
    assert merged.updated == ("cp1",)


def test_where_no_roles_are_told_the_first_becomes_the_control_plane() -> None:
    """A list of bare addresses makes a cluster; where one is told, nothing is guessed."""
    bare = inventory.read_lines("10.1.0.1\n10.1.0.2\n")
    merged = inventory.merge([], bare, update=False)
    assert [row["role"] for row in merged.nodes] == ["control-plane", "worker"]
    assert "node-10-1-0-1" in merged.notices[0]
    assert bare.nodes[0]["role"] == "worker"
    told = inventory.merge([], inventory.read_lines("10.1.0.1 worker\n"), update=False)
    assert told.nodes[0]["role"] == "worker"


# The edge


@pytest.mark.parametrize("format_", inventory.FORMATS)
def test_a_program_is_named_and_never_read_as_a_list(format_: str) -> None:
    """An inventory script becomes one sentence with the way out, and no rows `import` and `def`."""
    found = inventory.read("#!/usr/bin/env python3\nimport json\ndef main(): pass\n", format=format_)
    assert found.nodes == ()
    (problem,) = found.problems
    assert "ansible-inventory -i FILE --list" in str(problem)


def test_a_file_is_read_and_what_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    """No file, too large, no text: each a sentence, never a traceback."""
    good = tmp_path / "inventory"
    good.write_text(INI)
    assert [row["name"] for row in inventory.load(good).nodes] == ["cp1", "w1"]
    large, binary = tmp_path / "large", tmp_path / "binary"
    large.write_bytes(b"#" * (inventory.MAX_BYTES + 1))
    binary.write_bytes(b"\xff\xfe\x00w")
    for path, words in (
        (tmp_path / "none", "No such file"),
        (large, "1 MiB"),
        (binary, "UTF-8"),
        ("a\0b", "not a valid path"),
    ):
        with pytest.raises(UsageError, match=words):
            inventory.load(path)
