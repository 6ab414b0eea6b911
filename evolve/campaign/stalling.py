"""Reactions of a campaign to a plateau: a warning, candidates of another kind, the end of the search."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from evolve.campaign.recorder import Recorder
from evolve.config import CampaignConfig
from evolve.events import Plateau
from evolve.population import (
    LeastTried,
    NearDuplicates,
    NovelSelector,
    ParentSelector,
    PlateauLadder,
    Population,
    Request,
    objectives_of,
    rng_for,
)
from evolve.population.plateau import RUNGS
from evolve.program.structure import signature
from evolve.records import Candidate
from evolve.runs.history import RunHistory

DIVERSE = 0.5
"""Share of the candidates of a plateau that are made to be unlike the others; the others go on as before."""


class PlateauWatch:
    """Watcher of a campaign's plateau. For one thread.

    What it says of candidate n is a function of the candidates up to n − window, whatever else is settled, so
    a resumed campaign repeats it.

    Args:
        config: configuration of the campaign.
        recorder: recorder of the campaign.
        initial: number of initial programs.
    """

    def __init__(self, config: CampaignConfig, recorder: Recorder, initial: int) -> None:
        highest = config.search.plateau
        self._config = config
        self._recorder = recorder
        self._next = initial  # first number that the ladder has not settled
        self._ladder: PlateauLadder | None = None
        if highest != "off":
            self._ladder = PlateauLadder(objectives_of(config.search, config.objectives), highest)
            self._ladder.start(recorder.history.candidates[:initial])
        self._selector = LeastTried(near_duplicates(recorder) if config.search.novelty else None)
        self._stop: int | None = None

    def end(self, number: int, settled: int, end: int) -> int:
        """Return the number after the last candidate: ``end``, or ``number`` if the search stops there.

        Args:
            number: of the next candidate.
            settled: the first number that is not settled. Nothing is decided until all up to ``number`` −
                window are.
            end: number after the last candidate of the budget.
        """
        known = number - settled < self._config.under_way
        if self._ladder is not None and self._stop is None and known and number < end:
            self._climb(self._ladder, number)
            if self._ladder.rung == "stop":
                self._stop = number
                self._record(self._ladder, number, end)
        return end if self._stop is None else min(end, self._stop)

    @property
    def stopped(self) -> bool:
        """True if the search ends because of the plateau."""
        return self._stop is not None

    def ask(self, population: Population, number: int, end: int) -> Request:
        """Ask for candidate ``number``; on a plateau, every other one at random is to be unlike the others.

        Args:
            population: the population.
            number: of the candidate.
            end: number after the last candidate of the budget.
        """
        ladder = self._ladder
        if ladder is None:
            return population.ask()
        self._climb(ladder, number)
        if ladder.rung is None:
            return population.ask()
        self._record(ladder, number, end)
        drawn = rng_for(self._config.seed, "plateau", number).random() < DIVERSE
        if ladder.rung == "warn" or not drawn:
            return population.ask()
        return population.ask(self._selector, ladder.stale)

    def _climb(self, ladder: PlateauLadder, number: int) -> None:
        """Settle all numbers up to ``number`` − window."""
        history = self._recorder.history
        while self._next <= number - self._config.under_way:
            candidate = history.candidate(self._next)
            ladder.settle(candidate, _noise(history, candidate))
            self._next += 1

    def _record(self, ladder: PlateauLadder, number: int, end: int) -> None:
        """Record that a rung is reached, once for each plateau."""
        rung = ladder.rung
        assert rung is not None  # called on a plateau only
        history = self._recorder.history
        since = number - ladder.stale
        same = [p for p in history.plateaus if p.number - p.stale == since and p.number <= number]
        if any(RUNGS.index(p.rung) >= RUNGS.index(rung) for p in same):
            return
        left = max(end - number, 0)
        seconds, usd, tokens = spent_each(history)
        self._recorder.record(
            Plateau(
                number=number,
                rung=rung,
                stale=ladder.stale,
                improvements=ladder.improvements,
                rate=ladder.rate,
                noise=ladder.resolution,
                left=left,
                seconds=left * seconds,
                usd=None if usd is None else left * usd,
                tokens=None if tokens is None else left * tokens,
            )
        )


def parents_without_duplicates(
    inner: ParentSelector, config: CampaignConfig, recorder: Recorder
) -> ParentSelector:
    """Return ``inner``, kept from near-duplicates unless ``config`` says otherwise."""
    if not config.search.novelty:
        return inner
    return NovelSelector(inner, near_duplicates(recorder))


def near_duplicates(recorder: Recorder) -> NearDuplicates:
    """Return a finder of near-duplicates among the registered programs of ``recorder``."""

    def structure(candidate: Candidate) -> str:
        return signature(recorder.programs[candidate.number])

    return NearDuplicates(structure)


def _noise(history: RunHistory, candidate: Candidate | None) -> float | None:
    """Return the half-width of the interval of a candidate's gain; None where it behaves as its parent."""
    parent = history.candidate(candidate.parents[0]) if candidate and candidate.parents else None
    if candidate is None or parent is None or not (candidate.complete and parent.complete):
        return None
    change = history.paired(candidate, parent)
    shared = candidate.item_scores.keys() & parent.item_scores.keys()
    same = all(candidate.item_scores[task] == parent.item_scores[task] for task in shared)
    return None if change is None or same or len(shared) < 2 else (change.high - change.low) / 2


def spent_each(history: RunHistory) -> tuple[float, float | None, float | None]:
    """Return the mean seconds, USD and tokens of evaluation of an offspring; None where not known.

    USD include the model that makes it, and are known only where each of both has a price.
    """
    made = [c for c in history.candidates if c.parents]
    evaluated = [(c, found) for c in made if (found := history.evaluated(c.number)) is not None]
    numbers = len(made) + len(history.discarded)
    if not evaluated or not numbers:
        return 0.0, None, None
    seconds = sum(found.seconds for _, found in evaluated) / numbers
    costs = [found.cost * len(c.item_scores) for c, found in evaluated]
    prices = _prices(history, made)
    if evaluated[0][1].cost_unit == "tokens":
        return seconds, None, sum(costs) / numbers
    return seconds, None if prices is None else fmean(prices) + sum(costs) / numbers, None


def _prices(history: RunHistory, made: Sequence[Candidate]) -> list[float] | None:
    """Return the price of making each offspring, the discarded ones too; None if one is unknown."""
    proposed = [event for c in made if (event := history.proposed(c.number)) is not None]
    prices = [event.usd for event in (*proposed, *history.discarded.values())]
    known = [price for price in prices if price is not None]
    return known if prices and len(known) == len(prices) else None
