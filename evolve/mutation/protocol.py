"""What a mutator is given and what it gives back."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from evolve.program import MemoryProgram
from evolve.records import Candidate, Episode, Evaluation, Task


@dataclass(frozen=True)
class Brief:
    """All that may inform a mutation.

    Attributes:
        number: number of the child to be made.
        parent: the candidate to change.
        program: the parent's program.
        diagnosis: the parent on the rotating subset: the failures to learn from. Its tasks are validation
            tasks that do not count for fitness.
        partner: a second candidate for crossover, where the population has one to offer.
        partner_program: its program.
        tasks: the tasks of the diagnosis, by id.
        episodes: the episodes that the diagnosis ingested, by id.
        known: fingerprints of the programs that the campaign has seen; a child must not be one of them.
    """

    number: int
    parent: Candidate
    program: MemoryProgram
    diagnosis: Evaluation
    tasks: Mapping[str, Task]
    episodes: Mapping[str, Episode]
    partner: Candidate | None = None
    partner_program: MemoryProgram | None = None
    known: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Proposal:
    """A child: its program, how it was made, and why."""

    program: MemoryProgram
    operator: str
    message: str
    parents: tuple[int, ...]


@dataclass(frozen=True)
class Refusal:
    """No child came of it; ``reason`` says why."""

    operator: str
    reason: str


class Mutator(Protocol):
    """Makes a child of a parent. The same brief and an equal ``rng`` state give the same child."""

    @property
    def identity(self) -> str:
        """Name and version of everything that decides what it proposes."""
        ...

    def mutate(self, brief: Brief, rng: random.Random) -> Proposal | Refusal:
        """A child, checked against the contract, that differs from its parent; or a refusal.

        Raises:
            InfrastructureError: a model could not be reached; nothing is known about the child.
        """
        ...
