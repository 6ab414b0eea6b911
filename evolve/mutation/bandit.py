"""Budgeted Thompson sampling: the next arm, by the gain and the cost of earlier pulls."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Pull:
    """Outcome of one pull of an arm.

    Attributes:
        arm: its name.
        gain: reward of the pull; 0 and below count as nothing.
        usd: cost of the pull; None where no price is known, which counts as the highest known price.
    """

    arm: str
    gain: float
    usd: float | None


class BudgetedThompson:
    """Thompson sampling for arms with costs: takes the arm of the highest sampled gain per sampled price.

    After Xia, Li, Qin, Yu and Liu, *Thompson Sampling for Budgeted Multi-armed Bandits* (IJCAI 2015): for an
    arm with n pulls, of rewards r and prices c in [0, 1], draw

        θ ~ Beta(1 + Σr, 1 + n − Σr)    and    κ ~ Beta(1 + Σc, 1 + n − Σc)

    and take the largest θ / κ. Rewards and prices are gains and USD divided by the largest so far; fractions
    are counted as they are, where the paper draws a Bernoulli variable from each. Where all costs are 0, κ is
    1.

    An arm is drawn with the posterior probability that it is the best, so that several candidates that are
    begun on the same outcomes do not all take the same one.

    The choice is a function of the outcomes told, whatever their order, and of the generator.
    """

    def __init__(self) -> None:
        self._pulls: dict[int, tuple[Pull, ...]] = {}

    def reward(self, number: int, *pulls: Pull) -> None:
        """Record the outcome of candidate ``number``: of one pull, or of several that had a part in it.

        Recording it again changes nothing.

        Raises:
            ValueError: another outcome was told under this number.
        """
        if self._pulls.setdefault(number, pulls) != pulls:
            raise ValueError(
                f"Expected one outcome for pull {number}, received {pulls} after {self._pulls[number]}."
            )

    def choose(self, arms: Sequence[str], rng: random.Random, *, upto: int | None = None) -> str:
        """Choose one of ``arms``; ties are broken by their order.

        Args:
            arms: at least one name; one that was never pulled has an even prior.
            rng: source of all randomness; two draws for each arm.
            upto: use only outcomes of this number and lower ones; None: all.
        """
        # A copy in one step: outcomes may be recorded while this runs.
        told = sorted(dict(self._pulls).items())
        pulls = [pull for number, together in told if upto is None or number <= upto for pull in together]
        most = max((pull.gain for pull in pulls), default=0.0)
        highest = max((pull.usd for pull in pulls if pull.usd is not None), default=0.0)
        ratios: dict[str, float] = {}
        for arm in arms:
            own = [pull for pull in pulls if pull.arm == arm]
            theta = _sampled([max(pull.gain, 0.0) / most if most > 0 else 0.0 for pull in own], rng)
            kappa = _sampled([_price(pull, highest) for pull in own], rng)
            ratios[arm] = theta / kappa if highest > 0 else theta
        return max(arms, key=ratios.__getitem__)


def _price(pull: Pull, highest: float) -> float:
    if pull.usd is None or highest <= 0:
        return 1.0
    return max(pull.usd, 0.0) / highest


def _sampled(shares: Sequence[float], rng: random.Random) -> float:
    """Draw from the posterior of a mean of fractions in [0, 1]; above 0."""
    total = sum(shares)
    return max(rng.betavariate(1 + total, 1 + len(shares) - total), 1e-9)
