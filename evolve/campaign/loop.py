"""Search loop.

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
from evolve.campaign.jobs import Job, JobsUnderWay, job_of, scored
from evolve.campaign.recorder import Recorder
from evolve.campaign.starting import empty_population, started
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


class Campaign:
    """Search loop of one campaign, in one process. A subclass may override ``search``.

    A context manager: leaving it ends the workers and the sandbox and releases the run's lock.

    Args:
        config: configuration of the campaign.
        run: directory where it is recorded.
        setup: evaluator, subsets and roles.
        executor: executor of jobs.
        seeds: the initial programs.
        clock: monotonic clock, in seconds.
        mutator: identity of the mutator, to be recorded.
        selector: picks parents; None: the configured one.

    Attributes:
        recorder: writes the record; its ``history`` is the state of the run.
        population: the settled candidates, and the requests for those to come.
        steering: carries out requests of users.
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
        mutator: str = "",
        selector: ParentSelector | None = None,
    ) -> None:
        self.config = config
        self.setup = setup
        self.recorder = Recorder(run, config, setup.evaluator.conditions)
        self.population = empty_population(config, selector)
        self.steering = Steering(RequestReader(run.path).read, self.recorder, config.max_seconds, clock)
        self._run = run
        self._executor = executor
        self._seeds = seeds
        self._clock = clock
        self._mutator = mutator
        self._started = clock()

    def run(self, observer: Callable[[Event], None]) -> Summary:
        """Run or resume the campaign up to its budget, then test the best.

        Args:
            observer: called with every event, including those of earlier processes, from this thread.

        Raises:
            UsageError: every seed failed, or the run was begun under other conditions.
            InfrastructureError: something of ours failed; the same command resumes from there.
            BudgetReached: the spending limit is reached; the same command with a higher one resumes.
        """
        record = self.recorder
        record.open(observer)
        record.record(started(self._run.name, record.history, self.config, self.setup, self._mutator))
        try:
            self._join_seeds()
            reason = self.search()
            pool, test = self.population.pool, self.setup.subsets.test
            summary = tested(pool, len(self._seeds), test, self._executor, self.recorder, reason)
        except BudgetReached:
            self._finish("spent")
            raise
        self._finish(reason)
        return summary

    def search(self) -> StopReason:
        """Make candidates until the budget or the time is used up.

        Raises:
            InfrastructureError, BudgetReached: a candidate could not be finished; raised when all jobs in
                flight have ended.
        """
        history, window = self.recorder.history, self.config.under_way
        asked = settled = len(self._seeds)
        requests: dict[int, Request] = {}
        with JobsUnderWay(self._executor, self.recorder) as jobs:
            while settled < (end := self._end(asked)):
                # Strictly in turn, so that no parent's population depends on the workers.
                while asked < end and asked - settled < window and not self.steering.paused:
                    request = requests[asked] = self.population.ask()
                    if not (jobs.stopped or self.steering.over) and (job := self._job(request)):
                        jobs.begin(job)
                    asked += 1
                if history.is_settled(settled) or settled in jobs.arrived:
                    self.settle(requests.pop(settled), jobs.arrived.pop(settled, None))
                    settled += 1
                elif jobs.numbers:
                    jobs.wait()
                    if jobs.stopped or self.steering.over:
                        jobs.drop()
                elif self.steering.paused and not self.steering.over:
                    self.steering.wait()
                else:
                    break
        jobs.raise_if_stopped()
        if settled >= end:
            return "budget"
        return "stopped" if self.steering.stopped else "time"

    def settle(self, request: Request, outcome: JobResult | None = None) -> None:
        """Record the result of a candidate, unless that was done, and report it to the population."""
        number, history = request.number, self.recorder.history
        if outcome is not None:
            self.recorder.conclude(number, outcome)
        candidate = history.candidate(number)
        if candidate is None:
            self.population.discard(number)
        else:
            self.recorder.register(number, self._run.program(candidate.program))
            (self.population.adopt if number in history.added else self.population.tell)(candidate)

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
            raise UsageError(f"Every seed failed, so that there is nothing to evolve: {reasons}.")

    def _end(self, asked: int) -> int:
        """Carry out the requests of users, and return the number after the last candidate."""
        self.steering.take(asked)
        return len(self._seeds) + self.config.budget + len(self.recorder.history.added)

    def _job(self, request: Request) -> Job | None:
        """Return the job that makes or evaluates the candidate of ``request``; None if it is settled."""
        if self.recorder.history.is_settled(request.number):
            return None
        if request.number in self.recorder.history.added:
            return self.steering.added(request.number)
        pool, subsets = self.population.pool, self.setup.subsets
        return job_of(request, pool, self.recorder, self.config, subsets)

    def _finish(self, reason: StopReason) -> None:
        self.recorder.record(Finished(reason=reason, seconds=self._clock() - self._started))
