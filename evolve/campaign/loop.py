"""The search itself.

A round's parents are all drawn from the population as it was before the round, so that the result depends on
the configuration alone and not on how many children are worked on at once. All state is a function of the
journal: a campaign that was killed goes through the same rounds again and takes what is recorded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from evolve import __version__
from evolve.campaign.breeding import Breeder, Child
from evolve.campaign.ledger import Ledger
from evolve.campaign.workers import Workers
from evolve.config import CampaignConfig
from evolve.errors import UsageError
from evolve.events import Compared, Event, Finished, Joined, Started, StopReason
from evolve.journal import RunDirectory
from evolve.mutation import Mutator
from evolve.population import SELECTORS, Population, Request, Softmax, objective
from evolve.program import MemoryProgram
from evolve.records import Candidate, Evaluation, Interval
from evolve.statistics import paired_interval
from evolve.workbench import Workbench


@dataclass(frozen=True)
class Summary:
    """How a campaign ended.

    Attributes:
        best: the candidate of the highest quality on the static subset.
        front: the non-dominated candidates by number.
        reason: why it stopped.
        tests: candidate number → quality on the test set, of the best and of every seed.
        comparisons: the best against each seed on the test set.
    """

    best: Candidate
    front: tuple[Candidate, ...]
    reason: StopReason
    tests: dict[int, Interval] = field(default_factory=dict)
    comparisons: tuple[Compared, ...] = ()


class Campaign:
    """One campaign in one process. A context manager, which ends the sandbox and gives the run's lock back.

    Args:
        config: what to do.
        run: where it is recorded.
        workbench: what evaluates.
        mutator: makes children.
        seeds: the programs to begin with.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        config: CampaignConfig,
        run: RunDirectory,
        workbench: Workbench,
        mutator: Mutator,
        seeds: Sequence[MemoryProgram],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._run = run
        self._bench = workbench
        self._seeds = seeds
        self._clock = clock
        self._started = clock()
        self._ledger = Ledger(run)
        self._workers = Workers(run, self._ledger, workbench.evaluator, config.jobs)
        self._breeder = Breeder(mutator, self._workers, self._ledger, run, config.seed)
        self._population = _population(config)

    def run(self, observer: Callable[[Event], None]) -> Summary:
        """Run it to its budget, or go on with it; then test the best.

        Args:
            observer: is told every event, those of earlier processes too, from this thread.

        Raises:
            UsageError: every seed failed, or the run was begun under other conditions.
            InfrastructureError: something of ours failed; the same command goes on from there.
        """
        self._ledger.open(observer)
        self._begin()
        self._join_seeds()
        reason: StopReason = "budget"
        for number, requests, known in self._rounds():
            if self._out_of_time():
                reason = "time"
                break
            children = self._breeder.breed(requests, self._bench.subsets.rotating(number), known)
            self._settle(requests, children)
        summary = self._test(reason)
        self._ledger.emit(Finished(reason=reason, seconds=self._clock() - self._started))
        return summary

    def close(self) -> None:
        """End the sandbox and give the lock of the run back."""
        self._bench.sandbox.close()
        self._run.close()

    def __enter__(self) -> Campaign:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _begin(self) -> None:
        """Say that a process began; refuse scores that could not be compared with the recorded ones."""
        past, now = self._ledger.conditions, self._workers.conditions
        if past not in (None, now):
            raise UsageError(
                f"The run {self._run.name!r} was begun under other conditions: its benchmark's data, the "
                "agent, the embeddings or the limits have changed since. Begin another run with --name."
            )
        self._ledger.emit(
            Started(
                time=datetime.now(UTC).isoformat(timespec="seconds"),
                version=__version__,
                isolation=self._bench.sandbox.isolation,
                conditions=now,
                resumed=past is not None,
            )
        )

    def _join_seeds(self) -> None:
        """Evaluate the seeds that have no record, and begin the population with all of them."""
        for number, program in enumerate(self._seeds):
            self._breeder.know(number, program)
            self._run.save_program(program)
        due = {n: program for n, program in enumerate(self._seeds) if n not in self._ledger.joined}
        for number, evaluation in self._workers.evaluate(due, self._bench.subsets.static):
            self._join(evaluation, number=number, name=self._seeds[number].name)
        for number in range(len(self._seeds)):
            self._population.add_seed(self._ledger.joined[number])
        if self._population.best is None:
            reasons = "; ".join(f"{program.name}: {self._why_failed(program)}" for program in self._seeds)
            raise UsageError(f"Every seed failed, so that there is nothing to evolve: {reasons}.")

    def _rounds(self) -> Iterator[tuple[int, list[Request], frozenset[str]]]:
        """The number of each round, its requests that are to be worked on, and the programs known before it.

        A round is always asked whole, so that a budget that ends within one can be raised later without a
        difference. What earlier processes settled is told here.
        """
        first, size = len(self._seeds), self._config.round
        end = first + self._config.budget
        for number, _ in enumerate(range(first, end, size)):
            known = self._breeder.known
            requests = [self._population.ask() for _ in range(size)]
            due = [request for request in requests if request.number < end and not self._recall(request)]
            if due:
                yield number, due, known

    def _recall(self, request: Request) -> bool:
        """Tell the population what the record says of a request; False where it says nothing."""
        number = request.number
        if number in self._ledger.joined:
            candidate = self._ledger.joined[number]
            self._breeder.know(number, self._run.program(candidate.program))
            self._population.tell(candidate)
        elif number in self._ledger.discarded:
            self._population.discard(number, self._ledger.discarded[number])
        else:
            return False
        return True

    def _settle(self, requests: Sequence[Request], children: dict[int, Child]) -> None:
        """Evaluate the children and tell the population of every request."""
        programs = {number: child.program for number, child in children.items()}
        for number, evaluation in self._workers.evaluate(programs, self._bench.subsets.static):
            origin = children[number].origin
            self._join(
                evaluation,
                number=number,
                parents=origin.parents,
                operator=origin.operator,
                message=origin.message,
            )
        for request in requests:
            self._recall(request)

    def _join(self, evaluation: Evaluation, **place: object) -> None:
        """Record a candidate with its objectives."""
        failed = evaluation.status == "failed"
        names = self._config.search.objectives
        candidate = {
            "program": evaluation.program,
            "objectives": {} if failed else {name: evaluation.objective(name) for name in names},
            "item_scores": {item.task: item.score for item in evaluation.items},
            "failed": failed,
        }
        self._ledger.emit(Joined(candidate=Candidate.model_validate(candidate | place)))

    def _test(self, reason: StopReason) -> Summary:
        """Score the best and every seed on the test set, which nothing was chosen by."""
        best = self._population.best
        assert best is not None  # _join_seeds made sure of it
        seeds = [n for n in range(len(self._seeds)) if not self._ledger.joined[n].failed]
        programs = {number: self._breeder.programs[number] for number in sorted({*seeds, best.number})}
        results = dict(self._workers.evaluate(programs, self._bench.subsets.test))
        scores = {
            number: {item.task: item.score for item in evaluation.items}
            for number, evaluation in results.items()
            if evaluation.status == "complete"
        }
        comparisons = [
            Compared(best=best.number, other=n, difference=paired_interval(scores[best.number], scores[n]))
            for n in seeds
            if n != best.number and {n, best.number} <= scores.keys()
        ]
        for comparison in comparisons:
            self._ledger.emit(comparison)
        tests = {number: evaluation.quality for number, evaluation in results.items()}
        return Summary(best, self._population.front, reason, tests, tuple(comparisons))

    def _why_failed(self, program: MemoryProgram) -> str:
        found = self._workers.stored(program, self._bench.subsets.static)
        return found.failure.message if found and found.failure else "no reason is recorded"

    def _out_of_time(self) -> bool:
        limit = self._config.max_seconds
        return limit is not None and self._clock() - self._started >= limit


def _population(config: CampaignConfig) -> Population:
    search = config.search
    softmax = search.selection == "softmax"
    selector = Softmax(search.temperature) if softmax else SELECTORS[search.selection]()
    return Population([objective(name) for name in search.objectives], selector, config.seed)
