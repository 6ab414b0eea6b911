"""The option --trust, and the gate that a command asks before it executes code that a file names."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evolve.cli.app import complain, invocation

if TYPE_CHECKING:
    from evolve.config import CampaignConfig
    from evolve.trust import Gate

TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Approve what a file from elsewhere would execute or send; remembered until it changes.",
    ),
]


def gate(trust: bool) -> Gate:
    """Return the gate of this command: it asks at a terminal, and refuses otherwise."""
    from evolve.trust import Approvals, Gate

    at_terminal = sys.stdin.isatty() and sys.stderr.isatty()
    return Gate(
        Approvals.of_user(),
        trust=trust,
        ask=_confirmed if at_terminal else None,
        command=f"{invocation(sys.argv[0])} {shlex.join([*sys.argv[1:], '--trust'])}",
        notify=complain,
    )


def admit_benchmark(benchmark: str, trust: bool) -> None:
    """Admit the benchmark named on the command line; UsageError if it is not approved."""
    from evolve.benchmark import locate
    from evolve.trust import execution

    acts = list(execution(locate(benchmark)))
    typed = acts if benchmark.endswith(".py") else []
    gate(trust).admit(acts, typed=typed, source=benchmark)


def admit_campaign(
    config: CampaignConfig, overrides: Mapping[str, Any], trust: bool, *, recorded: bool, source: str
) -> None:
    """Admit a campaign with ``config``; UsageError if one of its acts is not approved.

    Args:
        overrides: the keys that stand on the command line.
        recorded: the rest is from a run directory, else from a file that the user named.
        source: which of them, for the message.
    """
    from evolve.trust import acts_of, played_in, typed_acts

    acts = acts_of(config, recorded=recorded)
    typed = typed_acts(overrides) + played_in(acts, overrides.get("data_dir"))
    gate(trust).admit(acts, typed=typed, source=source)


def _confirmed(question: str) -> bool:
    from evolve.inspection.text import printable

    return typer.confirm(printable(question), default=False, err=True)
