"""The rule-based mutator: draws operators by the failure analysis until one gives a new, valid program."""

from __future__ import annotations

import random
from collections.abc import Sequence

from evolve.mutation.bandit import BudgetedThompson, Pull
from evolve.mutation.offline.failure_analysis import diagnose
from evolve.mutation.offline.operators import Edit, Operator, less_of_the_tried, operators, weights
from evolve.mutation.protocol import (
    Feedback,
    MutationContext,
    Mutator,
    NoCandidate,
    Proposal,
    crossover_share,
)
from evolve.program import MemoryProgram
from evolve.program.history import with_history
from evolve.program.splicing import SpliceError

_TRIES = 12
_NOMINATED = 4
_EDITS = (1, 1, 1, 2, 2, 3)  # drawn uniformly, to find steps that help only together
_WIDER_EDITS = (2, 2, 3, 3)  # on a plateau


class RuleBasedMutator(Mutator):
    """Structural mutation without a model; deterministic for a context and a state of the RNG.

    Args:
        attribution: pick operators by the parent's failure analysis; False picks them uniformly, the control
            that shows the value of attribution.
    """

    def __init__(self, *, attribution: bool = True):
        self.attribution = attribution

    @property
    def identity(self) -> str:
        """Name and version."""
        return f"offline-mutator/2{'' if self.attribution else '/random'}"

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        """Make a candidate by one to three operators; refused when none gives a new, valid program in twelve
        tries.
        """
        cues = diagnose(context) if self.attribution else None
        available = list(operators())
        chances = less_of_the_tried(available, weights(cues, available), context.siblings)
        numbers = _EDITS
        if context.stalled:
            numbers = _WIDER_EDITS
            crossing = crossover_share(0.0, context.stalled) / max(numbers)
            chances = _with_share("crossover", crossing, available, chances)
        for _ in range(_TRIES):
            drawn = [self._drawn(available, chances, context, rng) for _ in range(rng.choice(numbers))]
            edits, source = _apply_all(drawn, context, rng)
            if not edits:
                continue
            program = MemoryProgram(with_history(source, [edit.message for _, edit in edits]))
            if program.problems or program.fingerprint in {*context.known, context.program.fingerprint}:
                continue
            crossed = any(operator.name == "crossover" for operator, _ in edits)
            partner = (context.partner.number,) if crossed and context.partner else ()
            return Proposal(
                program=program,
                operator="+".join(operator.name for operator, _ in edits),
                message=" ".join(edit.message for _, edit in edits),
                parents=(context.parent.number, *partner),
            )
        return NoCandidate(operator="offline", reason=f"no operator gave a new program in {_TRIES} tries")

    def _drawn(
        self,
        available: Sequence[Operator],
        chances: Sequence[float],
        context: MutationContext,
        rng: random.Random,
    ) -> Operator:
        """The operator for one edit."""
        return rng.choices(available, chances)[0]


class LearningRuleBasedMutator(RuleBasedMutator):
    """Rule-based mutator that draws a few operators and takes the one with the highest gain so far.

    A candidate's gain over its parent is credited to every operator that had a part in it. See
    ``BudgetedThompson``: no operator costs anything here.

    Args:
        window: candidate number n is made from the outcomes of the candidates up to n − window.
        attribution: see ``RuleBasedMutator``.
    """

    def __init__(self, *, window: int, attribution: bool = True):
        super().__init__(attribution=attribution)
        self._window = window
        self._bandit = BudgetedThompson()

    @property
    def identity(self) -> str:
        """Name and version."""
        return f"{super().identity}/bandit/{self._window}"

    def observe(self, feedback: Feedback) -> None:
        """See ``Mutator``. Names of other mutators' operators are ignored."""
        names = feedback.operator.split("+")
        self._bandit.reward(feedback.number, *(Pull(name, feedback.improvement, None) for name in names))

    def _drawn(
        self,
        available: Sequence[Operator],
        chances: Sequence[float],
        context: MutationContext,
        rng: random.Random,
    ) -> Operator:
        nominated = {op.name: op for op in rng.choices(available, chances, k=_NOMINATED)}
        return nominated[self._bandit.choose(list(nominated), rng, upto=context.number - self._window)]


def _with_share(
    name: str, share: float, available: Sequence[Operator], chances: Sequence[float]
) -> list[float]:
    """Return ``chances``, with that of the operator ``name`` raised to ``share`` of all, if it is less."""
    others = sum(chance for operator, chance in zip(available, chances, strict=True) if operator.name != name)
    least = others * share / (1 - share)
    return [
        max(chance, least) if operator.name == name else chance
        for operator, chance in zip(available, chances, strict=True)
    ]


def _apply_all(
    drawn: list[Operator], context: MutationContext, rng: random.Random
) -> tuple[list[tuple[Operator, Edit]], str]:
    """Apply the operators one after another, leaving out those that do not fit."""
    source, edits = context.program.source, []
    for operator in drawn:
        try:
            edit = operator.apply(source, context, rng)
        except SpliceError:
            continue
        if edit is not None and edit.source != source:
            source = edit.source
            edits.append((operator, edit))
    return edits, source
