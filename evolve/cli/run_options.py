"""Options of ``evolve run``, and the configuration key that each of them sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import typer

from evolve.cli.app import listed, model_flags

ConfigFileArgument = Annotated[
    Path | None,
    typer.Argument(metavar="[CONFIG.toml]", help="Configuration file; flags override it."),
]
NameOption = Annotated[
    str | None, typer.Option("--name", "-n", help="Name of the run; default: the benchmark's name.")
]
BudgetOption = Annotated[int | None, typer.Option("--budget", help="Children to make.", min=0)]
JobsOption = Annotated[int | None, typer.Option("--jobs", "-j", help="Evaluations at the same time.", min=1)]
WindowOption = Annotated[
    int | None,
    typer.Option("--window", help="Candidates in flight at once; default: as many as jobs.", min=1),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        help="Dask scheduler whose workers evaluate, as tcp://host:8786; local: threads here.",
    ),
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Random seed.", min=0)]
SeedsOption = Annotated[
    str | None,
    typer.Option(
        "--programs",
        "--seeds",
        help="Initial programs, separated by commas: names, paths, RUN:ID, or RUN for its best.",
    ),
]
OptimizerOption = Annotated[
    Literal["evolve", "gepa"] | None,
    typer.Option(
        "--optimizer", help="gepa: prompts only, by GEPA's own package, for one of --seeds; extra: gepa."
    ),
]
SelectionOption = Annotated[
    Literal["softmax", "pareto", "per_item", "recency", "max", "latest", "uniform"] | None,
    typer.Option("--selection", help="Parent selection."),
]
ObjectivesOption = Annotated[
    str | None, typer.Option("--objectives", help="quality, cost, latency, size: separated by commas.")
]
RotatingOption = Annotated[
    int | None,
    typer.Option("--rotating", help="Further validation tasks to learn from, for each parent.", min=0),
]
TestOption = Annotated[
    int | None,
    typer.Option("--test", help="Test tasks asked at the end, drawn at random; 0: none.", min=0),
]
AttributionOption = Annotated[
    bool | None,
    typer.Option("--attribution/--no-attribution", help="Pick operators by where evidence was lost."),
]
FreezeOption = Annotated[
    Literal["instructions", "code"] | None,
    typer.Option("--freeze", help="Part that must not change."),
]
ReflectorOption = Annotated[
    str | None, typer.Option("--reflector", help="Model that makes candidates from parents.")
]
MutatorsOption = Annotated[
    Literal["auto", "both", "model", "rules"] | None,
    typer.Option("--mutators", help="Source of candidates if a reflector is given; auto: both."),
]
PromptOption = Annotated[
    Literal["auto", "compact", "full"] | None,
    typer.Option("--prompt", help="Prompt of a reflector; auto: compact for a local or small one."),
]
EditOption = Annotated[
    Literal["auto", "definitions", "blocks", "patch", "whole"] | None,
    typer.Option("--edit", help="Edit format of a reflector; auto: definitions."),
]
PromptsDirOption = Annotated[
    Path | None,
    typer.Option("--prompts-dir", help="Folder of your own reflector prompts."),
]
NotesOption = Annotated[
    Literal["rules", "model", "off"] | None,
    typer.Option(
        "--notes",
        help="Notes of the campaign for a reflector: rules: computed facts; model: with its conclusions.",
    ),
]
NotesFromOption = Annotated[
    str | None,
    typer.Option("--notes-from", metavar="RUN", help="Show the reflector the notes of another run, too."),
]
PresetOption = Annotated[
    Literal["paper"] | None,
    typer.Option("--preset", help="Named settings; other flags override them."),
]
MaxSecondsOption = Annotated[
    float | None, typer.Option("--max-seconds", help="Wall time after which no candidate is begun.")
]
RepeatsOption = Annotated[
    int,
    typer.Option(
        "--repeats",
        help="Run under this many seeds, as NAME-1, NAME-2, ..., and compare them.",
        min=1,
    ),
]
PlainOption = Annotated[bool, typer.Option("--plain", help="Print one line per event, no live view.")]
PreflightOption = Annotated[
    bool | None,
    typer.Option(
        "--preflight/--no-preflight",
        help="Ask each model one tiny question before anything else; default: yes.",
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Estimate tasks, calls, tokens, USD and time from the prompts that would be sent; ask no model.",
    ),
]
KEYS: Mapping[str, str] = MappingProxyType(
    {
        **{
            name: name
            for name in (
                *("benchmark", "data_dir", "budget", "jobs", "window", "cluster", "seed", "seeds"),
                *("max_seconds", "max_usd", "max_tokens"),
            )
        },
        **{
            name: f"search.{name}"
            for name in (
                *("optimizer", "selection", "objectives", "attribution", "freeze"),
                *("mutators", "prompt", "edit", "prompts_dir", "notes", "notes_from"),
            )
        },
        **{name: f"evaluation.{name}" for name in ("static", "rotating", "test", "metric")},
        "sandbox": "sandbox.backend",
        "preflight": "models.preflight",
    }
)
"""Name of an option → key of the configuration; models and the preset are set by ``overrides_of``."""
LISTS = ("seeds", "objectives")
"""Options that take a list separated by commas."""


def overrides_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration keys that options set; omitted options set none.

    Args:
        options: name of an option of ``run`` → its value, None where it was left out.

    Example:
        >>> overrides_of({"budget": 3, "model": "openai/x", "seeds": "lexical, hybrid"})["seeds"]
        ('lexical', 'hybrid')
    """
    flags = {key: options.get(name) for name, key in KEYS.items()}
    for name in LISTS:
        flags[KEYS[name]] = listed(options.get(name))
    flags |= model_flags(
        options.get("model"),
        judge=options.get("judge"),
        embedding=options.get("embedding"),
        reflector=options.get("reflector"),
    )
    given = {key: value for key, value in flags.items() if value is not None}
    if not options.get("preset"):
        return given
    from evolve.config import PRESETS

    return {**PRESETS[options["preset"]], **given}
