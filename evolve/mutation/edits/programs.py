"""Code in a reply: whole programs, definitions, and code that is only shown."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

from evolve.mutation.edits.answer import EditName
from evolve.mutation.edits.changes import EditError, LineChange
from evolve.mutation.edits.code import Code, Definition, class_elided, members, read_code
from evolve.mutation.edits.reply import EditReply, Fence, without_label
from evolve.program.identity import fingerprint
from evolve.program.parsing import UNPARSABLE
from evolve.program.parts import BASE_CLASS, CLASSES, CONSTANTS
from evolve.program.source import Source, source_of
from evolve.program.syntax import FUNCTIONS, bound_names, loaded_names

EDITS_NOT_FOUND: Mapping[EditName, str] = MappingProxyType(
    {
        "blocks": "There is no edit: no line `<<<<<<< SEARCH` stands in the reply, and no block of code.",
        "patch": "There is no edit: no patch with lines `@@` stands in the reply, and no block of code.",
        "whole": "There is no fenced block. Give the whole program between lines of three backticks.",
        "definitions": "There is no fenced block with code. Give each definition that changes, as a whole, "
        "between lines of three backticks.",
    }
)
_PYTHON = frozenset(
    {"", "python", "py", "python3", "py3", "pycon", "ipython", "code", "txt", "text", "plaintext"}
)
_BEGINS = re.compile(
    r"[ \t]*(?:async[ \t]+def|def|class)[ \t]+\w|[ \t]*@\w|import \w|from \w+(\.\w+)* import\b"
    r"|[A-Z_][A-Z0-9_]+ *(?::[^=]+)?=|\"\"\""
)
_GOES_ON = re.compile(r"[ \t]|[)\]}#]|\"\"\"|'''|else\b|elif\b|except\b|finally\b|if __name__")
_DEFINED = re.compile(r"(?m)^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)")
_CHOICE = re.compile(
    r"\b(?:alternative(?:ly)?|another (?:option|version|way)|option \w+|or else|version \w\b"
    r"|instead you (?:can|could))",
    re.IGNORECASE,
)
_OLD_LABEL = re.compile(
    r"(?:^|\n)[\s*#`>]*(?:search|find|old|original|before|replace(?: this)?|from)"
    r"(?: (?:code|lines?|text|for))*[\s*:`]*\Z",
    re.IGNORECASE,
)
_NEW_LABEL = re.compile(
    r"(?:^|\n)[\s*#`>]*(?:replace(?:ment)?(?: (?:it )?(?:with|by))?|with|by|new|after|updated|to)"
    r"(?: (?:code|lines?|text))*[\s*:`]*\Z",
    re.IGNORECASE,
)
_METHODS = ("__init__", "write", "read")


def code_of(reply: EditReply, *, finished: bool) -> list[Code]:
    """Return the code with definitions, of each fence of ``reply`` or, without fences, of its lines.

    Raises:
        EditError: a fence may be cut off, or its code does not parse.
    """
    read: list[tuple[Fence, Code]] = []
    unread_fences: list[tuple[EditError, set[str]]] = []
    python = [fence for fence in reply.fences if fence.language in _PYTHON or fence.language.startswith("py")]
    for number, fence in enumerate(python, start=1):
        try:
            code = read_code(without_label(fence.code)[1])
        except SyntaxError as error:
            if _looks_like_code(fence.code):
                names = set(_DEFINED.findall(fence.code)) if fence.closed else set()
                unread_fences.append((_unreadable(error, fence, number, len(python)), names))
            continue
        if not fence.closed and not finished and _defines(code):
            raise EditError(
                "The last fenced block does not end, so the reply may have been cut off. Give all of it, and "
                "end the block with a line of three backticks."
            )
        if _defines(code):
            read.append((fence, code))
        elif code.others and _looks_like_a_body(code):
            unread_fences.append((_no_definition(code), set()))
    if not python or not (read or unread_fences):
        read = [(fence, code) for fence, code in _unfenced(reply)]
    given = {definition.name for _, code in read for definition in code.definitions}
    unread = [error for error, names in unread_fences if not names or not names <= given]
    if unread and (not read or any("parse" in str(error) for error in unread)):
        raise unread[0]
    _refuse_choices(read)
    return [code for _, code in read]


def labelled_pairs(fences: Sequence[Fence]) -> list[LineChange]:
    """Search and replacement in a fence each, below a line such as ``Search:`` and ``Replace:``."""
    if not all(fence.closed for fence in fences):
        return []
    pairs = [
        (first, second)
        for first, second in pairwise(fences)
        if _OLD_LABEL.search(first.before.rstrip()) and _NEW_LABEL.search(second.before.rstrip())
    ]
    return [
        LineChange(f"pair {number} of {len(pairs)}", tuple(old.code.split("\n")), tuple(new.code.split("\n")))
        for number, (old, new) in enumerate(pairs, start=1)
    ]


def _defines(code: Code) -> bool:
    return bool(code.definitions or code.entries)


def _looks_like_code(text: str) -> bool:
    return any(_BEGINS.match(line) for line in text.split("\n"))


def _looks_like_a_body(code: Code) -> bool:
    """Return whether statements may be part of a method, rather than a use of the program."""
    return any(
        isinstance(node, (ast.Return, ast.For, ast.If, ast.Assign, ast.AugAssign)) for node in code.others
    )


def _unreadable(error: SyntaxError, fence: Fence, number: int, total: int) -> EditError:
    where = f"fenced block {number} of {total}" if total > 1 else "fenced block"
    line = f" at its line {error.lineno}" if error.lineno else ""
    shown = f": `{(error.text or '').strip()[:100]}`" if (error.text or "").strip() else ""
    cut = "" if fence.closed else " It does not end, so the reply may have been cut off."
    return EditError(f"The {where} does not parse{line}: {error.msg}{shown}.{cut} Give it again, complete.")


def _no_definition(code: Code) -> EditError:
    shown = ast.unparse(code.others[0]).split("\n")[0][:100]
    return EditError(
        f"The code is no definition: it begins with `{shown}`. Give the whole method, function, class or "
        "constant that changes, beginning with its line `def`, `class` or `NAME =`."
    )


def _unfenced(reply: EditReply) -> Iterator[tuple[Fence, Code]]:
    """Return code without fences: runs of lines that begin as definitions do."""
    if reply.fences:
        return
    lines = reply.text.split("\n")
    number = 0
    while number < len(lines):
        if not _BEGINS.match(lines[number]):
            number += 1
            continue
        start, number = number, _end_of_run(lines, number)
        text = "\n".join(lines[start:number])
        try:
            code = read_code(text)
        except SyntaxError as error:
            raise _unreadable(error, Fence("", text, True, "", start, number), 1, 1) from error
        if _defines(code):
            yield Fence("", text, True, "", start, number), code


def _end_of_run(lines: Sequence[str], start: int) -> int:
    quote = ""
    number = start
    while number < len(lines):
        line = lines[number]
        if not quote and line.strip() and not (_BEGINS.match(line) or _GOES_ON.match(line)):
            break
        for mark in ('"""', "'''"):
            if line.count(mark) % 2 and quote in ("", mark):
                quote = "" if quote else mark
        number += 1
    return number


def _refuse_choices(read: Sequence[tuple[Fence, Code]]) -> None:
    """Refuse a name that is given twice where the prose offers a choice."""
    seen: dict[str, str] = {}
    for fence, code in read:
        for definition in code.definitions:
            mark = fingerprint(ast.Module(body=[definition.node], type_ignores=[]))
            if seen.setdefault(definition.name, mark) != mark and _CHOICE.search(fence.before):
                raise EditError(
                    f"`{definition.name}` is given in two versions to choose from. Decide, and give one."
                )


def program_in(codes: Sequence[Code], source: str) -> str | None:
    """The one whole program among ``codes``; None where there are only definitions.

    Raises:
        EditError: there are two that differ, or further definitions that differ from its own.
    """
    try:
        old = source_of(source)
        old_mark = old.fingerprint
    except UNPARSABLE:
        return codes[0].text.rstrip("\n") + "\n" if len(codes) == 1 else None
    programs = {source_of(code.text).fingerprint: code for code in codes if _is_program(code, old)}
    if not programs:
        return None
    new = {mark: code for mark, code in programs.items() if mark != old_mark} or programs
    if len(new) > 1:
        raise EditError(f"The reply holds {len(new)} whole programs that differ. Decide, and give one.")
    program = next(iter(new.values()))
    known = set(_marks(program)) | set(_marks_of(old.tree))
    for code in codes:
        if code is not program and source_of(code.text).fingerprint not in programs:
            differing = [d.name for d in code.definitions if _mark(d.node) not in known]
            if differing:
                raise EditError(
                    f"Beside the whole program stands another version of `{differing[0]}`. Give the program "
                    "alone, or only the definitions that change."
                )
    return program.text.rstrip("\n") + "\n"


def _marks(code: Code) -> Iterator[str]:
    yield from _marks_of(code.tree)


def _marks_of(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        yield _mark(node)
        if isinstance(node, ast.ClassDef):
            yield from (_mark(part) for part in node.body)


def _mark(node: ast.stmt) -> str:
    return fingerprint(ast.Module(body=[node], type_ignores=[]))


def _is_program(code: Code, old: Source) -> bool:
    """Return whether ``code`` replaces all of the program ``old``: with the contract, nothing left out."""
    given = {definition.name: definition for definition in code.definitions}
    names = {name for node in old.tree.body for name in bound_names(node)}
    required = {name for name in (*CLASSES, *CONSTANTS) if name in names}
    if not required & set(CLASSES):
        required = {n.name for n in old.tree.body if isinstance(n, (*FUNCTIONS, ast.ClassDef))}
    if not required or not required <= given.keys() or code.elided:
        return False
    if any(d.elided or _partial(d, old) for d in given.values()):
        return False
    bound = {name for node in code.tree.body for name in bound_names(node)}
    return not loaded_names(code.tree) & (names - bound)


def _partial(definition: Definition, old: Source) -> bool:
    """Return whether a class is given without a part that its other parts, or the contract, need."""
    node = definition.node
    before = old.classes.get(definition.name)
    if not isinstance(node, ast.ClassDef) or before is None:
        return False
    given = list(members(definition))
    if class_elided(definition) or any(member.elided for member in given):
        return True
    had = {s.name for s in before.body if isinstance(s, FUNCTIONS)}
    lacking = had - {member.name for member in given}
    used = {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    return bool(lacking & used) or (definition.name == BASE_CLASS and bool(lacking & set(_METHODS)))
