"""Search loop, and the campaign around it.

Candidates are made as workers become free, and settled in the order of their numbers. The parent of candidate
n is drawn when all up to n − window are settled. So it is drawn from a population as new as the window
allows, and the result depends on the configuration alone, not on the number of workers or their speed. All
state is a function of the journal: a killed campaign repeats its decisions and takes recorded results.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from evolve.campaign.candidate_worker import JobResult
from evolve.campaign.executor import Executor
from evolve.campaign.jobs import Job, scored
from evolve.campaign.notebook import notebook_of
from evolve.campaign.optimizer import Optimizer, OptimizerContext
from evolve.campaign.recorder import Recorder
from evolve.campaign.stalling import PlateauWatch, parents_without_duplicates
from evolve.campaign.starting import empty_population, named_selector, started
from evolve.campaign.steering import Steering
from evolve.campaign.summary import Summary, tested
from evolve.config import CampaignConfig
from evolve.errors import BudgetReached, UsageError
from evolve.evaluation_setup import EvaluationSetup
from evolve.events import Event, Finished, StopReason
from evolve.journal import RunDirectory
from evolve.population import ParentSelector, Request
from evolve.program import MemoryProgram
from evolve.runs.requests import RequestReader


class EvolutionarySearch:
    """Evolutionary search with several candidates in flight; an ``Optimizer``.

    Example:
        >>> import evolve
        >>> search = EvolutionarySearch()  # that of the name "evolve", the default
        >>> result = evolve.run("chronicle", programs=["lexical"], max_candidates=1, optimizer=search,
        ...                     sandbox="process", settings={"evaluation.static": 4, "evaluation.test": 4},
        ...                     unsafe_local=True)
        >>> result.reason
        'budget'
    """

    def run(self, context: OptimizerContext) -> StopReason:
        """See ``Optimizer``."""
        history, window, steering = context.history, context.config.under_way, context.steering
        asked = settled = context.initial
        requests: dict[int, Request] = {}
        plateau = PlateauWatch(context.config, context.recorder, context.initial)
        with context.jobs() as jobs:
            while settled < (end := plateau.end(asked, settled, context.end(asked))):
                # Strictly in turn, so that no parent's population depends on the workers.
                while asked < end and asked - settled < window and not steering.paused:
                    request = requests[asked] = plateau.ask(context.population, asked, end)
                    if not (jobs.stopped or steering.over) and (job := context.job(request)):
                        jobs.begin(job)
                    asked += 1
                    end = plateau.end(asked, settled, end)
                if history.is_settled(settled) or settled in jobs.arrived:
                    context.settle(requests.pop(settled), jobs.arrived.pop(settled, None))
                    settled += 1
                elif jobs.numbers:
                    jobs.wait()
                    if jobs.stopped or steering.over:
                        jobs.drop()
                elif steering.paused and not steering.over:
                    steering.wait()
                else:
                    break
        jobs.raise_if_stopped()
        return "plateau" if plateau.stopped else context.reason(settled)


class Campaign:
    """Campaign in one process: initial programs, search, test of the best.

    A context manager: leaving it ends the workers and the sandbox and releases the run's lock.

    Args:
        config: configuration of the campaign.
        run: directory where it is recorded.
        setup: evaluator, subsets and roles.
        executor: executor of jobs.
        seeds: the initial programs.
        clock: monotonic clock, in seconds.
        optimizer: decides which candidates are made; None: an ``EvolutionarySearch``.
        mutator: identity of the mutator, to be recorded.
        selector: picks parents; None: the configured one.

    Attributes:
        recorder: writes the record; its ``history`` is the state of the run.
        population: the settled candidates, and the requests for those to come.
        steering: carries out requests of users.
        notebook: writes notes of the campaign.
    """

    def __init__(
        self,
        config: CampaignConfig,
        run: RunDirectory,
        setup: EvaluationSetup,
        executor: Executor[Job, JobResult],
        seeds: Sequence[MemoryProgram],
        clock: Callable[[], float] = time.monotonic,
        *,
        optimizer: Optimizer | None = None,
        mutator: str = "",
        selector: ParentSelector | None = None,
    ) -> None:
        self.config = config
        self.setup = setup
        self.recorder = Recorder(run, config, setup.evaluator.conditions)
        chosen = parents_without_duplicates(selector or named_selector(config), config, self.recorder)
        self.population = empty_population(config, chosen)
        self.steering = Steering(RequestReader(run.path).read, self.recorder, config.max_seconds, clock)
        self.notebook = notebook_of(config, setup, self.recorder, run)
        self._run = run
        self._executor = executor
        self._seeds = seeds
        self._clock = clock
        self._optimizer = optimizer or EvolutionarySearch()
        self._mutator = mutator
        self._started = clock()

    def run(self, observer: Callable[[Event], None]) -> Summary:
        """Run or resume the campaign up to its budget, then test the best.

        Args:
            observer: called with every event, including those of earlier processes, from this thread.

        Raises:
            UsageError: every seed failed, or the run was started under other conditions.
            InfrastructureError: something of ours failed; the same command resumes from there.
            BudgetReached: the spending limit is reached; the same command with a higher one resumes.
        """
        record = self.recorder
        record.open(observer)
        record.record(started(self._run.name, record.history, self.config, self.setup, self._mutator))
        self.notebook.begin()
        try:
            self._join_seeds()
            reason = self._optimizer.run(self._context())
            pool, test = self.population.pool, self.setup.subsets.test
            summary = tested(pool, len(self._seeds), test, self._executor, self.recorder, reason)
        except BudgetReached:
            self._finish("spent")
            raise
        self._finish(reason)
        return summary

    def close(self) -> None:
        """End the workers, the models and the sandbox, and release the lock of the run."""
        self._executor.close()
        self.setup.close()
        self._run.close()

    def __enter__(self) -> Campaign:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _join_seeds(self) -> None:
        """Evaluate the initial programs that have no record, and start the population with all of them."""
        for number, program in enumerate(self._seeds):
            self.recorder.register(number, program)
        history, static = self.recorder.history, self.setup.subsets.static
        due = [number for number in range(len(self._seeds)) if history.candidate(number) is None]
        for number, evaluation in scored(due, static, self._executor, self.recorder):
            name = self._seeds[number].name
            if evaluation.status == "inconclusive":
                raise UsageError(
                    f"The seed {name} has no score: {evaluation.reason}. Rerun the command to "
                    "ask once more, leave the seed out with --seeds, or take a stronger model; finished "
                    "evaluations are kept."
                )
            self.recorder.join(evaluation, number=number, name=name)
        for seed in history.candidates[: len(self._seeds)]:
            self.population.add_seed(seed)
        if self.population.pool.best is None:
            reasons = "; ".join(f"{p.name}: {self.recorder.why_failed(p)}" for p in self._seeds)
            raise UsageError(f"Every initial program failed, so there is nothing to evolve: {reasons}.")

    def _context(self) -> OptimizerContext:
        return OptimizerContext(
            self.config,
            self.setup,
            self._executor,
            self.recorder,
            self.population,
            self.steering,
            self.notebook,
            initial=len(self._seeds),
        )

    def _finish(self, reason: StopReason) -> None:
        self.recorder.record(Finished(reason=reason, seconds=self._clock() - self._started))
