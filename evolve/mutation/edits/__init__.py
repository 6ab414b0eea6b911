"""Edits by language models: their formats, and how they are applied.

An edit that is cut off, ambiguous or not found is refused with an error that says which part and why; nothing
is guessed, and a refused edit changes nothing.
"""

from evolve.mutation.edits.answer import Answer, EditName, read_answer
from evolve.mutation.edits.changes import EditError, LineChange, NoChange, apply_changes
from evolve.mutation.edits.formats import FORMATS, apply_edit
from evolve.mutation.edits.reading import Edited, read_edit

__all__ = [
    "FORMATS",
    "Answer",
    "EditError",
    "EditName",
    "Edited",
    "LineChange",
    "NoChange",
    "apply_changes",
    "apply_edit",
    "read_answer",
    "read_edit",
]
