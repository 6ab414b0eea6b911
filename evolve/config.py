"""What a campaign is told: one frozen, validated configuration, read from and written to TOML.

Fields that are paths are held absolute (relative ones are taken from the working directory), so that a
recorded run resumes from anywhere.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from evolve.errors import UsageError
from evolve.scoring import METRICS

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from evolve.sandboxes.protocol import Limits

DEFAULT_SEEDS = ("vector_search", "llm_summarizer", "experience_learner", "lexical", "hybrid")
T = TypeVar("T")
Selection = Literal["softmax", "pareto", "max"]
Objective = Literal["quality", "cost", "latency", "size"]
Freeze = Literal["instructions", "code"]
Backend = Literal["auto", "docker", "bwrap", "process"]

MAY_CHANGE = frozenset({"budget", "data_dir", "jobs", "max_seconds", "sandbox.backend", "sandbox.pool"})
"""Keys that may differ when a run is resumed: how much, how fast and from where, not what is measured.

Data may lie elsewhere than before; what they hold is part of an evaluation's conditions, and compared."""


class Section(BaseModel):
    """Immutable, closed to unknown keys, finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SearchConfig(Section):
    """How parents are chosen and children are made."""

    selection: Selection = Field(default="softmax", description="how a parent is chosen from the population")
    temperature: float = Field(
        default=0.15, gt=0, description="of softmax selection: p ∝ exp(quality / temperature)"
    )
    objectives: tuple[Objective, ...] = Field(
        default=("quality", "cost", "latency"),
        min_length=1,
        description="what spans the front; quality among them",
    )
    attribution: bool = Field(
        default=True, description="operators are picked by where the evidence was lost; off: at random"
    )
    freeze: Freeze | None = Field(default=None, description="the part of a program that no child may change")

    @field_validator("objectives")
    @classmethod
    def _with_quality(cls, names: tuple[Objective, ...]) -> tuple[Objective, ...]:
        if "quality" not in names:
            raise ValueError("quality must be among the objectives")
        return _distinct(names)


class EvaluationConfig(Section):
    """What one evaluation of a program asks, and how it is scored."""

    static: int = Field(
        default=200, ge=1, description="validation tasks of the fixed subset that gives fitness"
    )
    rotating: int = Field(
        default=40,
        ge=1,
        description="validation tasks, new for each round, that give the failures to learn from",
    )
    rotating_groups: int = Field(
        default=2, ge=1, description="grouped scope: at most so many groups' memories in one rotating subset"
    )
    episode_ratio: float | None = Field(
        default=None,
        gt=0,
        description="episodes ingested for each validation task of the subset; left out: all",
    )
    metric: str = Field(
        default="auto", description="what quality is; auto: the benchmark's own choice for the models in use"
    )
    low: float = Field(
        default=0.5, ge=0, le=1, description="an item that scores below it counts as a failure"
    )

    @field_validator("metric")
    @classmethod
    def _known(cls, name: str) -> str:
        if name != "auto" and name not in METRICS:
            raise ValueError(f"expected auto or one of {', '.join(METRICS)}{_suggestion(name, METRICS)}")
        return name


class SandboxConfig(Section):
    """Where programs run, and what they may use; see ``evolve.sandboxes.protocol.Limits``."""

    backend: Backend = Field(default="auto", description="auto takes docker where an engine answers")
    pool: int = Field(default=2, ge=0, le=64, description="containers kept started for programs to come")
    call_seconds: float = Field(
        default=60.0, gt=0, description="time for one write or read, model time not counted"
    )
    load_seconds: float = Field(
        default=20.0, gt=0, description="time to import the program and make its memory"
    )
    read_characters: int = Field(default=3_000, ge=1, description="characters that read may return")
    model_calls: int = Field(default=1, ge=0, description="toolkit model calls in one write or read")
    model_input_characters: int = Field(default=120_000, ge=1, description="characters sent in one such call")
    embed_texts: int = Field(
        default=20_000, ge=0, description="texts that one write or read may have embedded"
    )
    memory_mb: int = Field(default=512, ge=64, description="memory of the whole sandbox")
    processes: int = Field(default=64, ge=1, description="processes and threads of the whole sandbox")
    scratch_mb: int = Field(default=64, ge=1, description="size of /tmp")
    stderr_bytes: int = Field(default=8_000_000, ge=1, description="bytes that may be printed in a session")
    frame_bytes: int = Field(default=4_000_000, ge=1_024, description="the largest message of the worker")

    def limits(self) -> Limits:
        """The same as the sandbox takes it."""
        from evolve.sandboxes.protocol import Limits  # numpy, which a reader of configurations does not need

        return Limits(**self.model_dump(exclude={"backend", "pool"}))


class ModelsConfig(Section):
    """Which model plays which part."""

    task: str = Field(default="offline", description="the agent that uses the memory")
    reflector: str = Field(default="offline", description="makes children of parents")
    toolkit: str = Field(default="offline", description="answers toolkit.llm_completion")
    judge: str = Field(default="offline", description="grades answers")
    embedding: str = Field(default="offline", description="answers toolkit.embed")

    @field_validator("*")
    @classmethod
    def _offline(cls, name: str) -> str:
        if name != "offline":
            raise ValueError("only 'offline' is accepted in this version; leave the key out")
        return name


class CampaignConfig(Section):
    """Everything that decides what a campaign does."""

    benchmark: str = Field(
        default="chronicle", min_length=1, description="name of a benchmark, or path of its file"
    )
    benchmark_options: dict[str, str] = Field(
        default={}, description="option of the benchmark → its value as text"
    )
    data_dir: Path | None = Field(
        default=None, description="where the benchmark's data are; left out: its default"
    )
    seeds: tuple[str, ...] = Field(
        default=DEFAULT_SEEDS, min_length=1, description="programs to begin with: names in seeds/ or paths"
    )
    seed: int = Field(default=0, ge=0, description="of every random choice")
    budget: int = Field(default=40, ge=0, description="children to make")
    round: int = Field(
        default=4, ge=1, description="children made from one state of the population, whatever the jobs"
    )
    jobs: int = Field(default=2, ge=1, description="evaluations at the same time; decides no result")
    max_seconds: float | None = Field(
        default=None, gt=0, description="wall time after which no child is begun"
    )
    search: SearchConfig = SearchConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    sandbox: SandboxConfig = SandboxConfig()
    models: ModelsConfig = ModelsConfig()

    @field_validator("benchmark")
    @classmethod
    def _absolute_benchmark(cls, text: str) -> str:
        return _absolute_if_path(text)

    @field_validator("seeds")
    @classmethod
    def _absolute_seeds(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return _distinct(tuple(_absolute_if_path(text) for text in texts))

    @field_validator("data_dir")
    @classmethod
    def _absolute_data(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser().absolute()


def load_config(path: Path) -> CampaignConfig:
    """Read a configuration.

    Raises:
        UsageError: the file is missing, is no TOML, or has an unknown key or a value that is not possible;
            every such key is listed with what was found and what is expected.
    """
    try:
        data = tomllib.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no configuration file at {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The configuration file {path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The configuration file {path} is not valid TOML: {error}.") from error
    return _validated(data, source=str(path))


def to_toml(config: CampaignConfig) -> str:
    """``config`` as TOML that ``load_config`` reads back as an equal value; what is None is left out."""
    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))


def merged(
    base: CampaignConfig, overrides: Mapping[str, object], *, source: str = "the command line"
) -> CampaignConfig:
    """``base`` with some fields replaced.

    Args:
        overrides: dotted key, such as ``search.temperature`` → its new value.
        source: where the overrides come from, for the error message.

    Raises:
        UsageError: as ``load_config``.
    """
    data = base.model_dump()
    for key, value in overrides.items():
        *sections, name = key.split(".")
        table = data
        for section in sections:
            table = table.setdefault(section, {})
        table[name] = value
    return _validated(data, source=source)


def check_resumable(old: CampaignConfig, new: CampaignConfig) -> None:
    """Refuse to go on with a run under another configuration than it was begun with.

    Raises:
        UsageError: keys other than ``MAY_CHANGE`` differ; each is listed with both values.
    """
    before, after = flattened(old), flattened(new)
    changed = [key for key in before if before[key] != after[key] and key not in MAY_CHANGE]
    if changed:
        listed = "\n".join(f"  {key}: {before[key]!r} recorded, {after[key]!r} given" for key in changed)
        raise UsageError(
            f"This run was begun with another configuration:\n{listed}\n"
            "Scores under the two could not be compared. Leave these out to go on with the recorded values, "
            f"or begin another run with --name. Only {', '.join(sorted(MAY_CHANGE))} may change."
        )


def flattened(config: CampaignConfig) -> dict[str, Any]:
    """Dotted key → value for every field, in the order of the fields."""
    flat: dict[str, Any] = {}
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, Section):
            flat.update({f"{name}.{inner}": getattr(value, inner) for inner in type(value).model_fields})
        else:
            flat[name] = value
    return flat


def _validated(data: Mapping[str, Any], *, source: str) -> CampaignConfig:
    try:
        return CampaignConfig.model_validate(data)
    except ValidationError as error:
        lines = "\n".join(f"  {_explained(detail)}" for detail in error.errors())
        raise UsageError(f"The configuration from {source} is not valid:\n{lines}") from None


def _explained(detail: ErrorDetails) -> str:
    """One line of what is wrong: key path, what was found, what is expected."""
    path = [str(part) for part in detail["loc"]]
    key = ".".join(path)
    if detail["type"] == "extra_forbidden":
        known = _keys_beside(path)
        where = f"the section [{path[0]}]" if len(path) > 1 else "the top level"
        return f"{key}: unknown key{_suggestion(path[-1], known)}; {where} has {', '.join(known)}"
    found = detail["input"]
    shown = "a table" if isinstance(found, Mapping) else repr(found)
    expected = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{key}: found {shown}; {expected}"


def _keys_beside(path: list[str]) -> list[str]:
    """The known keys of the table in which ``path`` stands."""
    fields = CampaignConfig.model_fields
    if len(path) > 1:
        section = fields[path[0]].annotation
        assert isinstance(section, type)
        assert issubclass(section, Section)
        fields = section.model_fields
    return list(fields)


def _suggestion(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean {close[0]}?" if close else ""


def _distinct(names: tuple[T, ...]) -> tuple[T, ...]:
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"given more than once: {', '.join(twice)}")
    return names


def _absolute_if_path(text: str) -> str:
    """A name stays as it is; what is meant as a path (a separator, or the suffix .py) is made absolute."""
    if os.sep in text or text.endswith(".py"):
        return str(Path(text).expanduser().absolute())
    return text
