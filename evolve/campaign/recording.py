"""Facts recorded when a run is made, so that inspecting it loads no benchmark."""

from __future__ import annotations

from collections.abc import Iterator

from evolve.benchmark import Benchmark
from evolve.evaluation_setup import EvaluationSetup
from evolve.journal import RunDirectory
from evolve.journal.tasks import Card, tasks_file
from evolve.models.embeddings import CachedEmbedder, HashingEmbedder
from evolve.models.weights import pack_weights
from evolve.records import Episode, Task


def record_facts(run: RunDirectory, setup: EvaluationSetup) -> None:
    """Record questions and offline weights of ``run`` where they are missing.

    Raises:
        UsageError: the record is damaged.
        InfrastructureError: the disk does not take it.
    """
    if run.tasks() is None:
        run.record_tasks(_tasks(setup))
    embedder = setup.model_set.embedder
    inner = embedder.inner if isinstance(embedder, CachedEmbedder) else embedder
    if isinstance(inner, HashingEmbedder) and run.weights() is None:
        run.record_weights(pack_weights(inner))


def _tasks(setup: EvaluationSetup) -> bytes:
    benchmark = setup.benchmark
    card = Card(
        name=benchmark.name,
        version=benchmark.version,
        metric=setup.metric,
        card=dict(benchmark.card),
        left_out=0,
    )
    tasks = list(_by_use(setup))
    return tasks_file(card, tasks, _gold(benchmark, tasks))


def _by_use(setup: EvaluationSetup) -> Iterator[Task]:
    """Tasks in the order of their likelihood to be asked: of fitness, of the test, then others of
    validation.
    """
    static, test = setup.subsets.static.tasks, setup.subsets.test.tasks
    yield from static
    yield from test
    known = {task.id for task in static}
    yield from (task for task in setup.benchmark.validation if task.id not in known)


def _gold(benchmark: Benchmark, tasks: list[Task]) -> Iterator[Episode]:
    """The episodes that hold evidence, in the order of the tasks that need them; each once."""
    episodes = {episode.id: episode for episode in benchmark.episodes}
    wanted = dict.fromkeys(passage.episode for task in tasks for passage in task.evidence)
    for name in wanted:
        if name in episodes:
            yield episodes[name].model_copy(update={"task": None})
