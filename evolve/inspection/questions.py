"""The questions of a run, as they were recorded when it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evolve.benchmark import find, locate
from evolve.config import CampaignConfig
from evolve.errors import EvolveError
from evolve.journal import RunRecord
from evolve.records import Episode, Task


@dataclass(frozen=True)
class Questions:
    """Tasks and gold episodes of a run by id; both empty where they are not known.

    Attributes:
        missing: reason why some or all are unknown; empty if none are.
    """

    tasks: Mapping[str, Task] = field(default_factory=dict)
    episodes: Mapping[str, Episode] = field(default_factory=dict)
    missing: str = ""

    @classmethod
    def of(cls, run: RunRecord) -> Questions:
        """The recorded questions of ``run``. Executes nothing that the run names.

        A run of an older version has none: then those of a packaged benchmark are loaded if its data are
        still there, and those of any other benchmark are reported as missing.
        """
        try:
            recorded = run.tasks()
            if recorded is None:
                return cls._packaged(run.name, run.config)
        except EvolveError as error:
            return cls(missing=str(error))
        left_out = recorded.card.left_out
        return cls(
            {task.id: task for task in recorded.tasks},
            {episode.id: episode for episode in recorded.episodes},
            f"{left_out} tasks or episodes were too large to be recorded." if left_out else "",
        )

    @classmethod
    def _packaged(cls, name: str, config: CampaignConfig) -> Questions:
        if config.benchmark_parts:  # runs of several benchmarks record their questions
            return cls(missing="the questions of this run were not recorded")
        place = locate(config.benchmark)
        if place.code is not None or place.path.is_dir():
            return cls(
                missing="this run was made before evolve recorded questions, and "
                f"{place.path} is not loaded for a look. Resume it once, which does: evolve run --name {name}"
            )
        loaded = find(config.benchmark).load(config.data_dir, config.benchmark_options)
        tasks = {task.id: task for task in (*loaded.validation, *loaded.test)}
        return cls(tasks, {episode.id: episode for episode in loaded.episodes})
