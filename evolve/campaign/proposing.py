"""Parts of a campaign that an agentic proposer works with: what it may read of the run, and its trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evolve.campaign.probing import probe_subset
from evolve.errors import InfrastructureError
from evolve.evaluation import Evaluator, Subsets
from evolve.journal import RunRecord
from evolve.mutation import MutationContext, RunSnapshot
from evolve.population import CandidatePool
from evolve.program import MemoryProgram
from evolve.records import Candidate, Evaluation, Task
from evolve.runs.history import RunHistory


class RecordedValidation:
    """``ValidationRecord`` of a run directory. Reads evaluations on the fitness set and minibatches alone.

    Args:
        run: the run.
        subsets: the fitness set and the minibatches.
        conditions: conditions of the scores.
    """

    def __init__(self, run: RunRecord, subsets: Subsets, conditions: str) -> None:
        self._run = run
        self._subsets = subsets
        self._conditions = conditions

    def fitness(self, candidate: Candidate) -> Evaluation | None:
        """See ``ValidationRecord``."""
        return self._run.evaluation(candidate.program, self._subsets.static.name, self._conditions)

    def minibatch(self, candidate: Candidate) -> Evaluation | None:
        """See ``ValidationRecord``."""
        subset = self._subsets.rotating(candidate.number)
        return self._run.evaluation(candidate.program, subset.name, self._conditions)

    def fitness_tasks(self) -> Sequence[Task]:
        """See ``ValidationRecord``."""
        return self._subsets.static.tasks

    def minibatch_tasks(self, candidate: Candidate) -> Sequence[Task]:
        """See ``ValidationRecord``."""
        return self._subsets.rotating(candidate.number).tasks


class TrialEvaluator:
    """Evaluation of an agent's trials, in the usual way and sandbox, charged to the candidate in the making.

    Args:
        evaluator: scores programs.
        pooled: all episodes are in one memory; else each group has one of its own.
    """

    def __init__(self, evaluator: Evaluator, *, pooled: bool) -> None:
        self._evaluator = evaluator
        self._pooled = pooled

    def __call__(self, program: MemoryProgram, context: MutationContext, count: int) -> Evaluation | None:
        """Evaluate ``program`` on at most ``count`` tasks of the minibatch, those of the lowest scores first.

        Raises:
            InfrastructureError: a model or the sandbox failed, so that nothing is known of the program.
            BudgetReached: the spending limit is reached.
        """
        subset = probe_subset(context, count, pooled=self._pooled)
        if subset is None:
            return None
        evaluation = self._evaluator.evaluate(program, subset)
        if evaluation.status == "inconclusive" and not evaluation.items:
            raise InfrastructureError(f"A trial could not be evaluated: {evaluation.reason}")
        return evaluation


def snapshot_of(
    history: RunHistory, pool: CandidatePool, programs: Mapping[int, MemoryProgram], settled: int
) -> RunSnapshot:
    """Return the candidates that are settled now, for a proposer.

    Args:
        history: the run; a resumed one holds later candidates as well, which are left out.
        pool: the settled candidates.
        programs: candidate number → program.
        settled: number after the last settled candidate.
    """
    candidates = tuple(sorted(pool.candidates, key=lambda candidate: candidate.number))
    return RunSnapshot(
        candidates=candidates,
        programs={c.number: programs[c.number] for c in candidates if c.number in programs},
        front=tuple(candidate.number for candidate in pool.front),
        discarded=tuple(
            (event.number, event.operator, event.reason)
            for number, event in sorted(history.discarded.items())
            if number < settled
        ),
    )
