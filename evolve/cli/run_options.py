"""Options of ``evolve run``: the settings of a campaign, and those of the command alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evolve.cli.settings import OPTIONS, Setting
from evolve.config import PRESETS

SETTINGS = (
    Setting("benchmark", ("--benchmark", "-b")),
    OPTIONS,
    Setting("data_dir"),
    Setting("budget"),
    Setting("jobs", ("--jobs", "-j")),
    Setting("window"),
    Setting("cluster"),
    Setting("seed"),
    Setting("seeds", ("--programs", "--seeds"), note="Or RUN:ID, or RUN for its best."),
    Setting("search.optimizer"),
    Setting("search.selection"),
    Setting("search.objectives"),
    Setting("evaluation.static"),
    Setting("evaluation.rotating"),
    Setting("evaluation.test"),
    Setting("search.attribution"),
    Setting("search.freeze"),
    Setting("models.task.model", ("--model", "-m")),
    Setting("models.reflector.model", ("--reflector",)),
    Setting("search.mutators"),
    Setting("search.proposer"),
    Setting("search.proposer_command", note="Alone, it implies --proposer command."),
    Setting("search.proposer_unsandboxed"),
    Setting("search.prompt"),
    Setting("search.edit"),
    Setting("search.prompts_dir"),
    Setting("search.notes"),
    Setting("search.notes_from"),
    Setting("search.plateau"),
    Setting("models.judge.model", ("--judge",)),
    Setting("models.embedding.model", ("--embedding",)),
    Setting("models.batch"),
    Setting("max_usd"),
    Setting("max_tokens"),
    Setting("max_seconds"),
    Setting("evaluation.metric"),
    Setting("sandbox.backend", ("--sandbox",)),
    Setting("models.preflight"),
)
"""Settings that ``evolve run`` has an option for; a configuration file sets the others."""
ConfigFileArgument = Annotated[
    Path | None,
    typer.Argument(metavar="[CONFIG.toml]", help="Configuration file; flags override it."),
]
NameOption = Annotated[
    str | None, typer.Option("--name", "-n", help="Name of the run; default: the benchmark's name.")
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
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Estimate tasks, calls, tokens, USD and time from the prompts that would be sent; ask no model.",
    ),
]
PresetOption = Annotated[
    str | None,
    typer.Option("--preset", help=f"Named settings: {', '.join(PRESETS)}; other flags override them."),
]
