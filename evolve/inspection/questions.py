"""The questions of a run's benchmark, where its data are still there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evolve.benchmark import find
from evolve.config import CampaignConfig
from evolve.errors import EvolveError
from evolve.records import Episode, Task


@dataclass(frozen=True)
class Questions:
    """Tasks and episodes of a benchmark by id; both empty where it cannot be loaded.

    Attributes:
        missing: why there are none, if so.
    """

    tasks: Mapping[str, Task] = field(default_factory=dict)
    episodes: Mapping[str, Episode] = field(default_factory=dict)
    missing: str = ""

    @classmethod
    def of(cls, config: CampaignConfig) -> Questions:
        """Load the benchmark that ``config`` names, as a campaign would.

        A run can be looked at without it: then only what the evaluations recorded is known.
        """
        try:
            loaded = find(config.benchmark).load(config.data_dir, config.benchmark_options)
        except EvolveError as error:
            return cls(missing=str(error))
        tasks = {task.id: task for task in (*loaded.validation, *loaded.test)}
        return cls(tasks, {episode.id: episode for episode in loaded.episodes})
