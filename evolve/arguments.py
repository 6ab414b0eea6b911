"""Arguments of the public functions as a configuration, and where a run and its programs are kept."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from evolve.components import Components
from evolve.config import (
    OFFLINE,
    ROLES_OF_ONE_MODEL,
    RULES,
    CampaignConfig,
    ModelsConfig,
    check_resumable,
    load_config,
    merged,
    with_window,
)
from evolve.files.durable import replace_file
from evolve.inspection.lookup import program_of
from evolve.journal import checked_name, runs_in
from evolve.program import MemoryProgram
from evolve.seeds import seed_names, seed_program
from evolve.trust import Gate, acts_of, played_in, typed_acts

if TYPE_CHECKING:
    from evolve.benchmark import Benchmark

RUNS = Path("runs")
"""Folder of runs that are given by name alone."""
KEYS: Mapping[str, str] = MappingProxyType(
    {
        "selector": "search.selection",
        "mutator": "search.mutators",
        "agent": "evaluation.agent",
        "judge": "evaluation.judge",
        "sandbox": "sandbox.backend",
        "embedder": "models.embedding.model",
        "benchmark": "benchmark",
        "executor": "executor",
        "optimizer": "search.optimizer",
    }
)
"""Kind of part → the setting that names it."""


@dataclass(frozen=True)
class Arguments:
    """Overrides and components of one call of the API.

    Attributes:
        overrides: dotted key → value of each setting; for parts passed as objects, their recorded names.
        components: the objects that were passed.
    """

    overrides: Mapping[str, Any]
    components: Components

    def with_options(self, base: CampaignConfig, options: Mapping[str, object] | None) -> Mapping[str, Any]:
        """Return the overrides with ``options`` of the benchmark added to those of ``base``."""
        if not options:
            return self.overrides
        given = {name: str(value) for name, value in options.items()}
        return {**self.overrides, "benchmark_options": {**base.benchmark_options, **given}}


def overrides_of(
    given: Mapping[str, Any],
    *,
    benchmark: str | Path | Benchmark | None = None,
    models: ModelsConfig | str | None = None,
    settings: Mapping[str, object] | None = None,
    parts: Mapping[str, Any] = MappingProxyType({}),
) -> Arguments:
    """Return the arguments that are not None, ``settings`` having precedence.

    Example:
        >>> arguments = overrides_of({"budget": 3, "jobs": None}, models="openai/gpt-5-mini")
        >>> arguments.overrides["budget"], arguments.overrides["models.task.model"]
        (3, 'openai/gpt-5-mini')
    """
    overrides: dict[str, Any] = {}
    if isinstance(models, str):
        name = OFFLINE if models == RULES else models
        overrides |= {f"models.{role}.model": name for role in ROLES_OF_ONE_MODEL}
    elif models is not None:
        overrides["models"] = models.model_dump()
    overrides |= {key: value for key, value in given.items() if value is not None}
    objects: dict[str, Any] = {}
    for kind, part in {**parts, "benchmark": benchmark}.items():
        if isinstance(part, str | Path):
            overrides[KEYS[kind]] = str(part)
        elif part is not None:
            objects[kind] = part
    components = Components(**objects)
    overrides |= {KEYS[kind]: name for kind, name in components.names.items()}
    return Arguments({**overrides, **(settings or {})}, components)


@dataclass(frozen=True)
class RunPlace:
    """Directory of a run: the folder that it is in, and its name.

    Attributes:
        keep: the temporary directory that ``root`` is, deleted with this object; None for another.
    """

    root: Path
    name: str
    keep: tempfile.TemporaryDirectory[str] | None = None


def split_place(run: str | Path | None) -> RunPlace:
    """Return the place of ``run``: a path, a name in ``runs/``, or None for a temporary directory.

    Example:
        >>> split_place("mine").root, split_place("elsewhere/mine").root
        (PosixPath('runs'), PosixPath('elsewhere'))
    """
    if run is None:
        keep = tempfile.TemporaryDirectory(prefix="evolve-")
        return RunPlace(Path(keep.name), "run", keep)
    path = RUNS / run if isinstance(run, str) and os.sep not in run else Path(run).expanduser()
    return RunPlace(path.parent, path.name)


@dataclass(frozen=True)
class Settled:
    """Whole configuration of a run, new or resumed.

    Attributes:
        place: directory of the run.
        config: what to do.
        components: parts that were passed as objects.
        recorded: the run exists.
        own: settings that the caller named, which approves the code and requests they lead to.
        source: origin of the other settings, for messages.
        trusted: a configuration that the caller made.
    """

    place: RunPlace
    config: CampaignConfig
    components: Components
    recorded: bool
    own: Mapping[str, Any]
    source: str
    trusted: CampaignConfig | None = field(default=None)

    def admit(self, gate: Gate) -> None:
        """Return if the caller named or approved all that the run executes and sends; else a UsageError."""
        acts = acts_of(self.config, recorded=self.recorded)
        typed = typed_acts(self.own) + played_in(acts, self.own.get("data_dir"))
        if self.trusted is not None:
            typed += acts_of(self.trusted, recorded=True)
        gate.admit(acts, typed=typed, source=self.source)


def settle(
    place: RunPlace,
    arguments: Arguments,
    *,
    programs: Iterable[str | Path | MemoryProgram] | None = None,
    options: Mapping[str, object] | None = None,
    config: CampaignConfig | str | Path | None = None,
    source: str = "the arguments",
) -> Settled:
    """Return the configuration of defaults, the recorded or a given one, then arguments. Executes nothing.

    Args:
        place: directory of the run.
        arguments: settings that are replaced, and parts.
        programs: initial programs; None: as configured.
        options: options of the benchmark, beside those that are configured.
        config: a configuration or the path of its file; None: the recorded one, else the defaults.
        source: where the arguments come from, for messages.

    Raises:
        UsageError: a setting is not possible, a program is not there, or the recorded run was started with
            other settings.
    """
    given = load_config(Path(config)) if isinstance(config, str | Path) else config
    checked_name(place.name)
    recorded = next((run.config for run in runs_in(place.root) if run.name == place.name), None)
    base = given or recorded or CampaignConfig()
    overrides = dict(arguments.with_options(base, options))
    if programs is not None:
        overrides["seeds"] = stored_programs(programs, place)
    settled = merged(base, overrides, source=source)
    if recorded is not None:
        settled = with_window(settled, recorded)
        check_resumable(recorded, settled)
    named = config if isinstance(config, str | Path) else settled.benchmark
    return Settled(
        place=place,
        config=settled,
        components=arguments.components,
        recorded=recorded is not None,
        own=overrides,
        source=str(named) if recorded is None else f"The run {place.name!r} in {place.root}",
        trusted=config if isinstance(config, CampaignConfig) else None,
    )


def is_own(program: MemoryProgram) -> bool:
    """Return whether ``program`` is one of this project's seeds, unchanged."""
    return program.id in {seed_program(name).id for name in seed_names()}


def stored_programs(programs: Iterable[str | Path | MemoryProgram], place: RunPlace) -> tuple[str, ...]:
    """Return names and paths of initial programs; those without one are stored next to the runs.

    A program is kept under its id, so that the same call finds it again when it resumes the run.
    """
    lookup = RUNS if place.keep else place.root
    return tuple(_stored(program, lookup, place.root) for program in programs)


def _stored(program: str | Path | MemoryProgram, lookup: Path, root: Path) -> str:
    if isinstance(program, Path):
        return str(program.expanduser().absolute())
    if isinstance(program, str) and "\n" not in program:
        is_path = program.endswith(".py") or os.sep in program
        if not is_path and program not in seed_names() and (lookup / program / "config.toml").is_file():
            program = f"{program}:"  # the best of a run
        if is_path or ":" not in program:
            return program
    found = program_of(program, lookup)
    path = (root / ".programs" / found.id / f"{found.name or 'program'}.py").absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, found.source.encode("utf-8", "surrogatepass"))
    return str(path)
