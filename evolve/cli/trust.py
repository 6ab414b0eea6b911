"""The option --trust, and the gate that a command asks before it executes code that a file names."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from evolve.cli.app import complain, invocation

if TYPE_CHECKING:
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


def _confirmed(question: str) -> bool:
    from evolve.text import printable

    return typer.confirm(printable(question), default=False, err=True)
