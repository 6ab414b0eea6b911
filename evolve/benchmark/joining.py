"""Several benchmarks joined into one, for a search for one memory program that serves them all."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.benchmark.definition import Benchmark, InvalidBenchmark
from evolve.environment import OpenEnvironment
from evolve.records import Episode, Task

MARK = "/"
"""Between the name of a benchmark and an id of it."""
OWN_METRIC = "own"
"""Metric of benchmarks with different metrics: each of its own."""


def joined(parts: Sequence[Benchmark]) -> Benchmark:
    """Return one benchmark with the tasks of all ``parts``, which keep their memories and metrics.

    The result is grouped: each memory of a part is a memory of its own. Ids and groups begin with the name of
    their part. A metric that all parts have is that of the whole, else it is ``own``.

    Args:
        parts: two or more benchmarks with different names, of offline learning.

    Raises:
        InvalidBenchmark: two have the same name, one learns online, or two instruct the judge differently on
            a category of the same name.

    Example:
        >>> def asking(name: str) -> Benchmark:
        ...     tasks = [Task(id=n, question="Where?", answers=("Lisbon",)) for n in ("a", "b")]
        ...     return Benchmark(name, (Episode(id="e", text="In Lisbon."),), (tasks[0],), (tasks[1],),
        ...                      retrieval_metric="coverage")
        >>> both = joined([asking("work"), asking("home")])
        >>> both.name, [task.id for task in both.validation], both.metric
        ('work+home', ['work/a', 'home/a'], 'f1')
    """
    name = "+".join(part.name for part in parts)
    problems = list(_problems(parts))
    if problems:
        raise InvalidBenchmark(name, problems)
    return Benchmark(
        name=name,
        episodes=tuple(_episode(part, episode) for part in parts for episode in part.episodes),
        validation=tuple(_task(part, task) for part in parts for task in part.validation),
        test=tuple(_task(part, task) for part in parts for task in part.test),
        scope="grouped",
        metric=_common([part.metric for part in parts]),
        retrieval_metric=_common([part.retrieval_metric for part in parts]),
        guidance={category: text for part in parts for category, text in part.guidance.items()},
        version="+".join(part.version for part in parts),
        card={
            "parts": ", ".join(part.name for part in parts),
            "protocol": "the tasks of several benchmarks, each asked of the memory of its own benchmark",
        },
        parts=tuple(parts),
    )


def part_of(identifier: str) -> str:
    """Return the name of the benchmark that an id or a group of a joined one belongs to.

    Example:
        >>> part_of("chronicle/world-3"), f"{QUALITY_OF}chronicle"
        ('chronicle', 'quality:chronicle')
    """
    return identifier.partition(MARK)[0]


def within_part(identifier: str) -> str:
    """Return an id or a group of a joined benchmark as it is in its own.

    Example:
        >>> within_part("chronicle/world-3/session-1")
        'world-3/session-1'
    """
    return identifier.partition(MARK)[2]


def opening_of(part: Benchmark) -> OpenEnvironment | None:
    """Return what opens the environment of a task of ``part`` that has its id in the joined benchmark.

    None for a benchmark without environments.
    """
    opened = part.environment
    if opened is None:
        return None
    known = {task.id: task for task in (*part.validation, *part.test)}
    return lambda task: opened(known[within_part(task.id)])


def _problems(parts: Sequence[Benchmark]) -> list[str]:
    names = [part.name for part in parts]
    found = [f"two benchmarks are called {name!r}" for name in sorted(set(names)) if names.count(name) > 1]
    found += [
        f"{part.name} learns online, which cannot be joined" for part in parts if part.learning == "online"
    ]
    known: dict[str, str] = {}
    for part in parts:
        for category, text in part.guidance.items():
            if known.setdefault(category, text) != text:
                found.append(f"the judge is instructed differently on two categories called {category!r}")
    return found


def _common(metrics: Sequence[str]) -> str:
    return metrics[0] if len(set(metrics)) == 1 else OWN_METRIC


def _named(part: Benchmark, identifier: str) -> str:
    return f"{part.name}{MARK}{identifier}"


def _group(part: Benchmark, group: str) -> str:
    return _named(part, group if part.scope == "grouped" else "")


def _episode(part: Benchmark, episode: Episode) -> Episode:
    names = {"id": _named(part, episode.id), "group": _group(part, episode.group)}
    return episode.model_copy(update=names)


def _task(part: Benchmark, task: Task) -> Task:
    evidence = tuple(
        passage.model_copy(update={"episode": _named(part, passage.episode)}) for passage in task.evidence
    )
    return task.model_copy(
        update={
            "id": _named(part, task.id),
            "group": _group(part, task.group),
            "evidence": evidence,
            "after": _named(part, task.after) if task.after else "",
        }
    )
