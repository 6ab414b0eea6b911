"""Resources that the parts of a program share, by which a method needs a line of ``__init__``."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from evolve.program.source import Function, Source
from evolve.program.syntax import statements

FED_IN = ("__init__", "_index")
"""The methods that set up and fill the resources that the steps of ``read`` look up."""


def resources(source: Source, found: Iterable[ast.stmt]) -> set[str]:
    """Return the resources that statements of ``source`` share with others, see ``Facts.resources``."""
    return {name for statement in found for name in source.facts(statement).resources}


def body(source: Source, method: str) -> list[ast.stmt]:
    """Return the statements of a method of KnowledgeBase; empty where there is no such method."""
    function: Function | None = source.methods.get(method)
    return statements(function) if function else []


def quotes(text: str, name: str) -> bool:
    """Return whether ``text`` contains ``name`` as a string."""
    return f'"{name}"' in text or f"'{name}'" in text
