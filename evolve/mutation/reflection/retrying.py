"""Choice of how to ask a model again: a fresh draw, or the conversation with its error."""

from __future__ import annotations

import random
from typing import Literal

from evolve.mutation.bandit import BudgetedThompson, Pull
from evolve.records import Try

Retry = Literal["draw", "repair"]
_PRIOR = 3
"""Pseudo-counts of the prior, small so that a wrong start is soon corrected."""


class Retrying:
    """Choice between a new draw and a repair, by Thompson sampling on the valid candidates of this model.

    Its state is a function of the outcomes told, which the journal records.

    Args:
        retry: ``draw`` or ``repair``: always the same; ``auto``: learn.
        window: an attempt at candidate n uses the outcomes of the candidates up to n − window.
        prefers: the choice with the better prior.
    """

    def __init__(self, retry: Retry | Literal["auto"], *, window: int, prefers: Retry) -> None:
        self._retry: Retry | Literal["auto"] = retry
        self._window = window
        self._bandit = BudgetedThompson()
        other: Retry = "repair" if prefers == "draw" else "draw"
        self._bandit.reward(-1, *[Pull(prefers, 1.0, None), Pull(other, 0.0, None)] * _PRIOR)
        self.identity = f"{retry}/{window}/{prefers}" if retry == "auto" else retry
        """Settings that decide the choice besides the outcomes."""

    def tell(self, number: int, tries: tuple[Try, ...]) -> None:
        """Learn the results of the attempts at candidate ``number``; they may be repeated when a run
        resumes.
        """
        again = tries[1:]
        if again:
            pulls = [Pull(one.kind, float(one.became == "valid"), None) for one in again]
            self._bandit.reward(number, *pulls)

    def choose(self, number: int, rng: random.Random) -> Retry:
        """Choose the kind of the next attempt at candidate ``number``."""
        if self._retry != "auto":
            return self._retry
        chosen = self._bandit.choose(["draw", "repair"], rng, upto=number - self._window)
        return "draw" if chosen == "draw" else "repair"
