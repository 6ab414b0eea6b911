"""One piece of a campaign's work, from its start to its end, in a thread or on another machine.

A job holds all that it needs, and its outcome all that came of it: whoever does it shares nothing with the
process that decides, which alone writes the record.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import get_args

from evolve.campaign.briefing import Family
from evolve.errors import BudgetReached, InfrastructureError
from evolve.evaluation import Evaluator, Subset, Subsets
from evolve.evaluation.confirming import averaged, may_be_luck
from evolve.evaluation.racing import Referee, Rival
from evolve.models.accounts import charged_to
from evolve.mutation import Brief, Feedback, Mutator, Proposal, Refusal, Scope
from evolve.mutation.scoping import Workload, choose_scope
from evolve.population import Request, rng_for
from evolve.program import MemoryProgram
from evolve.records import Evaluation

_FURTHER_SCOPES = 3


@dataclass(frozen=True)
class Rear:
    """Make a child and evaluate it.

    Attributes:
        request: its number and parents.
        program: the parent's.
        partner_program: the partner's, if there is one.
        family: what else its mutator is shown.
        known: fingerprints of the programs that are settled.
        rivals: the front, which may show that the child need not be evaluated to the end.
        feedback: what became of earlier children, for a mutator that learns.
        diagnosis: of the parent, where it was made before.
        fitness: of the parent on the static subset, for a mutator that only counts failures.
        child: where an earlier process got so far: the child, which has only to be evaluated.
    """

    request: Request
    program: MemoryProgram
    partner_program: MemoryProgram | None
    family: Family
    known: frozenset[str]
    rivals: tuple[Rival, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    diagnosis: Evaluation | None = None
    fitness: Evaluation | None = None
    child: MemoryProgram | None = None

    @property
    def number(self) -> int:
        """Of the candidate."""
        return self.request.number


@dataclass(frozen=True)
class Score:
    """Evaluate a candidate on a subset: a seed, or the best at the end."""

    number: int
    program: MemoryProgram
    subset: str


@dataclass(frozen=True)
class Outcome:
    """What came of a job; whatever was finished before it stopped is kept.

    Attributes:
        job: what was to be done.
        diagnosis: of the parent, if it was made for this job.
        made: what came of the mutation; None for a ``Score``, or where it was not got to.
        evaluation: of the child or the candidate; None where there is none to be had.
        stopped: why the job was not finished: an outage, or a budget that is spent.
    """

    job: Rear | Score
    diagnosis: Evaluation | None = None
    made: Proposal | Refusal | None = None
    evaluation: Evaluation | None = None
    stopped: InfrastructureError | BudgetReached | None = None

    @property
    def number(self) -> int:
        """Of the candidate."""
        return self.job.number


class Nursery:
    """Does jobs. Thread-safe.

    Args:
        evaluator: scores programs.
        subsets: on these.
        mutator: makes children.
        seed: of all randomness, which is drawn from it and the number of the child.
        scoped: mutations are told which part to change.
        risk: of giving up a child that should have been kept; None to evaluate every child to the end.
        confirm: run a child again that may displace a front member by luck.
        crossed_everywhere: a child of two parents may change everything; else its mutator decides that.
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

    def work(self, job: Rear | Score) -> Outcome:
        """Do ``job``. Raises nothing for what a program, the infrastructure or a budget did."""
        test = isinstance(job, Score) and job.subset == "test"
        with charged_to(job.number, test=test):
            if isinstance(job, Score):
                return self._evaluated(Outcome(job), job.program, self._subset(job.subset))
            return self._rear(job)

    def _rear(self, job: Rear) -> Outcome:
        outcome = Outcome(job)
        child = job.child
        if child is None:
            diagnosis, fresh = job.diagnosis, None
            try:
                if diagnosis is None:
                    diagnosis, fresh = self._diagnosed(job)
                outcome = replace(outcome, diagnosis=fresh)
                if diagnosis.status == "inconclusive" and not diagnosis.items:
                    return replace(outcome, stopped=_outage(job.request.parent.number, diagnosis))
                made = self._mutated(job, diagnosis)
            except (InfrastructureError, BudgetReached) as error:
                return replace(outcome, stopped=error)
            outcome = replace(outcome, made=made)
            if isinstance(made, Refusal) or made.program.fingerprint in job.known:
                return outcome
            child = made.program
        groups = self._subsets.memories
        referee = Referee(job.rivals, risk=self._risk, groups=groups) if self._risk else None
        outcome = self._evaluated(outcome, child, self._subsets.static, referee)
        found = outcome.evaluation
        if self._confirm and found and found.status == "complete" and may_be_luck(found, job.rivals):
            return self._confirmed(outcome, child, found)
        return outcome

    def _diagnosed(self, job: Rear) -> tuple[Evaluation, Evaluation | None]:
        """The parent on the items that it is to learn from, made once; and again if it was made just now.

        A program is given these items when it is first picked as a parent: most never are.
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

    def _mutated(self, job: Rear, diagnosis: Evaluation) -> Proposal | Refusal:
        for feedback in job.feedback:
            self._mutator.observe(feedback)
        subset = self._subsets.rotating(job.request.parent.number)
        scopes = self._scopes(job, diagnosis)
        brief = Brief(
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
            scope=scopes[0],
            scopes=scopes[1:],
        )
        return self._mutator.mutate(brief, rng_for(self._seed, "mutation", job.number))

    def _scopes(self, job: Rear, diagnosis: Evaluation) -> tuple[Scope, ...]:
        """The scope of the mutation, and those of further attempts at it."""
        if not self._scoped or (self._crossed_everywhere and job.partner_program is not None):
            return ("everything",)
        static = self._subsets.static
        work = Workload(episodes=len(static.episodes), tasks=len(static.tasks))
        rng = rng_for(self._seed, "scope", job.number)
        return tuple(
            choose_scope(diagnosis, work, rng, among=self._scopes_among) for _ in range(1 + _FURTHER_SCOPES)
        )

    def _confirmed(self, outcome: Outcome, program: MemoryProgram, first: Evaluation) -> Outcome:
        """The mean of two runs, or why there is no second one; then the first waits for it in the caches."""
        again = self._evaluated(outcome, program, self._subsets.static, repeat=1)
        if again.stopped is not None or again.evaluation is None:
            return replace(again, evaluation=None)
        if again.evaluation.status != "complete":  # a run that breaks now and then is no winner
            return again
        return replace(outcome, evaluation=averaged(first, again.evaluation))

    def _evaluated(
        self,
        outcome: Outcome,
        program: MemoryProgram,
        subset: Subset,
        referee: Referee | None = None,
        repeat: int = 0,
    ) -> Outcome:
        try:
            evaluation = self._evaluator.evaluate(program, subset, repeat, referee)
        except BudgetReached as error:
            return replace(outcome, stopped=error)
        if evaluation.status == "inconclusive" and not evaluation.items:
            return replace(outcome, evaluation=evaluation, stopped=_outage(outcome.number, evaluation))
        return replace(outcome, evaluation=evaluation)

    def _subset(self, name: str) -> Subset:
        return {"static": self._subsets.static, "test": self._subsets.test}[name]

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """One thread at a time for each key."""
        with self._guard:
            lock = self._locks[key]
        with lock:
            yield


def _outage(number: int, evaluation: Evaluation) -> InfrastructureError:
    return InfrastructureError(
        f"Candidate #{number} could not be evaluated on {evaluation.subset}: {evaluation.reason}",
        remedy="Nothing is lost: mend it and give the same command again to go on.",
    )
