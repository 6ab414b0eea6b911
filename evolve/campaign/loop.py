"""The search itself.

Children are worked on as workers become free, and settled in the order of their numbers. The parent of child
n is drawn when all up to n − window are settled: so it is chosen from a population that is as new as the
window lets it be, and the result depends on the configuration alone, not on how many workers there are or
which of them is quicker. All state is a function of the journal: a campaign that was killed asks the same
questions again and takes what is recorded.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evolve import __version__
from evolve.campaign.briefing import MOST_REFERENCES, family
from evolve.campaign.crew import Crew, Feed
from evolve.campaign.rearing import Outcome, Rear, Score
from evolve.campaign.registrar import Registrar
from evolve.components import AS_CONFIGURED, Components
from evolve.config import CampaignConfig
from evolve.errors import BudgetReached, InfrastructureError, UsageError
from evolve.evaluation import Subset
from evolve.evaluation.racing import Rival
from evolve.events import (
    Compared,
    Event,
    Finished,
    Started,
    StopReason,
)
from evolve.journal import RunDirectory
from evolve.models.pulse import Activity
from evolve.models.tally import Accounts
from evolve.mutation.ensemble import Feedback
from evolve.mutation.reflection.texts import texts_of
from evolve.population import ParentSelector, Population, Request, objectives_of, rng_for
from evolve.program import MemoryProgram
from evolve.records import Candidate, Evaluation, Interval
from evolve.statistics import paired_interval
from evolve.workbench import Workbench

if TYPE_CHECKING:
    from evolve.models.local.opening import LocalModels


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
    """One campaign, decided on and recorded by one process.

    A context manager, which ends the workers and the sandbox and gives the run's lock back.

    Args:
        config: what to do.
        run: where it is recorded.
        workbench: what evaluates.
        crew: does jobs.
        seeds: the programs to begin with.
        clock: seconds, monotonic.
        mutator: identity of what makes children, to be recorded.
    """

    def __init__(
        self,
        config: CampaignConfig,
        run: RunDirectory,
        workbench: Workbench,
        crew: Crew[Rear | Score, Outcome],
        seeds: Sequence[MemoryProgram],
        clock: Callable[[], float] = time.monotonic,
        *,
        mutator: str = "",
        selector: ParentSelector | None = None,
    ) -> None:
        self._config = config
        self._run = run
        self._bench = workbench
        self._crew = crew
        self._seeds = seeds
        self._clock = clock
        self._mutator = mutator
        self._started = clock()
        self._registrar = Registrar(run, config.search.objectives, workbench.evaluator.conditions)
        self._population = _population(config, selector or named_selector(config))
        self._stopped: InfrastructureError | BudgetReached | None = None

    def run(self, observer: Callable[[Event], None]) -> Summary:
        """Run it to its budget, or go on with it; then test the best.

        Args:
            observer: is told every event, those of earlier processes too, from this thread.

        Raises:
            UsageError: every seed failed, or the run was begun under other conditions.
            InfrastructureError: something of ours failed; the same command goes on from there.
            BudgetReached: tokens or USD are spent; the same command with a higher cap goes on from there.
        """
        self._registrar.open(observer)
        self._begin()
        try:
            self._join_seeds()
            reason = self._search()
            summary = self._test(reason)
        except BudgetReached:
            self._finish("spent")
            raise
        self._finish(reason)
        return summary

    @property
    def accounts(self) -> Callable[[], Accounts] | None:
        """Tells what models have taken so far, restarts included; None where none is asked."""
        gateway = self._bench.roles.gateway
        return gateway.accounts if gateway is not None else None

    @property
    def local(self) -> LocalModels | None:
        """The model servers on this machine that were started for this campaign; None where none was."""
        return self._bench.roles.local

    @property
    def activity(self) -> Callable[[], Activity] | None:
        """Calls to models under way and recent tokens per second; None where no model is asked here."""
        gateway = self._bench.roles.gateway
        return gateway.activity if gateway is not None else None

    def close(self) -> None:
        """End the workers, the models and the sandbox, and give the lock of the run back."""
        self._crew.close()
        self._bench.close()
        self._run.close()

    def __enter__(self) -> Campaign:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _begin(self) -> None:
        """Say that a process began; refuse scores that could not be compared with the recorded ones."""
        past, now = self._registrar.ledger.conditions, self._bench.conditions
        if past not in (None, now):
            raise UsageError(
                f"The run {self._run.name!r} was begun under other conditions: its benchmark's data, the "
                "tasks that are asked, the agent, the models, the embeddings or the limits have changed "
                "since. Begin another run with --name."
            )
        prompts = self._prompts()
        self._registrar.ledger.emit(
            Started(
                prompts=prompts,
                time=datetime.now(UTC).isoformat(timespec="seconds"),
                version=__version__,
                isolation=self._bench.sandbox.isolation,
                conditions=now,
                resumed=past is not None,
                mutator=self._mutator,
                groups={task.id: task.group for task in self._bench.subsets.static.tasks if task.group},
            )
        )

    def _prompts(self) -> str:
        """The digest of the user's own prompts; refused where a run was begun with others."""
        folder = self._config.search.prompts_dir
        now = texts_of(folder).own_digest if self._config.reflecting else ""
        past = self._registrar.ledger.prompts
        if past not in (None, now):
            raise UsageError(
                f"The run {self._run.name!r} was begun with other prompts: those of search.prompts_dir "
                f"({folder or 'none is given now'}) have changed since. Put them back, or begin another run "
                "with --name."
            )
        return now

    def _join_seeds(self) -> None:
        """Evaluate the seeds that have no record, and begin the population with all of them."""
        for number, program in enumerate(self._seeds):
            self._registrar.register(number, program)
        due = [n for n in range(len(self._seeds)) if n not in self._registrar.ledger.joined]
        for number, evaluation in self._scored(due, self._bench.subsets.static):
            if evaluation.status == "inconclusive":
                raise UsageError(
                    f"The seed {self._seeds[number].name} has no score: {evaluation.reason}. Give the same "
                    "command again to ask once more, leave the seed out with --seeds, or take a stronger "
                    "model; what was scored is kept."
                )
            self._registrar.join(evaluation, number=number, name=self._seeds[number].name)
        for number in range(len(self._seeds)):
            self._population.add_seed(self._registrar.ledger.joined[number])
        if self._population.best is None:
            reasons = "; ".join(f"{program.name}: {self._why_failed(program)}" for program in self._seeds)
            raise UsageError(f"Every seed failed, so that there is nothing to evolve: {reasons}.")

    def _search(self) -> StopReason:
        """Make children until the budget or the time is used up.

        Raises:
            InfrastructureError, BudgetReached: why a child could not be finished, when all that was under
                way has come to its end.
        """
        first = len(self._seeds)
        end, window = first + self._config.budget, self._config.under_way
        asked = settled = first
        requests: dict[int, Request] = {}
        arrived: dict[int, Outcome] = {}
        under_way: set[int] = set()
        feed: Feed[Rear | Score] = Feed()
        with closing(self._crew.outcomes(feed)) as outcomes:
            while settled < end:
                # Strictly by turns, so that what each parent is drawn from does not depend on the workers.
                while asked < end and asked - settled < window:
                    requests[asked] = self._population.ask()
                    if not self._registrar.ledger.settled(asked) and not self._ending():
                        job = self._job(requests[asked])
                        kept = self._kept(job)
                        if kept is None:
                            feed.put(job)
                            under_way.add(asked)
                        else:
                            arrived[asked] = Outcome(job, evaluation=kept)
                    asked += 1
                if self._registrar.ledger.settled(settled) or settled in arrived:
                    self._settle(requests.pop(settled), arrived.pop(settled, None))
                    settled += 1
                elif under_way:
                    outcome = next(outcomes)
                    under_way.discard(outcome.number)
                    self._take(outcome)
                    if outcome.stopped is None:
                        arrived[outcome.number] = outcome
                    if self._ending():
                        under_way -= {job.number for job in feed.drop()}
                else:
                    break
        if self._stopped is not None:
            raise self._stopped
        return "budget" if settled == end else "time"

    def _finish(self, reason: StopReason) -> None:
        self._registrar.ledger.emit(Finished(reason=reason, seconds=self._clock() - self._started))

    def _job(self, request: Request) -> Rear:
        """All that it takes to make the child of ``request``, from what is settled now."""
        number, parent = request.number, request.parent
        partner = request.partner if self._crosses(number) else None
        rotating = self._bench.subsets.rotating(parent.number)
        return Rear(
            request=request,
            program=self._registrar.programs[parent.number],
            partner_program=self._registrar.programs[partner.number] if partner else None,
            family=family(
                request,
                self._population.candidates,
                self._registrar.programs,
                references=self._references,
                front=self._population.front,
            ),
            known=self._registrar.known,
            rivals=self._rivals(),
            feedback=self._feedback(number),
            diagnosis=self._registrar.stored(self._registrar.programs[parent.number], rotating),
            child=self._registrar.proposed(number),
        )

    def _feedback(self, number: int) -> tuple[Feedback, ...]:
        """What became of the children settled before child ``number`` is made, for a mutator that learns."""
        if self._config.mutators == "rules" and self._config.search.operators != "bandit":
            return ()
        first = len(self._seeds)
        settled = range(first, number - self._config.under_way + 1)
        # Rules cost nothing but the evaluation of what they make.
        both = self._config.mutators == "both"
        return tuple(self._registrar.feedback(n, evaluation=both) for n in settled)

    @property
    def _references(self) -> int:
        search = self._config.search
        if not (search.references and self._config.reflecting):
            return 0
        return MOST_REFERENCES if search.references_shown is None else search.references_shown

    def _kept(self, job: Rear) -> Evaluation | None:
        """The evaluation of a child that an earlier process finished and did not come to settle."""
        return self._registrar.stored(job.child, self._bench.subsets.static) if job.child else None

    def _rivals(self) -> tuple[Rival, ...]:
        """The front, as a child is measured by it on the way; measured time has no say in that."""
        by_cost = "cost" in self._config.search.objectives
        return tuple(
            Rival(c.number, c.item_scores, c.objectives["cost"] if by_cost else None)
            for c in self._population.untimed_front
        )

    def _crosses(self, number: int) -> bool:
        """Whether a child may take from a second parent. Where rules take part, the mutators decide that."""
        if self._config.mutators != "model":
            return True
        return rng_for(self._config.seed, "crossover", number).random() < self._config.search.crossover

    def _take(self, outcome: Outcome) -> None:
        """Record what was finished, and remember that something could not be."""
        self._registrar.take(outcome)
        self._stopped = self._stopped or outcome.stopped

    def _settle(self, request: Request, outcome: Outcome | None) -> None:
        """Record what became of a child, unless that was done, and tell the population."""
        number = request.number
        if outcome is not None:
            self._registrar.conclude(number, outcome)
        if number in self._registrar.ledger.joined:
            candidate = self._registrar.ledger.joined[number]
            self._registrar.register(number, self._run.program(candidate.program))
            self._population.tell(candidate)
        else:
            self._population.discard(number, self._registrar.ledger.discarded[number])

    def _test(self, reason: StopReason) -> Summary:
        """Score the best and every seed on the test tasks, which nothing was chosen by, if any are asked."""
        best = self._population.best
        assert best is not None  # _join_seeds made sure of it
        if not self._bench.subsets.test.tasks:
            return Summary(best, self._population.front, reason)
        seeds = [n for n in range(len(self._seeds)) if self._registrar.ledger.joined[n].complete]
        results = dict(self._scored(sorted({*seeds, best.number}), self._bench.subsets.test))
        scores = {
            number: evaluation.item_scores
            for number, evaluation in results.items()
            if evaluation.status == "complete"
        }
        groups = {task.id: task.group for task in self._bench.subsets.test.tasks}
        others = [n for n in seeds if n != best.number and {n, best.number} <= scores.keys()]
        # So that all of the intervals hold together at 95 % (Bonferroni).
        level = 1 - 0.05 / max(1, len(others))
        comparisons = [
            Compared(
                best=best.number,
                other=n,
                difference=paired_interval(scores[best.number], scores[n], clusters=groups, level=level),
                level=level,
            )
            for n in others
        ]
        for comparison in comparisons:
            self._registrar.ledger.emit(comparison)
        tests = {number: evaluation.quality for number, evaluation in results.items()}
        return Summary(best, self._population.front, reason, tests, tuple(comparisons))

    def _scored(self, numbers: Iterable[int], subset: Subset) -> Iterator[tuple[int, Evaluation]]:
        """Candidate number and evaluation on ``subset``: what is kept at once, the others as they come.

        Raises:
            InfrastructureError, BudgetReached: at the end, if one could not be made.
        """
        feed: Feed[Rear | Score] = Feed()
        due = 0
        for number in numbers:
            found = self._registrar.stored(self._registrar.programs[number], subset)
            if found is not None:
                self._registrar.keep(number, found)
                yield number, found
            else:
                feed.put(Score(number, self._registrar.programs[number], subset.name))
                due += 1
        if due:
            with closing(self._crew.outcomes(feed)) as outcomes:
                for outcome in itertools.islice(outcomes, due):
                    self._take(outcome)
                    if outcome.stopped is None and outcome.evaluation is not None:
                        yield outcome.number, outcome.evaluation
        if self._stopped is not None:
            raise self._stopped

    def _why_failed(self, program: MemoryProgram) -> str:
        found = self._registrar.stored(program, self._bench.subsets.static)
        return found.failure.message if found and found.failure else "no reason is recorded"

    def _ending(self) -> bool:
        """No child is to be begun any more."""
        limit = self._config.max_seconds
        return self._stopped is not None or (limit is not None and self._clock() - self._started >= limit)


def named_selector(config: CampaignConfig, components: Components = AS_CONFIGURED) -> ParentSelector:
    """Return the selector of ``config``, with its temperature where it takes one, or the one passed."""
    temperature = config.search.temperature
    return components.make("selector", config.selection, temperature=temperature, config=config)


def _population(config: CampaignConfig, selector: ParentSelector) -> Population:
    return Population(objectives_of(config.search), selector, config.seed)
