"""Reader of edits in any form, of single statements too, and their application to a program."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from textwrap import dedent

from evolve.errors import ProgramError
from evolve.models.structured import strip_thoughts
from evolve.mutation.edits.answer import EditName, one_line
from evolve.mutation.edits.blocks import BLOCK_OPENS, read_blocks
from evolve.mutation.edits.changes import EditError, NoChange, apply_changes
from evolve.mutation.edits.definitions import apply_definitions
from evolve.mutation.edits.envelope import opened_envelope, repaired_envelope
from evolve.mutation.edits.patch import is_patch, read_loose_patch, read_split_patch
from evolve.mutation.edits.programs import EDITS_NOT_FOUND, code_of, labelled_pairs, program_in
from evolve.mutation.edits.reply import EditReply, Fence, read_reply
from evolve.program import MemoryProgram
from evolve.program.layout import with_unix_newlines
from evolve.program.parsing import UNPARSABLE, tree_of
from evolve.program.pieces import Pieces
from evolve.program.source import source_of
from evolve.program.splicing import SplicedText

_COMPOUND = (ast.For, ast.While, ast.If, ast.With, ast.Try)


def statement_applied(source: str, fence: Fence) -> str | None:
    """Return ``source`` with its loop or condition replaced by that of ``fence``.

    None where the fence holds anything else, may be cut off, or where its first line occurs nowhere in the
    program, or in several places: then there is no reading, or more than one.

    >>> old = "def f(rows):\\n    for row in rows:\\n        print(row)\\n"
    >>> new = Fence("python", "for row in rows:\\n    print(row * 2)", True, "", 0, 3)
    >>> print(statement_applied(old, new))
    def f(rows):
        for row in rows:
            print(row * 2)
    <BLANKLINE>
    """
    if not fence.closed:
        return None
    lines = dedent(fence.code).strip("\n").split("\n")
    try:
        given = tree_of("\n".join(lines) + "\n").body
        present = [node for node in ast.walk(tree_of(source)) if isinstance(node, _COMPOUND)]
    except UNPARSABLE:
        return None
    if len(given) != 1 or not isinstance(given[0], _COMPOUND):
        return None
    old = source.split("\n")
    places = [node for node in present if old[node.lineno - 1].strip() == lines[0].strip()]
    if len(places) != 1:
        return None
    place = places[0]
    return SplicedText(source).replaced(place, "\n".join(lines))


_NAMED = 5


@dataclass(frozen=True)
class Edited:
    """Program after the edit of a reply.

    Attributes:
        source: the changed source, its lines ended by line feeds.
        message: the reply's description of the change, in one line of at most 240 characters; without one,
            the names of the changed parts.
        form: the form in which the edit was given, which may be another than the one asked for.
    """

    source: str
    message: str
    form: EditName


class _NotFound(EditError):
    """Reply without anything that may be an edit."""


def read_edit(text: str, source: str, form: EditName, *, finished: bool = False) -> Edited:
    """Read the edit in a model's reply and apply it to ``source``. Nothing of it is executed.

    Thoughts are left out. An edit in another form than ``form`` is taken where it has one reading.

    Args:
        text: the reply as it came.
        source: the program to be changed.
        form: the form that was asked for; it is looked for first.
        finished: the model ended the reply by itself, so that a last fence may lack its end.

    Raises:
        EditError: there is no edit, it may be cut off, does not fit the program, or has several readings.
        NoChange: the edit leaves the program as it is, apart from layout, comments and docstrings.

    >>> reply = "MESSAGE: Return more.\\n```python\\nLIMIT = 9\\n```"
    >>> read_edit(reply, "LIMIT = 5\\n", "definitions")
    Edited(source='LIMIT = 9\\n', message='Return more.', form='definitions')
    """
    old = with_unix_newlines(source)
    said = strip_thoughts(with_unix_newlines(text))
    if not said.strip():
        raise EditError("The reply is empty, or holds nothing but thoughts. Give the edit after them.")
    reply = read_reply(opened_envelope(said))
    try:
        name, new = _applied(reply, old, form, finished)
    except _NotFound:
        inner = repaired_envelope(said)
        if not inner:
            raise
        reply = read_reply(inner)
        name, new = _applied(reply, old, form, finished)
    _refuse_equal(old, new)
    message = reply.message or reply.sentence or _derived(old, new)
    return Edited(new, one_line(message), name)


def _applied(reply: EditReply, source: str, form: EditName, finished: bool) -> tuple[EditName, str]:
    holds_blocks = any(BLOCK_OPENS.fullmatch(line) for line in reply.text.split("\n"))
    holds_patch = any(is_patch(fence.code, fence.language) for fence in reply.fences) or is_patch(reply.text)
    if holds_blocks and not (form == "patch" and holds_patch):
        return "blocks", apply_changes(source, read_blocks(reply.text))
    if holds_patch:
        return "patch", _patched(reply, source, finished)
    try:
        codes = code_of(reply, finished=finished)
    except EditError:
        pairs = labelled_pairs(reply.fences)
        if pairs:
            return "blocks", apply_changes(source, pairs)
        stated = statement_applied(source, reply.fences[0]) if len(reply.fences) == 1 else None
        if stated is None:
            raise
        return "definitions", stated
    if not codes:
        raise _NotFound(EDITS_NOT_FOUND[form])
    program = program_in(codes, source)
    if program is not None:
        return "whole", program
    return "definitions", apply_definitions(source, codes)


def _patched(reply: EditReply, source: str, finished: bool) -> str:
    fences = [fence for fence in reply.fences if is_patch(fence.code, fence.language)]
    if any(not fence.closed for fence in fences) and not finished:
        raise EditError(
            "The fenced block with the patch does not end, so the reply may have been cut off. Give "
            "all of it."
        )
    patches = [fence.code for fence in fences] or [reply.text]
    try:
        return apply_changes(source, [change for patch in patches for change in read_loose_patch(patch)])
    except EditError as error:
        try:
            return apply_changes(source, [change for patch in patches for change in read_split_patch(patch)])
        except EditError:
            raise error from None


def _refuse_equal(old: str, new: str) -> None:
    try:
        same = source_of(old).fingerprint == source_of(new).fingerprint
    except UNPARSABLE:
        same = old == new
    if same:
        raise NoChange("The edit leaves the program as it is. Change what the program does.")


def _derived(old: str, new: str) -> str:
    """A commit message made of the names that an edit changes."""
    try:
        before, after = Pieces.of(MemoryProgram(old)).marks, Pieces.of(MemoryProgram(new)).marks
    except ProgramError:
        return "changes the program"
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    shown = [name.removeprefix("KnowledgeBase.") for name in names[:_NAMED]]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"changes {', '.join(shown)}{more}" if shown else "changes the program"
