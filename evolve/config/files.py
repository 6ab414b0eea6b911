"""Configurations on disk: presets, files in TOML, merged with flags, compared on resume."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import tomli_w
from pydantic import ValidationError

from evolve.config.campaign import CampaignConfig
from evolve.config.checks import Section, suggestion
from evolve.errors import UsageError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

from types import MappingProxyType

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # Settings of arXiv 2604.11811; its 32-60 static items are 60 here, the most it names.
        "paper": MappingProxyType(
            {
                "budget": 20,
                "window": 1,
                "seeds": ("vector_search", "llm_summarizer", "experience_learner"),
                "search.selection": "softmax",
                "search.temperature": 0.15,
                "search.objectives": ("quality",),
                "search.attribution": False,
                "search.crossover": 0.0,
                "search.scoped": False,
                "search.racing": False,
                "search.confirm": False,
                "search.repairs": 3,
                "search.mutators": "model",
                "search.retry": "repair",
                "search.probe": False,
                "evaluation.static": 60,
                "evaluation.rotating": 5,
                "evaluation.episode_ratio": 2.0,
                "sandbox.model_calls": 1,
                "sandbox.read_characters": 3_000,
                "sandbox.call_seconds": 60.0,
            }
        )
    }
)
"""Name → dotted key → value; other given settings have precedence."""


MAY_CHANGE = frozenset(
    """budget cluster data_dir executor jobs max_seconds max_usd max_tokens sandbox.backend sandbox.pool
    models.concurrency models.patience_seconds models.cache models.local.slots models.local.threads
    models.batch models.batch_least models.batch_hours models.preflight search.prompts_dir
    search.plateau""".split()  # noqa: SIM905
)
"""Keys that may differ when a run is resumed: budgets, speed and locations, but not what is measured.

Data may have moved; their content is part of an evaluation's conditions, and compared.
"""
_OF_A_ROLE = frozenset({"api_base", "client", "key_env", "timeout_seconds", "attempts", "concurrency"})
"""The same for every model: how it is reached, not which it is."""


@dataclass(frozen=True)
class _Added:
    """Keys that a section got at one time.

    Attributes:
        section: their section.
        mark: one of them, which every run since has recorded.
        before: key → value in effect for earlier runs.
    """

    section: str
    mark: str
    before: Mapping[str, object]


_ADDED = (
    _Added(
        "search",
        "mutators",
        {
            "edit": "blocks",
            "mutators": "model",
            "retry": "repair",
            "prompt": "full",
            "probe": False,
            "failures_shown": 2,
            "successes_shown": 1,
            "references_shown": 2,
            "ideas_shown": 0,
        },
    ),
    _Added("search", "latency_tolerance", {"latency_tolerance": 1.0, "latency_margin": 0.0}),
    _Added("search", "notes", {"notes": "off"}),
    _Added("search", "plateau", {"plateau": "off", "novelty": False}),
    _Added("evaluation", "kmeans_starts", {"kmeans_starts": 1}),
)
"""Keys added to the configuration later. A resumed run keeps all of these keys where they are left out."""


def load_config(path: Path) -> CampaignConfig:
    """Read a configuration.

    Raises:
        UsageError: the file is missing, is not TOML, or has an unknown key or an invalid value; every such
            key is listed with the found and the expected value.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(
            f"There is no configuration file at {path}. Give the path of a TOML file, such as one that "
            "`evolve init DIR` writes, or leave it out."
        ) from None
    except OSError as error:
        raise UsageError(f"The configuration file {path} cannot be read: {error}.") from error
    return _validated(_parsed(content, path), source=str(path))


def parse_recorded(content: bytes, path: Path) -> CampaignConfig:
    """Return the configuration that a run recorded as ``path``, with the values in effect for older runs
    where keys are missing.

    Raises:
        UsageError: as ``load_config``.
    """
    data = _parsed(content, path)
    for added in _ADDED:
        found = data.get(added.section, {})
        if isinstance(found, dict) and added.mark not in found:
            data[added.section] = {**added.before, **found}
    return _validated(data, source=str(path), recorded=True)


def _parsed(content: bytes, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UsageError(f"The configuration file {path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The configuration file {path} is not valid TOML: {error}.") from error


def to_toml(config: CampaignConfig) -> str:
    """Return ``config`` as TOML that ``load_config`` reads back as an equal value; None is left out."""
    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))


def merged(
    base: CampaignConfig, overrides: Mapping[str, object], *, source: str = "the command line"
) -> CampaignConfig:
    """Return ``base`` with some fields replaced.

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


def with_window(config: CampaignConfig, recorded: CampaignConfig | None) -> CampaignConfig:
    """Return ``config`` completed with recorded values of the run that it resumes.

    These are the window (in a new run, the number of jobs), and the settings for mutation prompts, choice of
    tasks and comparison of latencies, so that a run ends as it was begun even if defaults have changed.
    """
    settings: dict[str, object] = {}
    if recorded is not None:
        default, before, given = flattened(CampaignConfig()), flattened(recorded), flattened(config)
        kept = [f"{added.section}.{name}" for added in _ADDED for name in sorted(added.before)]
        settings = {key: before[key] for key in kept if given[key] == default[key]}
    if config.window is None:
        settings["window"] = (recorded or config).under_way
    return merged(config, settings) if settings else config


def check_resumable(old: CampaignConfig, new: CampaignConfig) -> None:
    """Refuse to resume a run under another configuration than it was started with.

    Raises:
        UsageError: keys other than ``MAY_CHANGE`` differ; each is listed with both values.
    """
    before, after = flattened(old), flattened(new)
    changed = [key for key in before if before[key] != after[key] and not _may_change(key)]
    if changed:
        listed = "\n".join(f"  {key}: {before[key]!r} recorded, {after[key]!r} given" for key in changed)
        raise UsageError(
            f"This run was started with another configuration:\n{listed}\n"
            "Scores under the two could not be compared. Leave these out to resume with the recorded values, "
            f"or start another run with --name. Only {', '.join(sorted(MAY_CHANGE))} and how a "
            f"model is reached ({', '.join(sorted(_OF_A_ROLE))}) may change."
        )


def flattened(config: CampaignConfig) -> dict[str, Any]:
    """Return dotted key → value for every field, in the order of the fields."""
    return dict(_flat(config, ""))


def _flat(section: Section, prefix: str) -> Iterator[tuple[str, Any]]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _may_change(key: str) -> bool:
    first, _, _ = key.partition(".")
    return key in MAY_CHANGE or (first == "models" and key.rpartition(".")[2] in _OF_A_ROLE)


def _validated(data: Mapping[str, Any], *, source: str, recorded: bool = False) -> CampaignConfig:
    try:
        return CampaignConfig.model_validate(data, context={"recorded": recorded})
    except ValidationError as error:
        lines = "\n".join(f"  {_explained(detail)}" for detail in error.errors())
        raise UsageError(f"The configuration from {source} is not valid:\n{lines}") from None


def _explained(detail: ErrorDetails) -> str:
    """Return one line on an error: key path, what was found, what is expected."""
    path = [str(part) for part in detail["loc"]]
    key = ".".join(path)
    if detail["type"] == "extra_forbidden":
        known = _keys_beside(path)
        where = f"the section [{'.'.join(path[:-1])}]" if len(path) > 1 else "the top level"
        elsewhere = _sections_with(path[-1])
        hint = f"; it belongs to {' or '.join(elsewhere)}" if elsewhere else suggestion(path[-1], known)
        return f"{key}: unknown key{hint}; {where} has {', '.join(known)}"
    found = detail["input"]
    shown = "a table" if isinstance(found, Mapping) else repr(found)
    expected = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{key}: found {shown}; {expected}"


def _sections_with(name: str) -> list[str]:
    """Return the places where a key of this name is allowed: the top level or sections; of models only those
    of a role.
    """
    keys = (key.rpartition(".") for key in flattened(CampaignConfig()) if key.rpartition(".")[2] == name)
    return [f"the section [{section}]" if section else "the top level" for section, _, _ in keys]


def _keys_beside(path: list[str]) -> list[str]:
    """Return the known keys of the table that contains the last key of ``path``."""
    section: type[Section] = CampaignConfig
    for part in path[:-1]:
        if part.isdigit():  # a place in an array of tables, whose type was found already
            continue
        annotation = section.model_fields[part].annotation
        inner = get_args(annotation)[0] if get_args(annotation) else annotation
        assert isinstance(inner, type)
        assert issubclass(inner, Section)
        section = inner
    return list(section.model_fields)
