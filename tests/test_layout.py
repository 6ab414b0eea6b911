"""The layout of the package: imports point downward, and a class name means one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = """
    __main__ cli api bench search results candidates plugins arguments inspection campaign evaluation_setup
    model_set trust runs journal events mutation evaluation agents models environments sandboxes population
    benchmark data environment seeds program config components scoring statistics records
    registry kinds text files resources errors
""".split()  # noqa: SIM905
"""Modules and packages of ``evolve`` from the top down: none imports one that stands before it.

``environments`` stands above ``sandboxes``: a simulator runs in a worker process of those.
"""
ALGORITHM = """
    campaign/loop population/population population/pool population/selection population/archive
""".split()  # noqa: SIM905
"""What has to be read to know the search: the loop, and how parents, front and best are chosen."""
LONGEST_FILE = 320
LONG_TESTS = {
    "campaign/test_proposer.py": 329,
    "report/test_browser.py": 380,
    "sandboxes/conformance.py": 718,
    "sandboxes/test_reward_hacks.py": 444,
    "test_cli.py": 389,
    "test_journal.py": 321,
}
"""Files of tests with more lines of code than ``LONGEST_FILE`` → how many they have at most."""


Modules = list[tuple[Path, ast.Module]]


@pytest.fixture(scope="module")
def modules() -> Modules:
    """Every module of the package with its tree, but for the fragments, which are parts of programs."""
    paths = [path for path in sorted((ROOT / "evolve").rglob("*.py")) if "fragments" not in path.parts]
    return [(path, ast.parse(path.read_text())) for path in paths]


def room_of(path: Path) -> str:
    first = path.relative_to(ROOT / "evolve").parts[0]
    return first.removesuffix(".py")


def imported(tree: ast.Module) -> Iterator[str]:
    """The rooms that a module imports, in functions and for type checking too."""
    for node in ast.walk(tree):
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


def test_every_room_has_its_place(modules: Modules) -> None:
    present = {room_of(path) for path, _ in modules} - {"__init__"}
    assert present == set(ROOMS)
    assert len(ROOMS) == len(set(ROOMS))


def test_imports_point_downward(modules: Modules) -> None:
    height = {room: place for place, room in enumerate(ROOMS)}
    found = [(path, room) for path, tree in modules for room in imported(tree) if room in height]
    upward = [
        f"{path.relative_to(ROOT)} imports {room}, which is farther up"
        for path, room in found
        if height[room] < height.get(room_of(path), -1)
    ]
    print(f"{len(upward)} of {len(found)} imports between rooms point upward")
    assert upward == []


def test_no_modules_import_each_other_in_a_circle(modules: Modules) -> None:
    """When they are loaded: imports in functions and for type checking are not followed."""
    names = {module_name(path): tree for path, tree in modules}
    graph = {name: set(loaded_by(name, tree, names)) for name, tree in names.items()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))
    print(f"{len(order)} modules, {sum(map(len, graph.values()))} imports, 0 cycles")


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def loaded_by(name: str, tree: ast.Module, known: Mapping[str, ast.Module]) -> Iterator[str]:
    """Modules that ``name`` names in its imports at the top; a package's own modules are part of it."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = [f"{node.module}.{alias.name}" for alias in node.names]
            wanted = [part if part in known else node.module for part in parts]
        elif isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        else:
            continue
        yield from (module for module in wanted if module in known and module != name)


def test_a_class_name_means_one_thing(modules: Modules) -> None:
    """Private ones too, and those within classes and functions: ``_Name`` beside ``Name`` is one name."""
    places = defaultdict(list)
    for path, tree in modules:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name.lstrip("_")].append(str(path.relative_to(ROOT)))
    several = {name: found for name, found in places.items() if len(found) > 1}
    print(f"{len(several)} of {len(places)} class names have two meanings")
    assert several == {}


def test_choices_are_declared_once(modules: Modules) -> None:
    places = defaultdict(list)
    for path, tree in modules:
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Subscript)
                and isinstance(node.value, ast.Name)
                and node.value.id == "Literal"
                and isinstance(node.slice, ast.Tuple)
            ):
                choices = frozenset(map(ast.unparse, node.slice.elts))
                places[choices].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert {choices: found for choices, found in places.items() if len(found) > 1} == {}


def test_the_algorithm_can_be_read_at_a_sitting() -> None:
    lines = {name: len((ROOT / "evolve" / f"{name}.py").read_text().splitlines()) for name in ALGORITHM}
    print(lines, sum(lines.values()))
    assert lines["campaign/loop"] <= 200
    assert sum(lines.values()) <= 1_000


def test_events_are_folded_in_one_place(modules: Modules) -> None:
    """Elsewhere an event is only written, passed on, or put into a sentence."""
    folding = [path.relative_to(ROOT / "evolve") for path, tree in modules if tells_apart("Joined", tree)]
    assert set(map(str, folding)) == {"runs/history.py", "inspection/narration.py"}


def tells_apart(name: str, tree: ast.Module) -> bool:
    """Whether ``tree`` asks of something whether it is a ``name``."""
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(node, ast.MatchClass) or (isinstance(called, ast.Name) and called.id == "isinstance"):
            named = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
            if name in named:
                return True
    return False


def test_front_and_best_are_computed_in_one_place(modules: Modules) -> None:
    """``inspection/comparison.py`` compares runs by the objectives that all of them have."""
    calls = {
        str(path.relative_to(ROOT / "evolve"))
        for path, tree in modules
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ParetoArchive"
    }
    assert calls == {"population/pool.py", "inspection/comparison.py"}


def test_a_function_has_at_most_sixty_lines_of_code(modules: Modules) -> None:
    """Its docstring not counted, which has the arguments of public functions, and examples."""
    long = {
        f"{path.relative_to(ROOT)}: {node.name}": lines
        for path, tree in modules
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (lines := code_lines(node)) > 60
    }
    assert long == {}


def test_a_file_has_at_most_320_lines() -> None:
    """All lines, of the engine and of what is shipped with it; there are no exceptions."""
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in ("evolve", "sandbox", "seeds", "benchmarks", "examples")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (lines := len(path.read_text().splitlines())) > LONGEST_FILE
    }
    assert long == {}


def test_a_file_of_tests_has_at_most_320_lines_of_code() -> None:
    """Blank lines, comments and docstrings not counted. ``LONG_TESTS`` may only shrink."""
    long = {
        str(path.relative_to(ROOT / "tests")): lines
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if "paper_programs" not in path.parts and (lines := lines_of_code(path)) > LONGEST_FILE
    }
    assert set(long) == set(LONG_TESTS), "split the new file, or take a file that is short now off the list"
    assert {name: lines for name, lines in long.items() if lines > LONG_TESTS[name]} == {}


def lines_of_code(path: Path) -> int:
    """Lines of a file without blank ones, comments and docstrings."""
    text = path.read_text()
    prose = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    return sum(
        bool(line.strip()) and not line.lstrip().startswith("#") and number not in prose
        for number, line in enumerate(text.splitlines(), start=1)
    )


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from ``def`` to the end, without those of the docstring."""
    assert function.end_lineno is not None
    first = function.body[0]
    docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    skipped = (first.end_lineno or first.lineno) - first.lineno + 1 if docstring else 0
    return function.end_lineno - function.lineno + 1 - skipped
