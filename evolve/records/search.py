"""Records of a search: candidates, and the model replies that they were made from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evolve.records.base import Record

Became = Literal[
    "valid", "worse", "no effect", "same", "static", "failed", "unreadable", "duplicate", "frozen", "lost"
]
"""An answer became a child (``valid``); a program that returns clearly less of the evidence than its parent
(``worse``); a program that returns what its parent does (``no effect``); the
parent's own text (``same``); a program with a fault that the source shows (``static``), that failed when it
was tried, that is known already, or that changed what is frozen; no program (``unreadable``); or it did not
come (``lost``)."""


class Try(Record):
    """Reply of a model that was asked for a candidate."""

    kind: Literal["draw", "repair"] = Field(
        description="asked anew, or told what was wrong with the last one"
    )
    form: str = Field(description="in which the edit was asked for")
    became: Became


class Candidate(Record):
    """A program with its place in the search. What is not ``complete`` is compared with nobody.

    Example:
        >>> parent = Candidate(number=0, program="a", objectives={"quality": 0.5, "cost": 900.0})
        >>> parent.complete, Candidate(number=1, program="b", objectives={}, failed=True).complete
        (True, False)
    """

    number: int = Field(description="order of birth: seeds first, then children from the first to the last")
    program: str = Field(description="id of the program")
    name: str = Field(default="", description="file name of a seed; empty for a child")
    parents: tuple[int, ...] = Field(default=(), description="numbers of the parents, the main one first")
    operator: str = Field(default="seed", description="what made it")
    message: str = Field(default="", description="what was changed and why, in a sentence")
    objectives: dict[str, float] = Field(description="objective → value; empty where it failed")
    item_scores: dict[str, float] = Field(default={}, description="task id → score on the static subset")
    failed: bool = Field(default=False, description="it broke, and has no objectives")
    raced: bool = Field(
        default=False,
        description="given up before its evaluation was whole: it has some item scores, and no objectives",
    )

    @property
    def complete(self) -> bool:
        """True if the candidate has objectives, so that it can be compared and be a parent."""
        return not self.failed and not self.raced
