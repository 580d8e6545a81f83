"""Kubeconfigs made up at random, in the many ways in which people and programs write YAML."""

from __future__ import annotations

import json
import random
from typing import Any

_TEXTS: tuple[str, ...] = (
    "08",
    "1e3",
    "685e28",
    "0o17",
    "0x1F",
    "y",
    "no",
    "null",
    "~",
    "1:30",
    "2024-01-01",
    ".5",
    "1_000",
    "on",
    "-",
)
_TEXTS += (
    "plain",
    "with blank",
    "a: b",
    "a #b",
    "it's",
    'say "x"',
    "é",
    "back\\slash",
    "tab\there",
    "1.0",
    "true",
    "[",
    "*x",
)


def kubeconfig(chance: random.Random) -> dict[str, Any]:
    """The content of one: entries with optional keys, names that may lead nowhere, what other tools add."""
    names = chance.sample(_TEXTS, chance.randint(0, 6))
    data: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "preferences": {}}
    data["clusters"] = [{"name": name, "cluster": _cluster(chance, name)} for name in names[:3]]
    data["users"] = [{"name": name, "user": _user(chance)} for name in names[1:4]]
    data["contexts"] = [
        {"name": name, "context": {"cluster": name, "user": chance.choice(names), **_some(chance, namespace=_text)}}
        for name in names[:4]
    ]
    data["current-context"] = chance.choice(["", *names])
    for key in chance.sample(list(data), chance.randint(0, 3)):
        if key in ("preferences", "current-context") or not data[key]:
            del data[key]
    order = list(data)
    chance.shuffle(order)
    return {key: data[key] for key in order}


def written(chance: random.Random, data: dict[str, Any]) -> str:
    """The content as YAML: blocks, flows, all kinds of quotes, comments, blank lines; or JSON."""
    if chance.random() < 0.15:
        return json.dumps(data, indent=chance.choice([None, 2]))
    step = chance.choice([2, 4])
    lines = ["# a head of its own", "---"] if chance.random() < 0.3 else []
    lines += _block(chance, data, "", step)
    if chance.random() < 0.4:
        for _ in range(3):
            lines.insert(chance.randint(len(lines) // 2, len(lines)), chance.choice(["", "# a comment", "  # set in"]))
    end = chance.choice(["\n", "\r\n"]) if chance.random() < 0.3 else "\n"
    return end.join(lines) + chance.choice(["", end])


def _cluster(chance: random.Random, name: str) -> dict[str, Any]:
    return {"server": f"https://192.0.2.{len(name)}:6443"} | _some(
        chance,
        **{"certificate-authority-data": _data, "insecure-skip-tls-verify": lambda c: c.random() < 0.5},
        **{"tls-server-name": _text, "proxy-url": lambda c: "http://192.0.2.9:3128", "extensions": _extensions},
    )


def _user(chance: random.Random) -> dict[str, Any]:
    ways = ({"token": _text(chance)}, {"client-certificate-data": _data(chance), "client-key-data": _data(chance)})
    arguments = {"args": [_text(chance), _text(chance)], "env": [{"name": "A", "value": _text(chance)}]}
    exec_plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "login", "interactiveMode": "Never"}
    return chance.choice([*ways, {"exec": exec_plugin | arguments}, {"username": _text(chance), "password": "x"}])


def _some(chance: random.Random, **makers: Any) -> dict[str, Any]:
    return {key: make(chance) for key, make in makers.items() if chance.random() < 0.4}


def _text(chance: random.Random) -> str:
    return chance.choice(_TEXTS)


def _data(chance: random.Random) -> str:
    return chance.choice(["Q0E=", "a2V5", "MTIzNA==", "MDgw"])


def _extensions(chance: random.Random) -> list[Any]:
    return [{"name": "tool", "extension": {"last": _text(chance), "number": 7, "list": ["a", 1.5, None, True]}}]


def _block(chance: random.Random, value: dict[str, Any], indent: str, step: int) -> list[str]:
    lines: list[str] = []
    for key, inner in value.items():
        if isinstance(inner, dict) and inner and chance.random() < 0.8:
            lines += [f"{indent}{key}:", *_block(chance, inner, indent + " " * step, step)]
        elif isinstance(inner, list) and inner and chance.random() < 0.8:
            deeper = indent + chance.choice(["", " " * step])
            lines.append(f"{indent}{key}:")
            for item in inner:
                if isinstance(item, dict) and chance.random() < 0.8:
                    first, *rest = _block(chance, item, deeper + "  ", step)
                    lines += [f"{deeper}- {first.strip()}", *rest]
                else:
                    lines.append(f"{deeper}- {_flow(chance, item)}")
        else:
            lines.append(f"{indent}{key}: {_flow(chance, inner)}")
    return lines


def _flow(chance: random.Random, value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(chance, inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(chance, inner) for inner in value) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    ways = [json.dumps(value, ensure_ascii=False)]
    if "\t" not in value:
        ways.append("'" + value.replace("'", "''") + "'")
    if value in ("plain", "login", "Config", "v1"):
        ways.append(value)
    return chance.choice(ways)
