"""Secrets: resolved from references once per run, hidden in every repr, and taken out of whatever is shown.

The answers hold references (`env:NAME`, `file:PATH`, `prompt:` or `prompt:TEXT`), never secrets.
"""

from __future__ import annotations

import base64
import getpass
import html
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any, TypeVar, cast
from urllib.parse import quote as url_quote

from kinstall import files
from kinstall.errors import KinstallError, UsageError
from kinstall.wording import harmless

HIDDEN = "[secret]"
_SHORTEST = 4
"""Shorter values are not searched for: they would take ordinary words out of every line."""

_LARGEST = 1 << 16
_T = TypeVar("_T")


class Secret:
    """A value that does not show itself: only `reveal` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret()"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not written anywhere")


class Redactor:
    """Removes the secrets that were added to it from texts and events. May be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._needles: tuple[str, ...] = ()

    def add(self, value: str) -> None:
        """From now on `value` is hidden, each of its lines, and the forms in which programs repeat it."""
        forms = {form for part in (value, *value.splitlines()) for form in _forms(part.strip())}
        with self._lock:
            self._needles = tuple(sorted({*self._needles, *forms}, key=lambda n: (-len(n), n)))

    def text(self, text: str) -> str:
        """The text with `[secret]` in the place of each secret."""
        for needle in self._needles:
            if needle in text:
                text = text.replace(needle, HIDDEN)
        return text

    def event(self, event: _T) -> _T:
        """A dataclass record (also nested, also in tuples and mappings) without secrets; itself where it has none."""
        return cast(_T, self._clean(event))

    def error(self, error: KinstallError) -> None:
        """Remove them from an error's texts and findings, in place."""
        error.args = self.event(error.args)
        for name, value in vars(error).items():
            setattr(error, name, self.event(value))

    def sink(self, sink: Callable[[_T], None]) -> Callable[[_T], None]:
        """The same sink with this redactor in front of it."""
        return lambda event: sink(self.event(event))

    def _clean(self, value: Any) -> Any:
        if type(value) is str:
            return self.text(value)
        if is_dataclass(value) and not isinstance(value, type):
            changed = {}
            for field in fields(value):
                old = getattr(value, field.name)
                new = self._clean(old)
                if new is not old:
                    changed[field.name] = new
            return replace(value, **changed) if changed else value
        if type(value) in (tuple, list):
            items = [self._clean(item) for item in value]
            return type(value)(items) if any(a is not b for a, b in zip(items, value, strict=True)) else value
        if isinstance(value, Mapping):
            pairs = [(self._clean(k), self._clean(v)) for k, v in value.items()]
            same = all(k is a and v is b for (k, v), (a, b) in zip(pairs, value.items(), strict=True))
            return value if same else dict(pairs)
        return value


def _forms(value: str) -> Iterator[str]:
    """The value as it is, and as base64 (at any offset inside a longer text), JSON (also in a text of JSON, and as Go
    writes it), Python's repr, HTML, a URL and a shell word hold it."""
    if len(value) < _SHORTEST or value.startswith("-----"):
        return
    yield value
    for ascii_only in (True, False):
        quoted = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield quoted
        yield json.dumps(quoted, ensure_ascii=ascii_only)[1:-1]
        # encoding/json of Go: https://pkg.go.dev/encoding/json#Marshal
        yield quoted.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    yield repr(value)[1:-1]
    yield repr(value.encode(errors="surrogateescape"))[2:-1]
    for escaped in (html.escape(value, quote=False), html.escape(value)):
        yield escaped
        yield escaped.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")  # as markupsafe and Go write them
    yield url_quote(value, safe="")
    yield quote(value).strip("'")
    data = value.encode(errors="surrogateescape")
    for offset in range(3):
        # Of base64 inside a longer text only the characters that hold no neighbour's bits are known.
        start, spare = (0, 2, 3)[offset], (offset + len(data)) % 3
        encoded = base64.b64encode(bytes(offset) + data).rstrip(b"=").decode()
        known = encoded[start : len(encoded) - 1 if spare else len(encoded)]
        if len(known) >= 6:
            yield known


class Secrets:
    """Resolves references, each once per run; their values are added to `redactor`. Threads wait for one another, so
    that a question is asked once. `prompt` shows a text and returns what was typed."""

    def __init__(self, redactor: Redactor | None = None, prompt: Callable[[str], str] | None = None) -> None:
        self.redactor = redactor or Redactor()
        self._prompt = prompt or _ask
        self._lock = threading.Lock()
        self._found: dict[str, Secret] = {}

    def resolve(self, reference: str) -> Secret:
        """The secret behind `env:NAME`, `file:PATH` (without the last line's end) or `prompt:TEXT`.

        Raises:
            UsageError: the reference has another form, or there is nothing behind it
        """
        with self._lock:
            if reference not in self._found:
                value = resolve(reference, self._prompt)
                self.redactor.add(value)
                self._found[reference] = Secret(value)
            return self._found[reference]


def resolve(reference: str, prompt: Callable[[str], str]) -> str:
    """What `reference` refers to; see Secrets.resolve."""
    kind, colon, rest = reference.partition(":")
    if colon and kind == "env":
        value = os.environ.get(rest, "")
        if not value:
            raise UsageError(f"the environment variable {rest}, named by {reference!r}, is not set", f"export {rest}")
        return value
    if colon and kind == "file":
        return _from_file(reference, Path(rest))
    if colon and kind == "prompt":
        value = prompt(prompt_text(reference))
        if not value:
            raise UsageError(f"nothing was typed for {reference!r}", "type the secret, or use env:NAME or file:PATH")
        return value
    # The text itself may be a secret that was written instead of a reference: it is not repeated.
    raise UsageError(
        "a secret is given by something that is not a reference",
        "write env:NAME, file:PATH or prompt: in the answers, not the secret",
    )


def prompt_text(reference: str) -> str:
    """The question that `prompt:` or `prompt:TEXT` stands for."""
    return reference.removeprefix("prompt:").strip() or "Password"


def _from_file(reference: str, path: Path) -> str:
    try:
        value = files.read(path, _LARGEST).decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        problem = f"{path} is not text in UTF-8"
    except files.TooLarge:
        problem = f"{path} is too large for a secret"
    except OSError as error:
        problem = f"cannot read {path}: {error.strerror}"
    else:
        if value:
            return value
        problem = f"{path} is empty"
    raise UsageError(problem, f"{reference!r} must refer to a file with the secret")


def _ask(text: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError(f"there is no terminal to ask for {text!r} on", "use env:NAME or file:PATH instead of prompt:")
    try:
        return getpass.getpass(harmless(f"{text}: "))
    except EOFError:
        return ""
