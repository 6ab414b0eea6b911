"""Near-duplicates among candidates, and parent selection that keeps away from them."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evolve.population.archive import ParetoArchive
from evolve.population.selection import ParentSelector, item_votes, merit, unfailed
from evolve.records import Candidate


class NearDuplicates:
    """Finder of near-duplicates: candidates of the same structure that score the same on every item.

    Args:
        structure: candidate → an identity of its program's structure. It is asked only of candidates that
            score the same as another one.

    Example:
        >>> twins = NearDuplicates(lambda candidate: "the same")
        >>> scores = {"t1": 1.0, "t2": 0.0}
        >>> born = [Candidate(number=n, program=f"p{n}", objectives={"quality": 0.5}, item_scores=scores)
        ...         for n in range(3)]
        >>> twins.among(born)
        {1: 0, 2: 0}
    """

    def __init__(self, structure: Callable[[Candidate], str]) -> None:
        self._structure = structure
        self._behaviours: dict[int, int] = {}
        self._structures: dict[int, str] = {}

    def among(self, candidates: Sequence[Candidate]) -> dict[int, int]:
        """Return number of a near-duplicate → number of the candidate that stands for it.

        That is the one of the highest merit among all that are alike, which is never a duplicate itself.
        Candidates that failed, were stopped early, or have no item scores are not compared.
        """
        alike: defaultdict[int, list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            if candidate.complete and candidate.item_scores:
                alike[self._behaviour(candidate)].append(candidate)
        found: dict[int, int] = {}
        for group in alike.values():
            if len(group) > 1:
                classes: defaultdict[str, list[Candidate]] = defaultdict(list)
                for candidate in group:
                    classes[self._structure_of(candidate)].append(candidate)
                for members in classes.values():
                    best = max(members, key=merit)
                    found |= {c.number: best.number for c in members if c is not best}
        return dict(sorted(found.items()))

    def _behaviour(self, candidate: Candidate) -> int:
        if candidate.number not in self._behaviours:
            self._behaviours[candidate.number] = hash(tuple(sorted(candidate.item_scores.items())))
        return self._behaviours[candidate.number]

    def _structure_of(self, candidate: Candidate) -> str:
        if candidate.number not in self._structures:
            self._structures[candidate.number] = self._structure(candidate)
        return self._structures[candidate.number]


@dataclass(frozen=True)
class NovelSelector:
    """Selector that draws with another one, from a population without near-duplicates.

    Args:
        inner: draws.
        duplicates: finder of near-duplicates.
    """

    inner: ParentSelector
    duplicates: NearDuplicates

    def select(
        self, candidates: Sequence[Candidate], archive: ParetoArchive, rng: random.Random
    ) -> Candidate:
        """Return what the other selector draws; see ``ParentSelector``."""
        known = self.duplicates.among(candidates)
        return self.inner.select([c for c in candidates if c.number not in known], archive, rng)


@dataclass(frozen=True)
class LeastTried:
    """Selector for a plateau: p ∝ per-item votes / (1 + offspring).

    The votes are those of ``PerItem``: a candidate that alone is best at something has a chance. Those that
    had many offspring have had it. With ``duplicates``, offspring of a near-duplicate count for the candidate
    that stands for it, and only that is drawn.
    """

    duplicates: NearDuplicates | None = None

    def select(
        self, candidates: Sequence[Candidate], archive: ParetoArchive, rng: random.Random
    ) -> Candidate:
        """Draw a candidate at random, specialists and less tried ones more often."""
        twins = self.duplicates.among(candidates) if self.duplicates else {}
        eligible = [c for c in unfailed(candidates) if c.number not in twins]
        parents = (c.parents[0] for c in candidates if c.parents)
        offspring = Counter(twins.get(parent, parent) for parent in parents)
        votes = item_votes(eligible)
        weights = [vote / (1 + offspring[c.number]) for vote, c in zip(votes, eligible, strict=True)]
        return rng.choices(eligible, weights)[0]
