"""Scoring of the reads of several benchmarks, each by the rules of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evolve.agents.protocol import Judge, TaskAgent
from evolve.benchmark import Benchmark, part_of
from evolve.config.names import QUALITY_OF
from evolve.evaluation.scorer import Scorer
from evolve.evaluation.within_task import ActedTask
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
        self._scorers = {part.name: Scorer(agent, judge, part.metric, part) for part in benchmark.parts}

    @property
    def identity(self) -> tuple[str, ...]:
        """The metrics of the parts and the judge's name, which decide the scores."""
        return tuple(text for scorer in self._scorers.values() for text in scorer.identity)

    def task_run(self, parts: Parts, repeat: int = 0) -> JointTaskRun | None:
        """Return what acts out the tasks of benchmarks with an environment; see ``Scorer.task_run``."""
        runs = {name: scorer.task_run(parts, repeat) for name, scorer in self._scorers.items()}
        acted = {name: run for name, run in runs.items() if run is not None}
        return JointTaskRun(acted) if acted else None

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


@dataclass(frozen=True)
class JointTaskRun:
    """Follows up the reads of those benchmarks that are acted out.

    Attributes:
        acted: name of a benchmark → what acts its tasks out.
    """

    acted: Mapping[str, ActedTask]

    def follow(self, session: Session, task: Task, read: ItemOutcome) -> tuple[ItemOutcome, bool]:
        """See ``TaskRun.follow``; a read of another benchmark is returned as it is."""
        acted = self.acted.get(part_of(task.id))
        return (read, False) if acted is None else acted.follow(session, task, read)


def _marked(item: ItemOutcome, part: str) -> ItemOutcome:
    if not item.conclusive:
        return item
    return item.filled(metrics={**item.metrics, f"{QUALITY_OF}{part}": item.score})
