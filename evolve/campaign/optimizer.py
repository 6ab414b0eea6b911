"""Optimizer protocol, and what an optimizer works with: who decides which candidates are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from evolve.campaign.candidate_worker import JobResult
from evolve.campaign.executor import Executor
from evolve.campaign.jobs import Job, JobsUnderWay, job_of
from evolve.campaign.notebook import Notebook
from evolve.campaign.recorder import Recorder
from evolve.campaign.steering import Steering
from evolve.config import CampaignConfig
from evolve.evaluation_setup import EvaluationSetup
from evolve.events import StopReason
from evolve.population import Population, Request
from evolve.program import MemoryProgram
from evolve.runs.history import RunHistory


@dataclass(frozen=True)
class OptimizerContext:
    """Population, jobs and history of a campaign whose initial programs are evaluated. For one thread.

    A candidate is requested with ``population.ask``, made by the job of its request, and settled in the
    order of numbers. Everything an earlier process settled is in ``history`` already: settling it again only
    reports it to the population, and costs nothing.

    Attributes:
        config: configuration of the campaign.
        setup: evaluator, subsets and models.
        executor: executor of jobs.
        recorder: writes the record.
        population: the settled candidates, and the requests for those to come.
        steering: requests of users, and the time limit.
        notebook: writes notes of the campaign.
        initial: number of initial programs, which have the lowest numbers.

    Example:
        >>> class OneByOne:  # an optimizer that waits for each candidate before it asks for the next
        ...     def run(self, context):
        ...         number = context.initial
        ...         while number < context.end(number) and not context.steering.over:
        ...             request = context.population.ask()
        ...             with context.jobs() as jobs:
        ...                 if job := context.job(request):
        ...                     jobs.begin(job)
        ...                     while jobs.numbers:
        ...                         jobs.wait()
        ...             jobs.raise_if_stopped()
        ...             context.settle(request, jobs.arrived.get(number))
        ...             number += 1
        ...         return context.reason(number)
        >>> import evolve
        >>> result = evolve.run("chronicle", programs=["lexical"], max_candidates=1, optimizer=OneByOne(),
        ...                     sandbox="process", settings={"evaluation.static": 4, "evaluation.test": 4},
        ...                     unsafe_local=True)
        >>> result.reason, result.run.config.search.optimizer
        ('budget', 'object:OneByOne')
    """

    config: CampaignConfig
    setup: EvaluationSetup
    executor: Executor[Job, JobResult]
    recorder: Recorder
    population: Population
    steering: Steering
    notebook: Notebook
    initial: int

    @property
    def history(self) -> RunHistory:
        """The state of the run, with everything recorded."""
        return self.recorder.history

    @property
    def programs(self) -> Mapping[int, MemoryProgram]:
        """Candidate number → program."""
        return self.recorder.programs

    def end(self, number: int) -> int:
        """Carry out the requests of users, and return the number after the last candidate.

        Args:
            number: of the next candidate.
        """
        self.steering.take(number)
        return self.initial + self.config.budget + len(self.history.requests.added)

    def jobs(self) -> JobsUnderWay:
        """Return the jobs in flight, none so far; a context manager."""
        return JobsUnderWay(self.executor, self.recorder)

    def job(self, request: Request) -> Job | None:
        """Return the job that makes or evaluates the candidate of ``request``; None if it is settled."""
        if self.history.is_settled(request.number):
            return None
        if request.number in self.history.requests.added:
            return self.steering.added(request.number)
        return job_of(request, self.population.pool, self.recorder, self.config, self.setup.subsets)

    def settle(self, request: Request, outcome: JobResult | None = None) -> None:
        """Record the result of a candidate, unless that was done, and report it to the population."""
        number, history = request.number, self.history
        if outcome is not None:
            self.recorder.conclude(number, outcome)
        candidate = history.candidate(number)
        if candidate is None:
            self.population.discard(number)
        else:
            self.recorder.register(number, self.recorder.program_of(candidate.program))
            (self.population.adopt if number in history.requests.added else self.population.tell)(candidate)
        self.notebook.write(number)

    def reason(self, number: int) -> StopReason:
        """Return why the search ended at ``number``, that of the first candidate that is not settled."""
        if number >= self.initial + self.config.budget + len(self.history.requests.added):
            return "budget"
        return "stopped" if self.steering.stopped else "time"


class Optimizer(Protocol):
    """Search strategy: decides which candidates are made, from which parents, and when the search ends.

    ``evolve.campaign.loop.EvolutionarySearch`` and ``evolve.campaign.gepa.search.GepaOptimizer`` are two; see
    ``OptimizerContext`` for one in a dozen lines.
    """

    def run(self, context: OptimizerContext) -> StopReason:
        """Make candidates until the budget or the time is used up, or a user stops the campaign.

        In a resumed run it begins again from the initial programs. It repeats the decisions that are
        recorded, and takes their results from the history.

        Raises:
            InfrastructureError, BudgetReached: a candidate could not be finished; raised when all jobs in
                flight have ended.
        """
        ...
