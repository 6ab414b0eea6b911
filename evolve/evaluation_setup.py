"""Evaluation setup, built from a configuration: benchmark, roles, subsets and evaluator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from evolve.benchmark import OWN_METRIC, Benchmark, load_named, renaming_note
from evolve.components import AS_CONFIGURED, Components
from evolve.config import DEFAULT_SEEDS, CampaignConfig
from evolve.config.models import benchmark_names
from evolve.errors import UsageError
from evolve.evaluation import Evaluator, Subset, Subsets
from evolve.evaluation.conditions import digest
from evolve.journal import RunRecord
from evolve.kinds import BUILT_IN
from evolve.model_set import ModelSet, open_model_set
from evolve.models.names import check_model_names
from evolve.program import MemoryProgram
from evolve.runs.history import RunHistory
from evolve.sandboxes.protocol import Sandbox
from evolve.sandboxes.select import select_backend
from evolve.scoring import JUDGED
from evolve.seeds import seed_names, seed_program

if TYPE_CHECKING:
    from evolve.models.gateway import Gateway

Notify = Callable[[str], None]


@dataclass(frozen=True)
class BenchmarkSetup:
    """Benchmark, metric and sandbox, which are checked before a model is asked or a file written."""

    benchmark: Benchmark
    metric: str
    sandbox: Sandbox

    def with_models(self, config: CampaignConfig, model_set: ModelSet) -> EvaluationSetup:
        """Return the setup with an evaluator, and ``model_set`` to close. Embeds the questions.

        Raises:
            InfrastructureError, BudgetReached: the embedding model could not be asked.
        """
        settings = config.evaluation
        subsets = Subsets(
            self.benchmark,
            model_set.embedder,
            static=config.static,
            rotating=config.rotating,
            test=settings.test,
            episode_ratio=settings.episode_ratio,
            rotating_groups=settings.rotating_groups,
            kmeans_starts=settings.kmeans_starts,
            # The questions depend on the benchmark, not on the search: runs under other seeds can be
            # compared.
            seed=0,
        )
        evaluator = Evaluator(
            benchmark=self.benchmark,
            agent=model_set.agent,
            judge=model_set.judge,
            sandbox=self.sandbox,
            embedder=model_set.embedder,
            model=model_set.toolkit,
            limits=config.sandbox.limits(),
            metric=self.metric,
            low=settings.low,
            interim_analyses=5 if config.has_rule_agent else 2,
            warm_sessions=config.jobs,
            cost_unit=model_set.cost_unit,
        )
        return EvaluationSetup(self.benchmark, subsets, evaluator, self.sandbox, self.metric, model_set)

    @property
    def passages(self) -> list[str]:
        """See ``passages_of``."""
        return passages_of(self.benchmark)


@dataclass(frozen=True)
class EvaluationSetup:
    """Evaluation setup: a benchmark with an evaluator for it. A context manager, which closes sandbox and
    models.
    """

    benchmark: Benchmark
    subsets: Subsets
    evaluator: Evaluator
    sandbox: Sandbox
    metric: str
    model_set: ModelSet

    def __enter__(self) -> EvaluationSetup:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def conditions(self) -> str:
        """Short hash of all that decides a campaign's scores: evaluation settings and questions."""
        return self.conditions_on(self.subsets.static)

    def conditions_on(self, subset: Subset) -> str:
        """Return a short hash of all that decides scores on ``subset`` besides the program."""
        asked = [[entry.id for entry in part] for part in (subset.tasks, subset.episodes)]
        return digest((self.evaluator.conditions, asked))

    def close(self) -> None:
        """End the sandbox and the models. Safe to call again."""
        self.sandbox.close()
        self.model_set.close()


def fits_in_one_read(benchmark: Benchmark, characters: int) -> str:
    """Return a warning if a program may return every episode of a memory, which makes a poor test; else an
    empty text.
    """
    groups: dict[str, int] = {}
    for episode in benchmark.of_groups({task.group for task in benchmark.validation}):
        group = episode.group if benchmark.scope == "grouped" else ""
        groups[group] = groups.get(group, 0) + len(episode.text) + 1
    longest = max(groups.values(), default=0)
    if longest > characters or benchmark.learning == "online":
        return ""
    return (
        f"All episodes of a memory fit in one read ({longest:,} of {characters:,} characters): a program "
        "that returns everything is hard to beat but in cost. Give longer histories, or let read return less "
        "(sandbox.read_characters)."
    )


def passages_of(benchmark: Benchmark) -> list[str]:
    """Return the lines that word frequencies are taken from: none that only the test set's memories hold."""
    groups = {task.group for task in benchmark.validation}
    return [line for e in benchmark.of_groups(groups) for line in e.text.split("\n") if line.strip()]


def load_benchmark(config: CampaignConfig, components: Components = AS_CONFIGURED) -> tuple[Benchmark, str]:
    """Load the benchmark and settle the metric of quality.

    Raises:
        UsageError: the benchmark is unknown, its data are missing, or the metric needs a model that is not
            configured.
    """
    benchmark = components.benchmark
    if benchmark is None:
        benchmark = load_named(config.benchmark, config.data_dir, config.benchmark_options)
    if not benchmark.parts:
        return benchmark, _metric(config, benchmark)
    parts = tuple(replace(part, metric=_metric(config, part)) for part in benchmark.parts)
    metrics = {part.metric for part in parts}
    return replace(benchmark, parts=parts), metrics.pop() if len(metrics) == 1 else OWN_METRIC


def open_benchmark_setup(
    config: CampaignConfig,
    *,
    unsafe_local: bool,
    trusted: bool,
    notify: Notify,
    loaded: tuple[Benchmark, str] | None = None,
    components: Components = AS_CONFIGURED,
) -> BenchmarkSetup:
    """Load the benchmark and start the sandbox.

    Args:
        config: the configuration.
        unsafe_local: programs may run in a bare process.
        trusted: only programs of this project's own seeds and operators will be run.
        notify: called with sentences for the user, such as the isolation in use.
        loaded: result of ``load_benchmark``, if it was called before.
        components: a benchmark and a sandbox that were passed as objects.

    Raises:
        UsageError: as ``load_benchmark``, or no sandbox may be used.
        InfrastructureError: a sandbox requested by name cannot be started.
    """
    benchmark, metric = loaded or load_benchmark(config, components)
    for note in filter(None, map(renaming_note, benchmark_names(config.benchmark))):
        notify(note)
    if components.sandbox is not None:
        return BenchmarkSetup(benchmark, metric, components.make("sandbox", config.sandbox.backend))
    sandbox = select_backend(
        config.sandbox.backend,
        trusted=trusted,
        unsafe_local=unsafe_local,
        notify=notify,
        pool=config.sandbox.pool,
    )
    return BenchmarkSetup(benchmark, metric, sandbox)


def build_evaluator(
    config: CampaignConfig,
    *,
    unsafe_local: bool,
    trusted: bool,
    notify: Notify,
    cache: Path | None = None,
    calls: Path | None = None,
    connect: Callable[..., Gateway] | None = None,
    components: Components = AS_CONFIGURED,
) -> EvaluationSetup:
    """Build the setup for evaluating programs outside of a campaign; see ``open_benchmark_setup``.

    Args:
        cache: file of model replies kept for good; None to keep none.
        calls: file of the account of calls, by which the budget is kept; None to keep none.
        connect: makes the gateway; see ``open_model_set``.
        components: parts that were passed as objects.
    """
    check_model_names(config.models)
    benchmark_setup = open_benchmark_setup(
        config, unsafe_local=unsafe_local, trusted=trusted, notify=notify, components=components
    )
    try:
        model_set = open_model_set(
            config,
            calls=calls,
            cache=cache,
            notify=notify,
            passages=benchmark_setup.passages,
            guidance=benchmark_setup.benchmark.guidance,
            connect=connect,
            components=components,
        )
        try:
            return benchmark_setup.with_models(config, model_set)
        except BaseException:
            model_set.close()
            raise
    except BaseException:
        benchmark_setup.sandbox.close()
        raise


def reply_cache(config: CampaignConfig, root: Path) -> Path:
    """Return the cache file of model replies: one for all runs under ``root``, unless it is configured."""
    return config.models.cache or root / ".cache" / "models.sqlite"


def _metric(config: CampaignConfig, benchmark: Benchmark) -> str:
    """Return the quality metric: as configured, or the benchmark's own choice for the models in use."""
    metric = config.evaluation.metric
    if metric == "auto":
        # The rule-based agent only replaces a model; its answers can only show what the memory retrieves.
        offline = config.has_rule_agent and benchmark.environment is None
        metric = benchmark.retrieval_metric if offline else benchmark.metric
    if metric in JUDGED and config.models.judge.is_offline and config.evaluation.judge is None:
        raise UsageError(
            f"The metric {metric!r} of {benchmark.name} asks a judge, and there is none: give one with "
            f"--judge MODEL or --judge rules, or another metric: --metric {benchmark.retrieval_metric}."
        )
    return metric


def seed_programs(names: tuple[str, ...]) -> list[MemoryProgram]:
    """Return the programs called ``names``: those of ``seeds/`` by name, others by path.

    Raises:
        UsageError: a name or path is unknown, or the program breaks the contract.
    """
    programs = [seed_program(name) for name in names]
    for program in programs:
        if program.problems:
            listed = "\n  ".join(str(problem) for problem in program.problems)
            raise UsageError(f"The seed {program.name!r} breaks the contract of memory programs:\n  {listed}")
    return programs


def programs_of(run: Path) -> set[str]:
    """Return the ids of all programs in the run directory ``run`` or its journal; empty if there is none.

    Raises:
        UsageError: the journal is damaged.
    """
    kept = {path.name for path in (run / "programs").glob("*.py")}
    found = {name.removesuffix(".py") for name in kept}
    if (run / "journal.jsonl").is_file():
        found |= RunHistory.of(CampaignConfig(), RunRecord(run).events()).programs
    return found


def is_trusted(config: CampaignConfig, present: Iterable[str] = ()) -> bool:
    """Return whether a campaign runs only code of this project: its own seeds, changed by its own operators.

    Args:
        present: ids of the programs that the run has already. A program that is none of the seeds may have
            come from anywhere, whatever the configuration says.
    """
    own = {*seed_names(), *DEFAULT_SEEDS}
    search = config.search
    if search.mutators not in BUILT_IN["mutator"] or search.optimizer not in BUILT_IN["optimizer"]:
        return False
    if config.models.reflecting or search.proposer != "completion":
        return False
    if not all(name in own for name in config.seeds):
        return False
    return set(present) <= {seed_program(name).id for name in seed_names()}
