"""Plain data → ClusterSpec with cattrs, with a problem for everything that does not fit.

cattrs stops where something does not fit, with all errors of that level. Each becomes a problem, its value is replaced
by a placeholder or removed, and the data is structured again: there is always a spec, and the rules can check the rest.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any, NewType

from cattrs import Converter
from cattrs.cols import homogenous_tuple_structure_factory, mapping_structure_factory
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError
from cattrs.gen import make_dict_structure_fn, override

from kinstall.answers.document import Document, Unclear
from kinstall.answers.fields import (
    CONTROL,
    Key,
    Path,
    all_enclosing,
    is_list,
    is_map,
    is_record,
    is_secret,
    keys_of,
    type_name,
    written,
)
from kinstall.cluster import ClusterSpec
from kinstall.findings import Problem

MOST_SUGGESTIONS = 100
"""So many problems are told what may have been meant: looking for it takes a millisecond each."""
_SECRET_NAME = re.compile(r"pass|secret|token|credential|key", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Structured:
    """`spec` holds placeholders at the places `broken` names (written paths); each has its problem."""

    spec: ClusterSpec
    problems: tuple[Problem, ...]
    broken: frozenset[str]


def structure(document: Document) -> Structured:
    """Structure the document's data, which must be a mapping."""
    data: Any = deepcopy(document.data)
    problems: list[Problem] = []
    broken: dict[str, None] = {}
    while True:
        try:
            spec = _converter().structure(data, ClusterSpec)
        except ClassValidationError as error:
            for path, cause in _leaves(error, ()):
                place = written(path)
                if place not in broken:
                    broken[place] = None
                    if not any(outer in broken for outer in all_enclosing(place)):
                        problems.append(_problem(path, cause, document, suggest=len(problems) < MOST_SUGGESTIONS))
                _replace(data, path, cause)
            continue
        return Structured(spec, tuple(problems), frozenset(broken))


class _Mismatch(ValueError):
    """A value of another type than the field's; `wanted` names the type."""

    def __init__(self, wanted: str, placeholder: Any, got: Any) -> None:
        super().__init__(wanted)
        self.wanted = wanted
        self.placeholder = placeholder
        self.got = got


class _NoChoice(_Mismatch):
    """Text that is not one of the field's choices."""

    def __init__(self, choices: tuple[str, ...], got: str) -> None:
        super().__init__(" or ".join(choices), choices[0], got)
        self.choices = choices


class _ControlCharacter(_Mismatch):
    """Text that would begin a new line, or do something to a terminal, where it is written."""

    def __init__(self, got: str) -> None:
        super().__init__("text", "", got)


class _Missing(_Mismatch):
    def __init__(self, key: Key) -> None:
        wanted = " or ".join(key.choices) or key.type_name
        super().__init__(wanted, key.choices[0] if key.choices else "" if key.text else _empty(key.type), None)


class _Unknown(Exception):
    def __init__(self, record: type) -> None:
        super().__init__(record)
        self.record = record


_FreeKey = NewType("_FreeKey", str)
"""A key of a free mapping: it may have lines as text in it has."""


class _Inner(ValueError):
    """Unclear values inside a free mapping, with their places in it."""

    def __init__(self, places: list[tuple[Path, _Mismatch]]) -> None:
        super().__init__(places)
        self.places = places


def _empty(of: Any) -> Any:
    if is_record(of) or is_map(of):
        return {}
    if is_list(of):
        return []
    return {str: "", int: 0, bool: False}[of]


@cache
def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    converter.register_structure_hook(str, lambda value, _: _text(value))
    converter.register_structure_hook(int, lambda value, _: _exactly(int, value))
    converter.register_structure_hook(bool, lambda value, _: _exactly(bool, value))
    converter.register_structure_hook_factory(is_record, lambda of: _guarded(of, dict, _record_hook(of, converter)))
    converter.register_structure_hook_factory(
        is_list, lambda of: _guarded(of, list, homogenous_tuple_structure_factory(of, converter))
    )
    converter.register_structure_hook_factory(
        is_map, lambda of: _guarded(of, dict, mapping_structure_factory(of, converter, key_type=_FreeKey))
    )
    converter.register_structure_hook_func(lambda of: of in (Any, _FreeKey), lambda value, _: _free(value))
    return converter


def _record_hook(record: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    overrides = {
        key.attribute: override(
            rename=key.name,
            struct_hook=_choice_hook(key) if key.choices else _list_or_text(key, converter) if key.text else None,
        )
        for key in keys_of(record)
    }
    return make_dict_structure_fn(record, converter, **overrides)  # type: ignore[arg-type]


def _choice_hook(key: Key) -> Callable[[Any, Any], Any]:
    def choose(value: Any, _: Any) -> str:
        text = _text(value)
        if text not in key.choices:
            raise _NoChoice(key.choices, text)
        return text

    return choose


def _list_or_text(key: Key, converter: Converter) -> Callable[[Any, Any], Any]:
    def either(value: Any, _: Any) -> Any:
        if value is None and key.optional:
            return None
        if isinstance(value, dict):
            raise _Mismatch(key.type_name, "", value)
        return converter.structure(value, key.type) if type(value) is list else _text(value)

    return either


def _guarded(of: Any, wanted: type, hook: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The hook, behind a look at the value's own type: cattrs would take text for a list of letters."""

    def guard(value: Any, _: Any) -> Any:
        if type(value) is not wanted:
            raise _Mismatch(type_name(of), wanted(), value)
        return hook(value, of)

    return guard


def _exactly(wanted: type, value: Any) -> Any:
    if type(value) is not wanted:
        raise _Mismatch(type_name(wanted), wanted(), value)
    return value


def _text(value: Any) -> str:
    text: str = _exactly(str, value)
    if CONTROL.search(text):
        raise _ControlCharacter(text)
    return text


def _free(value: Any) -> Any:
    """A value that goes to Kubernetes as it is: anything but what YAML readers disagree about, and control characters
    other than those between lines."""
    places: list[tuple[Path, _Mismatch]] = []
    for path, inner in _walk(value, ()):
        if isinstance(inner, Unclear):
            places.append((path, _Mismatch("", "", inner)))
        elif isinstance(inner, str) and CONTROL.search(inner.replace("\n", "").replace("\t", "")):
            places.append((path, _ControlCharacter(inner)))
    if places:
        raise _Inner(places)
    return value


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _walk(inner, (*path, index))
    else:
        yield path, value


def _leaves(error: BaseException, path: Path) -> Iterator[tuple[Path, Exception]]:
    """What did not fit, with its place, out of cattrs' tree of errors."""
    if isinstance(error, ClassValidationError):
        keys = {key.attribute: key for key in keys_of(error.cl)}
        noted, others = error.group_exceptions()
        for inner, note in noted:
            key = keys[note.name]
            yield from _leaves(_Missing(key) if isinstance(inner, KeyError) else inner, (*path, key.name))
        for inner in others:
            if not isinstance(inner, ForbiddenExtraKeysError):
                raise inner
            for name in inner.extra_fields:
                yield (*path, name), _Unknown(inner.cl)
    elif isinstance(error, IterableValidationError):
        elements, others = error.group_exceptions()
        for inner, element in elements:
            yield from _leaves(inner, (*path, element.index))
        for inner in others:
            raise inner
    elif isinstance(error, _Inner):
        for place, inner in error.places:
            yield (*path, *place), inner
    elif isinstance(error, _Mismatch):
        yield path, error
    else:
        raise error


def _replace(data: Any, path: Path, cause: Exception) -> None:
    *parents, last = path
    for part in parents:
        data = data[part]
    if isinstance(cause, _ControlCharacter) and isinstance(last, str) and CONTROL.search(last):
        data.pop(last, None)  # it is the key that has one
    elif isinstance(cause, _Mismatch):
        data[last] = deepcopy(cause.placeholder)
    else:
        del data[last]


def _problem(path: Path, cause: Exception, document: Document, *, suggest: bool) -> Problem:
    place = written(path)
    line = document.lines.get(place, 0)
    if isinstance(cause, _Unknown):
        return Problem(place, "unknown key", _nearest(str(path[-1]), cause.record) if suggest else "", line)
    assert isinstance(cause, _Mismatch)  # noqa: S101 (the only other kind that _leaves yields)
    if isinstance(cause, _Missing):
        parent = document.lines.get(written(path[:-1]), 1)
        return Problem(place, "is missing", f"write {cause.wanted}", parent)
    if isinstance(cause, _ControlCharacter):
        pasted = "write the path of the file that holds it, or env:NAME, file:PATH or prompt: for a password"
        remedy = pasted if is_secret(path) else "remove it"
        return Problem(place, "the value contains a line break or a control character", remedy, line)
    if is_secret(path):
        return Problem(
            place, "the value is not text", "write env:NAME, file:PATH or prompt: for a secret, a path for a file", line
        )
    hidden = _SECRET_NAME.search(str(path[-1]))
    shown = "" if hidden else document.texts.get(place, "")
    return Problem(place, *_mismatch(cause, shown), line)


def _mismatch(cause: _Mismatch, shown: str) -> tuple[str, str]:
    """(what is wrong, how to fix it); `shown` is the scalar as it is written in the file, or empty."""
    got, wanted = cause.got, cause.wanted
    if isinstance(cause, _NoChoice):
        return f"{got} is not one of the choices", f"write {wanted}"
    value = shown or "the value"
    if got is None:
        return "has no value", f"write {wanted}, or leave the line out" if wanted else "write null if you mean it"
    if isinstance(got, (dict, list)):
        return f"expected {wanted}, not {'a mapping' if isinstance(got, dict) else 'a list'}", ""
    if not wanted:
        remedy = "write it in quotes, or as true, false or a decimal number if you mean that"
        return f"{value} without quotes means different things to different YAML readers", remedy
    if wanted == "text":
        read_as = "not text to every YAML reader" if isinstance(got, Unclear) else f"{_kind(got, shown)}, not text"
        return f"{value} without quotes is {read_as}", "write it in quotes" + (f': "{shown}"' if shown else "")
    if isinstance(got, Unclear):
        return f"{value} is not {wanted} to every YAML reader", f"write {wanted}"
    return f"expected {wanted}, not {_kind(got, shown)}", "remove the quotes" if _only_quoted(cause) else ""


def _only_quoted(cause: _Mismatch) -> bool:
    got = cause.got
    return isinstance(got, str) and (
        (cause.wanted == "a whole number" and got.isdecimal())
        or (cause.wanted == "true or false" and got in ("true", "false"))
    )


def _kind(value: Any, shown: str) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, float) and shown:
        return f"the number {value}"
    return "a number" if isinstance(value, (int, float)) else "text"


def _nearest(name: str, record: type) -> str:
    known = [key.name for key in keys_of(record)]
    folded = {key.lower(): key for key in known}
    close = difflib.get_close_matches(name.lower().replace("_", "").replace("-", ""), folded, n=1, cutoff=0.6)
    if close:
        return f"did you mean {folded[close[0]]}?"
    return "keys allowed here: " + ", ".join(known)
