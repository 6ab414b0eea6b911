"""What a campaign has done so far: a fold over its events, for whoever shows it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from evolve.config import CampaignConfig
from evolve.events import Compared, Discarded, Evaluated, Event, Finished, Joined, Proposed, Started
from evolve.journal import RunRecord
from evolve.population import Objective, ParetoArchive, objective, objectives_of
from evolve.records import Candidate, CostUnit, Interval, Try
from evolve.statistics import paired_interval

STATIC, TEST = "static", "test"
CEILING = 0.98
"""Quality from which on a benchmark leaves nothing to find, of the 1 that is possible."""
SEED = "seed"


@dataclass(frozen=True)
class Progress:
    """How far the campaign was when a candidate had joined.

    Attributes:
        number: the candidate.
        evaluations: evaluations made until then, those for diagnosis and those of failed candidates too.
        seconds: what those evaluations took, summed over workers. The journal has no time of day for
            single events, so that this is the clock that a pause between two processes does not move.
        hypervolume: of the front, see ``ParetoArchive.hypervolume``; the reference is the worst value that
            any candidate of the run has in each objective.
        best: the highest quality; None while all failed.
    """

    number: int
    evaluations: int
    seconds: float
    hypervolume: float
    best: float | None


@dataclass
class History:
    """The state of a campaign as its events tell it. An event that was applied before is passed over.

    Attributes:
        objectives: names of the objectives that span the front.
        budget: children that the campaign may make.
        axes: the objectives, and how fine a difference of each counts on the front; by default those of
            their names.
        started: each process that worked on the campaign, in order.
        finished: how the last process ended; None while it runs or if it was killed.
        discarded: number → why that child did not come to be.
        comparisons: best against others on the test set, in order.
        tries: number → what became of each reply of the model that was asked for that child.
        groups: static task → its group, of the tasks that have one.
        initial: programs that the campaign begins with.
    """

    objectives: Sequence[str]
    budget: int
    axes: Sequence[Objective] = ()
    started: list[Started] = field(default_factory=list)
    finished: Finished | None = None
    discarded: dict[int, Discarded] = field(default_factory=dict)
    comparisons: list[Compared] = field(default_factory=list)
    tries: dict[int, tuple[Try, ...]] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    initial: int = 0
    _candidates: dict[int, Candidate] = field(default_factory=dict)
    _proposed: dict[int, Proposed] = field(default_factory=dict)
    _evaluated: dict[tuple[int, str], Evaluated] = field(default_factory=dict)
    _joined: list[tuple[int, int, float]] = field(default_factory=list)
    _seconds: float = 0.0
    _front: tuple[Candidate, ...] | None = None  # these are computed when asked for, until another one joins
    _ordered: tuple[Candidate, ...] | None = None
    _scores: dict[int, Mapping[str, float]] = field(default_factory=dict)
    _past: list[Event] = field(default_factory=list)  # events that are not in ``_seen`` yet
    _seen: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, config: CampaignConfig, events: Iterable[Event] = ()) -> History:
        """The state after ``events``."""
        history = cls(config.search.objectives, config.budget, objectives_of(config.search))
        history.initial = len(config.seeds)
        for event in events:
            history._take(event)
            history._past.append(event)
        return history

    @classmethod
    def read(cls, run: RunRecord) -> History:
        """The state of a run on disk."""
        return cls.of(run.config, run.events())

    def apply(self, event: Event) -> bool:
        """Take the next event in; False if it is not new, as when a resumed campaign tells its past."""
        self._seen.update(past.model_dump_json() for past in self._past)
        self._past.clear()
        line = event.model_dump_json()
        if line in self._seen:
            return False
        self._seen.add(line)
        self._take(event)
        return True

    def _take(self, event: Event) -> None:
        match event:
            case Started():
                self.started.append(event)
                self.groups.update(event.groups)
                self.finished = None
            case Proposed():
                self._proposed[event.number] = event
                self.tries[event.number] = event.tries
            case Evaluated():
                self._evaluated[event.number, event.subset] = event
                self._seconds += event.seconds
            case Joined():
                self._candidates[event.candidate.number] = event.candidate
                self._scores.pop(event.candidate.number, None)
                self._front = self._ordered = None
                self._joined.append((event.candidate.number, len(self._evaluated), self._seconds))
                self.discarded.pop(event.candidate.number, None)
            case Discarded():
                self.discarded[event.number] = event
                self.tries[event.number] = event.tries or self.tries.get(event.number, ())
            case Compared():
                self.comparisons.append(event)
            case Finished():
                self.finished = event

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Everyone, failed ones too, by rising number."""
        if self._ordered is None:
            self._ordered = tuple(self._candidates[number] for number in sorted(self._candidates))
        return self._ordered

    @property
    def seeds(self) -> tuple[Candidate, ...]:
        """The candidates that the campaign began with."""
        return tuple(candidate for candidate in self.candidates if candidate.operator == SEED)

    @property
    def front(self) -> tuple[Candidate, ...]:
        """The non-dominated candidates, the highest quality first."""
        if self._front is not None:
            return self._front
        archive = self._archive()
        for candidate in self.candidates:
            if candidate.complete:
                archive.add(candidate.number, candidate.objectives)
        self._front = tuple(sorted((self._candidates[n] for n in archive.front), key=_merit, reverse=True))
        return self._front

    @property
    def best(self) -> Candidate | None:
        """Front member of the highest quality, ties broken by cost, then by number; None if all failed."""
        return next(iter(self.front), None)

    @property
    def best_seed(self) -> Candidate | None:
        """The one that the search had to beat: the best of the seeds by the same rule; None if all failed."""
        return max((c for c in self.seeds if c.complete), key=_merit, default=None)

    @property
    def saturation(self) -> str:
        """Why there is little to find, and what to do, once all initial programs are in; else empty."""
        best = self.best_seed
        if best is None or len(self.seeds) < self.initial or best.objectives["quality"] < CEILING:
            return ""
        return (
            f"The initial program #{best.number} {title(best)} scores {best.objectives['quality']:.3f} of 1 "
            "on validation: a search can hardly find better. Give harder or more questions, let read return "
            "less (sandbox.read_characters), or search for lower cost."
        )

    @property
    def settled(self) -> int:
        """Children of the budget that joined or were given up."""
        joined = sum(candidate.operator != SEED for candidate in self._candidates.values())
        return joined + len(self.discarded)

    @property
    def failures(self) -> int:
        """Candidates that failed."""
        return sum(candidate.failed for candidate in self._candidates.values())

    @property
    def inconclusive(self) -> int:
        """Evaluations without a score, for no fault of the program."""
        return sum(event.status == "inconclusive" for event in self._evaluated.values())

    def candidate(self, number: int) -> Candidate | None:
        """The candidate ``number``, if it joined."""
        return self._candidates.get(number)

    def quality(self, number: int, subset: str = STATIC) -> Interval | None:
        """The quality of a candidate on a subset, where it has one."""
        event = self._evaluated.get((number, subset))
        return event.quality if event and event.status in ("complete", "failed") else None

    @property
    def cost_unit(self) -> CostUnit:
        """What cost is counted in, in all of a campaign."""
        for event in self._evaluated.values():
            return event.cost_unit
        return "tokens"

    @property
    def in_flight(self) -> tuple[Proposed, ...]:
        """Children that were made and have no outcome yet, by rising number."""
        settled = self._candidates.keys() | self.discarded.keys()
        return tuple(self._proposed[number] for number in sorted(self._proposed.keys() - settled))

    @property
    def under_way(self) -> str:
        """What the campaign does now, in a few words; empty when it has ended."""
        if self.finished is not None:
            return ""
        if len(self.seeds) < self.initial:
            return f"initial programs {len(self.seeds)}/{self.initial}"
        if self.in_flight:
            shown = ", ".join(f"#{child.number} {child.operator}" for child in self.in_flight[:3])
            more = f" and {len(self.in_flight) - 3} more" if len(self.in_flight) > 3 else ""
            return f"evaluating {shown}{more}"
        if self.settled < self.budget:
            number = self.initial + self.settled
            return f"diagnosing a parent and making candidate #{number}"
        tested = sum(subset == TEST for _, subset in self._evaluated)
        return f"testing the best and the initial programs: {tested} done"

    def change(self, candidate: Candidate) -> Interval | None:
        """Quality minus that of the main parent, paired over the tasks that both were scored on.

        None for a seed, and where one of the two failed.
        """
        parent = self.candidate(candidate.parents[0]) if candidate.parents else None
        if parent is None or parent.failed or candidate.failed:
            return None
        paired = self.paired(candidate, parent)
        if paired is not None:
            return paired
        if not (candidate.objectives and parent.objectives):
            return None
        mean = candidate.objectives["quality"] - parent.objectives["quality"]
        return Interval(mean=mean, low=-1.0, high=1.0)

    def _finite(self, candidate: Candidate) -> Mapping[str, float]:
        """The scores of a candidate that are numbers, kept for when its children are compared with it."""
        known = self._scores.get(candidate.number)
        if known is None:
            known = {k: v for k, v in candidate.item_scores.items() if math.isfinite(v)}
            if len(known) == len(candidate.item_scores):
                known = candidate.item_scores
            self._scores[candidate.number] = known
        return known

    def paired(self, one: Candidate, other: Candidate) -> Interval | None:
        """Quality of ``one`` minus that of ``other`` on validation; None where they share no scored task."""
        first, second = self._finite(one), self._finite(other)
        if not first.keys() & second.keys():
            return None
        clusters = {task: self.groups.get(task, "") for task in first} if self.groups else None
        return paired_interval(first, second, clusters=clusters)

    def progress(self) -> list[Progress]:
        """A point for each candidate, in the order in which they joined."""
        archive = self._archive()
        scored = [c.objectives for c in self._candidates.values() if c.complete]
        reference = {
            axis.name: axis.worst([values[axis.name] for values in scored])
            for axis in archive.objectives
            if scored
        }
        points, best, volume = [], None, 0.0
        for number, evaluations, seconds in self._joined:
            candidate = self._candidates[number]
            if candidate.complete and number not in archive:
                archive.add(number, candidate.objectives)
                volume = archive.hypervolume(reference)
                quality = candidate.objectives["quality"]
                best = quality if best is None else max(best, quality)
            points.append(Progress(number, evaluations, seconds, volume, best))
        return points

    @property
    def progress_end(self) -> int | None:
        """The candidate that joined last; None where there is none."""
        return self._joined[-1][0] if self._joined else None

    def _archive(self) -> ParetoArchive:
        return ParetoArchive(self.axes or [objective(name) for name in self.objectives])

    def tests(self) -> dict[int, Interval]:
        """Number → quality on the test set, of those that were tested."""
        found = {number: self.quality(number, TEST) for number, subset in self._evaluated if subset == TEST}
        return {number: interval for number, interval in sorted(found.items()) if interval}


def title(candidate: Candidate) -> str:
    """What to call a candidate in a line: the name of a seed, the operator of a child."""
    return candidate.name or candidate.operator


def _merit(candidate: Candidate) -> tuple[float, float, int]:
    values = candidate.objectives
    return values["quality"], -values.get("cost", 0.0), -candidate.number
