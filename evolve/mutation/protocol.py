"""What a mutator is given and what it gives back."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from evolve.program import MemoryProgram
from evolve.records import Candidate, Episode, Evaluation, Task, Try, Usage

Scope = Literal["read", "write", "query", "response", "extraction", "everything"]
"""What a mutation may touch. ``read``: the method and its helpers. ``write``: all logic, the schema kept.
``query``: the instruction and the schema of the Query, and ``read``. ``response``: its instruction and what
is always known. ``extraction``: the schema and the instruction of the KnowledgeItem, and all logic. The rest
is checked to be unchanged."""


@dataclass(frozen=True)
class Reference:
    """Another program that may inspire a child; ``why`` it is shown, such as best sibling."""

    candidate: Candidate
    program: MemoryProgram
    why: str


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
        ancestors: the candidates from a seed down to the parent, the parent last.
        fitness: the parent on the static subset, for a mutator that only counts failures; None where it is
            not to be had, or where the diagnosis is that already.
        siblings: the children that the parent has had so far, oldest first.
        references: other programs to look at; none where the campaign shows none.
        scope: what the child may change.
        scopes: scopes for further attempts at this child, in their order; none: the same again.

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
    scope: Scope = "everything"
    scopes: tuple[Scope, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """A child: its program, how it was made, and why; and what models took for it, repairs included.

    The usage is that of the replies, whether they were paid for now or are from a cache; ``tries`` is what
    became of each of them.

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
class Refusal:
    """No child came of it; ``reason`` says why, ``usage`` what models took, and ``tries`` what they gave.

    Example:
        >>> Refusal("mine", "the program has no hyperparameters").reason
        'the program has no hyperparameters'
    """

    operator: str
    reason: str
    usage: Usage = field(default_factory=Usage)
    tries: tuple[Try, ...] = ()


@dataclass(frozen=True)
class Feedback:
    """Result of one child, for a mutator that learns.

    Attributes:
        number: of the child.
        operator: as the proposal or the refusal named it.
        improvement: quality of the child less that of its parent; 0 where no child came of it.
        usd: price of the mutation, repairs included, and of the evaluation where it was counted in USD; None
            where no price is known.
        tries: what became of each answer of the model, if one made the child.
        evaluation_usd: what of ``usd`` is the price of the evaluation.

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


class Mutator(Protocol):
    """Makes a child of a parent. The same brief and an equal ``rng`` state give the same child.

    A class need not inherit from this; one that does not learn may leave ``observe`` out.

    Example:
        >>> class Nothing:
        ...     identity = "nothing-1"
        ...
        ...     def mutate(self, brief, rng):
        ...         return Refusal("nothing", "this one makes none")
        >>> Nothing().mutate(None, None).reason
        'this one makes none'
    """

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

    def observe(self, feedback: Feedback) -> None:
        """Learn from the result of an earlier child; does nothing by default.

        Called before ``mutate``, with every child that is settled by then, whoever made it: results of other
        operators are to be passed over. The same results come again with each later child and when a run is
        resumed, so observing one twice must change nothing. Called from several threads.
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

    def mutate(self, brief: Brief, rng: random.Random) -> Proposal | Refusal:
        """Return what the object makes; see ``Mutator``."""
        return self._inner.mutate(brief, rng)

    def observe(self, feedback: Feedback) -> None:
        """Pass a result on to ``tell``, if there is one."""
        if hasattr(self._inner, "tell"):
            self._inner.tell(feedback)


def completed(thing: Any) -> Mutator:
    """Return ``thing``, with an ``observe`` if it has none."""
    return thing if hasattr(thing, "observe") else Adapted(thing)
