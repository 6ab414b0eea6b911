"""Code as a model gives it in a fence, read into imports, definitions and the rest."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from evolve.mutation.splicing import SplicedText, SpliceError
from evolve.program.layout import dedented, indentation, with_unix_newlines
from evolve.program.parsing import UNPARSABLE, parse
from evolve.program.parts import assigned_name, first_line

_NARRATION = re.compile(
    r"#\s*(?:file(?:name)?:\s*)?[\w/.-]+\.py\s*$"
    r"|#.*\b(?:new|changed?|updated?|modified|improved|revised|fixed|replaced?|added)\b.*"
    r"\b(?:methods?|functions?|class|code|version|definition|constant|helper|imports?)\b",
    re.IGNORECASE,
)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SPLITS = 40
_CHARACTERS = str.maketrans(
    {"\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u3000": " ", "\u200b": "", "\u200c": "", "\u2060": ""}
    | {"\ufeff": ""}
)
_QUOTES = str.maketrans({"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'"})
_BEGINS = re.compile(r"[ \t]*(?:async[ \t]+def|def|class)\b|[ \t]*@\w")
_THING = (
    r"(?:(?:the|your|this|all|any|of|other|rest|remainder|remaining|existing|previous|original|old|current|earlier"
    r"|code|class|methods?|functions?|program|implementation|body|logic|fields?|lines?|definitions?|imports?"
    r"|constants?|helpers?|above|below|here|goes|stuff|things?|everything|else|parts?)[ ,]*)+"
)
_SAME = (
    r"(?:(?:(?:is|are|stays?|remains?|be|as|it|was|were|same|the|exactly|unchanged|before|above|original|omitted"
    r"|for|brevity|not|no|changes?|changed|needed|here|in|keep|kept|left|out|to|previous|version|program)[ ,]*)+)"
)
_ELISION = re.compile(rf"(?:{_THING})?(?:{_SAME})?", re.IGNORECASE)
_TELLING = re.compile(
    r"\b(?:rest|remainder|remaining|existing|other|same|unchanged|omitted|no changes?|as before|everything else)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Definition:
    """One top-level function, class, constant or method as the model gives it.

    Attributes:
        name: its name, without a class.
        node: its syntax tree.
        text: its text at the left margin, with decorators.
        comments: the comment lines directly above it, at the left margin.
        elided: part of its body is left out (``...``, ``# same as before``).
        owner: the class in whose name it is given (``def KnowledgeBase.read``); empty where none is.
    """

    name: str
    node: ast.stmt
    text: str
    comments: tuple[str, ...] = ()
    elided: bool = False
    owner: str = ""


@dataclass(frozen=True)
class Code:
    """What the code of one or more fences holds.

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

    Indentation as a whole, tabs, non-breaking spaces, curly quotes outside of what parses, and methods at
    another margin than the code before them are put right.

    Raises:
        SyntaxError: it is no Python.
    """
    plain, owners = _normalised(with_unix_newlines(text))
    tree = parse(plain)
    spliced = SplicedText(plain)
    comments = _comments(plain)
    imports, definitions, entries, others = [], [], [], []
    for node in tree.body:
        name = node.name if isinstance(node, (*FUNCTIONS, ast.ClassDef)) else assigned_name(node)
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


def is_text(node: ast.stmt) -> bool:
    """A statement that is a string: a docstring."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def is_dots(node: ast.stmt) -> bool:
    """The statement ``...``."""
    return (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is Ellipsis
    )


def is_elision(comment: str) -> bool:
    """A comment that stands for code left out, such as ``# ... rest of the method unchanged``."""
    body = comment.lstrip("#").strip()
    plain = body.strip(" .…()[]<>-—*:;!")
    if not plain:
        return "..." in body or "…" in body
    dotted = body.startswith(("...", "…")) or body.endswith(("...", "…"))
    if dotted and _TELLING.search(plain):
        return True
    return bool(_TELLING.search(plain)) and _ELISION.fullmatch(plain) is not None


def comment_lines(text: str) -> dict[int, tuple[int, str]]:
    """The comments that have a line to themselves: line (from 1) → column and text."""
    return {line: found for line, found in _comments(text).items() if found[0] >= 0}


def class_elided(definition: Definition) -> bool:
    """Whether a class is given with parts left out between its members."""
    node = definition.node
    assert isinstance(node, ast.ClassDef)
    if any(is_dots(statement) for statement in node.body):
        return True
    inner = parse(definition.text).body[0]
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


def member_name(node: ast.stmt) -> str | None:
    """The name of a method, field or constant of a class; None for anything else."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return node.name
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return assigned_name(node)


def _leaves_out(node: ast.FunctionDef | ast.AsyncFunctionDef, comments: dict[int, tuple[int, str]]) -> bool:
    """Whether a function is given without part of its body."""
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
    """The comment lines directly above ``line``, those that stand for left out code excepted."""
    found: list[str] = []
    while (line := line - 1) in comments and comments[line][0] >= 0:
        if not is_elision(comments[line][1]) and not _NARRATION.match(comments[line][1]):
            found.insert(0, comments[line][1])
    return found


def _normalised(text: str) -> tuple[str, dict[str, str]]:
    """The code at the left margin, so that it parses, and the classes named in ``def Class.method``.

    Raises:
        SyntaxError: nothing that may be put right makes it parse.
    """
    owners: dict[str, str] = {}

    def undotted(match: re.Match[str]) -> str:
        owners[match[3]] = match[2]
        return f"{match[1]}{match[3]}"

    text = text.strip("\n")
    dotless = re.sub(r"(?m)^([ \t]*(?:async[ \t]+)?def[ \t]+)(\w+)\.(\w+)(?=[ \t]*\()", undotted, text)
    cleaned = dotless.translate(_CHARACTERS)
    candidates = [dotless, cleaned, _without_tabs(cleaned), _without_tabs(cleaned.translate(_QUOTES))]
    first: SyntaxError | None = None
    for candidate in dict.fromkeys(candidates):
        for attempt in (_with_lost_margin, _at_margin, _in_groups):
            try:
                plain = attempt(candidate)
                if plain is not None:
                    return _unnested(_spaced(plain)), owners
            except SyntaxError as error:
                first = first or error
            except UNPARSABLE as error:
                first = first or SyntaxError(str(error) or type(error).__name__)
    raise first or SyntaxError("no code")


def _at_margin(text: str) -> str | None:
    lines = text.split("\n")
    filled = next((line for line in lines if line.strip()), "")
    if not indentation(filled):
        return text
    try:
        return dedented("if 1:\n" + text, 2, len(lines) + 1)
    except (tokenize.TokenError, SyntaxError):
        return None


def _with_lost_margin(text: str) -> str | None:
    """The code whose first line alone lost its indentation, as after text that was stripped."""
    lines = text.split("\n")
    begins = next(
        (n for n, line in enumerate(lines) if re.match(r"(?:async[ \t]+)?(?:def|class)\b", line)), None
    )
    if begins is None or any(line.strip() and not line.startswith(("@", "#")) for line in lines[:begins]):
        return None
    margins = [indentation(line) for line in lines[begins + 1 :] if line.strip()]
    margin = min(margins, key=len, default="")
    if not any(
        line.startswith(margin) and _BEGINS.match(line[len(margin) :]) for line in lines[begins + 1 :]
    ):
        margin = margin[4:]  # that of a body alone
    if not margin:
        return None
    return _at_margin("\n".join([*(margin + line for line in lines[: begins + 1]), *lines[begins + 1 :]]))


def _in_groups(text: str) -> str | None:
    """Code in which definitions stand at different margins, each group brought to the left margin."""
    done: list[str] = []
    rest = text.split("\n")
    for _ in range(_SPLITS):
        while rest and not rest[0].strip():
            rest.pop(0)
        plain = _at_margin("\n".join(rest))
        if plain is None:
            return None
        try:
            parse(plain)
            return "\n\n\n".join([*done, plain])
        except IndentationError as error:
            at = (error.lineno or 0) - 1
            while at > 0 and re.match(r"[ \t]*[@#]", rest[at - 1] if at <= len(rest) else ""):
                at -= 1
            if not 0 < at < len(rest) or not any(_BEGINS.match(line) for line in rest[at : at + 4]):
                raise
            head = _at_margin("\n".join(rest[:at]))
            if head is None:
                return None
            parse(head)
            done.append(head.rstrip())
            rest = rest[at:]
    return None


def _spaced(plain: str) -> str:
    """``plain``, which must parse, with blanks for tabs at the beginning of lines if it means the same."""
    tree = parse(plain)
    if "\t" not in plain:
        return plain
    spaced = _without_tabs(plain)
    try:
        return spaced if ast.dump(parse(spaced)) == ast.dump(tree) else plain
    except UNPARSABLE:
        return plain


def _unnested(plain: str) -> str:
    """``plain`` with methods taken out of the function that they are indented under by mistake."""
    for _ in range(_SPLITS):
        inner = next(
            (
                part
                for node in parse(plain).body
                if isinstance(node, FUNCTIONS)
                for part in node.body[1:]
                if _is_method(part)
            ),
            None,
        )
        if inner is None:
            return plain
        lines = plain.split("\n")
        first, last = first_line(inner), inner.end_lineno or inner.lineno
        rest = [*lines[: first - 1], *lines[last:]]
        moved = "\n".join([*rest, "", "", dedented(plain, first, last)])
        parse(moved)
        plain = moved
    return plain


def _is_method(node: ast.stmt) -> bool:
    return isinstance(node, FUNCTIONS) and bool(node.args.args) and node.args.args[0].arg == "self"


def _without_tabs(text: str) -> str:
    return "\n".join(
        indentation(line).replace("\t", "    ") + line[len(indentation(line)) :] for line in text.split("\n")
    )
