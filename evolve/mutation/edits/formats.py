"""Edit formats by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from evolve.mutation.edits.answer import EditName, fenced
from evolve.mutation.edits.blocks import read_blocks
from evolve.mutation.edits.changes import EditError, apply_changes
from evolve.mutation.edits.definitions import apply_definitions
from evolve.mutation.edits.patch import read_patch
from evolve.mutation.edits.programs import code_of
from evolve.mutation.edits.reply import read_reply
from evolve.program.layout import with_unix_newlines


def read_whole(text: str) -> str:
    """The source in the fenced block of ``text``, ended by a line feed.

    Raises:
        EditError: there is no such block, or it is empty, does not end, or is not the only one.
    """
    source = fenced(text, holds="the program")
    if not source.strip():
        raise EditError("The fenced block is empty; expected the whole program.")
    return source + "\n"


def _whole(source: str, text: str) -> str:
    edited = read_whole(text)
    if edited.strip("\n") == with_unix_newlines(source).strip("\n"):
        raise EditError("The program is the one that was to be changed.")
    return edited


def _definitions(source: str, text: str) -> str:
    return apply_definitions(source, code_of(read_reply(text), finished=False))


FORMATS: Mapping[EditName, Callable[[str, str], str]] = MappingProxyType(
    {
        "blocks": lambda source, text: apply_changes(source, read_blocks(text)),
        "patch": lambda source, text: apply_changes(source, read_patch(text)),
        "whole": _whole,
        "definitions": _definitions,
    }
)
"""Name → ``(source, text of the edit) -> edited source``; raises ``EditError``."""


def apply_edit(name: EditName, source: str, text: str) -> str:
    """Apply the edit in ``text`` to ``source``.

    Raises:
        EditError: it cannot be read, does not fit the source, or changes nothing.
    """
    return FORMATS[name](source, with_unix_newlines(text))
