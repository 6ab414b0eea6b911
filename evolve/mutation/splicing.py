"""Text with places marked by its syntax tree: every change is a splice, so comments and layout survive."""

from __future__ import annotations

import ast
from functools import cached_property, lru_cache

from evolve.program.layout import (
    dedented,
    indentation,
    indented,
    lines_in_strings,
    with_unix_newlines,
)
from evolve.program.parsing import parse
from evolve.program.parts import first_line

# An edit goes through many texts and comes back to most of them; trees are only ever read here.
_tree = lru_cache(maxsize=64)(parse)


class SpliceError(ValueError):
    """The edit has no place in this text; the text is left as it was."""


class SplicedText:
    """Python text, and the splices that statements allow. Immutable: edits return new text.

    Args:
        text: source that parses. Its lines are ended as on Unix from here on.
    """

    def __init__(self, text: str):
        self.text = with_unix_newlines(text)

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return _tree(self.text)

    def text_of(self, node: ast.stmt | ast.expr) -> str:
        """The text of an expression as it stands; of a statement: whole lines, dedented, with decorators.

        Raises:
            SpliceError: the statement shares a line with another.
        """
        if isinstance(node, ast.stmt):
            first, last = self._span(node)
            return dedented(self.text, first, last)
        return self._segment(node)

    def without(self, node: ast.stmt) -> str:
        """The text less a whole statement, with its decorators and the blank lines before it."""
        first, end = self._span(node)
        first -= 1
        while first > 0 and not self._lines[first - 1].strip() and self._is_blank_after(end):
            first -= 1
        return "\n".join([*self._lines[:first], *self._lines[end:]])

    def replaced(self, old: ast.stmt, statement: str) -> str:
        """The text with ``statement`` in the place and at the indentation of ``old``."""
        first, last = self._span(old)
        lines = indented(statement, indentation(self._lines[first - 1])).split("\n")
        return "\n".join([*self._lines[: first - 1], *lines, *self._lines[last:]])

    def inserted_after(self, anchor: ast.stmt, statement: str, *, gap: int = 0) -> str:
        """The text with ``statement`` behind ``anchor``, with ``gap`` blank lines between the two."""
        first, last = self._span(anchor)
        lines = indented(statement, indentation(self._lines[first - 1])).split("\n")
        return "\n".join([*self._lines[:last], *[""] * gap, *lines, *self._lines[last:]])

    def inserted_before(
        self, anchor: ast.stmt, statement: str, *, gap: int = 0, above: int | None = None
    ) -> str:
        """The text with ``statement`` ahead of ``anchor`` and of the comment on it.

        Args:
            gap: blank lines between the two.
            above: blank lines above the statement; None leaves those that are there.
        """
        first, _ = self._span(anchor)
        lines = indented(statement, indentation(self._lines[first - 1])).split("\n")
        while first > 1 and self._is_comment(first - 1):
            first -= 1
        head = self._lines[: first - 1]
        if above is not None:
            while head and not head[-1].strip():
                head.pop()
            head += [""] * above
        return "\n".join([*head, *lines, *[""] * gap, *self._lines[first - 1 :]])

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.split("\n")

    def _span(self, node: ast.stmt) -> tuple[int, int]:
        """The first and last line of a statement, decorators included, counted from 1."""
        first, last = first_line(node), node.end_lineno or node.lineno
        before = self._lines[node.lineno - 1].encode()[: node.col_offset]
        after = self._lines[last - 1].encode()[node.end_col_offset :].decode().strip()
        if before.strip() or (after and not after.startswith("#")):
            raise SpliceError(f"line {node.lineno} holds more than one statement")
        return first, last

    def _segment(self, node: ast.expr) -> str:
        """As ``ast.get_source_segment``, which splits the whole text anew each time."""
        lines = [line.encode() for line in self._lines[node.lineno - 1 : node.end_lineno]]
        lines[-1] = lines[-1][: node.end_col_offset]
        lines[0] = lines[0][node.col_offset :]
        return b"\n".join(lines).decode()

    def _is_blank_after(self, end: int) -> bool:
        return end >= len(self._lines) or not self._lines[end].strip()

    def _is_comment(self, number: int) -> bool:
        return self._lines[number - 1].lstrip().startswith("#") and number not in lines_in_strings(self.text)
