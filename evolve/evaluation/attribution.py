"""Attribution of lost gold evidence to a stage on its way to the answer, by text alone."""

from __future__ import annotations

import ast
import json
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from evolve.program import Parts
from evolve.program.parsing import parse
from evolve.records import Evidence, Fields, Stage, Task
from evolve.scoring import contains_passage, content_words

LOW_SCORE = 0.5
"""Scores below this one are failure cases."""


@dataclass(frozen=True)
class MemoryContents:
    """Episodes given to one memory and the text that its ``write`` received.

    Attributes:
        given: episode id → its text, for every episode of the subset that belongs to this memory.
        received: episode id → the text that ``write`` had to work with, see ``received_text``. Episodes whose
            write failed are missing.
        verbatim: ``write`` looks at the raw text. Where it does not, all that is stored was worded by the
            agent, and a passage counts as present also where the content words of the answer are.
    """

    given: Mapping[str, str]
    received: Mapping[str, str]
    verbatim: bool = True

    @cached_property
    def given_words(self) -> frozenset[str]:
        """Content words of all given episodes."""
        return frozenset(word for text in self.given.values() for word in content_words(text))

    @cached_property
    def received_words(self) -> frozenset[str]:
        """Content words of all received texts."""
        return frozenset(word for text in self.received.values() for word in content_words(text))


def attribute(
    task: Task, score: float, *, memory: MemoryContents, retrieved: str, low: float = LOW_SCORE
) -> Stage | None:
    """Return the first stage at which something that the answer needs is missing; None for a score of at
    least ``low``.

    - ``NOT_GIVEN``: a passage of the evidence is in no episode of the subset. No program can help that.
    - ``LOST_IN_WRITE``: every passage was given, but the write of its episode failed, or ``write`` ignores
      the raw text and the extracted item does not have it. Losses *inside* ``write`` cannot be seen from
      outside: they count as not retrieved.
    - ``NOT_MAINTAINED``: see ``stages``, which looks at what is not retrieved.
    - ``NOT_RETRIEVED``: the text that ``read`` returned lacks a passage. Evidence retrieved in part is not
      retrieved.
    - ``NOT_USED``: all evidence was retrieved, but the score is low.

    A task without gold evidence is traced by the content words of its gold answer instead; one with neither
    cannot be traced, and has no stage.
    """
    if score >= low or not (task.evidence or task.answers):
        return None
    trace = _by_evidence(task, memory, retrieved) if task.evidence else _by_words(task, memory, retrieved)
    for stage, present in trace:
        if not present():
            return stage
    return Stage.NOT_USED


def is_stored(task: Task, passage: Evidence, texts: str, *, verbatim: bool) -> bool:
    """Return whether a passage of the evidence is among stored ``texts``, each on a line of its own.

    Where the agent worded what is stored, one text with the content words of the answer counts as well.
    """
    if contains_passage(texts, passage.text):
        return True
    return not verbatim and any(_has_answer(task, line) for line in texts.split("\n"))


def reads_raw_text(parts: Parts) -> bool:
    """Return whether ``write`` mentions its second argument at all, by syntax; True where that cannot be
    determined.
    """
    source = parts.methods.get("write", "")
    try:
        function = parse(textwrap.dedent(source)).body[0]
    except (SyntaxError, IndexError):
        return True
    if not isinstance(function, ast.FunctionDef) or len(function.args.args) < 3:
        return True
    name = function.args.args[2].arg
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(function))


def received_text(item: Fields, raw_text: str, *, verbatim: bool) -> str:
    """Return the text that ``write`` had to work with: the item's values, and the raw text if it looks at
    that.
    """
    worded = json.dumps(item, ensure_ascii=False)
    return f"{worded}\n{raw_text}" if verbatim else worded


_Trace = tuple[tuple[Stage, Callable[[], bool]], ...]


def _by_evidence(task: Task, memory: MemoryContents, retrieved: str) -> _Trace:
    def found(text: str, passage: Evidence) -> bool:
        return contains_passage(text, passage.text) or (not memory.verbatim and _has_answer(task, text))

    def among(texts: Mapping[str, str]) -> bool:
        return all(p.episode in texts and found(texts[p.episode], p) for p in task.evidence)

    return (
        (Stage.NOT_GIVEN, lambda: all(p.episode in memory.given for p in task.evidence)),
        (Stage.LOST_IN_WRITE, lambda: among(memory.received)),
        (Stage.NOT_RETRIEVED, lambda: all(found(retrieved, p) for p in task.evidence)),
    )


def _by_words(task: Task, memory: MemoryContents, retrieved: str) -> _Trace:
    wanted = frozenset(content_words(task.answers[0]))
    return (
        (Stage.NOT_GIVEN, lambda: wanted <= memory.given_words),
        (Stage.LOST_IN_WRITE, lambda: wanted <= memory.received_words),
        (Stage.NOT_RETRIEVED, lambda: wanted <= frozenset(content_words(retrieved))),
    )


def _has_answer(task: Task, text: str) -> bool:
    """Return whether ``text`` has all words of the answer; never for a task that is acted or marked."""
    wanted = frozenset(content_words(task.answers[0] if task.answers else ""))
    return bool(wanted) and wanted <= frozenset(content_words(text))
