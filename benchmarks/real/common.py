"""Options and captions that the scripts of this folder share."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import subprocess
from pathlib import Path

from evolve.campaign import Summary, build
from evolve.config import CampaignConfig, ModelsConfig, RoleConfig
from evolve.events import Event
from evolve.records import Interval


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every script takes: the model, how it is reached, data, runs and replies.

    The replies are kept in ``--cache``: the same command asks only what it has not asked before.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "evolve" / "real.sqlite"
    parser.add_argument("--model", required=True, help="gguf:PATH, or a LiteLLM id with --api-base")
    parser.add_argument("--api-base", help="address of a server that runs already")
    parser.add_argument("--timeout", type=float, default=1_800.0, help="seconds for one call")
    parser.add_argument("--concurrency", type=int, default=2, help="calls at once")
    parser.add_argument("--data-dir", type=Path, help="where LoCoMo lies")
    parser.add_argument("--root", type=Path, default=Path("runs/real"), help="folder of runs")
    parser.add_argument("--cache", type=Path, default=cache, help="file of replies")


def role(arguments: argparse.Namespace, **parameters: float) -> RoleConfig:
    """The model of the command line as a role, sampling with ``parameters``."""
    return RoleConfig(
        model=arguments.model,
        api_base=arguments.api_base,
        timeout_seconds=arguments.timeout,
        parameters=dict(parameters),
    )


def configuration(
    arguments: argparse.Namespace, benchmark: str, models: ModelsConfig | None = None, **settings: object
) -> CampaignConfig:
    """A campaign on ``benchmark`` with the models, the cache and the data directory of the command line."""
    roles = models or ModelsConfig()
    kept = roles.model_copy(
        update={"cache": arguments.cache.absolute(), "concurrency": arguments.concurrency}
    )
    data = arguments.data_dir if benchmark != "chronicle" else None
    return CampaignConfig.model_validate(
        {"benchmark": benchmark, "data_dir": data, "models": kept.model_dump(), **settings}
    )


def caption(model: str) -> str:
    """Model, machine, date and commit: what a figure is printed with.

    Example:
        >>> caption("gguf:/somewhere/model.gguf").split(";")[0]
        'model.gguf'
    """
    commit = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    date = datetime.datetime.now(datetime.UTC).date()
    name = Path(model.removeprefix("gguf:")).name
    return f"{name}; {platform.system()}, {os.cpu_count()} cores; {date}; commit {commit or 'unknown'}"


def conducted(config: CampaignConfig, root: Path, name: str) -> Summary:
    """Run the campaign ``name`` to its budget, or take what is recorded of it.

    Raises:
        UsageError, InfrastructureError: as ``build`` and ``Campaign.run`` do; what was finished is kept.
    """
    with build(config, root=root, name=name, unsafe_local=False, notify=silent) as campaign:
        return campaign.run(_unwatched)


def interval_text(interval: Interval, *, sign: bool = False) -> str:
    """Mean and bounds with three digits, signed for a difference.

    Example:
        >>> interval_text(Interval(mean=0.5, low=0.25, high=0.75))
        '0.500 [0.250, 0.750]'
    """
    plus = "+" if sign else ""
    return f"{interval.mean:{plus}.3f} [{interval.low:{plus}.3f}, {interval.high:{plus}.3f}]"


def silent(text: str) -> None:
    """Ignore a message: the tables are all that is wanted."""


def _unwatched(event: Event) -> None:
    """Ignore an event."""
