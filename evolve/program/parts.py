"""Read a memory program's parts from its source, without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

INSTRUCTIONS = ("INSTRUCTION_KNOWLEDGE_ITEM", "INSTRUCTION_QUERY", "INSTRUCTION_RESPONSE")
ALWAYS_ON = "ALWAYS_ON_KNOWLEDGE"
CONSTANTS = (*INSTRUCTIONS, ALWAYS_ON)
ITEM_CLASS, QUERY_CLASS, BASE_CLASS = "KnowledgeItem", "Query", "KnowledgeBase"
CLASSES = (ITEM_CLASS, QUERY_CLASS, BASE_CLASS)

_MISSING = object()


@dataclass(frozen=True)
class FieldSpec:
    """A field of KnowledgeItem or Query.

    Attributes:
        name: its name.
        type: its annotation, as written, e.g. ``list[str]``.
        description: what the agent is told to put there; empty where the program does not say.
        required: it has no default.
    """

    name: str
    type: str
    description: str = ""
    required: bool = True

    @property
    def base(self) -> str:
        """The type without Optional: ``str``, ``int``, ``float``, ``bool`` or ``list[...]``."""
        text = self.type.replace("typing.", "").replace(" ", "")
        for prefix in ("Optional[", "Union["):
            if text.startswith(prefix) and text.endswith("]"):
                text = text[len(prefix) : -1]
        alternatives = [part for part in _split_union(text) if part not in ("None", "NoneType")]
        text = alternatives[0] if alternatives else "str"
        return "list[str]" if text in ("list", "List") else text.replace("List[", "list[")

    @property
    def optional(self) -> bool:
        """None is among its values."""
        return "None" in self.type or self.type.replace("typing.", "").startswith("Optional[")


@dataclass(frozen=True)
class Knob:
    """A number that may be tuned: its default and its bounds, all of them int or all float."""

    default: float
    low: float
    high: float

    @property
    def integer(self) -> bool:
        """The knob takes whole numbers only."""
        return all(isinstance(value, int) for value in (self.default, self.low, self.high))


@dataclass(frozen=True)
class Parts:
    """What a program is made of.

    Attributes:
        instructions: the three instruction constants by name.
        always_on: ``ALWAYS_ON_KNOWLEDGE``.
        item: fields of KnowledgeItem.
        query: fields of Query.
        knobs: the tunable numbers by name.
        methods: source of each method of KnowledgeBase by name.
    """

    instructions: Mapping[str, str] = field(default_factory=dict)
    always_on: str = ""
    item: tuple[FieldSpec, ...] = ()
    query: tuple[FieldSpec, ...] = ()
    knobs: Mapping[str, Knob] = field(default_factory=dict)
    methods: Mapping[str, str] = field(default_factory=dict)


def read_parts(source: str, tree: ast.Module) -> Parts:
    """The parts of the program ``source``, parsed as ``tree``. What is missing or not literal is left out."""
    constants = dict(literals(tree))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    texts = {name: value for name, value in constants.items() if isinstance(value, str)}
    return Parts(
        instructions={name: texts[name] for name in INSTRUCTIONS if name in texts},
        always_on=texts.get(ALWAYS_ON, ""),
        item=tuple(_fields(source, classes.get(ITEM_CLASS))),
        query=tuple(_fields(source, classes.get(QUERY_CLASS))),
        knobs=knobs_of(constants.get("KNOBS")),
        methods=dict(_methods(source, classes.get(BASE_CLASS))),
    )


def literals(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    """Module-level ``NAME = literal`` assignments (annotated too; strings may be joined by ``+``)."""
    for node in tree.body:
        name = assigned_name(node)
        if name is not None:
            value = _literal(node.value)  # type: ignore[attr-defined]
            if value is not _MISSING:
                yield name, value


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
    """Three numbers with low <= default <= high and low < high."""
    if not (isinstance(entry, (tuple, list)) and len(entry) == 3):
        return False
    if not all(isinstance(number, (int, float)) and not isinstance(number, bool) for number in entry):
        return False
    default, low, high = entry
    return low <= default <= high and low < high


def _literal(node: ast.expr) -> Any:
    """The value of a literal expression, with strings joined by ``+`` and stripped by simple methods."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
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


def _fields(source: str, node: ast.ClassDef | None) -> Iterator[FieldSpec]:
    for statement in node.body if node else []:
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        annotation = statement.annotation
        is_text = isinstance(annotation, ast.Constant) and isinstance(annotation.value, str)
        written = annotation.value if is_text else ast.get_source_segment(source, annotation)  # type: ignore[union-attr]
        options = _field_call(statement.value)
        has_default = statement.value is not None if options is None else _gives_default(options)
        yield FieldSpec(
            name=statement.target.id,
            type=str(written),
            description=_description(options or {}),
            required=not has_default,
        )


def _field_call(value: ast.expr | None) -> dict[str, ast.expr] | None:
    """The keyword arguments of ``field(...)`` or ``dataclasses.field(...)``; None for anything else."""
    if not isinstance(value, ast.Call):
        return None
    function = value.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name != "field":
        return None
    return {keyword.arg: keyword.value for keyword in value.keywords if keyword.arg}


def _gives_default(options: Mapping[str, ast.expr]) -> bool:
    return "default" in options or "default_factory" in options


def _description(options: Mapping[str, ast.expr]) -> str:
    metadata = _literal(options["metadata"]) if "metadata" in options else None
    return str(metadata.get("description", "")) if isinstance(metadata, dict) else ""


def _methods(source: str, node: ast.ClassDef | None) -> Iterator[tuple[str, str]]:
    for statement in node.body if node else []:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield statement.name, ast.get_source_segment(source, statement, padded=True) or ""


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
