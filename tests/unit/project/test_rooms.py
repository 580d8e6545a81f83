"""How the house stands: rooms, floors and circles, counted from the imports as the files spell them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[3]
SOURCES = ("kinstall", "screens", "assets", "packaging")
MAX_LOOSE, MAX_ROOMS, MAX_FLOORS = 5, 32, 11

Graph = dict[str, set[str]]


@cache
def modules() -> dict[str, Path]:
    """Dotted name → file, of everything that is not a test."""
    paths = [path for source in SOURCES for path in (ROOT / source).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def imported(path: Path) -> Iterator[str]:
    """Dotted names of everything that a file imports, in functions and under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def imports() -> Graph:
    """Module → the modules of this project that it names; `from package import module` is that module."""
    known = modules()

    def resolved(name: str) -> str | None:
        return name if name in known else next((p for p in [name.rpartition(".")[0]] if p in known), None)

    return {
        name: {each for text in imported(path) if (each := resolved(text)) and each != name}
        for name, path in known.items()
    }


def room(module: str) -> str:
    """A package directly in kinstall/ with what is below it, a loose module there, or one of the others as one."""
    parts = module.split(".")
    return parts[0] if parts[0] != "kinstall" or len(parts) == 1 else ".".join(parts[:2])


@cache
def rooms() -> Graph:
    """Room → the rooms that it imports. `kinstall` itself (its version) and `__main__` are none."""
    none = ("kinstall", "kinstall.__main__")
    found: Graph = {room(name): set() for name in modules() if room(name) not in none}
    for name, others in imports().items():
        if room(name) in found:
            found[room(name)] |= {room(other) for other in others} - {room(name), *none}
    return found


def loose() -> list[str]:
    return sorted(
        path.name for path in (ROOT / "kinstall").glob("*.py") if path.name not in ("__init__.py", "__main__.py")
    )


def circles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Strongly connected components of more than one node (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in graph:
        if node not in index:
            visit(node)
    return found


def floors() -> dict[str, int]:
    """Room → its floor: one more than the highest of those that it imports. Only where there is no circle."""
    found: dict[str, int] = {}

    def floor(name: str) -> int:
        if name not in found:
            found[name] = 1 + max((floor(other) for other in rooms()[name]), default=0)
        return found[name]

    for name in rooms():
        floor(name)
    return found


def test_no_room_and_no_file_imports_in_a_circle() -> None:
    """Neither rooms nor the files of one room import one another; imports for types alone count."""
    assert circles(rooms()) == []
    assert circles(imports()) == []


def test_few_rooms_on_few_floors() -> None:
    """At most 5 loose modules, 32 rooms, 11 floors. The printed list (`pytest -s`) is the house from its roof down."""
    by_floor = sorted(((number, name) for name, number in floors().items()), reverse=True)
    print()
    for number, group in groupby(by_floor, key=lambda pair: pair[0]):
        print(f"floor {number:2}  {'  '.join(sorted(name.removeprefix('kinstall.') for _, name in group))}")
    arrows = sum(len(others) for others in rooms().values())
    print(f"{len(loose())} loose, {len(rooms())} rooms, {by_floor[0][0]} floors, {arrows} arrows between rooms")
    assert len(loose()) <= MAX_LOOSE, loose()
    assert len(rooms()) <= MAX_ROOMS, sorted(rooms())
    assert by_floor[0][0] <= MAX_FLOORS
    assert len(rooms()) > 20 and arrows > 50  # it has read something


def test_a_circle_is_found() -> None:
    """The search itself: two circles, one of three, and what only hangs on them."""
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": {"d"}, "f": {"a"}}
    assert sorted(circles(graph)) == [["a", "b", "c"], ["d", "e"]]


SAME = {
    "access": "how nodes are logged in to, as data and as rules",
    "api_server": "the API server, its files and the check of it",
    "check": "what a check is, before anything is changed and of the running cluster",
    "cluster": "the cluster as a whole, as data and as rules",
    "components": "overrides per component, as data and as rules",
    "connectivity": "which node reaches which port, judged and shown",
    "coredns": "CoreDNS, its objects and the check of it",
    "errors": "what can go wrong, in all and on the way over SSH",
    "example": "answers to start from, the files and the command",
    "exec": "a command run in a place, over SSH and in a pod",
    "fields": "how a field is declared, and how it is written",
    "gateway": "the gateway of mode http, its files and its steps",
    "host": "a node as the engine sees it, real and simulated",
    "kube_proxy": "kube-proxy, its files and the check of it",
    "kubeconfig": "the operator's kubeconfig, the command and what it does",
    "kubectl": "the kubectl call on a node, and the operator's kubectl",
    "machine": "the machine itself, judged and simulated",
    "manifest": "objects that are applied, the network's and the checks'",
    "model": "the data of a room that others only fill or read",
    "networking": "address ranges, as data and as rules",
    "nodes": "the machines, as data and as rules",
    "objects": "Kubernetes objects, written and read",
    "plan": "the command and what it does",
    "preflight": "the command and what it does",
    "program": "the programs that a room runs on nodes",
    "render": "the command and what it does",
    "replay": "the command and what it does",
    "required": "what there has to be, certificates and connections",
    "reset": "the command and what it does",
    "results": "what came of what was asked",
    "routes": "routes to the pods, printed and checked",
    "run": "a run, made and read back",
    "schema": "the command and what it prints",
    "security": "how the API is protected, as data and as rules",
    "session": "the nodes of one run, real and simulated",
    "sources": "where artefacts come from, as data and as rules",
    "store": "files that are kept, the keys' and the simulated hosts'",
    "trust": "the command and what it does",
    "verify": "the command and what it does",
}
"""Names of modules that several rooms have, because the thing is the same on each floor; and what it is."""


def test_one_name_means_one_thing() -> None:
    """Two rooms have a module of one name only where the table says which one thing it is."""
    found: dict[str, set[str]] = {}
    for name in modules():
        if name.partition(".")[0] in ("kinstall", "assets") and not (ROOT / name.replace(".", "/")).is_dir():
            found.setdefault(name.rpartition(".")[2], set()).add(room(name))
    shared = {name for name, places in found.items() if len(places) > 1}
    assert sorted(shared - set(SAME)) == [], "name them apart, or say in SAME what the one thing is"
    assert sorted(set(SAME) - shared) == [], "no longer shared"
