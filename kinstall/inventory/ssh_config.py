"""~/.ssh/config → machines: where a host is and how to log in to it, jump hosts included, as ssh would do it."""

from __future__ import annotations

from itertools import groupby
from typing import Any, NamedTuple

from kinstall.answers.rules.formats import MOST_JUMPS
from kinstall.inventory.columns import Machine
from kinstall.inventory.machines import MAX_MACHINES, Collector, Imported
from kinstall.inventory.pasted_lines import SSH_WITH_VALUE
from kinstall.inventory.ssh_options import NOTHING, Options, Value, aliases, blocks_of, host_name, split


def read_ssh_config(text: str) -> Imported:
    """One machine per Host without wildcards. Hosts that others only jump through are left out, with a notice."""
    collector = Collector()
    blocks = blocks_of(text, collector)
    reader = _Reader(Options(blocks, collector), collector)
    known: set[str] = set()
    found: list[tuple[str, Machine]] = []
    for _, named in groupby(aliases(blocks), key=lambda pair: pair[1].line):
        places: dict[tuple[str, str], str] = {}
        for alias, block in named:
            if len(found) > MAX_MACHINES:
                break
            values, _ = reader.options.of(alias)
            place = (host_name(alias, values), values.get("port", NOTHING).text)
            if place in places:
                collector.note(f"Host {alias} is another name of {places[place]}: left out")
                continue
            places[place] = alias
            if alias in known:
                continue  # its first block has collected what this one says too
            known.add(alias)
            machine = reader.machine(alias, block.line)
            if machine is not None:
                found.append((alias, machine))
    for alias, machine in found:
        if alias in reader.jumped_through:
            collector.among("left out, because other hosts are reached through it: {}", alias)
        else:
            collector.machines.append(machine)
    return collector.finish()


class _Hop(NamedTuple):
    """A jump host with its login; empty or 0: nothing is said. `keys`: its own IdentityFile."""

    host: str
    user: str
    port: str
    keys: tuple[str, ...]


class _Reader:
    """Makes machines of aliases, and notes which aliases are `jumped_through`."""

    def __init__(self, options: Options, collector: Collector) -> None:
        self.options = options
        self.jumped_through: set[str] = set()
        self._collector = collector

    def machine(self, alias: str, line: int) -> Machine | None:
        """None where one of its options is wrong."""
        values, keys = self.options.of(alias)
        machine = Machine(name=alias, address=host_name(alias, values), line=line)
        fine = True
        for slot, name in (
            ("user", "user"),
            ("port", "port"),
            ("identitiesonly", "identitiesOnly"),
            ("identityagent", "identityAgent"),
        ):
            value = values.get(slot, NOTHING)
            text = value.text.replace("%d", "~") if slot == "identityagent" else value.text
            if "%" in text:
                self._not_expanded(value)
            elif text:
                fine = self._collector.put(machine, name, text, value.line) and fine
        for key in self._expanded(keys, alias, machine.address, machine.user):
            fine = self._collector.put(machine, "identityFile", key.text, key.line) and fine
        return machine if self._through(machine, values) and fine else None

    def _expanded(self, keys: list[Value], alias: str, host: str, user: str) -> list[Value]:
        """All IdentityFile that apply, in ssh's order, with what a % in them stands for."""
        found = []
        for key in keys:
            if key.text.lower() == "none":
                continue
            text = key.text.replace("%d", "~").replace("%h", host).replace("%n", alias)
            text = text.replace("%r", user) if user else text
            if "%" in text.replace("%%", ""):
                self._not_expanded(key)
            else:
                found.append(key._replace(text=text.replace("%%", "%")))
        return found

    def _not_expanded(self, value: Value) -> None:
        self._collector.note(
            f"{value.keyword} in line {value.line} contains a %, which kinstall does not expand: left out"
        )

    def _through(self, machine: Machine, values: dict[str, Value]) -> bool:
        """Give the machine its jump hosts; False where they are wrong."""
        proxy, jump = self._proxy(machine.name, values)
        if not jump:
            return True
        hops = self._hops(machine, jump)
        if len(hops) > MOST_JUMPS:
            self._collector.problem(proxy.line, "proxyJump: the jump hosts lead in a circle, or are too many")
            return False
        if not all(hop.user for hop in hops):
            # As with ssh; it may be another person who runs kinstall.
            self._collector.among(
                "jump hosts without a user are logged in to in your own name: those of {}", machine.name
            )
        text = ",".join(_text(hop) for hop in hops)
        # The text is checked, and taken where it says everything.
        if not self._collector.put(machine, "proxyJump", text, proxy.line):
            return False
        if any(hop.keys and list(hop.keys) != machine.identity_files for hop in hops):
            machine.proxy_jump = [_record(hop) for hop in hops]
        return True

    def _proxy(self, alias: str, values: dict[str, Value]) -> tuple[Value, str]:
        """What says how to reach an alias, and that as ProxyJump has it; "" for directly."""
        proxy = values.get("proxy", NOTHING)
        jump = proxy.text
        if jump.lower() == "none":
            return proxy, ""
        if proxy.keyword == "proxycommand":
            jump = jump_of(jump)
            if not jump:
                # Not repeated: a command may hold a token.
                sentence = "ProxyCommand is not supported, only ProxyJump and `ssh -W %h:%p HOST`: left out for {}"
                self._collector.among(sentence, alias)
        return proxy, jump

    def _hops(self, machine: Machine, jump: str) -> list[_Hop]:
        """The jump hosts, the first to connect to first: aliases of the same file are written out, as answers know
        none. The first may itself be behind others; ssh asks its options no further than those of the first."""
        hops: list[_Hop] = []
        while jump and len(hops) <= MOST_JUMPS:
            ahead = []
            for text in jump.split(",")[: MOST_JUMPS + 1]:
                user, _, rest = text.strip().removeprefix("ssh://").rpartition("@")
                alias, _, port = rest.partition(":")
                values, keys = self.options.of(alias)
                if alias in self.options.named:
                    self.jumped_through.add(alias)
                host = host_name(alias, values).lower()
                user = user or values.get("user", NOTHING).text
                files = dict.fromkeys(key.text for key in self._expanded(keys, alias, host, user))
                ahead.append(_Hop(host, user, port or values.get("port", NOTHING).text, tuple(files)))
                if len(ahead) == 1:
                    before = self._proxy(alias, values)[1]
            jump, hops = before, [*ahead, *hops]
        return hops


def _text(hop: _Hop) -> str:
    return (f"{hop.user}@" if hop.user else "") + hop.host + (f":{hop.port}" if hop.port else "")


def _record(hop: _Hop) -> dict[str, Any]:
    keys = hop.keys[0] if len(hop.keys) == 1 else list(hop.keys)
    port = int(hop.port) if hop.port else 0  # checked before
    record = {"address": hop.host, "port": port, "user": hop.user, "identityFile": keys}
    return {name: value for name, value in record.items() if value}


def jump_of(command: str) -> str:
    """`[user@]host[:port]` of a ProxyCommand that is a jump (`ssh -W %h:%p user@host`, `ssh host nc %h %p`), or ""."""
    words = split(command)
    if words[:1] == ["exec"]:
        del words[0]
    if not words or words[0].rpartition("/")[2] != "ssh":
        return ""
    user = port = target = forwarded = ""
    rest = iter(words[1:])
    for word in rest:
        if not word.startswith("-"):
            target = word
            break
        # `-qW` is -q and -W.
        for index, letter in enumerate(word[1:], start=1):
            if letter not in SSH_WITH_VALUE:
                continue
            value = word[index + 1 :] or next(rest, "")
            user = value if letter == "l" else user
            port = value if letter == "p" else port
            forwarded = value if letter == "W" else forwarded
            break
    there = list(rest)
    nc = bool(there) and there[0].rpartition("/")[2] in ("nc", "ncat", "netcat") and there[-2:] == ["%h", "%p"]
    if not target or "%" in target or not (forwarded in ("%h:%p", "[%h]:%p") or nc):
        return ""
    name, at, host = target.removeprefix("ssh://").rpartition("@")
    user = name if at else user
    return (f"{user}@" if user else "") + host + (f":{port}" if port and ":" not in host else "")
