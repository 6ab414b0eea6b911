"""Configuration of a whole campaign, and the keys that may change when a run is resumed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from evolve.config.checks import Section, distinct, named
from evolve.config.models import QUALITY_OF, ModelsConfig, ReflectorConfig, benchmark_names, short_name
from evolve.config.sandbox import SandboxConfig
from evolve.config.sections import EvaluationConfig, SearchConfig
from evolve.kinds import BUILT_IN

_SCHEDULER = re.compile(r"[a-z]+://\S+:\d+")
DEFAULT_SEEDS = (
    "vector_search",
    "llm_summarizer",
    "experience_learner",
    "lexical",
    "hybrid",
    "neighbours",
    "hybrid_neighbours",
)


class CampaignConfig(Section):
    """Configuration of a campaign: every setting that decides what it does.

    Example:
        >>> config = CampaignConfig(budget=10, search={"selection": "pareto"})
        >>> config.budget, config.selection, config.benchmark
        (10, 'pareto', 'chronicle')
    """

    benchmark: str = Field(
        default="chronicle",
        min_length=1,
        description="name of a benchmark, or path of its file or folder; several with commas between them, "
        "for one program that serves them all",
    )
    benchmark_options: dict[str, str] = Field(
        default={},
        description="options of the benchmark, by name; NAME.OPTION for one of several benchmarks",
    )
    data_dir: Path | None = Field(
        default=None,
        description="folder of the benchmark's data; default: its own; with several, "
        "a folder that has one for each",
    )
    seeds: tuple[str, ...] = Field(
        default=DEFAULT_SEEDS, min_length=1, description="initial programs: names in seeds/ or paths"
    )
    seed: int = Field(default=0, ge=0, description="random seed")
    budget: int = Field(default=40, ge=0, description="candidates to make")
    window: int | None = Field(
        default=None,
        ge=1,
        description="candidates in flight at once, so that a parent is drawn before their results are "
        "known: narrow learns more from each, wide is faster; default: jobs, and kept when "
        "they change",
    )
    jobs: int = Field(
        default=2,
        ge=1,
        description="candidates worked on at the same time, window at most; does not change the result",
    )
    cluster: str | None = Field(
        default=None,
        description="dask scheduler whose workers evaluate: tcp://host:8786; local: threads of this process",
    )
    executor: Annotated[str, named("executor")] | None = Field(
        default=None,
        description="executor of jobs; default: dask where a cluster is given, else threads",
    )
    max_seconds: float | None = Field(
        default=None, gt=0, description="seconds of wall time after which no candidate is started"
    )
    max_usd: float | None = Field(
        default=None, gt=0, description="spending limit in USD on all model calls; at it, a campaign pauses"
    )
    max_tokens: int | None = Field(
        default=None, gt=0, description="limit on the tokens of all model calls; at it, a campaign pauses"
    )
    search: SearchConfig = SearchConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    sandbox: SandboxConfig = SandboxConfig()
    models: ModelsConfig = ModelsConfig()

    @property
    def under_way(self) -> int:
        """Candidates in flight at once: the window."""
        return self.window or self.jobs

    @property
    def has_rule_agent(self) -> bool:
        """True if the agent is rule-based: it costs nothing, and its answers depend only on the retrieved
        text.
        """
        given = self.evaluation.agent
        return self.models.task.is_offline if given is None else given == "rules"

    @property
    def mutators(self) -> str:
        """Mutators in use: both, model, rules (where no reflector is given), or a registered name."""
        search = self.search
        if search.mutators not in BUILT_IN["mutator"]:
            return search.mutators
        if not (self.models.reflecting or search.proposer == "command"):
            return "rules"
        if search.optimizer == "gepa" or search.freeze == "code":  # the rules change code alone
            return "model"
        return "both" if search.mutators == "auto" else search.mutators

    @property
    def reflecting(self) -> tuple[ReflectorConfig, ...]:
        """Reflectors that make candidates."""
        if self.mutators == "rules" or self.search.proposer == "command":
            return ()
        return self.models.reflecting

    @property
    def reads_failures(self) -> bool:
        """True if a model or a command, which learn from single failures, makes candidates."""
        return bool(self.reflecting) or (self.search.proposer == "command" and self.mutators != "rules")

    @property
    def benchmark_parts(self) -> tuple[str, ...]:
        """Short names of the benchmarks, where there are several; else empty."""
        names = benchmark_names(self.benchmark)
        return tuple(map(short_name, names)) if len(names) > 1 else ()

    @property
    def objectives(self) -> tuple[str, ...]:
        """Axes of the Pareto front, with the quality on each of several benchmarks."""
        own = tuple(f"{QUALITY_OF}{part}" for part in self.benchmark_parts)
        return tuple(dict.fromkeys((*self.search.objectives, *own)))

    @property
    def selection(self) -> str:
        """Parent selector in use. In the paper, always taking the best was worse with models."""
        if self.search.selection:
            return self.search.selection
        if self.benchmark_parts:
            return "per_benchmark"
        by_rules = not self.reads_failures or (self.mutators == "both" and self.has_rule_agent)
        return "max" if by_rules else "softmax"

    @property
    def static(self) -> int:
        """Tasks of the fitness set: few where each costs model calls."""
        return self.evaluation.static or (200 if self.has_rule_agent else 48)

    @property
    def rotating(self) -> int:
        """Tasks of a reflection minibatch; 0: the fitness set is used instead."""
        given = self.evaluation.rotating
        if given is None and self.reads_failures:
            return 40 if self.has_rule_agent else 8
        return given or 0  # the rules of the rule-based mutator count failures, and read no single one

    @field_validator("benchmark")
    @classmethod
    def _absolute_benchmark(cls, text: str) -> str:
        return ",".join(map(_absolute_if_path, benchmark_names(text)))

    @field_validator("cluster")
    @classmethod
    def _address(cls, text: str | None) -> str | None:
        if text in (None, "local"):
            return None
        if not _SCHEDULER.fullmatch(text):
            raise ValueError("expected local, or the address of a scheduler, such as tcp://host:8786")
        return text

    @field_validator("seeds")
    @classmethod
    def _absolute_seeds(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return distinct(tuple(_absolute_if_path(text) for text in texts))

    @field_validator("data_dir")
    @classmethod
    def _absolute_data(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser().absolute()


def _absolute_if_path(text: str) -> str:
    """Make a path (a separator, or the suffix .py) absolute, and return a name unchanged."""
    if os.sep in text or text.endswith(".py"):
        return str(Path(text).expanduser().absolute())
    return text
