"""Ansible inventories and ~/.ssh/config: groups become roles, variables follow the precedence of their own tools."""

import json
from typing import Any

import pytest

from kinstall.answers.load import parse
from kinstall.inventory import Imported, read_ansible_ini, read_ansible_yaml, read_ssh_config


def by_name(found: Imported) -> dict[str, dict[str, Any]]:
    assert found.problems == ()
    return {row["name"]: row for row in found.nodes}


KUBESPRAY = """\
[all]
cp1 ansible_host=10.1.0.1
w1 ansible_host=10.1.0.11 ansible_user=adm
[kube_control_plane]
cp1
[etcd:children]
kube_control_plane
[kube_node]
cp1
w1
[k8s_cluster:children]
kube_control_plane
kube_node
[bastion]
jump ansible_host=192.0.2.1
[all:vars]
ansible_user=root
[kube_node:vars]
ansible_port=2222
"""


def test_groups_become_roles() -> None:
    """kubespray's groups: a control plane that is a node too takes pods, and a bastion is no node of the cluster."""
    found = read_ansible_ini(KUBESPRAY)
    rows = by_name(found)
    assert {name: row["role"] for name, row in rows.items()} == {"cp1": "control-plane", "w1": "worker"}
    assert rows["cp1"]["taints"] == []
    assert "taints" not in rows["w1"]
    text = "\n".join(found.notices)
    assert "they are in no group of control planes or workers: jump" in text
    assert "group_vars" in text


def test_variables_of_the_host_win_over_its_groups() -> None:
    """all < parent < child < host, as Ansible has it."""
    text = (
        "[all:vars]\nansible_user=a\nansible_port=1\n"
        "[parent:vars]\nansible_user=p\nansible_port=2\nansible_private_key_file=~/p\n"
        "[child:vars]\nansible_port='3'\n[parent:children]\nchild\n"
        "[child]\nw1 ansible_host=10.1.0.1 ansible_user=h # comment\nw2 ansible_host=10.1.0.2\n"
    )
    rows = by_name(read_ansible_ini(text))
    assert rows["w1"]["ssh"] == {"user": "h", "port": 3, "identityFile": "~/p"}
    assert rows["w2"]["ssh"] == {"user": "p", "port": 3, "identityFile": "~/p"}


def test_the_deepest_group_wins_and_then_the_last_by_name() -> None:
    """A group with two parents is no deeper than one with one; groups of one depth go by the alphabet."""
    text = (
        "[a:children]\nz\n[b:children]\nz\n[c:children]\nd\n[d:children]\ny\n"
        "[z:vars]\nansible_port=1\n[y:vars]\nansible_port=2\n[k:vars]\nansible_user=k\n[l:vars]\nansible_user=l\n"
        "[z]\nw1 ansible_host=10.1.0.1\n[y]\nw1\n[l]\nw1\n[k]\nw1\n"
    )
    assert by_name(read_ansible_ini(text))["w1"]["ssh"] == {"user": "l", "port": 2}


def test_ranges_name_many_hosts() -> None:
    """Numbers with leading zeros, letters, steps, and a port behind."""
    found = read_ansible_ini("[workers]\nw[08:10].x:2222\n10.1.0.[1:3]\nn-[a:c]\nm[1:5:2]\n")
    names = [row["name"] for row in found.nodes]
    assert names[:3] == ["w08.x", "w09.x", "w10.x"]
    assert names[3:6] == ["node-10-1-0-1", "node-10-1-0-2", "node-10-1-0-3"]
    assert names[6:] == ["n-a", "n-b", "n-c", "m1", "m3", "m5"]
    assert found.nodes[0]["ssh"] == {"port": 2222}
    assert "ssh" not in found.nodes[3]


def test_a_range_is_bounded() -> None:
    """A billion hosts are not made."""
    found = read_ansible_ini("[workers]\nw[1:999999999]\n")
    assert len(found.nodes) == 5000
    assert "more than 5000 machines" in str(found.problems[0])


def test_labels_taints_and_jumps_are_taken_over() -> None:
    """kubespray's node_labels and node_taints, and the jump host out of ssh's arguments."""
    text = (
        "[workers]\nw1 ansible_host=10.1.0.1 node_labels=\"{'zone': 'a'}\" node_taints=\"['gpu=yes:NoSchedule']\" "
        "ansible_ssh_common_args='-o StrictHostKeyChecking=no -o ProxyJump=adm@10.9.0.1'\n"
    )
    row = by_name(read_ansible_ini(text))["w1"]
    assert row["labels"] == {"zone": "a"}
    assert row["taints"] == [{"key": "gpu", "effect": "NoSchedule", "value": "yes"}]
    assert row["ssh"] == {"proxyJump": "adm@10.9.0.1"}


def test_a_group_over_all_says_nothing_of_roles() -> None:
    """`nodes` with masters and workers below it makes no workers of masters; k3s' server and agent are known."""
    text = "[nodes:children]\nmasters\nothers\n[masters]\na ansible_host=10.1.0.1\n[others]\nb ansible_host=10.1.0.2\n"
    assert {row["name"]: row["role"] for row in read_ansible_ini(text).nodes} == {"a": "control-plane"}
    text = "[server]\na ansible_host=10.1.0.1\n[agent]\nb ansible_host=10.1.0.2\n"
    roles = {row["name"]: row["role"] for row in read_ansible_ini(text).nodes}
    assert roles == {"a": "control-plane", "b": "worker"}
    found = read_ansible_ini("[servers]\na ansible_host=10.1.0.1\n")
    assert ([row["role"] for row in found.nodes], found.has_roles) == (["worker"], False)


def test_mistakes_in_an_ini_inventory_name_their_line() -> None:
    """A section, a quote, a word and a value that do not fit; an inventory that is encrypted as a whole."""
    found = read_ansible_ini("[a:b]\nx\n[w]\nw1 'open\nw2 word\n[w:vars]\nnothing\n[w]\nw3 ansible_port=x\n")
    assert [problem.line for problem in found.problems] == [1, 4, 5, 7, 9]
    found = read_ansible_ini("$ANSIBLE_VAULT;1.1;AES256\n6131\n")
    assert "encrypted" in str(found.problems[0])


INVENTORY = """\
all:
  vars:
    ansible_user: deploy
    ansible_become_password: !vault |
      $ANSIBLE_VAULT;1.1;AES256
      3132
  children:
    kube_control_plane:
      hosts:
        cp1:
          ansible_host: 10.1.0.1
          node_labels: {zone: a, size: 3}
    workers:
      vars: {ansible_port: 2222}
      hosts:
        w[1:2]:
        10.1.0.9:
          ansible_user: "{{ other }}"
"""


def test_a_yaml_inventory_is_read_like_the_ini_one() -> None:
    """Groups, variables and ranges; what is encrypted or a template is left out and named."""
    found = read_ansible_yaml(INVENTORY)
    rows = by_name(found)
    assert list(rows) == ["cp1", "w1", "w2", "node-10-1-0-9"]
    assert rows["cp1"]["labels"] == {"zone": "a", "size": "3"}
    assert rows["w1"]["ssh"] == {"user": "deploy", "port": 2222}
    assert rows["node-10-1-0-9"]["ssh"]["user"] == "deploy"
    text = "\n".join(found.notices)
    assert "encrypted with ansible-vault, and left out: ansible_become_password of group all" in text
    assert "templates are not filled in, and left out: ansible_user of 10.1.0.9" in text


def test_mistakes_in_a_yaml_inventory_name_their_line() -> None:
    """No YAML, no mapping, a key of no group, an answers file in its place."""
    for text, line, words in (
        ("all:\n\thosts:\n", 2, "tab"),
        ("- a\n", 1, "not an inventory"),
        ("all:\n  host: {a: }\n", 2, "groups do not have"),
        ("all:\n  hosts: 3\n", 2, "mapping"),
        ("all:\n  hosts:\n    w1: {ansible_port: [1]}\n", 3, "of the wrong type"),
        ("nodes: []\n", 1, "answers file"),
    ):
        (problem,) = read_ansible_yaml(text).problems
        assert (problem.line, words in str(problem)) == (line, True), problem


CONFIG = """\
User first
Host bastion
    HostName 203.0.113.5
    Port 2200
Host w1 w1.alias # both are one machine
    HostName 10.1.0.1
    IdentityFile "~/.ssh/my key"
    IdentityFile ~/.ssh/second
    ProxyJump bastion
    User late
Host w2 w3
    HostName=10.1.0.%h
Host *.example.org !secret.example.org
    Port 2222
Host a.example.org secret.example.org
Host *
    Port 22
    IdentityFile %d/.ssh/all
"""


def test_the_first_value_that_is_found_holds() -> None:
    """As ssh_config(5) says: the order of the file decides, patterns and their exceptions hold for all below."""
    found = read_ssh_config(CONFIG)
    rows = {row["address"]: row for row in found.nodes}
    assert rows["10.1.0.1"]["name"] == "w1"
    assert rows["10.1.0.1"]["ssh"] == {
        "user": "first",
        "port": 22,
        "identityFile": ["~/.ssh/my key", "~/.ssh/second", "~/.ssh/all"],
        "proxyJump": [{"address": "203.0.113.5", "port": 2200, "user": "first", "identityFile": "~/.ssh/all"}],
    }
    assert rows["a.example.org"]["ssh"]["port"] == 2222
    assert rows["secret.example.org"]["ssh"] == {"user": "first", "port": 22, "identityFile": "~/.ssh/all"}
    text = "\n".join(found.notices)
    assert "Host w1.alias is another name of w1: left out" in text
    assert "reached through it: bastion" in text


def test_what_is_not_followed_is_told() -> None:
    """Include, Match with a program, a command as a proxy."""
    found = read_ssh_config(
        "Include other\nHost w1\n HostName 10.1.0.1\n"
        "Host w2\n HostName 10.1.0.2\n ProxyCommand nc %h 22\n"
        "Match exec true\n User nobody\nMatch all\n User somebody\n"
    )
    assert {name: row["ssh"] for name, row in by_name(found).items()} == {
        "w1": {"user": "somebody"},
        "w2": {"user": "somebody"},
    }
    text = "\n".join(found.notices)
    for words in ("Include in line 1", "ProxyCommand", "Match in line 7"):
        assert words in text


def test_all_keys_that_apply_are_taken_in_their_order() -> None:
    """ssh tries them in the order of the file: the first of `Host *` does not shadow a host's own."""
    found = read_ssh_config(
        "Host *\n IdentityFile none\n IdentityFile ~/.ssh/all\n"
        "Host w1\n HostName 10.1.0.1\n IdentityFile %d/.ssh/%n\n IdentityFile ~/.ssh/late\n IdentityFile ~/.ssh/all\n"
        "Host w2\n HostName 10.1.0.2\n IdentityFile /%C\n"
    )
    assert {name: row["ssh"]["identityFile"] for name, row in by_name(found).items()} == {
        "w1": ["~/.ssh/all", "~/.ssh/w1", "~/.ssh/late"],
        "w2": "~/.ssh/all",
    }
    assert "identityfile in line 11 contains a %" in "\n".join(found.notices)


def test_the_agent_and_whose_keys_are_tried() -> None:
    """IdentityAgent and IdentitiesOnly are answers too."""
    found = read_ssh_config(
        "Host w1\n HostName 10.1.0.1\n IdentityAgent %d/agent.sock\n IdentitiesOnly no\n"
        'Host w2\n HostName 10.1.0.2\n IdentityAgent "none"\n IdentitiesOnly yes\n'
        "Host w3\n HostName 10.1.0.3\n IdentitiesOnly maybe\n"
    )
    assert [row["ssh"] for row in found.nodes] == [
        {"identitiesOnly": False, "identityAgent": "~/agent.sock"},
        {"identitiesOnly": True, "identityAgent": "none"},
    ]
    assert [(problem.line, "yes or no" in str(problem)) for problem in found.problems] == [(11, True)]


def test_jump_hosts_with_logins_of_their_own() -> None:
    """Several, aliases of the file with their keys, and a first one that is itself behind another."""
    text = (
        "Host a\n HostName 192.0.2.1\n User ann\n Port 2201\n IdentityFile ~/.ssh/a\n ProxyJump outer\n"
        "Host b\n HostName 192.0.2.2\nHost outer\n HostName 192.0.2.9\n User o\n"
        "Host w1\n HostName 10.1.0.1\n User adm\n IdentityFile ~/.ssh/w\n ProxyJump a,bob@b:2202\n"
    )
    row = by_name(read_ssh_config(text))["w1"]
    assert row["ssh"]["proxyJump"] == [
        {"address": "192.0.2.9", "user": "o"},
        {"address": "192.0.2.1", "port": 2201, "user": "ann", "identityFile": "~/.ssh/a"},
        {"address": "192.0.2.2", "port": 2202, "user": "bob"},
    ]
    spec = parse(json.dumps({"nodes": [{**row, "role": "control-plane"}]}))
    assert [jump.user for jump in spec.ssh_of(spec.nodes[0]).jumps] == ["o", "ann", "bob"]
    circle = read_ssh_config("Host w1\n HostName 10.1.0.1\n ProxyJump w2\nHost w2\n ProxyJump w1\n")
    assert [str(problem) for problem in circle.problems if "in a circle" in str(problem)]


def test_match_blocks_that_need_no_program() -> None:
    """host looks at the HostName so far, originalhost at the alias, user at the User so far; ! turns them round."""
    text = (
        "Host w1\n HostName 10.1.0.1\n User adm\nHost w2\n HostName 10.1.0.2\n"
        "Match originalhost w1,x user adm\n Port 2201\n"
        "Match !originalhost w1 host 10.1.*\n Port 2202\n"
        'Match host 10.1.0.2 exec "touch /tmp/never"\n User evil\n'
        "Match final all\n User last\n"
    )
    found = read_ssh_config(text)
    assert {name: row["ssh"] for name, row in by_name(found).items()} == {
        "w1": {"user": "adm", "port": 2201},
        "w2": {"port": 2202},
    }
    assert [notice.partition(" is not")[0] for notice in found.notices] == ["Match in line 10", "Match in line 12"]


@pytest.mark.parametrize(
    ("option", "jump"),
    [
        ("ProxyCommand ssh -W %h:%p adm@10.9.0.1", "adm@10.9.0.1"),
        ("ProxyCommand exec /usr/bin/ssh -q -p 2222 -l adm -W [%h]:%p 10.9.0.1", "adm@10.9.0.1:2222"),
        ("ProxyCommand ssh -qW '%h:%p' bastion", "boss@192.0.2.9:2200"),
        ("ProxyCommand=ssh bastion nc -w 5 %h %p", "boss@192.0.2.9:2200"),
        ("ProxyJump none\n ProxyCommand ssh -W %h:%p adm@10.9.0.1", None),
        ("ProxyCommand none\n ProxyJump adm@10.9.0.1", None),
        ("ProxyCommand ssh -W other:22 adm@10.9.0.1", None),
        ("ProxyCommand nc 'open", None),
    ],
)
def test_a_command_that_is_a_jump_is_one(option: str, jump: str | None) -> None:
    """`ssh -W` and `ssh … nc` are what ProxyJump was made for; of ProxyJump and ProxyCommand the first counts."""
    found = read_ssh_config(
        f"Host bastion\n HostName 192.0.2.9\n Port 2200\n User boss\nHost w1\n HostName 10.1.0.1\n {option}\n"
    )
    assert by_name(found)["w1"].get("ssh", {}).get("proxyJump") == jump


def test_hosts_behind_one_address_are_told_apart_by_their_port() -> None:
    """The same HostName with another Port is another machine; with the same Port it is another name of it."""
    found = read_ssh_config("Host a\n HostName 10.1.0.1\n Port 2201\nHost b b2\n HostName 10.1.0.1\n Port 2202\n")
    assert {row["name"]: row["ssh"]["port"] for row in found.nodes} == {"a": 2201, "b": 2202}
    assert "Host b2 is another name of b: left out" in found.notices


def test_keywords_with_digits_are_keywords() -> None:
    """ForwardX11, GSSAPIKeyExchange, PKCS11Provider: not used, and no mistake."""
    found = read_ssh_config("Host w1\n ForwardX11 no\n PKCS11Provider /x\n HostName 10.1.0.1\n")
    assert by_name(found)["w1"]["address"] == "10.1.0.1"


def test_ipv6_hosts_are_named() -> None:
    """Their line says that an IPv4 address is needed."""
    found = read_ssh_config("Host w1\n HostName 2001:db8::1\nHost w2\n HostName 10.1.0.2\n")
    assert [row["name"] for row in found.nodes] == ["w2"]
    (problem,) = found.problems
    assert problem.line == 1
    assert "IPv6 is not supported yet" in str(problem)


def test_a_jump_host_without_a_user_is_named() -> None:
    """ssh goes there as the local user, and so does kinstall, whoever runs it: the operator has to know."""
    found = read_ssh_config("Host w1\n HostName 10.1.0.1\n User adm\n ProxyJump 10.9.0.1\n")
    assert by_name(found)["w1"]["ssh"] == {"user": "adm", "proxyJump": "10.9.0.1"}
    assert any("in your own name: those of w1" in notice for notice in found.notices)


def test_a_line_that_is_no_option_names_itself() -> None:
    """The rest is read."""
    found = read_ssh_config("Host w1\n  HostName 10.1.0.1\n  nonsense\nPort x\n")
    assert [problem.line for problem in found.problems] == [3, 4]
