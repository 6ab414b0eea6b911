"""Scoring of the reads of several benchmarks, each by the rules of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evolve.agents.protocol import Judge, TaskAgent
from evolve.benchmark import Benchmark, part_of, within_part
from evolve.config.models import QUALITY_OF
from evolve.environment import OpenEnvironment
from evolve.evaluation.scorer import Scorer
from evolve.evaluation.within_task import TaskRun
from evolve.program import Parts
from evolve.records import ItemOutcome, Task
from evolve.sandboxes.protocol import Session


class JointScorer:
    """Scorer of a benchmark that joins others; each part is scored by a ``Scorer`` with its own metric.

    The score of an item is also its metric ``quality:PART``, so that the mean of that metric is the quality
    on that part.

    Args:
        agent: answers and acts.
        judge: grades answers where a part's metric needs it.
        benchmark: the benchmark; the ``metric`` of each of its parts is the quality on that part.

    Raises:
        UsageError: the metric of a part does not fit it.
    """

    def __init__(self, agent: TaskAgent, judge: Judge, benchmark: Benchmark) -> None:
        self._scorers = {
            part.name: Scorer(agent, judge, part.metric, replace(part, environment=_opening(part)))
            for part in benchmark.parts
        }

    @property
    def identity(self) -> tuple[str, ...]:
        """The metrics of the parts and the judge's name, which decide the scores."""
        return tuple(text for scorer in self._scorers.values() for text in scorer.identity)

    def score(
        self, parts: Parts, asked: Mapping[str, Task], items: Sequence[ItemOutcome], repeat: int = 0
    ) -> list[ItemOutcome]:
        """Return ``items`` in their order, answered and scored; see ``Scorer.score``."""
        scored: dict[str, ItemOutcome] = {}
        for name, scorer in self._scorers.items():
            mine = [item for item in items if part_of(item.task) == name]
            if mine:
                found = scorer.score(parts, asked, mine, repeat)
                scored |= {item.task: _marked(item, name) for item in found}
        return [scored[item.task] for item in items]

    def task_run(self, parts: Parts, repeat: int = 0) -> JointTaskRun | None:
        """Return what acts out the tasks of the parts that are acted; see ``Scorer.task_run``."""
        found = {name: scorer.task_run(parts, repeat) for name, scorer in self._scorers.items()}
        acted = {name: run for name, run in found.items() if run is not None}
        return JointTaskRun(acted) if acted else None


@dataclass(frozen=True)
class JointTaskRun:
    """Task run that acts out the tasks of each part as that part does; questions are only read.

    Attributes:
        parts: name of the part → what acts out its tasks.
    """

    parts: Mapping[str, TaskRun]

    def follow(self, session: Session, task: Task, read: ItemOutcome) -> tuple[ItemOutcome, bool]:
        """See ``TaskRun.follow``."""
        run = self.parts.get(part_of(task.id))
        return run.follow(session, task, read) if run else (read, False)


def _opening(part: Benchmark) -> OpenEnvironment | None:
    """Return what opens an environment for a task of ``part`` that is known by its id in the whole."""
    opened = part.environment
    if opened is None:
        return None
    known = {task.id: task for task in (*part.validation, *part.test)}
    return lambda task: opened(known[within_part(task.id)])


def _marked(item: ItemOutcome, part: str) -> ItemOutcome:
    if not item.conclusive:
        return item
    return item.filled(metrics={**item.metrics, f"{QUALITY_OF}{part}": item.score})
