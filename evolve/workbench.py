"""Everything that it takes to evaluate a program, put together from a configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evolve.agents.offline import OfflineAgent, OfflineJudge
from evolve.benchmark import Benchmark, find
from evolve.config import DEFAULT_SEEDS, CampaignConfig
from evolve.errors import UsageError
from evolve.evaluation import Evaluator, Subsets
from evolve.models.embeddings import CachedEmbedder, HashingEmbedder
from evolve.models.offline import ExtractiveModel
from evolve.program import MemoryProgram
from evolve.sandboxes.choose import choose
from evolve.sandboxes.protocol import Sandbox
from evolve.seeds import seed_names, seed_program

Notify = Callable[[str], None]


@dataclass(frozen=True)
class Workbench:
    """A benchmark with an evaluator for it. A context manager, which closes the sandbox."""

    benchmark: Benchmark
    subsets: Subsets
    evaluator: Evaluator
    sandbox: Sandbox
    metric: str

    def __enter__(self) -> Workbench:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the sandbox. Safe to call again."""
        self.sandbox.close()


def build_evaluator(
    config: CampaignConfig, *, unsafe_local: bool, trusted: bool, notify: Notify
) -> Workbench:
    """Load the benchmark and start what evaluates on it.

    Args:
        config: what to evaluate with.
        unsafe_local: programs may run in a bare process.
        trusted: only programs of this project's own seeds and operators will be run.
        notify: told in a sentence what the user should know, such as the isolation in use.

    Raises:
        UsageError: the benchmark is unknown, its data are missing, or no sandbox may be used.
        InfrastructureError: a sandbox that was asked for by name cannot be started.
    """
    benchmark = find(config.benchmark).load(config.data_dir, config.benchmark_options)
    settings = config.evaluation
    embedder = CachedEmbedder(HashingEmbedder.fit(_passages(benchmark)), capacity=100_000)
    subsets = Subsets(
        benchmark,
        embedder,
        static=settings.static,
        rotating=settings.rotating,
        episode_ratio=settings.episode_ratio,
        rotating_groups=settings.rotating_groups,
        # What is asked is the benchmark's and not the search's: runs under different seeds can be compared.
        seed=0,
    )
    # The offline agent only stands in for a model; what it can show is what the memory retrieves.
    metric = benchmark.retrieval_metric if settings.metric == "auto" else settings.metric
    sandbox = choose(
        config.sandbox.backend,
        trusted=trusted,
        unsafe_local=unsafe_local,
        notify=notify,
        pool=config.sandbox.pool,
        limits=config.sandbox.limits(),
    )
    evaluator = Evaluator(
        benchmark=benchmark,
        agent=OfflineAgent(),
        judge=OfflineJudge(),
        sandbox=sandbox,
        embedder=embedder,
        model=ExtractiveModel(),
        limits=config.sandbox.limits(),
        metric=metric,
        low=settings.low,
    )
    return Workbench(benchmark, subsets, evaluator, sandbox, metric)


def seed_programs(names: tuple[str, ...]) -> list[MemoryProgram]:
    """The programs called ``names``: those of ``seeds/`` by name, others by path.

    Raises:
        UsageError: a name or path is unknown, or the program breaks the contract.
    """
    programs = [seed_program(name) for name in names]
    for program in programs:
        if program.problems:
            listed = "\n  ".join(str(problem) for problem in program.problems)
            raise UsageError(f"The seed {program.name!r} breaks the contract of memory programs:\n  {listed}")
    return programs


def is_trusted(config: CampaignConfig) -> bool:
    """Only code of this project is run: its own seeds, changed by its own operators."""
    own = {*seed_names(), *DEFAULT_SEEDS}
    return not config.models.reflecting and all(name in own for name in config.seeds)


def _passages(benchmark: Benchmark) -> list[str]:
    """The lines that word frequencies are taken from: none that only the test set's memories hold."""
    groups = {task.group for task in benchmark.validation}
    return [line for e in benchmark.of_groups(groups) for line in e.text.split("\n") if line.strip()]
