"""Edit formats by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from evolve.mutation.edits.blocks import read_blocks
from evolve.mutation.edits.changes import EditError, apply_changes
from evolve.mutation.edits.definitions import apply_definitions
from evolve.mutation.edits.names import EditName
from evolve.mutation.edits.patch import read_patch
from evolve.mutation.edits.programs import code_of
from evolve.mutation.edits.reply import read_reply
from evolve.mutation.edits.whole import read_whole
from evolve.program.layout import with_unix_newlines


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
