"""Benchmark definition: episodes, tasks, metrics and protocol, and the checks that it can be scored."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from evolve.environment import OpenEnvironment
from evolve.errors import UsageError
from evolve.records import Episode, Learning, Task
from evolve.scoring import GRADED, METRICS, VERDICTS, judges_item
from evolve.text import is_unicode

Scope = Literal["pooled", "grouped"]


class InvalidBenchmark(UsageError):
    """A benchmark that contradicts itself or cannot be scored.

    Attributes:
        problems: all that is wrong; the message lists the first eight.
    """

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        listed = "\n  - ".join(problems[:8])
        more = f"\n  and {len(problems) - 8} more" if len(problems) > 8 else ""
        super().__init__(f"The benchmark {name!r} is not valid:\n  - {listed}{more}")
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Benchmark:
    """Episodes to remember, questions to search with, and questions to report with.

    Args:
        name: short name, used in run directories and reports.
        episodes: everything that can be remembered. In grouped scope a task is asked of a memory that holds
            the episodes of its own group only; in pooled scope one memory holds them all.
        validation: the tasks that the search sees.
        test: the tasks that are scored once, when the search has ended. Disjoint from ``validation``.
        scope: one memory for all episodes, or one for each group.
        metric: score of a model's answers: a key of ``evolve.scoring.METRICS``; ``judge`` or ``rubric``,
            which ask a judge; or ``reward``, earned in the environment.
        also: further metrics to report, of those that are not computed for every benchmark.
        retrieval_metric: the metric of what ``read`` returned, which needs no model; it is the quality of
            an offline campaign, unless that acts in an environment.
        learning: ``offline``, an episode's text is extracted and written; or ``online``, an episode is a
            question that is answered first, and the lesson from its score and right answer is written.
        environment: opens the world that a task is acted out in; None where tasks are answered in words.
        max_steps: most steps of acting out one task.
        guidance: category of tasks → further instruction for the judge of such a task.
        version: changes whenever the data or the protocol do, so that scores are never mixed.
        card: description of the data, their source and licence, and how the protocol differs from the
            original's: shown by ``evolve benchmarks``.
        parts: the benchmarks that this one joins, see ``evolve.benchmark.joined``; empty for others.

    Example:
        >>> from evolve.records import Evidence
        >>> monday = Episode(id="monday", text="Ada: I moved to Lisbon.")
        >>> def where(name: str) -> Task:
        ...     evidence = (Evidence(episode="monday", text="Ada: I moved to Lisbon."),)
        ...     return Task(id=name, question="Where does Ada live?", answers=("Lisbon",), evidence=evidence)
        >>> mine = Benchmark("mine", (monday,), validation=(where("a"),), test=(where("b"),))
        >>> mine.scope, mine.metric
        ('pooled', 'f1')
    """

    name: str
    episodes: tuple[Episode, ...]
    validation: tuple[Task, ...]
    test: tuple[Task, ...]
    scope: Scope = "pooled"
    metric: str = "f1"
    retrieval_metric: str = "evidence_recall"
    also: tuple[str, ...] = ()
    learning: Learning = "offline"
    environment: OpenEnvironment | None = None
    max_steps: int = 50
    guidance: Mapping[str, str] = field(default_factory=dict)
    version: str = "1"
    card: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Benchmark, ...] = ()

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise InvalidBenchmark(self.name, problems)

    @property
    def protocol(self) -> str:
        """Protocol in a few words: the scope, and what is special.

        Example:
            >>> from evolve.benchmark import find
            >>> find("chronicle").load(None, {"asked": "stream"}).protocol
            'grouped, interleaved'
        """
        special = {
            "interleaved": any(task.after for task in (*self.validation, *self.test)),
            "acted": self.environment is not None,
            "online": self.learning == "online",
        }
        return ", ".join([self.scope, *(name for name, holds in special.items() if holds)])

    def of_groups(self, groups: Iterable[str]) -> tuple[Episode, ...]:
        """The episodes of ``groups``, in their given order; all episodes in pooled scope."""
        if self.scope == "pooled":
            return self.episodes
        wanted = set(groups)
        return tuple(episode for episode in self.episodes if episode.group in wanted)


def _problems(benchmark: Benchmark) -> Iterable[str]:
    if benchmark.scope not in get_args(Scope):
        yield f"scope is {benchmark.scope!r}; expected pooled or grouped"
    if benchmark.learning not in get_args(Learning):
        yield f"learning is {benchmark.learning!r}; expected offline or online"
    if benchmark.max_steps < 1:
        yield f"max_steps is {benchmark.max_steps}; expected at least 1"
    own = ("own",) if benchmark.parts else ()
    if benchmark.metric not in (*METRICS, *GRADED, *own):
        yield f"metric {benchmark.metric!r} is unknown; expected one of {', '.join((*METRICS, *GRADED))}"
    for metric in (benchmark.retrieval_metric, *benchmark.also):
        if metric not in (*METRICS, *own):
            yield f"metric {metric!r} is unknown; expected one of {', '.join(METRICS)}"
    for what in ("episodes", "validation", "test"):
        ids = [entry.id for entry in getattr(benchmark, what)]
        if not ids:
            yield f"{what} is empty"
        if len(set(ids)) < len(ids):
            twice = sorted({i for i in ids if ids.count(i) > 1})
            yield f"{what} has the same id more than once: {', '.join(twice[:3])}"
    if benchmark.learning == "online":
        for episode in benchmark.episodes:
            if episode.task is None:
                yield f"episode {episode.id} has no task to be answered, which online learning needs"
    yield from _unscorable(benchmark)
    for episode in benchmark.episodes:
        if not is_unicode(episode.id + episode.text + episode.group):
            yield f"episode {episode.id!a} has text that is not valid Unicode (half of a surrogate pair)"
    for task in (*benchmark.validation, *benchmark.test):
        yield from _flaws(task)
    both = {task.id for task in benchmark.validation} & {task.id for task in benchmark.test}
    if both:
        yield f"tasks stand in validation and in test: {', '.join(sorted(both)[:3])}"
    if benchmark.scope == "grouped":
        groups = {episode.group for episode in benchmark.episodes}
        for task in (*benchmark.validation, *benchmark.test):
            if task.group not in groups:
                yield f"task {task.id} asks about group {task.group!r}, of which there is no episode"
    memory = {
        episode.id: episode.group if benchmark.scope == "grouped" else "" for episode in benchmark.episodes
    }
    for task in (*benchmark.validation, *benchmark.test):
        mine = task.group if benchmark.scope == "grouped" else ""
        if task.after and memory.get(task.after) != mine:
            yield f"task {task.id} is to be asked after {task.after!r}, which is no episode of its memory"


def _flaws(task: Task) -> Iterator[str]:
    """Yield the reasons why a task cannot be asked or scored, whatever the metric."""
    if not task.question.strip() and not task.world:
        yield f"the question of task {task.id!a} is empty"
    if any(not answer.strip() for answer in task.answers):
        yield f"task {task.id!a} has an empty answer"
    for criterion in task.rubric:
        if not math.isfinite(criterion.points):
            yield f"a criterion of task {task.id!a} has {criterion.points} points, not a finite number"
    passages = (passage.text for passage in task.evidence)
    if not is_unicode("".join((task.id, task.question, task.group, task.category, *task.answers, *passages))):
        yield f"task {task.id!a} has text that is not valid Unicode (half of a surrogate pair)"


def _unscorable(benchmark: Benchmark) -> Iterator[str]:
    """Tasks that lack what one of the benchmark's own metrics needs; parts were checked before."""
    if benchmark.parts:
        return
    metrics = [benchmark.metric] if benchmark.environment else [benchmark.metric, benchmark.retrieval_metric]
    for metric in dict.fromkeys(metrics):
        for task in (*benchmark.validation, *benchmark.test):
            if not can_score(metric, task, acted=benchmark.environment is not None):
                yield f"task {task.id} lacks what the metric {metric} needs"


def can_score(metric: str, task: Task, *, acted: bool) -> bool:
    """Return whether ``task`` has all that ``metric`` needs; ``acted``: there is an environment."""
    if metric in METRICS:
        return METRICS[metric].applies(task)
    earned = any(criterion.points > 0 for criterion in task.rubric)
    return {
        "reward": acted,
        "rubric": earned,
        "rubric_unclipped": earned,
        "judge": bool(task.answers),
        "longmemeval_v2": bool(task.answers and task.scorer),
        "halumem": bool(task.answers) and (task.scorer in VERDICTS or judges_item(task)),
    }.get(metric, True)
