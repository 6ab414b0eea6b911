"""The rule-based mutator: draws operators by the failure analysis until one gives a new, valid program."""

from __future__ import annotations

import random
from collections.abc import Sequence

from evolve.mutation.bandit import BudgetedThompson, Pull
from evolve.mutation.offline.diagnosis import diagnose
from evolve.mutation.offline.operators import Edit, Operator, operators, weights
from evolve.mutation.protocol import Brief, Feedback, Mutator, Proposal, Refusal
from evolve.program import MemoryProgram
from evolve.program.history import with_history
from evolve.program.splicing import SpliceError

_TRIES = 12
_NOMINATED = 4
_EDITS = (1, 1, 1, 2, 2, 3)  # drawn uniformly, to find steps that help only together


class OfflineMutator(Mutator):
    """Structural mutation without a model; deterministic for a brief and a state of the RNG.

    Args:
        attribution: pick operators by the parent's failure analysis; False picks them uniformly, the control
            that shows the value of attribution.
    """

    def __init__(self, *, attribution: bool = True):
        self.attribution = attribution

    @property
    def identity(self) -> str:
        """Name and version."""
        return f"offline-mutator/1{'' if self.attribution else '/random'}"

    def mutate(self, brief: Brief, rng: random.Random) -> Proposal | Refusal:
        """Make a candidate by one to three operators; refused when none gives a new, valid program in twelve
        tries.
        """
        cues = diagnose(brief) if self.attribution else None
        available = list(operators())
        chances = weights(cues, available)
        for _ in range(_TRIES):
            drawn = [self._drawn(available, chances, brief, rng) for _ in range(rng.choice(_EDITS))]
            edits, source = _apply_all(drawn, brief, rng)
            if not edits:
                continue
            program = MemoryProgram(with_history(source, [edit.message for _, edit in edits]))
            if program.problems or program.fingerprint in {*brief.known, brief.program.fingerprint}:
                continue
            crossed = any(operator.name == "crossover" for operator, _ in edits)
            partner = (brief.partner.number,) if crossed and brief.partner else ()
            return Proposal(
                program=program,
                operator="+".join(operator.name for operator, _ in edits),
                message=" ".join(edit.message for _, edit in edits),
                parents=(brief.parent.number, *partner),
            )
        return Refusal(operator="offline", reason=f"no operator gave a new program in {_TRIES} tries")

    def _drawn(
        self, available: Sequence[Operator], chances: Sequence[float], brief: Brief, rng: random.Random
    ) -> Operator:
        """The operator for one edit."""
        return rng.choices(available, chances)[0]


class LearningOfflineMutator(OfflineMutator):
    """Rule-based mutator that draws a few operators and takes the one with the highest gain so far.

    A candidate's gain over its parent is credited to every operator that had a part in it. See
    ``BudgetedThompson``: no operator costs anything here.

    Args:
        window: candidate number n is made from the outcomes of the candidates up to n − window.
        attribution: see ``OfflineMutator``.
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
        self, available: Sequence[Operator], chances: Sequence[float], brief: Brief, rng: random.Random
    ) -> Operator:
        nominated = {op.name: op for op in rng.choices(available, chances, k=_NOMINATED)}
        return nominated[self._bandit.choose(list(nominated), rng, upto=brief.number - self._window)]


def _apply_all(
    drawn: list[Operator], brief: Brief, rng: random.Random
) -> tuple[list[tuple[Operator, Edit]], str]:
    """Apply the operators one after another, leaving out those that do not fit."""
    source, edits = brief.program.source, []
    for operator in drawn:
        try:
            edit = operator.apply(source, brief, rng)
        except SpliceError:
            continue
        if edit is not None and edit.source != source:
            source = edit.source
            edits.append((operator, edit))
    return edits, source
