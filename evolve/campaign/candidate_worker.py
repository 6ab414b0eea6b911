"""Jobs of a campaign (make and evaluate candidates), run in a thread or on another machine.

A job holds all its inputs, and its outcome all its results: a worker shares nothing with the deciding
process, which alone writes the record.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import get_args

from evolve.campaign.family import Family
from evolve.errors import BudgetReached, InfrastructureError
from evolve.evaluation import Evaluator, Subset, Subsets
from evolve.evaluation.confirming import averaged, may_be_luck
from evolve.evaluation.early_stopping import EarlyStopper, FrontMember
from evolve.models.calls import charged_to
from evolve.mutation import (
    Feedback,
    MutationContext,
    Mutator,
    NoCandidate,
    Notes,
    Proposal,
    RunSnapshot,
    Scope,
)
from evolve.mutation.scoping import Workload, choose_scope
from evolve.population import Request, rng_for
from evolve.program import MemoryProgram
from evolve.records import Evaluation

_FURTHER_SCOPES = 3


@dataclass(frozen=True)
class MakeCandidate:
    """Job that makes a candidate and evaluates it.

    Attributes:
        request: its number and parents.
        program: the parent's.
        partner_program: the partner's, if there is one.
        family: other programs that its mutator is shown.
        known: fingerprints of the settled programs.
        front_members: the front, for early stopping of the candidate.
        feedback: results of earlier candidates, for a mutator that learns.
        diagnosis: failure analysis of the parent, where it was made before.
        fitness: evaluation of the parent on the fitness set, for a mutator that only counts failures.
        hints: requests of the user.
        notes: notes of the campaign.
        child: the candidate, where an earlier process made it; then it has only to be evaluated.
        history: the run so far, for a mutator that reads it.
    """

    request: Request
    program: MemoryProgram
    partner_program: MemoryProgram | None
    family: Family
    known: frozenset[str]
    front_members: tuple[FrontMember, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    diagnosis: Evaluation | None = None
    fitness: Evaluation | None = None
    hints: tuple[str, ...] = ()
    notes: tuple[Notes, ...] = ()
    child: MemoryProgram | None = None
    history: RunSnapshot | None = None

    @property
    def number(self) -> int:
        """Number of the candidate."""
        return self.request.number


@dataclass(frozen=True)
class EvaluateCandidate:
    """Job that evaluates a candidate on a subset: an initial program, or the best at the end."""

    number: int
    program: MemoryProgram
    subset: str


@dataclass(frozen=True)
class JobResult:
    """Result of a job; everything finished before it stopped is kept.

    Attributes:
        job: the job.
        diagnosis: failure analysis of the parent, if it was made for this job.
        made: result of the mutation; None for an ``EvaluateCandidate``, or if the job stopped before it.
        evaluation: of the candidate; None where there is none.
        stopped: reason why the job was not finished: an outage, or a spending limit that was reached.
    """

    job: MakeCandidate | EvaluateCandidate
    diagnosis: Evaluation | None = None
    made: Proposal | NoCandidate | None = None
    evaluation: Evaluation | None = None
    stopped: InfrastructureError | BudgetReached | None = None

    @property
    def number(self) -> int:
        """Number of the candidate."""
        return self.job.number


class CandidateWorker:
    """Worker that makes and evaluates candidates. Thread-safe.

    Args:
        evaluator: scores programs.
        subsets: subsets to score on.
        mutator: makes candidates.
        seed: random seed; random draws depend on it and the number of the candidate.
        scoped: mutations are told which part to change.
        risk: probability of stopping a candidate early that should have been kept; None: evaluate every
            candidate to the end.
        confirm: evaluate a candidate again that may displace a front member by luck.
        crossed_everywhere: a candidate of two parents may change everything; else its mutator decides that.
        among: scopes in which a change can have an effect.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        subsets: Subsets,
        mutator: Mutator,
        *,
        seed: int,
        scoped: bool,
        risk: float | None = None,
        confirm: bool = False,
        crossed_everywhere: bool = True,
        among: Sequence[Scope] = get_args(Scope),
    ) -> None:
        self._evaluator = evaluator
        self._subsets = subsets
        self._mutator = mutator
        self._seed = seed
        self._scoped = scoped
        self._risk = risk
        self._confirm = confirm
        self._crossed_everywhere = crossed_everywhere
        self._scopes_among = tuple(among)
        self._diagnoses: dict[str, Evaluation] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def work(self, job: MakeCandidate | EvaluateCandidate) -> JobResult:
        """Do ``job``. Failures of a program or the infrastructure and a spending limit are not raised."""
        test = isinstance(job, EvaluateCandidate) and job.subset == "test"
        with charged_to(job.number, test=test):
            if isinstance(job, EvaluateCandidate):
                return self._evaluated(JobResult(job), job.program, self._subset(job.subset))
            return self._make(job)

    def _make(self, job: MakeCandidate) -> JobResult:
        outcome = JobResult(job)
        child = job.child
        if child is None:
            diagnosis, fresh = job.diagnosis, None
            try:
                if diagnosis is None:
                    diagnosis, fresh = self._diagnosed(job)
                outcome = replace(outcome, diagnosis=fresh)
                if diagnosis.status == "inconclusive" and not diagnosis.items:
                    return replace(outcome, stopped=outage_of(job.request.parent.number, diagnosis))
                made = self._mutated(job, diagnosis)
            except (InfrastructureError, BudgetReached) as error:
                return replace(outcome, stopped=error)
            outcome = replace(outcome, made=made)
            if isinstance(made, NoCandidate) or made.program.fingerprint in job.known:
                return outcome
            child = made.program
        groups = self._subsets.memories
        early_stopper = (
            EarlyStopper(
                job.front_members, risk=self._risk, groups=groups, benchmarks=self._subsets.benchmarks
            )
            if self._risk
            else None
        )
        outcome = self._evaluated(outcome, child, self._subsets.static, early_stopper)
        found = outcome.evaluation
        if self._confirm and found and found.status == "complete" and may_be_luck(found, job.front_members):
            return self._confirmed(outcome, child, found)
        return outcome

    def _diagnosed(self, job: MakeCandidate) -> tuple[Evaluation, Evaluation | None]:
        """Return the parent's failure analysis, made once; and again, if it was made just now.

        A program is evaluated on these items when it is first selected as a parent: most never are.
        """
        parent = job.request.parent
        with self._alone(job.program.id):
            found = self._diagnoses.get(job.program.id)
            if found is not None:
                return found, None
            with charged_to(parent.number):
                made = self._evaluator.evaluate(job.program, self._subsets.rotating(parent.number))
            if made.status != "inconclusive":
                self._diagnoses[job.program.id] = made
            return made, made

    def _mutated(self, job: MakeCandidate, diagnosis: Evaluation) -> Proposal | NoCandidate:
        for feedback in job.feedback:
            self._mutator.observe(feedback)
        subset = self._subsets.rotating(job.request.parent.number)
        scopes = self._scopes(job, diagnosis)
        context = MutationContext(
            number=job.number,
            parent=job.request.parent,
            program=job.program,
            diagnosis=diagnosis,
            tasks={task.id: task for task in subset.tasks},
            episodes={episode.id: episode for episode in subset.episodes},
            partner=job.request.partner if job.partner_program else None,
            partner_program=job.partner_program,
            known=job.known,
            fitness=job.fitness,
            ancestors=job.family.ancestors,
            siblings=job.family.siblings,
            references=job.family.references,
            hints=job.hints,
            notes=job.notes,
            stalled=job.request.stalled,
            scope=scopes[0],
            scopes=scopes[1:],
            history=job.history,
        )
        return self._mutator.mutate(context, rng_for(self._seed, "mutation", job.number))

    def _scopes(self, job: MakeCandidate, diagnosis: Evaluation) -> tuple[Scope, ...]:
        """Return the scope of the mutation, and those of further attempts."""
        wide = job.request.stalled or (self._crossed_everywhere and job.partner_program is not None)
        if not self._scoped or wide:
            return ("everything",)
        static = self._subsets.static
        work = Workload(episodes=len(static.episodes), tasks=len(static.tasks))
        rng = rng_for(self._seed, "scope", job.number)
        return tuple(
            choose_scope(diagnosis, work, rng, among=self._scopes_among) for _ in range(1 + _FURTHER_SCOPES)
        )

    def _confirmed(self, outcome: JobResult, program: MemoryProgram, first: Evaluation) -> JobResult:
        """Return the mean of two runs, or the reason why there is no second one; the first stays in the
        caches.
        """
        again = self._evaluated(outcome, program, self._subsets.static, repeat=1)
        if again.stopped is not None or again.evaluation is None:
            return replace(again, evaluation=None)
        if again.evaluation.status != "complete":  # a run that breaks now and then is no winner
            return again
        return replace(outcome, evaluation=averaged(first, again.evaluation))

    def _evaluated(
        self,
        outcome: JobResult,
        program: MemoryProgram,
        subset: Subset,
        early_stopper: EarlyStopper | None = None,
        repeat: int = 0,
    ) -> JobResult:
        try:
            evaluation = self._evaluator.evaluate(program, subset, repeat, early_stopper)
        except BudgetReached as error:
            return replace(outcome, stopped=error)
        if evaluation.status == "inconclusive" and not evaluation.items:
            return replace(outcome, evaluation=evaluation, stopped=outage_of(outcome.number, evaluation))
        return replace(outcome, evaluation=evaluation)

    def _subset(self, name: str) -> Subset:
        return {"static": self._subsets.static, "test": self._subsets.test}[name]

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """Hold the lock of ``key``: one thread at a time for each key."""
        with self._guard:
            lock = self._locks[key]
        with lock:
            yield


def outage_of(number: int, evaluation: Evaluation) -> InfrastructureError:
    """Return the error that ends a campaign when an evaluation has no score; it says its remedy once."""
    said = "rerun the command" in evaluation.reason  # a model's error brings its own remedy
    return InfrastructureError(
        f"Candidate #{number} could not be evaluated on {evaluation.subset}: {evaluation.reason}",
        remedy="" if said else "Nothing is lost: fix this and rerun the command to resume.",
    )
