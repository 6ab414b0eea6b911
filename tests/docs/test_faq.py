"""The page of failures quotes messages that the code has."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUOTED = re.findall(r'^\?\?\? failure "(.+)"$', (ROOT / "docs" / "faq.md").read_text(), re.MULTILINE)


@cache
def messages() -> str:
    """Every text in the code, a line each, with a hole where a value goes."""
    found: list[str] = []
    for path in (ROOT / "evolve").rglob("*.py"):
        if "fragments" not in path.parts:
            found += filter(None, map(_text, ast.walk(ast.parse(path.read_text()))))
    return "\n".join(text.replace("\n", " ") for text in found)


def _text(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_text(value) or "\0" for value in values)
        case _:
            return None


def test_there_are_some() -> None:
    assert len(QUOTED) > 20


@pytest.mark.parametrize("quote", QUOTED)
def test_a_message_that_is_explained_is_one_of_the_code(quote: str) -> None:
    pieces = [re.escape(piece.strip()) for piece in quote.split("…")]
    assert re.search("[^\n]*".join(pieces), messages()), "reword the page, or the message"
