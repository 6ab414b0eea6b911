"""Configuration of a bench, as its directory records it in bench.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import Field, ValidationError

from evolve.config import CampaignConfig
from evolve.config.checks import Section
from evolve.errors import UsageError
from evolve.files.inside import read_below

Split = Literal["test", "static"]
_OF_A_SEARCH = ("benchmark", "benchmark_options", "data_dir", "seeds", "seed", "budget", "window", "cluster")
_LEFT_OUT = {*_OF_A_SEARCH, "max_seconds", "search"}


class BenchConfig(Section):
    """Programs, benchmarks and evaluation settings of a bench."""

    programs: tuple[str, ...] = Field(
        default=(), description="names in seeds/, paths, plug-ins, RUN or RUN:ID; default: all seeds"
    )
    benchmarks: tuple[str, ...] = Field(
        default=(), description="NAME or NAME:KEY=VALUE; default: those of the programs' runs"
    )
    split: Split = Field(default="test", description="the test set, or the validation tasks of fitness")
    against: str = Field(default="", description="program that all others are compared with; default: none")
    data_dir: Path | None = Field(
        default=None,
        description="a benchmark's data, or a folder with a folder for each benchmark; default: their own",
    )
    campaign: CampaignConfig = Field(
        default=CampaignConfig(), description="models, evaluation, sandbox, jobs and budgets; no search"
    )

    def to_toml(self) -> str:
        """The text that ``read_config`` reads back."""
        shown = self.model_dump(mode="json", exclude_none=True, exclude={"campaign": _LEFT_OUT})
        return tomli_w.dumps(shown)


def read_config(path: Path) -> BenchConfig:
    """The configuration of a bench on disk; UsageError where it was broken by hand."""
    try:
        return BenchConfig.model_validate(tomllib.loads(read_below(path.parent, path.name).decode("utf-8")))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise UsageError(
            f"{path} is not the configuration of a bench: {error}. Restore it, or start another with --name."
        ) from error


def adjusted(config: BenchConfig, changes: Mapping[str, Any]) -> BenchConfig:
    """``config`` with the fields of ``changes``, those that are None left as they are."""
    given = {key: value for key, value in changes.items() if value is not None}
    return BenchConfig.model_validate(config.model_dump() | given)
