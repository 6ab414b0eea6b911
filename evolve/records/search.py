"""Records of a search: candidates, and the model replies that they were made from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evolve.records.base import Record

Became = Literal[
    "valid", "worse", "no effect", "same", "static", "failed", "unreadable", "duplicate", "frozen", "lost"
]
"""Outcome of a reply: a candidate (``valid``); a program that returns significantly less of the evidence than
its parent (``worse``); a program that returns the same as its parent (``no effect``); the parent's own text
(``same``); a program with a fault visible in the source (``static``), that failed when it was tried, that is
known already, or that changed a frozen part; no program (``unreadable``); or no reply (``lost``).
"""


Rung = Literal["warn", "diversify", "stop"]
"""Reaction to a plateau: tell the user; make candidates of another kind; end the search."""
TryKind = Literal["draw", "repair"]
"""Request that a reply answers: a new draw, or a repair with the error of the last one."""


class Try(Record):
    """Reply of a model that was asked for a candidate."""

    kind: TryKind = Field(description="a new draw, or a repair with the error of the last one")
    form: str = Field(description="requested format of the edit")
    became: Became
    reason: str = Field(
        default="", description="why it is no candidate, in a line; empty for a valid one, and in older runs"
    )


class Candidate(Record):
    """Program with its place in the search. A candidate that is not ``complete`` is compared with no other.

    Example:
        >>> parent = Candidate(number=0, program="a", objectives={"quality": 0.5, "cost": 900.0})
        >>> parent.complete, Candidate(number=1, program="b", objectives={}, failed=True).complete
        (True, False)
    """

    number: int = Field(description="order of creation: seeds first, then their offspring")
    program: str = Field(description="id of the program")
    name: str = Field(default="", description="file name of a seed; empty for offspring")
    parents: tuple[int, ...] = Field(default=(), description="numbers of the parents, the main one first")
    operator: str = Field(default="seed", description="what made it")
    message: str = Field(default="", description="what was changed and why, in a sentence")
    objectives: dict[str, float] = Field(description="objective → value; empty where it failed")
    item_scores: dict[str, float] = Field(default={}, description="task id → score on the static subset")
    failed: bool = Field(default=False, description="it broke, and has no objectives")
    raced: bool = Field(
        default=False,
        description="stopped early: it has some item scores, and no objectives",
    )

    @property
    def title(self) -> str:
        """Short title: the name of a seed, the operator of offspring."""
        return self.name or self.operator

    @property
    def complete(self) -> bool:
        """True if the candidate has objectives, so that it can be compared and be a parent."""
        return not self.failed and not self.raced
