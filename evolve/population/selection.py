"""Parent selection."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from evolve.population.archive import ParetoArchive
from evolve.records import Candidate


class ParentSelector(Protocol):
    """Selector of parents. The choice depends only on the arguments.

    Example:
        >>> class Best:
        ...     def select(self, candidates, archive, rng):
        ...         return max((c for c in candidates if c.complete), key=merit)
        >>> first = Candidate(number=0, program="a", objectives={"quality": 0.4})
        >>> second = Candidate(number=1, program="b", objectives={"quality": 0.7})
        >>> Best().select([first, second], None, None).number
        1
    """

    def select(
        self, candidates: Sequence[Candidate], archive: ParetoArchive, rng: random.Random
    ) -> Candidate:
        """Return one of ``candidates`` that did not fail.

        Args:
            candidates: the whole population, by rising number.
            archive: the objectives of all that did not fail, under their numbers.
            rng: source of all randomness.

        Raises:
            ValueError: all candidates failed.
        """
        ...


@dataclass(frozen=True)
class Softmax:
    """The paper's rule: p ∝ exp(quality / temperature) (M★, arXiv 2604.11811).

    Args:
        temperature: above 0, in units of quality; the lower, the greedier.
    """

    temperature: float = 0.15

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(
                f"Expected a finite temperature above 0, found {self.temperature}. "
                "Take the selector 'max' to always pick the best."
            )

    def select(
        self,
        candidates: Sequence[Candidate],
        archive: ParetoArchive,
        rng: random.Random,
    ) -> Candidate:
        """Draw a candidate at random, better ones more often."""
        eligible = unfailed(candidates)
        qualities = [candidate.objectives["quality"] for candidate in eligible]
        return rng.choices(eligible, _boltzmann(qualities, self.temperature))[0]


@dataclass(frozen=True)
class PerItem:
    """Selection by per-item wins: p ∝ a candidate's share in the items that it is best on.

    Each item of the fitness set is one vote for its highest score, shared evenly by all that reach it. So a
    specialist that alone answers three questions keeps a chance next to a generalist that answers a hundred
    as others do, and a candidate that is best on none is never drawn. An item on which no candidate scored
    has no vote; without any votes, all have the same chance. The idea is that of GEPA's front over instances
    (Agrawal et al., arXiv 2507.19457), which counts an item once for each candidate in a tie.
    """

    def select(
        self, candidates: Sequence[Candidate], archive: ParetoArchive, rng: random.Random
    ) -> Candidate:
        """Draw a candidate at random, by the votes."""
        eligible = unfailed(candidates)
        return rng.choices(eligible, item_votes(eligible))[0]


@dataclass(frozen=True)
class Recency:
    """The paper's rule with curiosity: p ∝ exp((quality + bonus / (1 + children)) / temperature).

    ``children`` are the offspring evaluated with the candidate as their main parent, including failed and
    early-stopped ones. A new candidate has none, and counts for ``bonus`` more than its score; a parent of
    three for a quarter of that. With a bonus of 0 it is ``Softmax``.

    Args:
        temperature: above 0, in units of quality.
        bonus: 0 or more, in units of quality.
    """

    temperature: float = 0.15
    bonus: float = 0.15

    def __post_init__(self) -> None:
        Softmax(self.temperature)
        if not (math.isfinite(self.bonus) and self.bonus >= 0):
            raise ValueError(f"Expected a finite bonus of 0 or more, found {self.bonus}.")

    def select(
        self, candidates: Sequence[Candidate], archive: ParetoArchive, rng: random.Random
    ) -> Candidate:
        """Draw a candidate at random, better and less tried ones more often."""
        eligible = unfailed(candidates)
        children = Counter(candidate.parents[0] for candidate in candidates if candidate.parents)
        values = [c.objectives["quality"] + self.bonus / (1 + children[c.number]) for c in eligible]
        return rng.choices(eligible, _boltzmann(values, self.temperature))[0]


@dataclass(frozen=True)
class ParetoRank:
    """NSGA-II's binary tournament: of two candidates at random, the lower rank wins; in the same rank, the
    less crowded.
    """

    def select(
        self, candidates: Sequence[Candidate], archive: ParetoArchive, rng: random.Random
    ) -> Candidate:
        """Return the winner of one tournament; on a full tie, the one drawn first."""
        eligible = unfailed(candidates)
        if len(eligible) == 1:
            return eligible[0]
        first, second = rng.sample(eligible, 2)
        ranks = archive.ranks()
        rank = ranks[first.number]
        if rank != ranks[second.number]:
            return first if rank < ranks[second.number] else second
        distance = archive.crowding(key for key in ranks if ranks[key] == rank)
        return second if distance[second.number] > distance[first.number] else first


@dataclass(frozen=True)
class Max:
    """Hill climbing: always the best, as ``merit`` orders them."""

    def select(
        self,
        candidates: Sequence[Candidate],
        archive: ParetoArchive,
        rng: random.Random,
    ) -> Candidate:
        """Return the best; no randomness."""
        return max(unfailed(candidates), key=merit)


@dataclass(frozen=True)
class Latest:
    """Chain without a population: always the newest, better or worse than its parent; the paper's ablation of
    the pool.
    """

    def select(
        self,
        candidates: Sequence[Candidate],
        archive: ParetoArchive,
        rng: random.Random,
    ) -> Candidate:
        """Return the candidate of the highest number; no randomness."""
        return max(unfailed(candidates), key=lambda candidate: candidate.number)


@dataclass(frozen=True)
class Uniform:
    """Uniform selection, the worst as likely as the best: the control for every other selector."""

    def select(
        self, candidates: Sequence[Candidate], archive: ParetoArchive, rng: random.Random
    ) -> Candidate:
        """Draw a candidate uniformly at random."""
        return rng.choice(unfailed(candidates))


def merit(candidate: Candidate) -> tuple[float, float, int]:
    """Sort key of the best candidate: quality; ties broken by lower cost if known, then by age."""
    objectives = candidate.objectives
    return objectives["quality"], -objectives.get("cost", 0.0), -candidate.number


def item_votes(candidates: Sequence[Candidate]) -> list[float]:
    """Return the votes of the items for each candidate, see ``PerItem``; 1 for each without any votes."""
    best: dict[str, float] = {}
    for candidate in candidates:
        for item, score in candidate.item_scores.items():
            best[item] = max(best.get(item, 0.0), score)
    holders = Counter(
        item for c in candidates for item, score in c.item_scores.items() if score == best[item] > 0
    )
    if not holders:
        return [1.0] * len(candidates)
    return [
        math.fsum(1 / holders[item] for item, score in c.item_scores.items() if score == best[item] > 0)
        for c in candidates
    ]


def _boltzmann(values: Sequence[float], temperature: float) -> list[float]:
    """Weights ∝ exp(value / temperature)."""
    best = max(values)  # every weight is then at most 1, and one is 1, so no sum can overflow or vanish
    return [math.exp((value - best) / temperature) for value in values]


def unfailed(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that did not fail, in their order.

    Raises:
        ValueError: all candidates failed.
    """
    eligible = [candidate for candidate in candidates if candidate.complete]
    if not eligible:
        raise ValueError(
            f"Expected a candidate that did not fail, found {len(candidates)} of which all failed. "
            "Add a seed that runs: `evolve check PROGRAM.py` says what is wrong with one."
        )
    return eligible
