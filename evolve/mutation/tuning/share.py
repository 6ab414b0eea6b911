"""Some children are tuned, the others are made as before."""

from __future__ import annotations

import random

from evolve.mutation.protocol import Brief, Feedback, Mutator, Proposal, Refusal
from evolve.mutation.tuning.tuner import OPERATOR


class Tuning(Mutator):
    """Tunes a share of the parents that have knobs and were not tuned as they are; else it delegates.

    What the tuner refuses is given to the other mutator: a refusal would cost a child.

    Args:
        inner: makes the other children.
        tuner: tunes.
        share: chance of tuning, above 0 and at most 1.
    """

    def __init__(self, inner: Mutator, tuner: Mutator, *, share: float) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"Expected a share above 0 and at most 1, found {share}.")
        self._inner = inner
        self._tuner = tuner
        self._share = share

    @property
    def identity(self) -> str:
        """Of both mutators, with the share."""
        return f"{self._tuner.identity} × {self._share:g}, {self._inner.identity}"

    def mutate(self, brief: Brief, rng: random.Random) -> Proposal | Refusal:
        """A tuned child, or what the other mutator makes; see ``Mutator``."""
        # Drawn in any case, so that the other children do not depend on which parents can be tuned.
        drawn, own = rng.random() < self._share, random.Random(rng.getrandbits(64))
        if drawn and _is_due(brief):
            outcome = self._tuner.mutate(brief, own)
            if isinstance(outcome, Proposal):
                return outcome
        return self._inner.mutate(brief, rng)

    def observe(self, feedback: Feedback) -> None:
        """Pass a result on to both mutators."""
        self._tuner.observe(feedback)
        self._inner.observe(feedback)


def _is_due(brief: Brief) -> bool:
    """The parent has knobs, and neither is it a tuned program nor has it a tuned child."""
    tuned = brief.parent.operator == OPERATOR or any(c.operator == OPERATOR for c in brief.siblings)
    return bool(brief.program.parts.knobs) and not tuned
