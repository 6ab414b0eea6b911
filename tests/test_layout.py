"""The layout of the package: imports point downward, and a class name means one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = """
    __main__ cli api bench arguments results candidates plugins campaign workbench roles mutation evaluation
    trust inspection agents models benchmark data journal environments sandboxes config components seeds
    environment population program scoring statistics events registry kinds records text benchmark_file
    resources errors
""".split()  # noqa: SIM905
"""Modules and packages of ``evolve`` from the top down: none imports one that stands before it."""
MEANT_TWICE = frozenset(
    """Change Found Game Memory Message Opened Outcome Place Reply Score Section Source Step
    Waiting""".split()  # noqa: SIM905
)
"""Class names that are still defined in more than one place; none may be added."""


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of the package with its tree, but for the fragments, which are parts of programs."""
    for path in sorted((ROOT / "evolve").rglob("*.py")):
        if "fragments" not in path.parts:
            yield path, ast.parse(path.read_text())


def room_of(path: Path) -> str:
    first = path.relative_to(ROOT / "evolve").parts[0]
    return first.removesuffix(".py")


def imported(tree: ast.Module) -> Iterator[str]:
    """The rooms that a module imports when it is imported itself."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            own = node.module == "evolve"
            names = [f"evolve.{alias.name}" for alias in node.names] if own else [node.module or ""]
        else:
            continue
        for name in names:
            package, _, rest = name.partition(".")
            if package == "evolve" and rest:
                yield rest.partition(".")[0]


def test_every_room_has_its_place() -> None:
    present = {room_of(path) for path, _ in modules()} - {"__init__"}
    assert present == set(ROOMS)
    assert len(ROOMS) == len(set(ROOMS))


def test_imports_point_downward() -> None:
    height = {room: place for place, room in enumerate(ROOMS)}
    upward = [
        f"{path.relative_to(ROOT)} imports {room}, which is farther up"
        for path, tree in modules()
        for room in imported(tree)
        if room in height and height[room] < height.get(room_of(path), -1)
    ]
    assert upward == []


def test_a_class_name_is_not_given_a_second_meaning() -> None:
    places = defaultdict(set)
    for path, tree in modules():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                places[node.name].add(str(path.relative_to(ROOT)))
    twice = {name: sorted(found) for name, found in places.items() if len(found) > 1}
    assert {name: found for name, found in twice.items() if name not in MEANT_TWICE} == {}
