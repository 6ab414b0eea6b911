"""Editor of Python text, by splices at the positions of its syntax tree, so that comments and layout
survive.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from functools import cached_property

from evolve.program.layout import (
    at_margin,
    indentation,
    indented,
    segment,
    string_lines,
    with_unix_newlines,
)
from evolve.program.parsing import tree_of
from evolve.program.syntax import first_line

_LINE_END = re.compile(rb"\r\n|\r|\n")


class SpliceError(ValueError):
    """Edit without a place in this text; the text is left as it was."""


class SplicedText:
    """Python text with splices by statement. Immutable: edits return new text.

    Args:
        text: source that parses. Its lines are ended as on Unix from here on.
    """

    def __init__(self, text: str):
        self.text = with_unix_newlines(text)

    @cached_property
    def tree(self) -> ast.Module:
        """Syntax tree of the text."""
        return tree_of(self.text)

    @cached_property
    def lines(self) -> list[str]:
        """Lines of the text, without line feeds."""
        return self.text.split("\n")

    def text_of(self, node: ast.stmt | ast.expr, *, decorated: bool = True) -> str:
        """Return the text of an expression, or the whole lines of a statement, dedented.

        Args:
            decorated: with the decorators of a statement.

        Raises:
            SpliceError: the statement shares a line with another.
        """
        if isinstance(node, ast.stmt):
            first, last = self.span(node)
            first = first if decorated else node.lineno
            return at_margin(self.lines[first - 1 : last], first, self.string_lines)
        return segment(self.lines, node)

    def without(self, node: ast.stmt) -> str:
        """Return the text without a whole statement, its decorators and the blank lines before it."""
        edit = Editing(self)
        edit.remove(node)
        return edit.text

    def replaced(self, old: ast.stmt, statement: str, *, comments: Sequence[str] = ()) -> str:
        """Return the text with ``statement`` in the place and at the indentation of ``old``.

        Args: comments: lines that replace the comment on ``old``; empty leaves it as it is.
        """
        edit = Editing(self)
        edit.replace(old, statement, comments=comments)
        return edit.text

    def moved_to_end(self, node: ast.stmt) -> str:
        """Return the text with a statement moved to the end, at the margin."""
        first, last = self.span(node)
        return "\n".join([*self.lines[: first - 1], *self.lines[last:], "", "", self.text_of(node)])

    def appended(self, statement: str, *, gap: int = 0) -> str:
        """Return the text with ``statement`` at its end, after ``gap`` blank lines."""
        line_feeds = "\n" * (gap + 1)
        return f"{self.text.rstrip()}{line_feeds}{statement}\n"

    def inserted_after(self, anchor: ast.stmt, statement: str, *, gap: int = 0) -> str:
        """Return the text with ``statement`` after ``anchor``, with ``gap`` blank lines between the two."""
        edit = Editing(self)
        edit.insert_after(anchor, statement, gap=gap)
        return edit.text

    def inserted_before(
        self, anchor: ast.stmt, statement: str, *, gap: int = 0, above: int | None = None
    ) -> str:
        """Return the text with ``statement`` before ``anchor`` and the comment on it; see ``Editing``."""
        edit = Editing(self)
        edit.insert_before(anchor, statement, gap=gap, above=above)
        return edit.text

    def span(self, node: ast.stmt) -> tuple[int, int]:
        """Return the first and last line of a statement, decorators included, counted from 1.

        Raises:
            SpliceError: it shares a line with another.
        """
        first, last = first_line(node), node.end_lineno or node.lineno
        before = self.lines[node.lineno - 1].encode()[: node.col_offset]
        after = self.lines[last - 1].encode()[node.end_col_offset :].decode().strip()
        if before.strip() or (after and not after.startswith("#")):
            raise SpliceError(f"line {node.lineno} holds more than one statement")
        return first, last

    @cached_property
    def string_lines(self) -> frozenset[int]:
        """The lines, counted from 1, that begin inside of a string."""
        return string_lines(self.text)


class Editing:
    """Several splices of one text by the positions of its one tree, so that it is parsed once.

    Args:
        of: the text; statements belong to its tree.
    """

    def __init__(self, of: SplicedText):
        self._of = of
        self._lines = list(of.lines)
        # The number of each line in the text, ascending; an inserted line has one between its neighbours'.
        self._numbers: list[float] = list(range(1, len(of.lines) + 1))

    @property
    def text(self) -> str:
        """Return the text with all splices so far."""
        return "\n".join(self._lines)

    def remove(self, node: ast.stmt) -> None:
        """Remove a whole statement, with its decorators and the blank lines before it.

        Raises:
            SpliceError: it shares a line with another.
        """
        begin, end = self._place(node)
        if end >= len(self._lines) or not self._lines[end].strip():
            while begin > 0 and not self._lines[begin - 1].strip():
                begin -= 1
        self._splice(begin, end, [], 0)

    def replace(self, node: ast.stmt, statement: str, *, comments: Sequence[str] = ()) -> None:
        """Replace ``node`` by ``statement``, at its indentation.

        Args:
            comments: lines that replace the comment on ``node``; empty leaves it as it is.

        Raises:
            SpliceError: it shares a line with another.
        """
        begin, end = self._place(node)
        margin = indentation(self._lines[begin])
        above = begin
        while comments and self._is_comment(above - 1, margin):
            above -= 1
        new = [*(margin + comment for comment in comments), *indented(statement, margin).split("\n")]
        self._splice(above, end, new, self._numbers[begin])

    def substitute(self, node: ast.expr, text: str) -> None:
        """Replace an expression, whose lines are unchanged, by ``text``."""
        begin, end = (
            bisect_left(self._numbers, node.lineno),
            bisect_right(self._numbers, node.end_lineno or 0),
        )
        head = self._lines[begin].encode()[: node.col_offset].decode()
        tail = self._lines[end - 1].encode()[node.end_col_offset :].decode()
        self._splice(begin, end, f"{head}{text}{tail}".split("\n"), self._numbers[begin])

    def insert_after(self, anchor: ast.stmt, statement: str, *, gap: int = 0) -> None:
        """Insert ``statement`` after ``anchor`` and earlier insertions there, with ``gap`` blank lines above.

        Raises:
            SpliceError: ``anchor`` shares a line with another statement.
        """
        begin, end = self._place(anchor)
        lines = indented(statement, indentation(self._lines[begin])).split("\n")
        number = self._of.span(anchor)[1] + 0.5
        end = bisect_right(self._numbers, number)
        self._splice(end, end, [*[""] * gap, *lines], number)

    def insert_before(
        self, anchor: ast.stmt, statement: str, *, gap: int = 0, above: int | None = None
    ) -> None:
        """Insert ``statement`` before ``anchor`` and the comment on it.

        Args:
            gap: blank lines between the two.
            above: blank lines above the statement; None keeps the present ones.

        Raises:
            SpliceError: ``anchor`` shares a line with another statement.
        """
        begin, _ = self._place(anchor)
        lines = indented(statement, indentation(self._lines[begin])).split("\n")
        while self._is_comment(begin - 1):
            begin -= 1
        number, head = self._numbers[begin] - 0.5, begin
        while above is not None and head > 0 and not self._lines[head - 1].strip():
            head -= 1
        self._splice(head, begin, [*[""] * (above or 0), *lines, *[""] * gap], number)

    def _place(self, node: ast.stmt) -> tuple[int, int]:
        first, last = self._of.span(node)
        return bisect_left(self._numbers, first), bisect_right(self._numbers, last)

    def _splice(self, begin: int, end: int, lines: Sequence[str], number: float) -> None:
        self._numbers[begin:end] = [number] * len(lines)
        self._lines[begin:end] = lines

    def _is_comment(self, place: int, margin: str | None = None) -> bool:
        """Return whether the line at an index is a comment, as far in as ``margin`` is long."""
        if place < 0 or self._numbers[place] in self._of.string_lines:
            return False
        line = self._lines[place]
        return line.lstrip().startswith("#") and (margin is None or len(indentation(line)) == len(margin))


def replace_nodes(source: str, replacements: Mapping[ast.AST, str]) -> str:
    """Return ``source`` with the text of each node replaced.

    The nodes must come from it and not overlap. Its line ends are kept.
    """
    data = source.encode("utf-8")
    spans = _spans(data, list(replacements))
    for node in sorted(replacements, key=lambda node: spans[node], reverse=True):
        begin, end = spans[node]
        data = data[:begin] + replacements[node].encode("utf-8") + data[end:]
    return data.decode("utf-8")


def texts_of(source: str, nodes: Sequence[ast.AST]) -> list[str]:
    """Return the text of each node of ``source``, line ends included."""
    data = source.encode("utf-8")
    spans = _spans(data, nodes)
    return [data[slice(*spans[node])].decode("utf-8") for node in nodes]


def _spans(data: bytes, nodes: Sequence[ast.AST]) -> dict[ast.AST, tuple[int, int]]:
    """Return the span of each node in bytes: lines are split as the Python parser splits them."""
    starts = [0, *(match.end() for match in _LINE_END.finditer(data))]
    return {
        node: (starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset)  # type: ignore[attr-defined]
        for node in nodes
    }
