"""Tuning of a program's KNOBS without model calls."""

from __future__ import annotations

import random

from evolve.mutation.protocol import Feedback, MutationContext, Mutator, NoCandidate, Proposal
from evolve.mutation.tuning.tuner import OPERATOR, Rehearse, Tuner


class Tuning(Mutator):
    """Mutator that tunes a share of the parents that have hyperparameters and were not tuned yet; else it
    delegates.

    If the tuner refuses, the other mutator is used, since no candidate would come of it.

    Args:
        inner: makes the other candidates.
        tuner: tunes.
        share: probability of tuning, above 0 and at most 1.
    """

    def __init__(self, inner: Mutator, tuner: Mutator, *, share: float) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"Expected a share above 0 and at most 1, found {share}.")
        self._inner = inner
        self._tuner = tuner
        self._share = share

    @property
    def identity(self) -> str:
        """Identity of both mutators, with the share."""
        return f"{self._tuner.identity} × {self._share:g}, {self._inner.identity}"

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        """Return a tuned candidate, or the other mutator's result; see ``Mutator``."""
        # Drawn in any case, so that the other candidates do not depend on which parents can be tuned.
        drawn, own = rng.random() < self._share, random.Random(rng.getrandbits(64))
        if drawn and _is_due(context):
            outcome = self._tuner.mutate(context, own)
            if isinstance(outcome, Proposal):
                return outcome
        return self._inner.mutate(context, rng)

    def observe(self, feedback: Feedback) -> None:
        """Pass a result on to both mutators."""
        self._tuner.observe(feedback)
        self._inner.observe(feedback)


def _is_due(context: MutationContext) -> bool:
    """Return whether the parent has hyperparameters, is not itself tuned, and has no tuned offspring."""
    tuned = context.parent.operator == OPERATOR or any(c.operator == OPERATOR for c in context.siblings)
    return bool(context.program.parts.knobs) and not tuned


__all__ = ["Rehearse", "Tuner", "Tuning"]
