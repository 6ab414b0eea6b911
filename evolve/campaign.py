"""A search campaign: seeds are evaluated, children are made and evaluated in rounds, the best is tested.

A round's parents are all drawn from the population as it was before the round, so that the result depends
on the configuration alone and not on how many children are worked on at once. All state is a function of the
journal: a campaign that was killed goes through the same rounds again and takes what is recorded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from joblib import Parallel, delayed

from evolve import __version__
from evolve.config import CampaignConfig
from evolve.errors import InfrastructureError, UsageError
from evolve.evaluation import Subset
from evolve.events import Compared, Discarded, Evaluated, Event, Finished, Joined, Proposed, Started
from evolve.journal import RunDirectory
from evolve.mutation import Brief, Mutator, Proposal, Refusal
from evolve.mutation.freezing import Freezing
from evolve.mutation.offline import OfflineMutator
from evolve.population import SELECTORS, Population, Request, Softmax, objective, rng_for
from evolve.program import MemoryProgram
from evolve.records import Candidate, Evaluation, Interval
from evolve.statistics import paired_interval
from evolve.workbench import Notify, Workbench, build_evaluator, is_trusted, seed_programs

__all__ = ["Campaign", "Summary", "build", "build_evaluator"]

T = TypeVar("T")


class Observer(Protocol):
    """Is told every event, those of an earlier process too, from the campaign's own thread."""

    def __call__(self, event: Event) -> None: ...


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
    reason: str
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
        self._mutator = mutator
        self._seeds = seeds
        self._clock = clock
        self._started = clock()
        self._observer: Observer = lambda _: None
        self._past = _Past()
        search = config.search
        selector = (
            Softmax(search.temperature) if search.selection == "softmax" else SELECTORS[search.selection]()
        )
        self._population = Population([objective(name) for name in search.objectives], selector, config.seed)
        self._programs: dict[int, MemoryProgram] = {}
        self._fingerprints: dict[str, int] = {}

    def run(self, observer: Observer) -> Summary:
        """Run it to its budget, or go on with it; then test the best.

        Raises:
            UsageError: every seed failed, so that there is nothing to evolve.
            InfrastructureError: something of ours failed; the same command goes on from there.
        """
        self._observer = observer
        past = self._past = self._replay()
        self._emit(self._start(past))
        self._join_seeds(past)
        reason = "budget"
        for numbers in self._rounds():
            requests = [self._population.ask() for _ in numbers]
            self._settle_recorded(requests, past)
            due = [r for r in requests if r.number in self._population.outstanding and r.number < self._end]
            if due and self._out_of_time():
                reason = "time"
                break
            self._evaluate_children(self._propose(due, past))
        summary = self._test(reason)
        self._emit(Finished(reason=reason, seconds=self._clock() - self._started))
        return summary

    def close(self) -> None:
        """End the sandbox and give the lock of the run back."""
        self._bench.sandbox.close()
        self._run.close()

    def __enter__(self) -> Campaign:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # The record

    def _replay(self) -> _Past:
        past = _Past()
        for event in self._run.events():
            past.take(event)
            self._observer(event)
        return past

    def _emit(self, event: Event) -> None:
        self._run.append(event)
        self._observer(event)

    def _start(self, past: _Past) -> Started:
        conditions = self._bench.evaluator.conditions
        if past.conditions not in (None, conditions):
            raise UsageError(
                f"The run {self._run.name!r} was begun under other conditions: its benchmark's data, the agent, "
                "the embeddings or the limits have changed since, so that new scores could not be compared "
                "with the recorded ones. Begin another run with --name."
            )
        return Started(
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            version=__version__,
            isolation=self._bench.sandbox.isolation,
            conditions=conditions,
            resumed=past.conditions is not None,
        )

    def _settle_recorded(self, requests: Iterable[Request], past: _Past) -> None:
        """Tell the population what became of these numbers in an earlier process."""
        for request in requests:
            if request.number in past.joined:
                candidate = past.joined[request.number]
                self._know(candidate.number, self._run.program(candidate.program))
                self._population.tell(candidate)
            elif request.number in past.discarded:
                self._population.discard(request.number, past.discarded[request.number])

    # Seeds

    def _join_seeds(self, past: _Past) -> None:
        due = []
        for number, program in enumerate(self._seeds):
            self._know(number, program)
            if number in past.joined:
                self._population.add_seed(past.joined[number])
            else:
                self._run.save_program(program)
                due.append((number, program))
        static = self._bench.subsets.static
        for (number, program), evaluation in self._each(due, lambda job: self._evaluate(*job, static)):
            self._report(number, evaluation)
            candidate = _candidate(evaluation, number=number, name=program.name, config=self._config)
            self._emit(Joined(candidate=candidate))
            self._population.add_seed(candidate)
        if self._population.best is None:
            reasons = "; ".join(f"{p.name}: {self._why_failed(p)}" for p in self._seeds)
            raise UsageError(f"Every seed failed, so that there is nothing to evolve: {reasons}.")

    def _why_failed(self, program: MemoryProgram) -> str:
        found = self._stored(program, self._bench.subsets.static)
        return found.failure.message if found and found.failure else "no reason recorded"

    # Children

    @property
    def _end(self) -> int:
        """The number after the last child that the budget pays for."""
        return len(self._seeds) + self._config.budget

    def _rounds(self) -> Iterator[range]:
        """The numbers of each round. The last one is asked whole, so that a larger budget changes nothing."""
        size = self._config.round
        yield from (range(start, start + size) for start in range(len(self._seeds), self._end, size))

    def _propose(self, requests: Sequence[Request], past: _Past) -> list[tuple[int, MemoryProgram, Proposed]]:
        """A new program for each request; those that came to nothing are discarded."""
        recorded = [r for r in requests if r.number in past.proposed]
        fresh = [r for r in requests if r.number not in past.proposed]
        diagnoses = self._diagnose(fresh)
        known = frozenset(self._fingerprints)
        jobs = [(r, diagnoses[r.parent.number]) for r in fresh]
        outcomes = dict(
            self._each(jobs, lambda job: self._mutate(*job, known), key=lambda job: job[0].number)
        )
        children = []
        for request in requests:
            if request in recorded:
                event = past.proposed[request.number]
                program = self._run.program(event.program)
            else:
                outcome = self._checked(outcomes[request.number])
                if isinstance(outcome, Refusal):
                    self._discard(request.number, outcome.operator, outcome.reason)
                    continue
                program, event = outcome.program, _proposed(request.number, outcome)
                self._run.save_program(program)
                self._emit(event)
            self._know(request.number, program)
            children.append((request.number, program, event))
        return children

    def _diagnose(self, requests: Sequence[Request]) -> dict[int, Evaluation]:
        """Each parent on the rotating subset of the round: the failures that its children shall mend."""
        if not requests:
            return {}
        subset = self._rotating(requests[0].number)
        parents = sorted({r.parent.number for r in requests})
        diagnoses = {}
        for number, evaluation in self._each(
            parents, lambda number: self._evaluate(number, self._programs[number], subset)
        ):
            self._report(number, evaluation)
            diagnoses[number] = evaluation
        return diagnoses

    def _rotating(self, number: int) -> Subset:
        return self._bench.subsets.rotating((number - len(self._seeds)) // self._config.round)

    def _mutate(self, request: Request, diagnosis: Evaluation, known: frozenset[str]) -> Proposal | Refusal:
        subset = self._rotating(request.number)
        brief = Brief(
            number=request.number,
            parent=request.parent,
            program=self._programs[request.parent.number],
            diagnosis=diagnosis,
            tasks={task.id: task for task in subset.tasks},
            episodes={episode.id: episode for episode in subset.episodes},
            partner=request.partner,
            partner_program=self._programs[request.partner.number] if request.partner else None,
            known=known,
        )
        return self._mutator.mutate(brief, rng_for(self._config.seed, "mutation", request.number))

    def _checked(self, outcome: Proposal | Refusal) -> Proposal | Refusal:
        """The proposal, unless it is a program that the campaign has seen."""
        if isinstance(outcome, Proposal) and outcome.program.fingerprint in self._fingerprints:
            twin = self._fingerprints[outcome.program.fingerprint]
            return Refusal(operator=outcome.operator, reason=f"the same program as candidate #{twin}")
        return outcome

    def _evaluate_children(self, children: Sequence[tuple[int, MemoryProgram, Proposed]]) -> None:
        static = self._bench.subsets.static
        for (number, _, event), evaluation in self._each(
            children, lambda child: self._evaluate(child[0], child[1], static)
        ):
            self._report(number, evaluation)
            candidate = _candidate(
                evaluation,
                number=number,
                config=self._config,
                parents=event.parents,
                operator=event.operator,
                message=event.message,
            )
            self._emit(Joined(candidate=candidate))
            self._population.tell(candidate)

    def _discard(self, number: int, operator: str, reason: str) -> None:
        self._emit(Discarded(number=number, operator=operator, reason=reason, final=True))
        self._population.discard(number, reason)

    # The end

    def _test(self, reason: str) -> Summary:
        """The best and every seed on the test set, which nothing was chosen by."""
        best = self._population.best
        assert best is not None  # _join_seeds made sure of it
        seeds = [
            c.number for c in self._population.candidates if c.number < len(self._seeds) and not c.failed
        ]
        numbers = sorted({best.number, *seeds})
        results: dict[int, Evaluation] = {}
        for number, evaluation in self._each(
            numbers, lambda number: self._evaluate(number, self._programs[number], self._bench.subsets.test)
        ):
            self._report(number, evaluation)
            results[number] = evaluation
        scores = {n: {item.task: item.score for item in e.items} for n, e in results.items()}
        comparisons = []
        for other in seeds:
            if other != best.number and results[other].status == results[best.number].status == "complete":
                difference = paired_interval(scores[best.number], scores[other])
                comparisons.append(Compared(best=best.number, other=other, difference=difference))
                if comparisons[-1] not in self._past.compared:
                    self._emit(comparisons[-1])
        tests = {number: evaluation.quality for number, evaluation in results.items()}
        return Summary(best, self._population.front, reason, tests, tuple(comparisons))

    # Work

    def _evaluate(self, number: int, program: MemoryProgram, subset: Subset) -> Evaluation:
        """Evaluate, or take what is stored. Runs in a worker thread; stores what it did before it returns."""
        found = self._stored(program, subset)
        if found is None:
            found = self._bench.evaluator.evaluate(program, subset)
            self._run.save_evaluation(found)
        return found

    def _stored(self, program: MemoryProgram, subset: Subset) -> Evaluation | None:
        return self._run.evaluation(program.id, subset.name, self._bench.evaluator.conditions)

    def _each(self, jobs: Sequence, work: Callable, key: Callable = lambda job: job) -> Iterator[tuple]:
        """``(key(job), work(job))`` for each job, in the order of the jobs, several worked on at once."""
        results = Parallel(n_jobs=self._config.jobs, backend="threading", return_as="generator")(
            delayed(work)(job) for job in jobs
        )
        yield from zip((key(job) for job in jobs), results, strict=True)

    def _report(self, number: int, evaluation: Evaluation) -> None:
        """Record an evaluation; stop where there is none, since nothing may be concluded from its absence."""
        if evaluation.status == "inconclusive":
            raise InfrastructureError(
                f"Candidate #{number} could not be evaluated on {evaluation.subset}: {evaluation.reason}",
                remedy="Nothing is lost: mend it and give the same command again to go on.",
            )
        if (number, evaluation.subset) in self._past.evaluated:
            return
        self._emit(
            Evaluated(
                number=number,
                program=evaluation.program,
                subset=evaluation.subset,
                status=evaluation.status,
                quality=evaluation.quality,
                cost=evaluation.cost,
                latency=evaluation.latency,
                stages=evaluation.stages(),
                seconds=evaluation.seconds,
            )
        )

    def _know(self, number: int, program: MemoryProgram) -> None:
        self._programs[number] = program
        self._fingerprints.setdefault(program.fingerprint, number)

    def _out_of_time(self) -> bool:
        limit = self._config.max_seconds
        return limit is not None and self._clock() - self._started >= limit


@dataclass
class _Past:
    """What the journal says of earlier processes, by number."""

    joined: dict[int, Candidate] = field(default_factory=dict)
    proposed: dict[int, Proposed] = field(default_factory=dict)
    discarded: dict[int, str] = field(default_factory=dict)
    evaluated: set[tuple[int, str]] = field(default_factory=set)
    compared: list[Compared] = field(default_factory=list)
    conditions: str | None = None

    def take(self, event: Event) -> None:
        """Take one event, in the order of the journal."""
        if isinstance(event, Started):
            self.conditions = self.conditions or event.conditions
        elif isinstance(event, Evaluated):
            self.evaluated.add((event.number, event.subset))
        elif isinstance(event, Compared):
            self.compared.append(event)
        elif isinstance(event, Joined):
            self.joined[event.candidate.number] = event.candidate
        elif isinstance(event, Proposed):
            self.proposed[event.number] = event
        elif isinstance(event, Discarded) and event.final:
            self.discarded[event.number] = event.reason


def build(config: CampaignConfig, *, root: Path, name: str, unsafe_local: bool, notify: Notify) -> Campaign:
    """A campaign ready to run, new or resumed. Nothing is written before everything was found in order.

    Args:
        config: what to do; of a recorded run only the keys in ``config.MAY_CHANGE`` may differ.
        root: the folder of runs.
        name: of the run.
        unsafe_local: programs that are not this project's own may run in a bare process.
        notify: told in a sentence what the user should know.

    Raises:
        UsageError: a name, path, option or recorded configuration does not fit.
        InfrastructureError: the sandbox asked for cannot be started.
    """
    mutator = _mutator(config)
    seeds = seed_programs(config.seeds)
    workbench = build_evaluator(config, unsafe_local=unsafe_local, trusted=is_trusted(config), notify=notify)
    try:
        run = RunDirectory.create_or_open(root, name, config, notify=notify)
    except BaseException:
        workbench.sandbox.close()
        raise
    return Campaign(config, run, workbench, mutator, seeds)


def _mutator(config: CampaignConfig) -> Mutator:
    freeze = config.search.freeze
    if freeze == "code":
        raise UsageError(
            "search.freeze = 'code' leaves only the instructions to change, and the offline mutator changes "
            "code. Use freeze = 'instructions', or leave it out."
        )
    mutator = OfflineMutator(attribution=config.search.attribution)
    return Freezing(mutator, freeze) if freeze else mutator


def _candidate(evaluation: Evaluation, *, number: int, config: CampaignConfig, **place: object) -> Candidate:
    failed = evaluation.status == "failed"
    return Candidate.model_validate(
        {
            "number": number,
            "program": evaluation.program,
            "objectives": {} if failed else {n: evaluation.objective(n) for n in config.search.objectives},
            "item_scores": {item.task: item.score for item in evaluation.items},
            "failed": failed,
            **place,
        }
    )


def _proposed(number: int, proposal: Proposal) -> Proposed:
    return Proposed(
        number=number,
        program=proposal.program.id,
        parents=proposal.parents,
        operator=proposal.operator,
        message=proposal.message,
    )
