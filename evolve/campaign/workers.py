"""Do several pieces of a campaign's work at once. Evaluations are kept; what is kept is not done again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar, cast

from joblib import Parallel, delayed

from evolve.campaign.ledger import Ledger
from evolve.errors import InfrastructureError
from evolve.evaluation import Evaluator, Subset
from evolve.events import Evaluated
from evolve.journal import RunDirectory
from evolve.program import MemoryProgram
from evolve.records import Evaluation

Job = TypeVar("Job")
Result = TypeVar("Result")


class Workers:
    """Threads for work that waits on sandboxes and models. To be used from one thread.

    Args:
        run: keeps the evaluations.
        ledger: is told of them.
        evaluator: makes them.
        jobs: how many at the same time.
    """

    def __init__(self, run: RunDirectory, ledger: Ledger, evaluator: Evaluator, jobs: int):
        self._run = run
        self._ledger = ledger
        self._evaluator = evaluator
        self._jobs = jobs

    @property
    def conditions(self) -> str:
        """What the scores depend on besides program and subset."""
        return self._evaluator.conditions

    def each(self, work: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[tuple[Job, Result]]:
        """Every job with its result, in the order of the jobs. ``work`` must not raise: it would end all."""
        parallel = Parallel(n_jobs=self._jobs, backend="threading", return_as="generator")
        results = cast("Iterable[Result]", parallel(delayed(work)(job) for job in jobs))
        yield from zip(jobs, results, strict=True)

    def evaluate(
        self, programs: dict[int, MemoryProgram], subset: Subset
    ) -> Iterator[tuple[int, Evaluation]]:
        """Candidate number and evaluation of each program that has a score, recorded as they come.

        Raises:
            InfrastructureError: at the end, if one has no score: nothing may be concluded from its absence.
        """
        outage = None
        for (number, _), evaluation in self.each(
            lambda job: self._evaluation(job[1], subset), list(programs.items())
        ):
            if evaluation.status == "inconclusive":
                outage = outage or (number, evaluation.reason)
            else:
                self._ledger.emit(_evaluated(number, evaluation))
                yield number, evaluation
        if outage:
            raise InfrastructureError(
                f"Candidate #{outage[0]} could not be evaluated on {subset.name}: {outage[1]}",
                remedy="Nothing is lost: mend it and give the same command again to go on.",
            )

    def stored(self, program: MemoryProgram, subset: Subset) -> Evaluation | None:
        """The evaluation that is kept, if there is one under the same conditions."""
        return self._run.evaluation(program.id, subset.name, self._evaluator.conditions)

    def _evaluation(self, program: MemoryProgram, subset: Subset) -> Evaluation:
        """Take what is kept, or evaluate and keep it. Runs in a thread of the pool."""
        found = self.stored(program, subset)
        if found is None:
            found = self._evaluator.evaluate(program, subset)
            self._run.save_evaluation(found)
        return found


def _evaluated(number: int, evaluation: Evaluation) -> Evaluated:
    return Evaluated(
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
