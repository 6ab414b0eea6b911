"""Structure of a program, from its syntax tree: its storage, its steps, and countable features.

Nothing is run. A program can hide its behaviour from this (``getattr``, ``exec``): it is for reading, and
decides nothing.
"""

from __future__ import annotations

import ast
import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from evolve.errors import ProgramError
from evolve.program import MemoryProgram
from evolve.program.parts import BASE_CLASS, OBSERVE, called_name
from evolve.program.reach import reached

PHASES = ("__init__", "write", "read", OBSERVE)
STORES = ("db", "vectors", "chroma")
SERVICES = ("embed", "llm_completion", "logger")
_CREATE = re.compile(
    r"CREATE\s+(?P<kind>VIRTUAL\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?[\"'`\[]?(?P<name>\w+)[\"'`\]]?"
    r"\s*(?:USING\s+(?P<module>\w+)\s*)?\((?P<columns>.*)\)",
    re.IGNORECASE | re.DOTALL,
)
_SQL = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|REPLACE|WITH)\b", re.IGNORECASE)
_CONTAINERS = {"list": "list", "dict": "dict", "set": "set", "Counter": "Counter", "deque": "deque"}
_CONTAINERS |= {"defaultdict": "defaultdict", "OrderedDict": "OrderedDict"}
_SHAPE = (
    *(ast.FunctionDef, ast.Lambda, ast.For, ast.While, ast.If, ast.IfExp, ast.Try, ast.With, ast.Return),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Call, ast.Attribute, ast.Subscript),
    *(ast.Compare, ast.BoolOp, ast.BinOp, ast.Assign, ast.AugAssign, ast.JoinedStr, ast.Dict, ast.List),
)


@dataclass(frozen=True)
class Table:
    """A table of the program's SQLite database.

    Attributes:
        module: ``fts5`` for a full-text index; empty for an ordinary table.
        columns: text between its parentheses, on one line.
    """

    name: str
    module: str
    columns: str


@dataclass(frozen=True)
class PhaseStep:
    """A method that a phase goes through, and the first line of its docstring."""

    method: str
    summary: str


@dataclass(frozen=True)
class Phase:
    """Phase of a program: a method of the contract with all the methods that it calls.

    Attributes:
        steps: the methods in the order in which they are first called, itself left out.
        uses: attributes of the toolkit that are touched, each with its number of mentions.
        sql: the SQL statements, as they are written.
    """

    steps: tuple[PhaseStep, ...] = ()
    uses: Mapping[str, int] = field(default_factory=dict)
    sql: tuple[str, ...] = ()


@dataclass(frozen=True)
class Structure:
    """The storage and the steps of a program.

    Attributes:
        tables: tables that it creates.
        attributes: containers that ``__init__`` makes: name → kind.
        phases: name of the phase → its structure.
    """

    tables: tuple[Table, ...]
    attributes: Mapping[str, str]
    phases: Mapping[str, Phase]

    @property
    def uses(self) -> Counter[str]:
        """Attributes of the toolkit over all phases."""
        return sum((Counter(phase.uses) for phase in self.phases.values()), Counter[str]())


@lru_cache(maxsize=8)  # few: each keeps the syntax tree of its program
def structure(program: MemoryProgram) -> Structure | None:
    """The structure of ``program``; None where it does not parse."""
    try:
        program.parts  # noqa: B018  (parses)
    except ProgramError:
        return None
    tree = program.tree
    methods = _methods(tree)
    strings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    tables = (table for text in strings if isinstance(text, str) for table in _tables(text))
    return Structure(
        tables=tuple(dict.fromkeys(tables)),
        attributes=dict(_attributes(methods.get("__init__"))),
        phases={name: _phase(name, methods) for name in PHASES if name in methods},
    )


@lru_cache(maxsize=8)
def features(program: MemoryProgram) -> dict[str, dict[str, float]] | None:
    """Countable features of ``program`` by group; None where it does not parse.

    Groups: ``storage`` (toolkit attributes used by each phase, tables, containers), ``shape`` (node types of
    the tree, as log(1 + count)), ``steps`` (names of its methods and of the functions it calls, 0 or 1),
    ``schema`` (fields), ``knobs`` (their values, as a share of their range).
    """
    found = structure(program)
    if found is None:
        return None
    tree, parts = program.tree, program.parts
    nodes = list(ast.walk(tree))
    counts = Counter(type(node) for node in nodes)
    storage = {
        f"toolkit.{name} in {phase}": math.log1p(count)
        for phase, done in found.phases.items()
        for name, count in done.uses.items()
    }
    storage |= {f"{table.module or 'plain'} table": 1.0 for table in found.tables}
    storage |= {f"a {kind} in memory": 1.0 for kind in found.attributes.values()}
    calls = {called_name(node) for node in nodes if isinstance(node, ast.Call)} - {""}
    return {
        "storage": storage,
        "shape": {kind.__name__: math.log1p(counts[kind]) for kind in _SHAPE}
        | {"lines": math.log1p(program.lines)},
        "steps": {f"{name}()": 1.0 for name in calls | parts.methods.keys()},
        "schema": {f"item field {spec.name}": 1.0 for spec in parts.item}
        | {f"query field {spec.name}": 1.0 for spec in parts.query},
        "knobs": {
            f"knob {name}": (knob.default - knob.low) / (knob.high - knob.low)
            for name, knob in parts.knobs.items()
        },
    }


def signature(program: MemoryProgram) -> str:
    """Return an identity of the structure of ``program``: of its ``features``, without the values of knobs.

    That of a program that does not parse is its own.

    Example:
        >>> from evolve.seeds import seed_program
        >>> signature(seed_program("lexical")) == signature(seed_program("bm25"))
        False
    """
    found = features(program)
    if found is None:
        return program.id
    shape = {group: sorted(counts.items()) for group, counts in found.items() if group != "knobs"}
    return hashlib.sha256(repr(sorted(shape.items())).encode("utf-8", "replace")).hexdigest()[:16]


def _methods(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """The methods of KnowledgeBase, and the functions of the module that they may call."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == BASE_CLASS:
            functions |= {child.name: child for child in node.body if isinstance(child, ast.FunctionDef)}
    return functions


def _tables(text: str) -> Iterator[Table]:
    for match in _CREATE.finditer(text):
        yield Table(match["name"], (match["module"] or "").lower(), " ".join(match["columns"].split()))


def _attributes(init: ast.FunctionDef | None) -> Iterator[tuple[str, str]]:
    for node in ast.walk(init) if init else ():
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
            continue
        kind = _container(node.value)
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            is_own = isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)
            if kind and is_own:
                yield target.attr, kind  # type: ignore[union-attr]


def _container(value: ast.expr) -> str | None:
    by_type = {ast.List: "list", ast.Dict: "dict", ast.Set: "set", ast.ListComp: "list", ast.DictComp: "dict"}
    if type(value) in by_type:
        return by_type[type(value)]
    return _CONTAINERS.get(called_name(value)) if isinstance(value, ast.Call) else None


def _phase(name: str, methods: Mapping[str, ast.FunctionDef]) -> Phase:
    order = reached([methods[name]], {name: [node] for name, node in methods.items()})
    uses: Counter[str] = Counter()
    sql: dict[str, None] = {}
    for method in order:
        for node in ast.walk(method):
            if isinstance(node, ast.Attribute) and node.attr in (*STORES, *SERVICES) and _is_toolkit(node):
                uses[node.attr] += 1
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _SQL.match(node.value):
                sql[" ".join(node.value.split())] = None
    steps = tuple(PhaseStep(method.name, _summary(method)) for method in order[1:])
    return Phase(steps, uses, tuple(sql))


def _is_toolkit(node: ast.Attribute) -> bool:
    owner = node.value
    return (isinstance(owner, ast.Name) and owner.id == "toolkit") or (
        isinstance(owner, ast.Attribute) and owner.attr.lstrip("_") in ("toolkit", "tk", "kit")
    )


def _summary(node: ast.FunctionDef) -> str:
    return (ast.get_docstring(node) or "").strip().partition("\n")[0]
