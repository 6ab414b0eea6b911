"""Code as a model gives it in a fence, read into imports, definitions and the rest."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from evolve.mutation.edits.margins import normalised
from evolve.program.layout import with_unix_newlines
from evolve.program.parsing import tree_of
from evolve.program.parts import assigned_name
from evolve.program.splicing import SplicedText, SpliceError
from evolve.program.syntax import FUNCTIONS, first_line, is_text

_COMMENT = 120
_PART = (
    r"(?:code|class|methods?|functions?|program|implementation|body|logic|initiali[sz]ation|setup"
    r"|definitions?|imports?|constants?|helpers?|fields?|attributes?|__init__)"
)
_WHICH = (
    r"(?:keep|keeping|leave|the|your|this|all|any|of|other|rest|remainder|remaining|existing|previous|original"
    r"|old|current|same|everything|else)"
)
_SAME = (
    r"(?:(?:is|are|stays?|remains?|be|as|it|was|were|the|same|exactly|unchanged|before|above|original"
    r"|omitted"
    r"|left|for|brevity|no|not|changes?|changed|needed|here|in|kept|out|to|previous|version|program"
    r")(?:[ ,]+|\Z))+"
)
_ELISION = re.compile(
    rf"(?:{_WHICH}[ ,]+)*{_PART}(?:[ ,]+(?:of|the|your|this|in|here|goes|above|below|{_PART}))*"
    rf"(?:[ ,]+{_SAME})?"
    rf"|(?:(?:keep|leave)[ ]+)?(?:(?:the|all)[ ]+)?(?:rest|remainder|others?|everything else)[ ]+{_SAME}"
    rf"|{_SAME}|etc|and so on",
    re.IGNORECASE,
)
_TELLING = re.compile(
    r"\b(?:rest|remainder|remaining|existing|other|others|previous|original|same|unchanged|omitted"
    r"|no changes?|as before|everything else|etc|and so on)\b",
    re.IGNORECASE,
)


def is_elision(comment: str) -> bool:
    """Return whether a comment replaces omitted code, such as ``# ... rest of the method unchanged``."""
    body = comment.lstrip("#").strip()
    plain = body[:_COMMENT].strip(" .…()[]<>-—*:;!")
    if not plain:
        return "..." in body or "…" in body
    dotted = body.startswith(("...", "…")) or body.endswith(("...", "…"))
    if dotted and _TELLING.search(plain):
        return True
    return bool(_TELLING.search(plain)) and _ELISION.fullmatch(plain) is not None


_NARRATION = re.compile(
    r"#\s*(?:file(?:name)?:\s*)?[\w/.-]+\.py\s*$"
    r"|#.*\b(?:new|changed?|updated?|modified|improved|revised|fixed|replaced?|added)\b.*"
    r"\b(?:methods?|functions?|class|code|version|definition|constant|helper|imports?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Definition:
    """Top-level function, class, constant or method as the model gives it.

    Attributes:
        name: its name, without a class.
        node: its syntax tree.
        text: its text at the left margin, with decorators.
        comments: the comment lines directly above it, at the left margin.
        elided: part of its body is left out (``...``, ``# same as before``).
        owner: the class in whose name it is given (``def KnowledgeBase.read``); empty without one.
    """

    name: str
    node: ast.stmt
    text: str
    comments: tuple[str, ...] = ()
    elided: bool = False
    owner: str = ""


@dataclass(frozen=True)
class Code:
    """Code of one or more fences.

    Attributes:
        text: the code itself, at the left margin; it parses.
        tree: its syntax tree.
        imports: import statements.
        definitions: functions, classes and constants in order.
        entries: new entries of tables, ``KNOBS["k"] = (5, 1, 9)``: (table, key, text of the value).
        others: other statements, which define nothing: a usage example, a piece of a body.
        elided: something is left out between the definitions.
    """

    text: str
    tree: ast.Module
    imports: tuple[ast.Import | ast.ImportFrom, ...] = ()
    definitions: tuple[Definition, ...] = ()
    entries: tuple[tuple[str, str, str], ...] = ()
    others: tuple[ast.stmt, ...] = ()
    elided: bool = False


def read_code(text: str) -> Code:
    """Read the code of a fence.

    Corrects common indentation, tabs, non-breaking spaces, curly quotes outside of valid code, and methods at
    another margin than the code before them.

    Raises:
        SyntaxError: it is not Python.
    """
    plain, owners = normalised(with_unix_newlines(text))
    tree = tree_of(plain)
    spliced = SplicedText(plain)
    comments = _comments(plain)
    imports, definitions, entries, others = [], [], [], []
    for node in tree.body:
        name = _top_name(node)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imports.append(node)
        elif name:
            try:
                body = spliced.text_of(node)
            except SpliceError:
                body = ast.unparse(node)
            above = tuple(_above(first_line(node), comments))
            left_out = isinstance(node, FUNCTIONS) and _leaves_out(node, comments)
            owner = owners.get(name, "") if isinstance(node, FUNCTIONS) else ""
            definitions.append(Definition(name, node, body, above, left_out, owner))
        elif entry := _entry(node):
            entries.append(entry)
        elif not is_text(node):
            others.append(node)
    spans = [(first_line(n), n.end_lineno or n.lineno) for n in tree.body]
    left_out = any(
        is_elision(comment)
        for line, (_, comment) in comments.items()
        if not any(first <= line <= last for first, last in spans)
    )
    dots = [node for node in others if is_dots(node)]
    return Code(
        plain,
        tree,
        tuple(imports),
        tuple(definitions),
        tuple(entries),
        tuple(node for node in others if node not in dots),
        left_out or bool(dots),
    )


def _top_name(node: ast.stmt) -> str | None:
    if isinstance(node, FUNCTIONS):
        return function_key(node)
    return node.name if isinstance(node, ast.ClassDef) else assigned_name(node)


def is_dots(node: ast.stmt) -> bool:
    """The statement ``...``."""
    return (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is Ellipsis
    )


def class_elided(definition: Definition) -> bool:
    """Return whether a class is given with parts left out between its members."""
    node = definition.node
    assert isinstance(node, ast.ClassDef)
    if any(is_dots(statement) for statement in node.body):
        return True
    inner = tree_of(definition.text).body[0]
    assert isinstance(inner, ast.ClassDef)
    spans = [(first_line(n), n.end_lineno or n.lineno) for n in inner.body]
    return any(
        is_elision(comment)
        for line, (_, comment) in _comments(definition.text).items()
        if not any(first <= line <= last for first, last in spans)
    )


def members(definition: Definition) -> Iterator[Definition]:
    """The methods, fields and constants of a class, each as a definition."""
    spliced = SplicedText(definition.text)
    node = spliced.tree.body[0]
    assert isinstance(node, ast.ClassDef)
    comments = _comments(definition.text)
    for statement in node.body:
        name = member_name(statement)
        if name:
            left_out = isinstance(statement, FUNCTIONS) and _leaves_out(statement, comments)
            above = tuple(_above(first_line(statement), comments))
            yield Definition(name, statement, spliced.text_of(statement), above, left_out, node.name)


def function_key(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """The name of a function; with ``.setter`` or ``.deleter`` for these parts of a property."""
    parts = [d.attr for d in node.decorator_list if isinstance(d, ast.Attribute)]
    return next(
        (f"{node.name}.{part}" for part in parts if part in ("setter", "deleter", "getter")), node.name
    )


def member_name(node: ast.stmt) -> str | None:
    """The name of a method, field or constant of a class; None for anything else."""
    if isinstance(node, FUNCTIONS):
        return function_key(node)
    if isinstance(node, ast.ClassDef):
        return node.name
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return assigned_name(node)


def _leaves_out(node: ast.FunctionDef | ast.AsyncFunctionDef, comments: dict[int, tuple[int, str]]) -> bool:
    """Return whether a function is given without part of its body."""
    body = node.body[1:] if is_text(node.body[0]) else node.body
    if not body or any(is_dots(part) for part in ast.walk(node) if isinstance(part, ast.stmt)):
        return True
    inside = range(node.lineno, (node.end_lineno or node.lineno) + 1)
    return any(is_elision(comment) for line, (_, comment) in comments.items() if line in inside)


def _entry(node: ast.stmt) -> tuple[str, str, str] | None:
    if not (isinstance(node, ast.Assign) and len(node.targets) == 1):
        return None
    target = node.targets[0]
    if not (isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name)):
        return None
    key = target.slice
    if not (target.value.id.isupper() and isinstance(key, ast.Constant) and isinstance(key.value, str)):
        return None
    return target.value.id, key.value, ast.unparse(node.value)


def _comments(text: str) -> dict[int, tuple[int, str]]:
    """The comments of ``text``: line → column (-1 where code stands before it) and text."""
    found: dict[int, tuple[int, str]] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                alone = not token.line[: token.start[1]].strip()
                found[token.start[0]] = (token.start[1] if alone else -1, token.string)
    except (tokenize.TokenError, SyntaxError):
        pass
    return found


def _above(line: int, comments: dict[int, tuple[int, str]]) -> list[str]:
    """Return the comment lines directly above ``line``, except for those in place of omitted code."""
    found: list[str] = []
    while (line := line - 1) in comments and comments[line][0] >= 0:
        if not is_elision(comments[line][1]) and not _NARRATION.match(comments[line][1]):
            found.insert(0, comments[line][1])
    return found
