"""State of a run: the only fold over its events, for the search and for all inspection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from evolve.config import CampaignConfig
from evolve.events import (
    Compared,
    Discarded,
    Evaluated,
    Event,
    Finished,
    Joined,
    Noted,
    Plateau,
    Proposed,
    Started,
    Steered,
)
from evolve.journal import RunRecord
from evolve.population import CandidatePool, Objective, merit, objective, objectives_of
from evolve.records import Candidate, CostUnit, Interval, Try
from evolve.runs.pairing import PairedScores
from evolve.runs.progress import Progress, progress
from evolve.runs.requests import CarriedOutRequests

STATIC, TEST = "static", "test"
SEED, BY_HAND = "seed", "by hand"
"""Operators of an initial program, and of a program that a user added."""


@dataclass
class RunHistory:
    """State of a campaign, folded from its events. Not thread-safe.

    Attributes:
        objectives: names of the objectives that span the front.
        budget: number of candidates that the campaign may make, with the programs that a user added.
        axes: the objectives, with their resolution on the front; by default those of their names.
        started: each process that worked on the campaign, in order.
        finished: end of the last process; None while it runs or if it was killed.
        discarded: number → reason why there is no such candidate.
        comparisons: best against others on the test set, in order.
        tries: number → outcome of each model reply for that candidate.
        groups: static task → its group, of the tasks that have one.
        initial: number of initial programs.
        programs: ids of all programs that an event names.
        requests: the requests of users that were carried out.
        noted: notes of the campaign, in order.
        plateaus: reactions to plateaus, in order.

    Example:
        >>> from evolve.config import CampaignConfig
        >>> values = {"quality": 0.4, "cost": 200.0, "latency": 0.1}
        >>> first = Candidate(number=0, program="a", name="lexical", objectives=values)
        >>> history = RunHistory.of(CampaignConfig(), [Joined(candidate=first)])
        >>> history.best == first, history.is_settled(0), history.is_settled(1)
        (True, True, False)
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
    programs: set[str] = field(default_factory=set)
    requests: CarriedOutRequests = field(default_factory=CarriedOutRequests)
    noted: list[Noted] = field(default_factory=list)
    plateaus: list[Plateau] = field(default_factory=list)
    _candidates: dict[int, Candidate] = field(default_factory=dict)
    _proposed: dict[int, Proposed] = field(default_factory=dict)
    _evaluated: dict[tuple[int, str], Evaluated] = field(default_factory=dict)
    _joined: list[tuple[int, int, float]] = field(default_factory=list)
    _seconds: float = 0.0
    _pool: CandidatePool | None = None  # these are computed when asked for
    _ordered: tuple[Candidate, ...] | None = None
    _front: tuple[Candidate, ...] | None = None
    _pairs: PairedScores = field(default_factory=PairedScores)
    _past: list[Event] = field(default_factory=list)  # events that are not in ``_seen`` yet
    _seen: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, config: CampaignConfig, events: Iterable[Event] = ()) -> RunHistory:
        """Return the state after ``events``."""
        history = cls(config.objectives, config.budget, objectives_of(config.search, config.objectives))
        history.initial = len(config.seeds)
        for event in events:
            history.add(event)
            history._past.append(event)
        return history

    @classmethod
    def read(cls, run: RunRecord) -> RunHistory:
        """Return the state of a run on disk; UsageError where its journal is damaged."""
        return cls.of(run.config, run.events())

    def apply(self, event: Event) -> bool:
        """Apply the next event; False if it is not new, as when a resumed campaign repeats its past."""
        self._seen.update(past.model_dump_json() for past in self._past)
        self._past.clear()
        line = event.model_dump_json()
        if line in self._seen:
            return False
        self._seen.add(line)
        self.add(event)
        return True

    def add(self, event: Event) -> None:
        """Apply the next event, which is known to be new."""
        match event:
            case Started():
                self.requests.paused = False
                self.started.append(event)
                self.groups.update(event.groups)
                self.finished = None
            case Proposed():
                self.programs.add(event.program)
                self._proposed[event.number] = event
                self.tries[event.number] = event.tries
            case Evaluated():
                self.programs.add(event.program)
                self._evaluated[event.number, event.subset] = event
                self._seconds += event.seconds
            case Joined():
                self._join(event.candidate)
            case Discarded():
                self.discarded[event.number] = event
                self.tries[event.number] = event.tries or self.tries.get(event.number, ())
            case Compared():
                self.comparisons.append(event)
            case Steered():
                self.requests.add(event)
                if event.action == "add":
                    self.programs.add(event.program)
                    self.budget += 1
            case Noted():
                self.noted.append(event)
            case Plateau():
                self.plateaus.append(event)
            case Finished():
                self.finished = event

    def _join(self, candidate: Candidate) -> None:
        number = candidate.number
        self.programs.add(candidate.program)
        self.discarded.pop(number, None)
        self._joined.append((number, len(self._evaluated), self._seconds))
        if self._pool is not None and number not in self._candidates:
            self._pool.add(candidate)
        else:  # if the journal holds a number twice, the last one counts
            self._pool = None
        self._candidates[number] = candidate
        self._pairs.forget(number)
        self._ordered = self._front = None

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every candidate, failed ones too, by rising number."""
        if self._ordered is None:
            self._ordered = tuple(self._candidates[number] for number in sorted(self._candidates))
        return self._ordered

    @property
    def seeds(self) -> tuple[Candidate, ...]:
        """The candidates that the campaign began with."""
        return tuple(candidate for candidate in self.candidates if candidate.operator == SEED)

    @property
    def pool(self) -> CandidatePool:
        """The candidates with their Pareto front. Read-only."""
        if self._pool is None:
            self._pool = CandidatePool(self._axes(), self.candidates)
        return self._pool

    @property
    def front(self) -> tuple[Candidate, ...]:
        """The non-dominated candidates, the highest quality first."""
        if self._front is None:
            self._front = tuple(sorted(self.pool.front, key=merit, reverse=True))
        return self._front

    @property
    def best(self) -> Candidate | None:
        """Front member of the highest quality, see ``CandidatePool.best``; None if all failed."""
        return self.pool.best

    @property
    def best_seed(self) -> Candidate | None:
        """Baseline of the search: the best of the seeds by the same rule; None if all failed."""
        return max((c for c in self.seeds if c.complete), key=merit, default=None)

    @property
    def conditions(self) -> str | None:
        """Conditions of this run's scores; None for a new run."""
        return self.started[0].conditions if self.started else None

    @property
    def mutator(self) -> str | None:
        """Identity of what made children when the run last went on; None where none was recorded."""
        return next((event.mutator for event in reversed(self.started) if event.mutator), None)

    @property
    def prompts(self) -> str | None:
        """Digest of the user's own prompt files that the run was started with; None for a new run."""
        return self.started[0].prompts if self.started else None

    @property
    def settled(self) -> int:
        """Number of candidates of the budget that joined or were discarded."""
        joined = sum(candidate.operator != SEED for candidate in self._candidates.values())
        return joined + len(self.discarded)

    def is_settled(self, number: int) -> bool:
        """Return whether the result of a candidate is recorded."""
        return number in self._candidates or number in self.discarded

    def is_recorded(self, event: Event) -> bool:
        """Return whether the same evaluation or comparison is recorded, which a resumed process repeats."""
        match event:
            case Evaluated():
                return (event.number, event.subset) in self._evaluated
            case Compared():
                return any((c.best, c.other) == (event.best, event.other) for c in self.comparisons)
            case Noted():
                return any((n.number, n.source) == (event.number, event.source) for n in self.noted)
            case Plateau():
                return any((p.number, p.rung) == (event.number, event.rung) for p in self.plateaus)
        return False

    @property
    def failures(self) -> int:
        """Number of candidates that failed."""
        return sum(candidate.failed for candidate in self._candidates.values())

    @property
    def inconclusive(self) -> int:
        """Number of evaluations without a score, through no fault of the program."""
        return sum(event.status == "inconclusive" for event in self._evaluated.values())

    def notes(self, settled: int | None = None) -> tuple[Noted, ...]:
        """Return the notes of another run, if any, and the latest of this one.

        Args:
            settled: last candidate that they may cover; None: no limit.
        """
        carried = tuple(note for note in self.noted if note.source)
        own = [n for n in self.noted if not n.source and (settled is None or n.number <= settled)]
        return (*carried, *own[-1:])

    @property
    def next_number(self) -> int:
        """Number above those of all candidates of which anything is recorded."""
        taken = (self._candidates, self._proposed, self.discarded, self.requests.added)
        return max((max(numbers) for numbers in taken if numbers), default=-1) + 1

    def candidate(self, number: int) -> Candidate | None:
        """Return the candidate ``number``, if it joined."""
        return self._candidates.get(number)

    def proposed(self, number: int) -> Proposed | None:
        """Return how candidate ``number`` was made, if it was."""
        return self._proposed.get(number)

    def evaluated(self, number: int, subset: str = STATIC) -> Evaluated | None:
        """Return the evaluation of a candidate on a subset, if there is one."""
        return self._evaluated.get((number, subset))

    def quality(self, number: int, subset: str = STATIC) -> Interval | None:
        """Return the quality of a candidate on a subset, where it has one."""
        event = self.evaluated(number, subset)
        return event.quality if event and event.status in ("complete", "failed") else None

    @property
    def cost_unit(self) -> CostUnit:
        """Unit of cost, in all of a campaign."""
        for event in self._evaluated.values():
            return event.cost_unit
        return "tokens"

    @property
    def in_flight(self) -> tuple[Proposed, ...]:
        """Candidates that were made and have no result yet, by rising number."""
        return tuple(self._proposed[n] for n in sorted(self._proposed) if not self.is_settled(n))

    def change(self, candidate: Candidate) -> Interval | None:
        """Return quality minus that of the main parent, paired over the tasks that both were scored on.

        None for a seed, and where one of the two failed.
        """
        parent = self.candidate(candidate.parents[0]) if candidate.parents else None
        return None if parent is None else self._pairs.change(candidate, parent, self.groups)

    def paired(self, one: Candidate, other: Candidate) -> Interval | None:
        """Return quality of ``one`` minus that of ``other`` on validation; None where they share no task."""
        return self._pairs.difference(one, other, self.groups)

    def progress(self) -> list[Progress]:
        """Return a point for each candidate, in the order in which they joined."""
        return progress(self._joined, self._candidates, self._axes())

    @property
    def progress_end(self) -> int | None:
        """The candidate that joined last; None where there is none."""
        return self._joined[-1][0] if self._joined else None

    def tests(self) -> dict[int, Interval]:
        """Return number → quality on the test set, of those that were tested."""
        found = {number: self.quality(number, TEST) for number, subset in self._evaluated if subset == TEST}
        return {number: interval for number, interval in sorted(found.items()) if interval}

    def _axes(self) -> Sequence[Objective]:
        return self.axes or [objective(name) for name in self.objectives]
