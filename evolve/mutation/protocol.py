"""Mutator protocol, with its input and output."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from evolve.program import MemoryProgram
from evolve.records import Candidate, Episode, Evaluation, Task, Try, Usage

_CROSSED_ON_A_PLATEAU = 0.5
Scope = Literal["read", "write", "query", "response", "extraction", "everything"]
"""Part of a program that a mutation may change. ``read``: the method and its helpers. ``write``: all logic,
the schema kept. ``query``: the instruction and the schema of the Query, and ``read``. ``response``: its
instruction and ``ALWAYS_ON_KNOWLEDGE``. ``extraction``: the schema and the instruction of the KnowledgeItem,
and all logic. The rest is checked to be unchanged.
"""


@dataclass(frozen=True)
class Reference:
    """Reference program that may inspire a candidate; ``why`` it is shown, such as best sibling."""

    candidate: Candidate
    program: MemoryProgram
    why: str


@dataclass(frozen=True)
class RunSnapshot:
    """Candidates that were settled when a candidate was asked for; the same again in a resumed run.

    Attributes:
        candidates: all of them, by rising number.
        programs: candidate number → program.
        front: numbers of the Pareto front.
        discarded: number, operator and reason of each number without a candidate.
    """

    candidates: tuple[Candidate, ...]
    programs: Mapping[int, MemoryProgram]
    front: tuple[int, ...] = ()
    discarded: tuple[tuple[int, str, str], ...] = ()


@dataclass(frozen=True)
class Notes:
    """Notes of a campaign. Those of another run have its name as ``source``, and are foreign text.

    Example:
        >>> Notes("Best: #4.").source
        ''
    """

    text: str
    source: str = ""


@dataclass(frozen=True)
class MutationContext:
    """Context of a mutation.

    Attributes:
        number: number of the candidate to be made.
        parent: the candidate to change.
        program: the parent's program.
        diagnosis: evaluation of the parent on the reflection minibatch, with the failures to learn from. Its
            tasks are validation tasks that do not count for fitness.
        partner: a second candidate for crossover, if there is one.
        partner_program: its program.
        tasks: the tasks of the diagnosis, by id.
        episodes: the episodes that the diagnosis ingested, by id.
        known: fingerprints of the programs that the campaign has seen; a candidate must not be one of them.
        ancestors: the candidates from a seed down to the parent, the parent last.
        fitness: evaluation of the parent on the fitness set, for a mutator that only counts failures; None
            where there is none, or where the diagnosis is that evaluation.
        siblings: earlier offspring of the parent, oldest first.
        references: other programs to show; empty where the campaign shows none.
        hints: requests of the user, oldest first.
        notes: notes of the campaign, those of another run first.
        stalled: candidates without an improvement of the front, if this one is to be unlike them; else 0.
        scope: the part that the candidate may change.
        scopes: scopes for further attempts at this candidate, in their order; empty: the same again.
        history: the run so far, for a mutator that reads it; None where none does.

    Example:
        >>> import evolve
        >>> class Rename:
        ...     identity = "rename-1"
        ...
        ...     def mutate(self, context: evolve.MutationContext, rng):
        ...         program = evolve.MemoryProgram(context.program.source + "\\n")
        ...         return evolve.Proposal(program, "rename", "Add a line", (context.parent.number,))
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
    fitness: Evaluation | None = None
    ancestors: tuple[Candidate, ...] = ()
    siblings: tuple[Candidate, ...] = ()
    references: tuple[Reference, ...] = ()
    hints: tuple[str, ...] = ()
    notes: tuple[Notes, ...] = ()
    stalled: int = 0
    scope: Scope = "everything"
    scopes: tuple[Scope, ...] = ()
    history: RunSnapshot | None = None


@dataclass(frozen=True)
class Proposal:
    """Candidate: its program, how it was made, and why; with the usage of models, repairs included.

    The usage is that of the replies, whether they were paid for now or are from a cache; ``tries`` has the
    result of each.

    Example:
        >>> Proposal(MemoryProgram("x = 1"), operator="mine", message="Set x", parents=(0,)).operator
        'mine'
    """

    program: MemoryProgram
    operator: str
    message: str
    parents: tuple[int, ...]
    usage: Usage = field(default_factory=Usage)
    tries: tuple[Try, ...] = ()


@dataclass(frozen=True)
class NoCandidate:
    """Mutation without a candidate: the ``reason``, the ``usage`` of models, and their replies in ``tries``.

    Example:
        >>> NoCandidate("mine", "the program has no hyperparameters").reason
        'the program has no hyperparameters'
    """

    operator: str
    reason: str
    usage: Usage = field(default_factory=Usage)
    tries: tuple[Try, ...] = ()


@dataclass(frozen=True)
class Feedback:
    """Outcome of a candidate, for a mutator that learns.

    Attributes:
        number: number of the candidate.
        operator: the operator that the proposal or ``NoCandidate`` named.
        improvement: quality of the candidate less that of its parent; 0 where no candidate was made.
        usd: price of the mutation, repairs included, and of the evaluation where it was counted in USD; None
            where no price is known.
        tries: result of each reply of the model, if one made the candidate.
        evaluation_usd: the part of ``usd`` that is the price of the evaluation.

    Example:
        >>> Feedback(3, "reflect/read", improvement=0.25, usd=0.01).improvement
        0.25
    """

    number: int
    operator: str
    improvement: float
    usd: float | None
    tries: tuple[Try, ...] = ()
    evaluation_usd: float = 0.0


def crossover_share(share: float, stalled: int) -> float:
    """Return the share of candidates with two parents: ``share``, or more on a plateau.

    Example:
        >>> crossover_share(0.15, 0), crossover_share(0.15, stalled=14)
        (0.15, 0.5)
    """
    return max(share, _CROSSED_ON_A_PLATEAU) if stalled else share


class Mutator(Protocol):
    """Mutator: makes a candidate from a parent. The same context and an equal ``rng`` state give the same
    child.

    A class need not inherit from this; one that does not learn may leave ``observe`` out.

    Example:
        >>> class Nothing:
        ...     identity = "nothing-1"
        ...
        ...     def mutate(self, context, rng):
        ...         return NoCandidate("nothing", "this one makes none")
        >>> Nothing().mutate(None, None).reason
        'this one makes none'
    """

    @property
    def identity(self) -> str:
        """Name and version of everything that decides its proposals."""
        ...

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        """Return a candidate, checked against the contract, that differs from its parent; or ``NoCandidate``.

        Raises:
            InfrastructureError: a model could not be reached; nothing is known about the candidate.
        """
        ...

    def observe(self, feedback: Feedback) -> None:
        """Learn from the result of an earlier candidate; does nothing by default.

        Called before ``mutate``, with every candidate that is settled by then, by any mutator: ignore those
        of other operators. The same results come again with each later candidate and when a run is resumed:
        observing one twice must change nothing. Called from several threads.
        """
        return


class Adapted(Mutator):
    """An object of a user that has no ``observe``; ``tell``, the former name of it, is called if present.

    Args:
        inner: has ``identity`` and ``mutate``.
    """

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    @property
    def identity(self) -> str:
        """Identity of the object."""
        return self._inner.identity

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        """Return what the object makes; see ``Mutator``."""
        return self._inner.mutate(context, rng)

    def observe(self, feedback: Feedback) -> None:
        """Pass a result on to ``tell``, if there is one."""
        if hasattr(self._inner, "tell"):
            self._inner.tell(feedback)


def completed(thing: Any) -> Mutator:
    """Return ``thing``, with an ``observe`` if it has none."""
    return thing if hasattr(thing, "observe") else Adapted(thing)


# Names of earlier versions, which mutators of others may import.
Brief = MutationContext
Refusal = NoCandidate
