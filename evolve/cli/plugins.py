"""``evolve export``, ``improve``, ``rollback``: versions of a plug-in, from its export to the next one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evolve.cli.app import DEFAULT_ROOT, JsonOption, RootOption, complain, say, show
from evolve.cli.serving import BareOption, PluginArgument
from evolve.cli.settings import Setting, takes
from evolve.cli.trust import TrustOption, gate
from evolve.errors import UsageError

if TYPE_CHECKING:
    from evolve.config import CampaignConfig

BUDGET = 20
"""Candidates that ``evolve improve`` makes, unless an option or a file says otherwise."""


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Name of a run.", show_default=False)],
    candidate: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]",
            help="Number of a candidate, or digits of its program's id; default: the best.",
        ),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", help="Name of the plug-in: lower-case letters, digits, hyphens.")
    ] = "",
    out: Annotated[Path, typer.Option("--out", help="Folder to write the package into, as NAME.")] = Path(),
    licence: Annotated[
        str, typer.Option("--licence", help="SPDX expression; the seeds and operators here are Apache-2.0.")
    ] = "Apache-2.0",
    root: RootOption = DEFAULT_ROOT,
) -> None:
    """Write a candidate as a package that pip installs and evolve.load opens."""
    from evolve.inspection.lookup import find_candidate
    from evolve.journal import RunRecord
    from evolve.plugins.export import export as write_package
    from evolve.runs.history import RunHistory

    if not name:
        raise UsageError("--name is missing: give the plug-in a name, for example --name my-memory.")
    record = RunRecord.open(root, run)
    history = RunHistory.read(record)
    chosen = find_candidate(history, candidate)
    folder = write_package(record, history, chosen, name=name, out=out, licence=licence)
    say(f"{folder}: candidate {chosen.number} of {run}, program {chosen.program}.")
    say(f'Use it: pip install {folder}, then evolve.load("{name}"); or evolve serve {folder}')
    say("It needs evolve-memory where it is installed; its README says how to install both.")


@takes(
    Setting("budget", default=BUDGET),
    Setting("models.task.model", ("--model", "-m")),
    Setting("models.reflector.model", ("--reflector",)),
    Setting("sandbox.backend", ("--sandbox",)),
)
def improve(
    plugin: PluginArgument,
    *,
    settings: dict[str, Any],
    data: Annotated[Path, typer.Option("--data", help="Folder of its memory, with a usage log.")],
    level: Annotated[
        float, typer.Option("--level", help="Confidence level at which a candidate must win.")
    ] = 0.95,
    test_share: Annotated[
        float, typer.Option("--test-share", help="Share of the newest questions that are held out.")
    ] = 0.4,
    review: Annotated[
        Path | None,
        typer.Option(
            "--review", help="Labels that a person reviewed: see benchmarks from-log; default: all."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="TOML file with the settings of the search; default: none."),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option("--work", help="Folder for benchmark and run, which hold texts; default: deleted."),
    ] = None,
    unsafe_local: BareOption = False,
    trust: TrustOption = False,
    as_json: JsonOption = False,
) -> None:
    """Search from a deployed plug-in on the use of its memory, and swap it for a candidate that wins.

    The candidate must beat the deployed program by a paired interval on the newest questions, which the
    search does not see. `evolve rollback` undoes the swap.
    """
    from rich.text import Text

    from evolve.config import merged
    from evolve.plugins.improve import Attempt
    from evolve.plugins.improve import improve as search_and_swap
    from evolve.plugins.versions import in_words
    from evolve.trust import acts_of, typed_acts

    settled = search_config(config, settings)
    if config is not None:
        named = merged(settled, {"benchmark": "chronicle"}, source="the options")  # another is made
        gate(trust).admit(acts_of(named, recorded=False), typed=typed_acts(settings), source=str(config))
    attempt = Attempt(
        settled,
        level=level,
        test_share=test_share,
        review=review,
        work=work,
        unsafe_local=unsafe_local,
        notify=complain,
    )
    decision = search_and_swap(plugin, data, attempt)
    show(decision.model_dump(mode="json"), Text(in_words(decision)), as_json=as_json)


def search_config(file: Path | None, settings: Mapping[str, Any]) -> CampaignConfig:
    """Return the configuration of the search: ``settings`` before ``file`` before the defaults."""
    from evolve.config import CampaignConfig, load_config, merged

    base = CampaignConfig() if file is None else load_config(file)
    default = {} if "budget" in base.model_fields_set else {"budget": BUDGET}
    return merged(base, {**default, **settings}, source="the options")


def rollback(plugin: PluginArgument, as_json: JsonOption = False) -> None:
    """Deploy the version of a plug-in before the present one again, as it was before `evolve improve`."""
    from rich.text import Text

    from evolve.plugins.improve import roll_back
    from evolve.plugins.versions import in_words

    decision = roll_back(plugin)
    show(decision.model_dump(mode="json"), Text(in_words(decision)), as_json=as_json)
