"""Start or resume a campaign: its population, its conditions, and facts that are recorded with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from evolve import __version__
from evolve.benchmark import Benchmark
from evolve.components import AS_CONFIGURED, Components
from evolve.config import CampaignConfig
from evolve.errors import UsageError
from evolve.evaluation_setup import EvaluationSetup
from evolve.events import Started
from evolve.journal import RunDirectory
from evolve.journal.tasks import Card, tasks_file
from evolve.kinds import BUILT_IN
from evolve.models.embeddings import CachedEmbedder
from evolve.models.weights import FittedEmbedder, pack_weights
from evolve.mutation.reflection.context import texts_of
from evolve.population import ParentSelector, Population, objectives_of
from evolve.records import Episode, Task
from evolve.runs.history import RunHistory
from evolve.text import changed_parts


def named_selector(config: CampaignConfig, components: Components = AS_CONFIGURED) -> ParentSelector:
    """Return the selector of ``config``, with its temperature where it takes one, or the one passed."""
    temperature = config.search.temperature
    return components.make("selector", config.selection, temperature=temperature, config=config)


def empty_population(config: CampaignConfig, selector: ParentSelector | None = None) -> Population:
    """Return a population with the objectives of ``config``, and its selector if ``selector`` is None."""
    return Population(
        objectives_of(config.search, config.objectives), selector or named_selector(config), config.seed
    )


def started(
    run: str, history: RunHistory, config: CampaignConfig, setup: EvaluationSetup, mutator: str
) -> Started:
    """Return the event that a process starts or resumes the campaign.

    Args:
        run: name of the run.
        history: the record so far.
        config: the configuration.
        setup: the evaluation setup.
        mutator: identity of the mutator.

    Raises:
        UsageError: recorded scores or candidates could not be compared with new ones.
    """
    past, now = history.conditions, setup.conditions
    if past not in (None, now):
        raise UsageError(
            f"The run {run!r} was started under other conditions: its benchmark's data, the "
            "tasks that are asked, the agent, the models, the embeddings or the limits have changed "
            "since. Start another run with --name."
        )
    _check_mutator(run, history, config, mutator)
    return Started(
        prompts=_prompts(run, history, config),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
        isolation=setup.sandbox.isolation,
        conditions=now,
        resumed=past is not None,
        mutator=mutator,
        groups={task.id: task.group for task in setup.subsets.static.tasks if task.group},
    )


def _check_mutator(run: str, history: RunHistory, config: CampaignConfig, mutator: str) -> None:
    """Refuse to go on with another mutator of the user's own than the run was started with.

    Built-in mutators change with the package's version or with what a server says of its model, which no user
    can put back; their configuration was compared before. The event's sentence says what changed.
    """
    before = history.mutator
    if before in (None, mutator) or config.mutators in BUILT_IN["mutator"]:
        return
    raise UsageError(
        f"The run {run!r} was started with another mutator. Its identity differs: "
        f"{changed_parts(before, mutator)}. Expected {before!r}, found {mutator!r}. Pass the mutator of that "
        "identity, or start another run with --name."
    )


def _prompts(run: str, history: RunHistory, config: CampaignConfig) -> str:
    """Return the digest of the user's own prompts; UsageError where the run was started with others."""
    folder = config.search.prompts_dir
    now = texts_of(folder).own_digest if config.reflecting else ""
    if history.prompts not in (None, now):
        raise UsageError(
            f"The run {run!r} was started with other prompts: those of search.prompts_dir "
            f"({folder or 'none is given now'}) have changed since. Put them back, or start another run "
            "with --name."
        )
    return now


def record_facts(run: RunDirectory, setup: EvaluationSetup) -> None:
    """Record questions and the embedder's weights of ``run`` where they are missing.

    Raises:
        UsageError: the record is damaged.
        InfrastructureError: the disk does not take it.
    """
    if run.tasks() is None:
        run.record_tasks(_tasks(setup))
    embedder = setup.model_set.embedder
    inner = embedder.inner if isinstance(embedder, CachedEmbedder) else embedder
    if isinstance(inner, FittedEmbedder) and run.weights() is None:
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
