"""Fill the cells of a bench: benchmark by benchmark, several programs at the same time.

A benchmark is opened once for all its programs, which then share the agent's extractions. Cells finished
before under the same conditions are not evaluated again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from evolve import __version__
from evolve.bench.columns import Column
from evolve.bench.config import Split
from evolve.bench.contenders import Contender
from evolve.bench.directory import BenchDirectory, Cell
from evolve.campaign.executor import JobQueue, ThreadExecutor
from evolve.errors import BudgetReached, InfrastructureError, UsageError
from evolve.evaluation import Subset
from evolve.evaluation_setup import EvaluationSetup, Notify, build_evaluator, reply_cache
from evolve.records import Evaluation

if TYPE_CHECKING:
    from evolve.models.gateway import Gateway

FINISHED = ("complete", "failed")
"""Statuses that are not evaluated again. An inconclusive cell is no result: the next command tries it
again.
"""
IN_A_ROW = 3
"""Consecutive evaluations lost to failures of our own, after which a benchmark is abandoned."""


@dataclass(frozen=True)
class Filled:
    """State of a column after an evaluation.

    Attributes:
        conditions: conditions of its scores; empty where the benchmark could not be opened.
        problem: reason why it is incomplete for no fault of a program; empty if it is complete.
    """

    conditions: str = ""
    problem: str = ""


@dataclass(frozen=True)
class _Scored:
    contender: Contender
    evaluation: Evaluation | None = None
    stopped: BudgetReached | None = None


class Filler:
    """Evaluate missing cells and record them.

    Args:
        directory: where finished cells are kept.
        split: the tasks to ask.
        root: the folder of runs, next to which model replies are kept.
        unsafe_local: programs of others may run in a bare process.
        notify: called with a sentence for the user; never twice with the same.
        tell: called for each finished cell, with the numbers done and due in its column.
        connect: makes the gateway; see ``open_roles``.
    """

    def __init__(
        self,
        directory: BenchDirectory,
        split: Split,
        *,
        root: Path,
        unsafe_local: bool,
        notify: Notify,
        tell: Callable[[Cell, int, int], None],
        connect: Callable[..., Gateway] | None = None,
    ) -> None:
        self._directory = directory
        self._split: Split = split
        self._root = root
        self._unsafe_local = unsafe_local
        self._notify = _once(notify)
        self._tell = tell
        self._connect = connect
        self._paused = ""

    def fill(self, columns: Sequence[Column], contenders: Sequence[Contender]) -> dict[str, Filled]:
        """Fill all columns, and return key of a column → its state.

        When the spending limit is reached, the rest is left out; the same command with a higher limit
        resumes.

        Raises:
            InfrastructureError: the disk does not take it.
        """
        for contender in contenders:
            self._directory.save_program(contender.program)
        filled: dict[str, Filled] = {}
        for column in columns:
            if self._paused:
                filled[column.key] = Filled(problem=self._paused)
            else:
                filled[column.key] = self._column(column, contenders)
        return filled

    def _column(self, column: Column, contenders: Sequence[Contender]) -> Filled:
        try:
            setup = build_evaluator(
                column.config,
                unsafe_local=self._unsafe_local,
                trusted=all(contender.is_own for contender in contenders),
                notify=self._notify,
                cache=reply_cache(column.config, self._root),
                calls=self._directory.calls,
                connect=self._connect,
            )
        except (UsageError, InfrastructureError) as error:  # such as missing data: others can be filled
            return Filled(problem=str(error))
        except BudgetReached as error:
            return Filled(problem=self._pause(error))
        with setup:
            subset = setup.subsets.test if self._split == "test" else setup.subsets.static
            conditions = setup.conditions_on(subset)
            due = self._due(column, conditions, contenders)
            problem = self._score(column, setup, subset, conditions, due) if due else ""
            return Filled(conditions, problem)

    def _pause(self, error: BudgetReached) -> str:
        self._paused = f"Paused: {error}"
        return self._paused

    def _due(self, column: Column, conditions: str, contenders: Sequence[Contender]) -> list[Contender]:
        """Return the programs without a result here, each once; those lost before come last."""
        cells = [c for c in self._directory.cells() if c.benchmark == column.key and c.subset == self._split]
        done = {c.program for c in cells if c.conditions == conditions and c.status in FINISHED}
        lost = Counter(c.program for c in cells if c.status not in FINISHED)
        due: dict[str, Contender] = {}
        for contender in contenders:
            if contender.program.id not in done:
                due.setdefault(contender.program.id, contender)
        return sorted(due.values(), key=lambda c: lost[c.program.id])

    def _score(
        self,
        column: Column,
        setup: EvaluationSetup,
        subset: Subset,
        conditions: str,
        due: Sequence[Contender],
    ) -> str:
        """Evaluate ``due``; return the reason why the column is incomplete, or an empty text."""

        def work(contender: Contender) -> _Scored:
            try:
                return _Scored(contender, setup.evaluator.evaluate(contender.program, subset))
            except BudgetReached as error:
                return _Scored(contender, stopped=error)

        job_queue: JobQueue[Contender] = JobQueue()
        for contender in due:
            job_queue.put(contender)
        job_queue.close()
        done, lost, problem = 0, 0, ""
        executor = ThreadExecutor(work, column.config.jobs, halt=setup.close)
        with closing(executor.outcomes(job_queue)) as outcomes:
            for scored in outcomes:
                evaluation = scored.evaluation
                if evaluation is None:
                    assert scored.stopped is not None
                    problem = self._pause(scored.stopped)
                else:
                    done += 1
                    cell = self._cell(column, scored.contender, evaluation, conditions)
                    self._directory.save(cell, evaluation, column.entry.name)
                    self._tell(cell, done, len(due))
                    lost = lost + 1 if evaluation.status == "inconclusive" else 0
                    if lost == IN_A_ROW and done < len(due):
                        problem = f"Stopped after {lost} programs in a row without a score: {cell.reason}"
                if problem:
                    job_queue.drop()
                    job_queue.close()
        return problem

    def _cell(self, column: Column, contender: Contender, evaluation: Evaluation, conditions: str) -> Cell:
        return Cell.of(
            evaluation,
            conditions=conditions,
            name=contender.name,
            benchmark=column.key,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            version=__version__,
        )


def _once(notify: Notify) -> Notify:
    said: set[str] = set()

    def told(text: str) -> None:
        if text not in said:
            said.add(text)
            notify(text)

    return told
