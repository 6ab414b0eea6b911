"""Composition of a program from parts of two, or with new numbers, by splicing text: comments and layout
survive.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from evolve.errors import ProgramError
from evolve.program.parsing import UNPARSABLE, tree_of
from evolve.program.parts import CONSTANTS, assigned_name, knobs_of, literals
from evolve.program.splicing import replace_nodes, texts_of
from evolve.program.syntax import is_text


def freeze_instructions(parent: str, child: str) -> str:
    """Return the candidate's source with the parent's instruction constants: only schema and logic may
    change.
    """
    return _with_constants(child, of=parent)


def freeze_code(parent: str, child: str) -> str:
    """Return the parent's source with the candidate's instruction constants: only the instructions may
    change.
    """
    return _with_constants(parent, of=child)


def with_knobs(source: str, values: Mapping[str, float]) -> str:
    """Return ``source`` with new defaults in KNOBS; the bounds stay.

    Args:
        values: hyperparameter name → new default, within the hyperparameter's bounds, an int where the
            hyperparameter is one.

    Raises:
        ValueError: a hyperparameter is unknown, or its value is out of bounds or of the wrong type.
    """
    tree = tree_of(source)
    knobs = knobs_of(literals(tree).get("KNOBS"))
    for name, value in values.items():
        if name not in knobs:
            raise ValueError(f"unknown knob {name!r}; the program has {', '.join(knobs) or 'none'}")
        if not knobs[name].low <= value <= knobs[name].high:
            raise ValueError(f"knob {name!r} = {value} is outside [{knobs[name].low}, {knobs[name].high}]")
        if knobs[name].integer and value != int(value):
            raise ValueError(f"knob {name!r} = {value} is not a whole number, as its bounds are")
    if not values:
        return source
    table = [node for node in tree.body if assigned_name(node) == "KNOBS"][-1].value  # type: ignore[attr-defined]
    spans = {}
    for key, entry in zip(table.keys, table.values, strict=True):
        name = ast.literal_eval(key)
        if name in values:
            spans[entry.elts[0]] = repr(int(values[name]) if knobs[name].integer else float(values[name]))
    return replace_nodes(source, spans)


def with_instructions(source: str, texts: Mapping[str, str]) -> str:
    """Return ``source`` with new instruction constants, each line of a text on a line of its own.

    Args:
        texts: name of a constant → its new text; the others stay as they are.

    Raises:
        ProgramError: the source does not parse, or has no such constant.
    """
    nodes = _constant_nodes(source)
    missing = sorted(texts.keys() - nodes.keys())
    if missing:
        raise ProgramError("contract", f"The program has no constants {', '.join(missing)}.")
    present = literals(tree_of(source))
    changed = {name: text for name, text in texts.items() if present.get(name) != text}
    return replace_nodes(
        source, {nodes[name]: f"{name} = {_literal(text)}" for name, text in changed.items()}
    )


def _literal(text: str) -> str:
    """Return a readable string literal."""
    lines = text.splitlines(keepends=True)
    if len(lines) < 2:
        return repr(text)
    return "\n".join(("(", *(f"    {line!r}" for line in lines), ")"))


def without_docstring(source: str) -> str:
    """Return ``source`` without its module docstring, which holds its history."""
    try:
        body = tree_of(source).body
    except UNPARSABLE:
        return source
    if not (body and is_text(body[0])):
        return source
    lines = source.split("\n")
    return "\n".join(lines[: body[0].lineno - 1] + lines[body[0].end_lineno :]).lstrip("\n")


def _with_constants(source: str, *, of: str) -> str:
    wanted = _constant_nodes(of)
    present = _constant_nodes(source)
    missing = [name for name in CONSTANTS if name not in wanted or name not in present]
    if missing:
        raise ProgramError(
            "contract", f"The constants {', '.join(missing)} are missing from one of the programs."
        )
    texts = texts_of(of, [wanted[name] for name in CONSTANTS])
    return replace_nodes(source, {present[name]: text for name, text in zip(CONSTANTS, texts, strict=True)})


def _constant_nodes(source: str) -> dict[str, ast.stmt]:
    try:
        tree = tree_of(source)
    except UNPARSABLE as error:
        raise ProgramError("contract", f"The program does not parse: {error}.") from error
    return {name: node for node in tree.body if (name := assigned_name(node)) in CONSTANTS}
