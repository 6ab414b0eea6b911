"""Normalisation of code to the left margin, whatever margins, tabs and blanks a model gives it."""

from __future__ import annotations

import ast
import re
import tokenize

from evolve.program.layout import dedented, indentation
from evolve.program.parsing import UNPARSABLE, tree_of
from evolve.program.splicing import SplicedText
from evolve.program.syntax import FUNCTIONS

_SPLITS = 40
_CHARACTERS = str.maketrans(
    {"\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u3000": " ", "\u200b": "", "\u200c": "", "\u2060": ""}
    | {"\ufeff": ""}
)
_QUOTES = str.maketrans({"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'"})
_BEGINS = re.compile(r"[ \t]*(?:async[ \t]+def|def|class)\b|[ \t]*@\w")


def normalised(text: str) -> tuple[str, dict[str, str]]:
    """Return the code at the left margin, so that it parses, and the classes named in ``def Class.method``.

    Raises:
        SyntaxError: no permitted correction makes it parse.
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
    """Move definitions at different margins to the left margin, group by group."""
    done: list[str] = []
    rest = text.split("\n")
    for _ in range(_SPLITS):
        while rest and not rest[0].strip():
            rest.pop(0)
        plain = _at_margin("\n".join(rest))
        if plain is None:
            return None
        try:
            tree_of(plain)
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
            tree_of(head)
            done.append(head.rstrip())
            rest = rest[at:]
    return None


def _spaced(plain: str) -> str:
    """``plain``, which must parse, with blanks for tabs at the beginning of lines if it means the same."""
    tree = tree_of(plain)
    if "\t" not in plain:
        return plain
    spaced = _without_tabs(plain)
    try:
        return spaced if ast.dump(tree_of(spaced)) == ast.dump(tree) else plain
    except UNPARSABLE:
        return plain


def _unnested(plain: str) -> str:
    """``plain`` with methods taken out of the function that they are indented under by mistake."""
    for _ in range(_SPLITS):
        inner = next(
            (
                part
                for node in tree_of(plain).body
                if isinstance(node, FUNCTIONS)
                for part in node.body[1:]
                if _is_method(part)
            ),
            None,
        )
        if inner is None:
            return plain
        moved = SplicedText(plain).moved_to_end(inner)
        tree_of(moved)
        plain = moved
    return plain


def _is_method(node: ast.stmt) -> bool:
    return isinstance(node, FUNCTIONS) and bool(node.args.args) and node.args.args[0].arg == "self"


def _without_tabs(text: str) -> str:
    return "\n".join(
        indentation(line).replace("\t", "    ") + line[len(indentation(line)) :] for line in text.split("\n")
    )
