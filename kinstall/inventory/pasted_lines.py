"""Pasted lines → machines: `w1 192.0.2.11 worker root@:2222 zone=a`, lines of /etc/hosts, `ssh -p 2222 user@host`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kinstall.cluster.subnets import is_ipv4, parse_address
from kinstall.inventory.columns import ALIASES, Machine, is_secret, role_of, simplified
from kinstall.inventory.machines import MAX_MACHINES, Collector, Imported, is_ipv6, shown, words_of

_LOGIN = re.compile(r"(?:ssh://)?(?P<user>[^@]*)@(?P<host>[^@:]*)(?::(?P<port>[^:@]*))?")
_WITH_PORT = re.compile(r"(?:ssh://)?(?P<host>[^:@/]+):(?P<port>[0-9]+)")
# Options of ssh(1) that take a value; all others stand alone.
SSH_WITH_VALUE = frozenset("BbcDEeFIiJLlmOoPpQRSWw")
_SSH_FIELDS = {"p": "port", "l": "user", "i": "identityFile", "J": "proxyJump"}
_SSH_OPTIONS = {"port": "port", "user": "user", "identityfile": "identityFile", "proxyjump": "proxyJump"}


def read_lines(text: str) -> Imported:
    """One machine per line; comments (#) and empty lines are ignored."""
    collector = Collector()
    for number, line in enumerate(text.splitlines(), start=1):
        if len(collector.machines) > MAX_MACHINES:
            break
        try:
            words = words_of(line)
        except ValueError as error:
            collector.problem(number, str(error), "close it, or remove it")
            continue
        if words:
            _line(words, number, collector)
    return collector.finish()


def _line(words: list[str], line: int, collector: Collector) -> None:
    machine = Machine(line=line)
    problems = len(collector.problems)
    words = _without_sshpass(words, collector)
    further: list[str] = []
    if words[0].rpartition("/")[2] == "ssh" and len(words) > 1:
        _ssh(words[1:], machine, collector)
    else:
        parts = list(_split(words))
        if any(_is_not_a_machine(part) for part in parts[:1]):
            collector.among("left out, because kinstall needs IPv4 addresses of machines: {}", parts[0])
            return
        further = [part for part in parts if is_ipv6(part)]
        for part in (part for part in parts if part not in further):
            _word(part, machine, collector)
    if further and not machine.address:
        machine.address = further[0]
    if len(collector.problems) == problems:
        collector.machines.append(machine)


def _split(words: list[str]) -> Iterator[str]:
    """Commas, semicolons and bars separate words as blanks do, but not inside key=value."""
    for word in words:
        if "=" in word:
            yield word.strip(",;|")
        else:
            yield from filter(None, re.split(r"[,;|]", word))


def _is_not_a_machine(word: str) -> bool:
    """Loopback, multicast and IPv6 addresses, which are common in /etc/hosts."""
    try:
        address = parse_address(word.partition("%")[0])
    except ValueError:
        return False
    return not is_ipv4(address) or address.is_loopback or address.is_multicast or word == "255.255.255.255"


def _word(word: str, machine: Machine, collector: Collector) -> None:
    line = machine.line
    if "=" in word and not word.startswith("ssh://"):
        name, _, value = word.partition("=")
        _pair(name, value, machine, collector)
    elif match := _LOGIN.fullmatch(word):
        _login(match, machine, collector)
    elif match := _WITH_PORT.fullmatch(word):
        _host(match["host"], machine, collector)
        collector.put(machine, "port", match["port"], line)
    elif is_ipv6(word.rpartition("@")[2]):
        machine.address = machine.address or word.rpartition("@")[2]
    elif "@" in word:
        # Never repeated: what has more than one @ or : may hold a password.
        collector.problem(line, "a login that is not user@host:port", "write user@host:port, without a password")
    elif (machine.name or machine.address) and role_of(word):
        machine.role = role_of(word)
    else:
        _host(word, machine, collector)


def _host(word: str, machine: Machine, collector: Collector) -> None:
    """A word that is an address, the name, or one of the further names that /etc/hosts gives."""
    if re.fullmatch(r"[0-9]+(\.[0-9]+)+(/[0-9]+)?", word):
        if machine.address and machine.address != word:
            collector.problem(machine.line, f"two addresses: {machine.address} and {word}", "write one line for each")
        machine.address = machine.address or word
    elif not machine.name:
        machine.name = word
    elif not machine.address and "." in word:
        machine.address = word
    else:
        # Not repeated: in a list with the columns user and password it is the password.
        collector.among("additional words are left out: {}", f"line {machine.line}")


def _login(match: re.Match[str], machine: Machine, collector: Collector) -> None:
    user, colon, _ = match["user"].partition(":")
    if colon:
        collector.left_out_secret(f"the password in line {machine.line}")
    if user:
        collector.put(machine, "user", user, machine.line)
    if match["port"]:
        collector.put(machine, "port", match["port"], machine.line)
    if match["host"]:
        _host(match["host"], machine, collector)


def _pair(name: str, value: str, machine: Machine, collector: Collector) -> None:
    if simplified(name.partition(".")[0]) == "label" and "." in name:
        collector.put(machine, "labels", f"{name.partition('.')[2]}={value}", machine.line)
        return
    field_name = ALIASES.get(simplified(name))
    if field_name:
        collector.put(machine, field_name, value, machine.line)
    elif is_secret(name):
        collector.left_out_secret(f"{shown(name)} in line {machine.line}")
    else:
        collector.among("not used: {}; a label is written label.NAME=VALUE", f"{shown(name)}= in line {machine.line}")


def _without_sshpass(words: list[str], collector: Collector) -> list[str]:
    if words[0].rpartition("/")[2] != "sshpass":
        return words
    collector.left_out_secret("what sshpass was given")
    start = next((index for index, word in enumerate(words) if word.rpartition("/")[2] == "ssh"), len(words) - 1)
    return words[start:]


def _ssh(words: list[str], machine: Machine, collector: Collector) -> None:
    """The options and the destination of an ssh command; what would run there is left out."""
    rest = iter(words)
    for word in rest:
        if word == "--" or not word.startswith("-"):
            target = next(rest, "") if word == "--" else word
            _word(target, machine, collector)
            return
        # `-tp2222` is -t and -p 2222.
        for index, letter in enumerate(word[1:], start=1):
            if letter not in SSH_WITH_VALUE:
                continue
            _ssh_option(letter, word[index + 1 :] or next(rest, ""), machine, collector)
            break
    collector.problem(machine.line, "an ssh command without a host", "write ssh user@host")


def _ssh_option(letter: str, value: str, machine: Machine, collector: Collector) -> None:
    if letter == "o":
        name, _, value = re.sub(r"\s*[\s=]\s*", "=", value.strip(), count=1).partition("=")
        field_name = _SSH_OPTIONS.get(name.lower())
    else:
        name, field_name = f"-{letter}", _SSH_FIELDS.get(letter)
    if field_name:
        collector.put(machine, field_name, value, machine.line)
    else:
        collector.among("options of ssh that kinstall does not use: {}", name)
