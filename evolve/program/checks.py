"""The memory-program contract, checked on the source alone.

These checks give an author, human or model, an error to act on before anything is run. They are not a
security boundary: the sandbox is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evolve.program.parsing import unwarned
from evolve.program.parts import (
    ALWAYS_ON,
    BASE_CLASS,
    CLASSES,
    CONSTANTS,
    ITEM_CLASS,
    MAX_KNOB,
    OBSERVE,
    QUERY_CLASS,
    FieldSpec,
    assigned_name,
    called_name,
    field_call,
    is_knob_entry,
    literals,
    read_schema,
)
from evolve.program.source import Source, source_of
from evolve.program.syntax import first_line

MAX_CHARACTERS = 200_000
_SHOWN = 80  # most characters of a wrong value in a message
# fmt: off
ALLOWED_IMPORTS = frozenset(
    {
        "__future__", "abc", "array", "ast", "base64", "bisect", "calendar", "chromadb", "collections",
        "contextlib", "copy", "dataclasses", "datetime", "decimal", "difflib", "enum", "fractions",
        "functools", "hashlib", "heapq", "hmac", "html", "itertools", "json", "logging", "math",
        "numbers", "numpy", "operator", "random", "re", "secrets", "sqlite3", "statistics", "string",
        "struct", "textwrap", "time", "timeit", "traceback", "types", "typing", "typing_extensions",
        "unicodedata", "uuid", "warnings", "weakref", "zlib", "zoneinfo",
    }
)
# fmt: on
FIELD_TYPES = ("str", "int", "float", "bool", "list[str]", "list[int]", "list[float]", "list[bool]")


@dataclass(frozen=True)
class Problem:
    """Breach of the contract: its line (1-based, 0 for the whole file) and what to change."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" if self.line else self.message


def find_problems(source: str) -> list[Problem]:
    """Return every breach of the contract in ``source``, in order of appearance; empty for a valid
    program.
    """
    if len(source) > MAX_CHARACTERS:
        return [
            Problem(0, f"the source has {len(source):,} characters; at most {MAX_CHARACTERS:,} are taken")
        ]
    try:
        read = source_of(source)
        tree = read.tree
        with unwarned():
            compile(tree, "<program>", "exec")
        problems = [
            *_imports(read),
            *_constants(tree),
            *_classes(tree),
            *_schema(source, tree),
            *_knobs(tree),
        ]
    except SyntaxError as error:
        text = (error.text or "").strip()
        return [Problem(error.lineno or 0, f"syntax error: {error.msg}" + (f" in `{text}`" if text else ""))]
    except (ValueError, RecursionError, MemoryError) as error:
        return [Problem(0, f"the source cannot be parsed: {error or type(error).__name__}")]
    return sorted(problems, key=lambda problem: problem.line)


def _imports(source: Source) -> Iterator[Problem]:
    for node in source.units:
        for below, modules in source.facts(node).imports:
            line = first_line(node) + below
            if modules is None:
                yield Problem(line, "relative imports are not possible: a program is a single file")
            for module in modules or ():
                if module.partition(".")[0] not in ALLOWED_IMPORTS:
                    yield Problem(
                        line,
                        f"import of {module!r} is not allowed; use the standard library modules "
                        "of the contract, numpy or sqlite3, and the toolkit for models and storage",
                    )


def _constants(tree: ast.Module) -> Iterator[Problem]:
    bound = {name: node for node in tree.body if (name := assigned_name(node))}
    values = literals(tree)
    for name in CONSTANTS:
        if name not in bound:
            yield Problem(0, f'the constant {name} is missing; add {name} = "..." at the top level')
        elif not isinstance(values.get(name), str):
            yield Problem(bound[name].lineno, f"{name} must be one plain string literal")
        elif name != ALWAYS_ON and not values[name].strip():
            yield Problem(bound[name].lineno, f"{name} is empty; say what the agent shall do")


def _classes(tree: ast.Module) -> Iterator[Problem]:
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for name in CLASSES:
        if name not in classes:
            yield Problem(0, f"the class {name} is missing; define it at the top level")
    for name in (ITEM_CLASS, QUERY_CLASS):
        if name in classes and not _is_dataclass(classes[name]):
            yield Problem(classes[name].lineno, f"{name} must be decorated with @dataclass")
    if BASE_CLASS in classes:
        yield from _signatures(classes[BASE_CLASS])


_METHODS = {
    "__init__": ("self", "toolkit"),
    "write": ("self", "item", "raw_text"),
    "read": ("self", "query"),
    OBSERVE: ("self", "step"),
}
_OPTIONAL = (OBSERVE,)


def _signatures(node: ast.ClassDef) -> Iterator[Problem]:
    methods = {s.name: s for s in node.body if isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef))}
    for name, expected in _METHODS.items():
        form = f"def {name}({', '.join(expected)})"
        method = methods.get(name)
        if method is None and name in _OPTIONAL:
            continue
        if method is None:
            # An inherited __init__ is possible in principle, but the contract wants all three in one place.
            yield Problem(node.lineno, f"{BASE_CLASS}.{name} is missing; write {form}")
        elif isinstance(method, ast.AsyncFunctionDef):
            yield Problem(method.lineno, f"{BASE_CLASS}.{name} must not be async; write {form}")
        elif not _takes(method.args, len(expected)):
            yield Problem(
                method.lineno,
                f"{BASE_CLASS}.{name} must be callable with {len(expected) - 1} argument"
                f"{'s' if len(expected) > 2 else ''}; write {form}",
            )


def _takes(arguments: ast.arguments, count: int) -> bool:
    """Return whether a call with ``count`` positional arguments (self included) is accepted."""
    positional = len(arguments.posonlyargs) + len(arguments.args)
    required = positional - len(arguments.defaults)
    keywords_needed = any(default is None for default in arguments.kw_defaults)
    return required <= count <= (10**6 if arguments.vararg else positional) and not keywords_needed


def _schema(source: str, tree: ast.Module) -> Iterator[Problem]:
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for owner, specs in zip((ITEM_CLASS, QUERY_CLASS), read_schema(source, tree), strict=True):
        if owner not in classes:
            continue
        declared = {
            s.target.id: s
            for s in classes[owner].body
            if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
        }
        if not specs:
            yield Problem(
                classes[owner].lineno, f"{owner} has no fields; give it at least one, such as `text: str`"
            )
        for spec in specs:
            if spec.base not in FIELD_TYPES:
                yield Problem(
                    declared[spec.name].lineno,
                    f"{owner}.{spec.name} has type {spec.type}; the agent fills fields as JSON, so use one "
                    f"of {', '.join(FIELD_TYPES[:5])} or Optional of one",
                )
        for field in declared.values():
            if _is_mutable(field.value):
                yield Problem(
                    field.lineno,
                    f"{owner}.{ast.unparse(field.target)} has a mutable default; "
                    "write field(default_factory=list)",
                )
        if "kw_only" not in source.lower():
            yield from _order(owner, specs, declared)


def _order(
    owner: str, specs: Sequence[FieldSpec], declared: Mapping[str, ast.AnnAssign]
) -> Iterator[Problem]:
    """Yield the problem that ``@dataclass`` would raise at load: a field without a default after one that has
    it.
    """
    optional = ""
    for spec in specs:
        if not spec.required:
            optional = spec.name
        elif optional:
            yield Problem(
                declared[spec.name].lineno,
                f"{owner}.{spec.name} has no default but comes after {optional}, which has one; "
                "move it up or give it a default",
            )


def _is_mutable(value: ast.expr | None) -> bool:
    """Return whether ``@dataclass`` refuses the default: a list, a set or a dict, shared by all instances."""
    options = field_call(value)
    default = value if options is None else options.get("default")
    if isinstance(default, ast.Call):
        return called_name(default) in ("list", "dict", "set")
    return isinstance(default, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp))


def _knobs(tree: ast.Module) -> Iterator[Problem]:
    nodes = {name: node for node in tree.body if (name := assigned_name(node))}
    if "KNOBS" not in nodes:
        return
    line, value = nodes["KNOBS"].lineno, literals(tree).get("KNOBS")
    if not isinstance(value, dict):
        yield Problem(line, 'KNOBS must be a literal such as {"top_k": (5, 1, 20)}')
        return
    for name, entry in value.items():
        if not (isinstance(name, str) and is_knob_entry(entry)):
            yield Problem(
                line,
                f"KNOBS[{_shown(name)}] is {_shown(entry)}; expected three numbers (default, low, high) "
                f"with low ≤ default ≤ high, low < high, none beyond ±{MAX_KNOB:.0e}",
            )


def _shown(value: object) -> str:
    """Return ``value`` as Python writes it, cut; a whole number may have thousands of digits."""
    try:
        text = repr(value)
    except ValueError:  # more digits than Python puts into a text
        return "a number too long to show"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _is_dataclass(node: ast.ClassDef) -> bool:
    return any(called_name(decorator) == "dataclass" for decorator in node.decorator_list)
