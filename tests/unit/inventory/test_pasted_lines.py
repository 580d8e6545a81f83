"""Pasted lines and tables: what is read from each way of writing a machine down."""

from typing import Any

import pytest

from kinstall.inventory import Imported, read_csv, read_lines


def row(found: Imported) -> dict[str, Any]:
    """The only row; a problem fails the test."""
    assert found.problems == ()
    (only,) = found.nodes
    return only


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("w1 10.1.0.1", {"name": "w1", "address": "10.1.0.1"}),
        ("10.1.0.1 w1", {"name": "w1", "address": "10.1.0.1"}),
        ("10.1.0.1", {"name": "node-10-1-0-1", "address": "10.1.0.1"}),
        ("w1 10.1.0.1/24", {"name": "w1", "address": "10.1.0.1"}),
        ("10.1.0.1/16 w1", {"name": "w1", "address": "10.1.0.1"}),
        ("w1 172.16.7.0", {"name": "w1", "address": "172.16.7.0"}),
        ("| w1 | 10.1.0.1 |", {"name": "w1", "address": "10.1.0.1"}),
        ("w1 10.1.0.1 2001:db8::1", {"name": "w1", "address": "10.1.0.1"}),
        ("w1 10.1.0.1 group=web", {"name": "w1", "address": "10.1.0.1"}),
        ("w1 10.1.0.1 roles=etcd,controlplane", {"name": "w1", "address": "10.1.0.1", "role": "control-plane"}),
        ("  w1\t10.1.0.1   # rack 4", {"name": "w1", "address": "10.1.0.1"}),
        ("w1, 10.1.0.1; worker", {"name": "w1", "address": "10.1.0.1"}),
        ("10.1.0.1 w1 w1.example.org", {"name": "w1", "address": "10.1.0.1"}),
        ("10.1.0.1 master", {"name": "node-10-1-0-1", "address": "10.1.0.1", "role": "control-plane"}),
        ("cp1 10.1.0.1 Master", {"name": "cp1", "address": "10.1.0.1", "role": "control-plane"}),
        ("cp1 10.1.0.1 role=control_plane", {"name": "cp1", "address": "10.1.0.1", "role": "control-plane"}),
        ("w1 10.1.0.1 adm@", {"name": "w1", "address": "10.1.0.1", "ssh": {"user": "adm"}}),
        ("w1 10.1.0.1 adm@:2222", {"name": "w1", "address": "10.1.0.1", "ssh": {"user": "adm", "port": 2222}}),
        ("w1 adm@10.1.0.1:2222", {"name": "w1", "address": "10.1.0.1", "ssh": {"user": "adm", "port": 2222}}),
        ("w1 ssh://adm@10.1.0.1:22", {"name": "w1", "address": "10.1.0.1", "ssh": {"user": "adm", "port": 22}}),
        ("10.1.0.1:2222", {"name": "node-10-1-0-1", "address": "10.1.0.1", "ssh": {"port": 2222}}),
        ("w1 10.1.0.1 key='~/a b'", {"name": "w1", "address": "10.1.0.1", "ssh": {"identityFile": "~/a b"}}),
        ("w1 10.1.0.1 labels=a=b,c=d", {"name": "w1", "address": "10.1.0.1", "labels": {"a": "b", "c": "d"}}),
        ("w1 10.1.0.1 label.example.org/a=b", {"name": "w1", "address": "10.1.0.1", "labels": {"example.org/a": "b"}}),
        (
            "ssh -tp2222 -o 'User adm' -J j@10.9.0.1 10.1.0.1 -- uptime",
            {
                "name": "node-10-1-0-1",
                "address": "10.1.0.1",
                "ssh": {"user": "adm", "port": 2222, "proxyJump": "j@10.9.0.1"},
            },
        ),
        ("/usr/bin/ssh -l adm -v 10.1.0.1", {"name": "node-10-1-0-1", "address": "10.1.0.1", "ssh": {"user": "adm"}}),
    ],
)
def test_a_line_gives_a_row(line: str, expected: dict[str, Any]) -> None:
    """What is told is in the row, and nothing else; the role is worker unless it is told."""
    assert row(read_lines(line)) == {"role": "worker", **expected}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("w1 10.1.0.300", "not a valid IPv4 address"),
        ("w1 10.1.0.1 10.1.0.2", "two addresses"),
        ("w1 10.1.0.1 port=70000", "not a valid TCP port"),
        ("w1 10.1.0.1 role=boss", "not a role"),
        ("w1 10.1.0.1 'open", "never closed"),
        ("w1 10.1.0.1 a@b@c", "not user@host:port"),
        ("w1 10.1.0.1 taints=gpu=yes:Never", "not a valid taint"),
        ("ssh -p 22", "without a host"),
        ("169.254.1.1", "link-local"),
        ("10.1.0.0/24", "range"),
        ("w1 2001:db8::1", "IPv4 address: IPv6 is not supported yet"),
        ("root@2001:db8::1", "IPv4 address: IPv6 is not supported yet"),
        ("ssh -p 2222 root@fe80::1%eth0", "IPv4 address: IPv6 is not supported yet"),
    ],
)
def test_a_line_with_a_mistake_names_its_number(line: str, words: str) -> None:
    """The line gives no row; those around it do."""
    found = read_lines(f"10.2.0.1\n{line}\n10.2.0.2\n")
    assert [row["address"] for row in found.nodes] == ["10.2.0.1", "10.2.0.2"]
    (problem,) = found.problems
    assert problem.line == 2
    assert words in str(problem)


def test_a_hosts_file_gives_its_machines() -> None:
    """Loopback, multicast and IPv6 lines are left out, and it says so."""
    found = read_lines(
        "127.0.0.1 localhost\n127.0.1.1 me\n::1 localhost ip6-loopback\nfe80::1%eth0 x\n"
        "ff02::1 ip6-allnodes\n\n10.1.0.1 a\n"
    )
    assert row(found)["name"] == "a"
    assert any("::1" in notice for notice in found.notices)


def test_names_are_made_valid_and_doubles_told() -> None:
    """A changed name, a name taken twice and an address taken twice are each named."""
    found = read_lines("W_1 10.1.0.1\nw-1 10.1.0.2\nother 10.1.0.1\n--- 10.1.0.4\n" + "x" * 70 + " 10.1.0.5\n")
    assert [row["name"] for row in found.nodes] == ["w-1", "w-1-2", "node-10-1-0-4", "x" * 63]
    text = "\n".join(found.notices)
    assert "W_1 is not a valid name; it became w-1" in text
    assert "the second became w-1-2" in text
    assert "other in line 3 has the address of w-1, 10.1.0.1: left out" in text


def test_a_host_without_an_ipv4_address_is_kept_and_told() -> None:
    """The name stands in the address's place until the operator writes the address in."""
    found = read_lines("w1 w1.example.org worker\nw2 root@\n")
    assert [row["address"] for row in found.nodes] == ["w1.example.org", "w2"]
    assert any("no IPv4 address for w1, w2" in notice for notice in found.notices)


# Tables


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_a_table_with_any_separator(between: str) -> None:
    """Column names in any spelling; empty cells tell nothing; quotes hold separators."""
    lines = [
        ["Host Name", "IP-Address", "SSH_User", "Port", "Rack"],
        ["w1", "10.1.0.1", "adm", "2222", f'"4{between}b"'],
        ["w2", "10.1.0.2", "", "", ""],
        [""],
    ]
    found = read_csv("\ufeff" + "\r\n".join(between.join(cells) for cells in lines))
    assert found.nodes == (
        {"name": "w1", "address": "10.1.0.1", "role": "worker", "ssh": {"user": "adm", "port": 2222}},
        {"name": "w2", "address": "10.1.0.2", "role": "worker"},
    )
    assert found.notices == ("not used: Rack",)
    assert (found.problems, found.has_roles) == ((), False)


@pytest.mark.parametrize("column", ["server_ip", "Primary IP", "primary_ip4", "Management IP", "IP Address"])
def test_a_column_of_addresses_may_have_masks(column: str) -> None:
    """Tables of NetBox and others give an address with the mask of its subnet."""
    found = read_csv(f"Name,{column}\nw1,10.1.0.1/24\nw2,10.1.0.2/32\n")
    assert [row["address"] for row in found.nodes] == ["10.1.0.1", "10.1.0.2"]
    assert found.problems == ()


def test_a_table_without_column_names() -> None:
    """Its first row is a machine already: the cells are read as words of a line; a password is never kept."""
    found = read_csv("w1,10.1.0.1,worker\ncp1,10.1.0.2/24,master,hunter2\n")
    assert [(row["name"], row["address"], row["role"]) for row in found.nodes] == [
        ("w1", "10.1.0.1", "worker"),
        ("cp1", "10.1.0.2", "control-plane"),
    ]
    assert "hunter2" not in repr(found)


def test_a_group_that_is_no_role_costs_no_row() -> None:
    """A column `group` says a role where it can; the column `role` wins over it."""
    found = read_csv("name,ip,group,role\na,10.1.0.1,masters,\nb,10.1.0.2,webshop,\nc,10.1.0.3,masters,worker\n")
    assert [row["role"] for row in found.nodes] == ["control-plane", "worker", "worker"]
    assert found.problems == ()


def test_machines_behind_one_address_are_told_apart_by_their_port() -> None:
    """Port forwarding: both are kept, and the second is named, whose nodeIP is needed. The same login twice is one."""
    found = read_lines("a 10.1.0.1 @:2201\nb 10.1.0.1 @:2202\nc 10.1.0.1 @:2202\n")
    assert [row["name"] for row in found.nodes] == ["a", "b"]
    text = "\n".join(found.notices)
    assert "logins at the address of another machine: b; write their nodeIP" in text
    assert "c in line 3 has the address of b, 10.1.0.1: left out" in text


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("w1,somewhere\n", 1, "names no columns"),
        ("name,ip\nw1,10.1.0.1,x\n", 2, "3 cells under 2 columns"),
        ("name,ip,role\n\nw1,10.1.0.1,boss\n", 3, "not a role"),
        ('name,ip\n"w1,10.1.0.1\n', 2, "quote"),
        ("name,ip\n,\n ,10.1.0.0/24\n", 3, "range"),
    ],
)
def test_a_row_with_a_mistake_names_its_line(text: str, line: int, words: str) -> None:
    """Line numbers are the file's."""
    found = read_csv(text)
    assert [(problem.line, words in str(problem)) for problem in found.problems] == [(line, True)]
    assert found.nodes == ()
