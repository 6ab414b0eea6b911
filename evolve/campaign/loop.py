"""Search loop.

Candidates are made as workers become free, and settled in the order of their numbers. The parent of candidate
n is drawn when all up to n − window are settled. So it is drawn from a population as new as the window
allows, and the result depends on the configuration alone, not on the number of workers or their speed. All
state is a function of the journal: a killed campaign repeats its decisions and takes recorded results.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from evolve.campaign.crew import Crew
from evolve.campaign.jobs import Job, JobsUnderWay, job_of, scored
from evolve.campaign.rearing import Outcome, Rear
from evolve.campaign.recorder import Recorder
from evolve.campaign.starting import empty_population, started
from evolve.campaign.summary import Summary, compared
from evolve.config import CampaignConfig
from evolve.errors import BudgetReached, UsageError
from evolve.events import Event, Finished, StopReason
from evolve.journal import RunDirectory
from evolve.population import ParentSelector, Request
from evolve.program import MemoryProgram
from evolve.workbench import Workbench


class Campaign:
    """Search loop of one campaign, in one process. A subclass may override ``search``.

    A context manager: leaving it ends the workers and the sandbox and releases the run's lock.

    Args:
        config: configuration of the campaign.
        run: directory where it is recorded.
        workbench: evaluator, subsets and roles.
        crew: executor of jobs.
        seeds: the initial programs.
        clock: monotonic clock, in seconds.
        mutator: identity of the mutator, to be recorded.
        selector: picks parents; None: the configured one.

    Attributes:
        recorder: writes the record; its ``history`` is the state of the run.
        population: the settled candidates, and the requests for those to come.
    """

    def __init__(
        self,
        config: CampaignConfig,
        run: RunDirectory,
        workbench: Workbench,
        crew: Crew[Job, Outcome],
        seeds: Sequence[MemoryProgram],
        clock: Callable[[], float] = time.monotonic,
        *,
        mutator: str = "",
        selector: ParentSelector | None = None,
    ) -> None:
        self.config = config
        self.workbench = workbench
        self.recorder = Recorder(run, config, workbench.evaluator.conditions)
        self.population = empty_population(config, selector)
        self._run = run
        self._crew = crew
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
        record.record(started(self._run.name, record.history, self.config, self.workbench, self._mutator))
        try:
            self._join_seeds()
            reason = self.search()
            summary = self._test(reason)
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
        history, first = self.recorder.history, len(self._seeds)
        end, window = first + self.config.budget, self.config.under_way
        asked = settled = first
        requests: dict[int, Request] = {}
        with JobsUnderWay(self._crew, self.recorder) as jobs:
            while settled < end:
                # Strictly in turn, so that no parent's population depends on the workers.
                while asked < end and asked - settled < window:
                    request = requests[asked] = self.population.ask()
                    if not history.is_settled(asked) and not (jobs.stopped or self.out_of_time):
                        jobs.begin(self._job(request))
                    asked += 1
                if history.is_settled(settled) or settled in jobs.arrived:
                    self.settle(requests.pop(settled), jobs.arrived.pop(settled, None))
                    settled += 1
                elif jobs.numbers:
                    jobs.wait()
                    if jobs.stopped or self.out_of_time:
                        jobs.drop()
                else:
                    break
        jobs.raise_if_stopped()
        return "budget" if settled == end else "time"

    def settle(self, request: Request, outcome: Outcome | None = None) -> None:
        """Record the result of a candidate, unless that was done, and report it to the population."""
        number, history = request.number, self.recorder.history
        if outcome is not None:
            self.recorder.conclude(number, outcome)
        candidate = history.candidate(number)
        if candidate is None:
            self.population.discard(number)
        else:
            self.recorder.register(number, self._run.program(candidate.program))
            self.population.tell(candidate)

    @property
    def out_of_time(self) -> bool:
        """Return whether the configured time is up, after which no further candidate is begun."""
        limit = self.config.max_seconds
        return limit is not None and self._clock() - self._started >= limit

    def close(self) -> None:
        """End the workers, the models and the sandbox, and release the lock of the run."""
        self._crew.close()
        self.workbench.close()
        self._run.close()

    def __enter__(self) -> Campaign:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _join_seeds(self) -> None:
        """Evaluate the initial programs that have no record, and start the population with all of them."""
        for number, program in enumerate(self._seeds):
            self.recorder.register(number, program)
        history, static = self.recorder.history, self.workbench.subsets.static
        due = [number for number in range(len(self._seeds)) if history.candidate(number) is None]
        for number, evaluation in scored(due, static, self._crew, self.recorder):
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

    def _test(self, reason: StopReason) -> Summary:
        """Score the best and every seed on the test tasks, which no choice depended on, if there are any."""
        pool, subset = self.population.pool, self.workbench.subsets.test
        best = pool.best
        assert best is not None  # _join_seeds made sure of it
        if not subset.tasks:
            return Summary(best, pool.front, reason)
        seeds = [seed.number for seed in pool.candidates[: len(self._seeds)] if seed.complete]
        results = dict(scored(sorted({*seeds, best.number}), subset, self._crew, self.recorder))
        comparisons = compared(best.number, seeds, results, subset)
        for comparison in comparisons:
            self.recorder.record(comparison)
        tests = {number: evaluation.quality for number, evaluation in results.items()}
        return Summary(best, pool.front, reason, tests, comparisons)

    def _job(self, request: Request) -> Rear:
        """Return the job that makes the candidate of ``request``, from the candidates settled now."""
        pool, subsets = self.population.pool, self.workbench.subsets
        return job_of(request, pool, self.recorder, self.config, subsets)

    def _finish(self, reason: StopReason) -> None:
        self.recorder.record(Finished(reason=reason, seconds=self._clock() - self._started))
