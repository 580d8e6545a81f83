"""How kinstall/cluster's records look in an answers file: the keys' names, types and help, read off the dataclasses.

The declaration is kinstall/cluster's; the parser, the JSON Schema, the dump and the reference page all come
through here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from kinstall.cluster import ClusterSpec
from kinstall.cluster.fields import When

Path = tuple[str | int, ...]
"""A place in an answers file: mapping keys and list indices from the top."""

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, further line separators, and what turns the direction of writing."""
_WORDS = re.compile(r"[A-Z]{2,}s\b|[A-Z]{2,}(?=[A-Z][a-z]|\b)|[A-Z]?[a-z]+|[0-9]+|[A-Z]+")
_SHORT = {
    **{word.lower(): word for word in ("API", "CA", "CIDR", "CNI", "DNS", "IP", "MTU", "OOM", "SSH", "SHA", "URL")},
    "sans": "SANs",
    "etcd": "etcd",
    "coredns": "CoreDNS",
    "haproxy": "HAProxy",
    "ids": "IDs",
}


def written(path: Path) -> str:
    """The path as operators write it: `nodes[1].name`, `images.mirrors["registry.k8s.io"]`; empty for the top."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f'["{CONTROL.sub(_escaped, part)}"]'
    return text


def _escaped(character: re.Match[str]) -> str:
    return f"\\u{ord(character[0]):04x}"


def holds(outer: str, inner: str) -> bool:
    """Whether the place `inner` is `outer` or lies inside it, both as written()."""
    return inner == outer or (inner.startswith(outer) and (not outer or inner[len(outer)] in ".["))


def lies_in(path: str, places: Collection[str]) -> bool:
    """Whether the written path is one of the places or lies inside one. Takes no longer for many places."""
    return path in places or any(outer in places for outer in all_enclosing(path))


def all_enclosing(path: str) -> Iterator[str]:
    """The written paths around a path, from the inside out; the last is the top, which is empty."""
    while path:
        path = enclosing(path)
        yield path


def enclosing(path: str) -> str:
    """The written path one level up; empty at the top."""
    if path.endswith('"]'):
        return path[: path.rindex('["')]
    if path.endswith("]"):
        return path[: path.rindex("[")]
    return path.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Key:
    """One field of a record as a key of the answers file.

    `type` is the resolved Python type, without `None`; of text or a list it is the list's, and `text` says so.
    """

    name: str
    attribute: str
    type: Any
    text: bool
    optional: bool
    help: str
    choices: tuple[str, ...]
    lines: Mapping[str, str]
    """choice → what it is, when to take it, what it costs; empty where the choices explain themselves."""
    items: tuple[str, ...]
    secret: bool
    reference: bool
    since: str
    guide: tuple[int, ...]
    when: When | None
    default: Any
    """The default value, or MISSING where the key must be given."""
    label: str
    more: str
    screen: str
    group: str
    panel: bool

    @property
    def required(self) -> bool:
        return self.default is MISSING

    @property
    def type_name(self) -> str:
        """What its value is called in a sentence."""
        return f"text or {type_name(self.type)}" if self.text else type_name(self.type)

    @property
    def plain_default(self) -> Any:
        """The default as plain data, a copy of its own; None where the key must be given."""
        return None if self.required else plain(self.default)


def keys_of(record: type) -> tuple[Key, ...]:
    """The keys of a spec record, in the order of its fields."""
    return _keys_of(record)


@cache
def _keys_of(record: Any) -> tuple[Key, ...]:
    hints = get_type_hints(record)
    return tuple(_key(each, hints[each.name]) for each in fields(record))


def _key(each: Field[Any], hint: Any) -> Key:
    kinds = get_args(hint) if get_origin(hint) is UnionType else (hint,)
    optional, text = NoneType in kinds, str in kinds and any(map(is_list, kinds))
    (hint,) = (kind for kind in kinds if kind is not NoneType and not (text and kind is str))
    default = each.default if each.default_factory is MISSING else each.default_factory()
    metadata, name = each.metadata, each.metadata["key"] or _camel(each.name)
    return Key(
        name=name,
        attribute=each.name,
        type=hint,
        text=text,
        optional=optional,
        help=metadata["help"],
        choices=metadata["choices"],
        lines=metadata["lines"],
        items=metadata["items"],
        secret=metadata["secret"],
        reference=metadata["reference"],
        since=metadata["since"],
        guide=metadata["guide"],
        when=metadata["when"],
        default=default,
        label=metadata["label"] or label_of(name),
        more=metadata["more"],
        screen=metadata["screen"],
        group=metadata["group"],
        panel=metadata["panel"],
    )


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def label_of(key: str) -> str:
    """The key's words as a label: `nodeCIDRMaskSize` → `Node CIDR mask size`, `mtu` → `MTU`."""
    words = [_SHORT.get(word.lower(), word.lower()) for word in _WORDS.findall(key)]
    return " ".join([words[0][0].upper() + words[0][1:], *words[1:]])


def plain(value: Any, *, show_defaults: bool = False) -> Any:
    """A spec or a part of it as an answers file has it: under the file's keys, in the order of the fields.

    Of records only what differs from their defaults, or with `show_defaults` every key. Nothing in it is shared with
    the value.
    """
    if is_record(type(value)):
        fields_ = ((key, getattr(value, key.attribute)) for key in keys_of(type(value)))
        return {
            key.name: plain(inner, show_defaults=show_defaults)
            for key, inner in fields_
            if show_defaults or key.required or inner != key.default
        }
    if isinstance(value, dict):
        return {key: plain(inner, show_defaults=show_defaults) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner, show_defaults=show_defaults) for inner in value]
    return value


def element(of: Any) -> Any:
    """The element type of `tuple[X, ...]`, the value type of `dict[str, X]`; None for everything else."""
    if get_origin(of) is tuple:
        return get_args(of)[0]
    if get_origin(of) is dict:
        return get_args(of)[1]
    return None


def is_list(of: Any) -> bool:
    return get_origin(of) is tuple


def is_map(of: Any) -> bool:
    return get_origin(of) is dict


def is_record(of: Any) -> bool:
    return isinstance(of, type) and is_dataclass(of)


def type_name(of: Any) -> str:
    """What a value of this type is called in a sentence: `text`, `a list of text` …"""
    if is_record(of):
        return "a mapping"
    if is_list(of):
        return f"a list of {type_name(element(of)).removeprefix('a ').replace('mapping', 'mappings')}"
    if is_map(of):
        inner = element(of)
        return "a mapping" if inner is Any or is_record(inner) else f"a mapping of {type_name(inner)}"
    return {str: "text", int: "a whole number", bool: "true or false"}.get(of, "a value")


def is_secret(path: Path) -> bool:
    """Whether someone may have written a secret into the field at `path`."""
    record: Any = ClusterSpec
    for part in path:
        if is_record(record) and isinstance(part, str):
            key = next((key for key in keys_of(record) if key.name == part), None)
            if key is None:
                return False
            if key.secret:
                return True
            record = key.type
        else:
            record = element(record)
    return False


@dataclass(frozen=True, slots=True)
class KeyDoc:
    """One line of the reference of the answers file.

    `path` as operators write it, `[]` for the elements of a list and `NAME` for a free key; `default` is the value,
    None where there is none; `required` says that the key must be given. `since` is the first version of kinstall that
    reads it, `guide` the rows of docs/coverage.md that it belongs to.
    """

    path: str
    type: str
    default: Any
    choices: tuple[str, ...]
    lines: Mapping[str, str]
    when: When | None
    help: str
    required: bool
    since: str
    guide: tuple[int, ...]


def describe_keys() -> list[KeyDoc]:
    """Every key of an answers file, parents before their children, in the order of the file."""
    return list(_describe(ClusterSpec, ""))


def _describe(record: type, prefix: str) -> Iterator[KeyDoc]:
    for key in keys_of(record):
        path = f"{prefix}{key.name}"
        nested = is_record(key.type)
        default = None if key.required or nested else key.default
        yield KeyDoc(
            path,
            key.type_name,
            default,
            key.choices,
            key.lines,
            key.when,
            key.help,
            key.required,
            key.since,
            key.guide,
        )
        inner = key.type if nested else element(key.type)
        if is_record(inner):
            yield from _describe(inner, path + ("." if nested else "[]." if is_list(key.type) else ".NAME."))
