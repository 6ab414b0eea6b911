"""Reading of a memory program's parts from its source, without running it."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evolve.program.layout import at_margin, segment, string_lines, with_unix_newlines
from evolve.program.parsing import parse
from evolve.program.syntax import FUNCTIONS, first_line

INSTRUCTIONS = ("INSTRUCTION_KNOWLEDGE_ITEM", "INSTRUCTION_QUERY", "INSTRUCTION_RESPONSE")
ALWAYS_ON = "ALWAYS_ON_KNOWLEDGE"
CONSTANTS = (*INSTRUCTIONS, ALWAYS_ON)
ITEM_CLASS, QUERY_CLASS, BASE_CLASS = "KnowledgeItem", "Query", "KnowledgeBase"
CLASSES = (ITEM_CLASS, QUERY_CLASS, BASE_CLASS)
OBSERVE = "observe"
"""Optional method of KnowledgeBase: it is called with each step of a task that is acted."""
STEP_FIELDS = ("command", "observation", "goal")
"""Attributes of the step that it is called with, all of them text."""

MAX_KNOB = 10**12
"""Largest bound of a knob: within it, ranges and their tuning stay exact and finite."""
_MISSING = object()
_NOT_IN_CONSTRUCTOR = re.compile(r"(?:\w+\.)*(?:ClassVar|KW_ONLY)\b")


@dataclass(frozen=True)
class FieldSpec:
    """A field of KnowledgeItem or Query.

    Attributes:
        name: its name.
        type: its annotation, as written, e.g. ``list[str]``; without the quotes of one given as a string.
        description: instruction for the agent; empty where the program gives none.
        required: it has no default.
    """

    name: str
    type: str
    description: str = ""
    required: bool = True

    @property
    def base(self) -> str:
        """The type without Optional: ``str``, ``int``, ``float``, ``bool`` or ``list[...]``."""
        text = "".join(self.type.replace("typing.", "").split()).replace('"', "").replace("'", "")
        for prefix in ("Optional[", "Union["):
            if text.startswith(prefix) and text.endswith("]"):
                text = text[len(prefix) : -1]
        alternatives = [part for part in _split_union(text) if part not in ("None", "NoneType")]
        text = alternatives[0] if alternatives else "str"
        return "list[str]" if text in ("list", "List") else text.replace("List[", "list[")

    @property
    def optional(self) -> bool:
        """True if None is among its values."""
        return "None" in self.type or "Optional[" in self.type


@dataclass(frozen=True)
class Knob:
    """A number that may be tuned: its default and its bounds, all of them int or all float."""

    default: float
    low: float
    high: float

    @property
    def integer(self) -> bool:
        """True if the hyperparameter takes only whole numbers."""
        return all(isinstance(value, int) for value in (self.default, self.low, self.high))


@dataclass(frozen=True)
class Parts:
    """Parts of a program.

    Attributes:
        instructions: the three instruction constants by name.
        always_on: ``ALWAYS_ON_KNOWLEDGE``.
        item: fields of KnowledgeItem.
        query: fields of Query.
        knobs: the tunable numbers by name.
        methods: source of each method of KnowledgeBase by name, dedented, decorators included.
    """

    instructions: Mapping[str, str] = field(default_factory=dict)
    always_on: str = ""
    item: tuple[FieldSpec, ...] = ()
    query: tuple[FieldSpec, ...] = ()
    knobs: Mapping[str, Knob] = field(default_factory=dict)
    methods: Mapping[str, str] = field(default_factory=dict)

    @property
    def observes(self) -> bool:
        """True if the program has the optional method ``observe``."""
        return OBSERVE in self.methods

    @property
    def reads_raw_text(self) -> bool:
        """True if ``write`` mentions its second argument, by syntax, or if that cannot be determined."""
        try:
            function = parse(textwrap.dedent(self.methods.get("write", ""))).body[0]
        except (SyntaxError, IndexError):
            return True
        if not isinstance(function, ast.FunctionDef) or len(function.args.args) < 3:
            return True
        name = function.args.args[2].arg
        return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(function))


def read_parts(source: str, tree: ast.Module) -> Parts:
    """Return the parts of the program ``source``, parsed as ``tree``. Missing or non-literal parts are left
    out.
    """
    source = with_unix_newlines(source)  # lines count as the tree counts them
    constants = literals(tree)
    texts = {name: value for name, value in constants.items() if isinstance(value, str)}
    lines, classes = source.split("\n"), _classes(tree)
    return Parts(
        instructions={name: texts[name] for name in INSTRUCTIONS if name in texts},
        always_on=texts.get(ALWAYS_ON, ""),
        item=tuple(_fields(lines, classes.get(ITEM_CLASS))),
        query=tuple(_fields(lines, classes.get(QUERY_CLASS))),
        knobs=knobs_of(constants.get("KNOBS")),
        methods=_methods(lines, string_lines(source), classes.get(BASE_CLASS)),
    )


def read_schema(source: str, tree: ast.Module) -> tuple[tuple[FieldSpec, ...], tuple[FieldSpec, ...]]:
    """Return the fields of KnowledgeItem and of Query."""
    lines, classes = with_unix_newlines(source).split("\n"), _classes(tree)
    return tuple(_fields(lines, classes.get(ITEM_CLASS))), tuple(_fields(lines, classes.get(QUERY_CLASS)))


def _classes(tree: ast.Module) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def literals(tree: ast.Module) -> dict[str, Any]:
    """Return module-level ``NAME = literal`` assignments (annotated too; strings may be joined by ``+``).

    The last assignment counts; a name whose last one is not a literal is left out.
    """
    found: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            found.pop(node.target.id, None)
        name = assigned_name(node)
        if name is not None:
            found[name] = _literal(node.value)  # type: ignore[attr-defined]
    return {name: value for name, value in found.items() if value is not _MISSING}


def assigned_name(node: ast.stmt) -> str | None:
    """The name that a simple module-level assignment binds, or None."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    if isinstance(node, ast.AnnAssign) and node.value is not None and isinstance(node.target, ast.Name):
        return node.target.id
    return None


def knobs_of(value: Any) -> dict[str, Knob]:
    """The well-formed entries of a KNOBS literal: ``{name: (default, low, high)}``."""
    if not isinstance(value, dict):
        return {}
    return {
        name: Knob(*entry) for name, entry in value.items() if isinstance(name, str) and is_knob_entry(entry)
    }


def is_knob_entry(entry: Any) -> bool:
    """Return whether ``entry`` is three numbers within ±``MAX_KNOB``, low <= default <= high and low <
    high.
    """
    if not (isinstance(entry, (tuple, list)) and len(entry) == 3):
        return False
    if not all(isinstance(number, (int, float)) and not isinstance(number, bool) for number in entry):
        return False
    if not all(abs(number) <= MAX_KNOB for number in entry):  # false for nan too
        return False
    default, low, high = entry
    return low <= default <= high and low < high


def _literal(node: ast.expr | None) -> Any:
    """The value of a literal expression, with strings joined by ``+`` and stripped by simple methods."""
    if node is None:
        return _MISSING
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError):
        pass
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _literal(node.left), _literal(node.right)
        if isinstance(left, str) and isinstance(right, str):
            return left + right
    if _is_plain_method_call(node):
        value = _literal(node.func.value)  # type: ignore[attr-defined]
        if isinstance(value, str):
            return getattr(value, node.func.attr)()  # type: ignore[attr-defined]
    return _MISSING


def _is_plain_method_call(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and not node.args
        and not node.keywords
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("strip", "lstrip", "rstrip")
    )


def _fields(lines: Sequence[str], node: ast.ClassDef | None) -> Iterator[FieldSpec]:
    """The fields that the class's constructor takes."""
    for statement in node.body if node else []:
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        written = _annotation(lines, statement.annotation)
        options = field_call(statement.value) or {}
        if _NOT_IN_CONSTRUCTOR.match(written) or _literal(options.get("init")) is False:
            continue
        yield FieldSpec(
            name=statement.target.id,
            type=written,
            description=_description(options),
            required=not gives_default(statement.value),
        )


def _annotation(lines: Sequence[str], node: ast.expr) -> str:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return str(node.value) if is_text else segment(lines, node)  # type: ignore[union-attr]


def field_call(value: ast.expr | None) -> dict[str, ast.expr] | None:
    """The keyword arguments of ``field(...)`` or ``dataclasses.field(...)``; None for anything else."""
    if isinstance(value, ast.Call) and called_name(value) == "field":
        return {keyword.arg: keyword.value for keyword in value.keywords if keyword.arg}
    return None


def called_name(node: ast.expr) -> str:
    """``f`` for ``f``, ``module.f`` and calls of either; empty for any other expression."""
    function = node.func if isinstance(node, ast.Call) else node
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def gives_default(value: ast.expr | None) -> bool:
    """Return whether the value assigned to a field is, or has, a default."""
    options = field_call(value)
    return value is not None if options is None else "default" in options or "default_factory" in options


def _description(options: Mapping[str, ast.expr]) -> str:
    """The description in ``metadata={"description": ...}`` or ``metadata=dict(description=...)``."""
    metadata = options.get("metadata")
    found: ast.expr | None = None
    if isinstance(metadata, ast.Dict):
        entries = zip(metadata.keys, metadata.values, strict=True)
        found = next((value for key, value in entries if key and _literal(key) == "description"), None)
    elif isinstance(metadata, ast.Call) and called_name(metadata) == "dict":
        found = next((k.value for k in metadata.keywords if k.arg == "description"), None)
    text = _literal(found) if found else _MISSING
    return str(text) if text is not _MISSING else ""


def _methods(lines: Sequence[str], kept: Collection[int], node: ast.ClassDef | None) -> dict[str, str]:
    spans = {
        s.name: (first_line(s), s.end_lineno) for s in (node.body if node else []) if isinstance(s, FUNCTIONS)
    }
    return {name: at_margin(lines[first - 1 : last], first, kept) for name, (first, last) in spans.items()}


def _split_union(text: str) -> list[str]:
    """``list[str]|None`` and ``str,None`` (from Union) split at the outer level."""
    parts, depth, current = [], 0, ""
    for character in text:
        depth += (character == "[") - (character == "]")
        if character in "|," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [part for part in (*parts, current) if part]
