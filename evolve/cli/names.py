"""Options whose values are names of the registry, and the list of plug-ins in ``--help``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand

from evolve.kinds import BUILT_IN, KINDS, Kind
from evolve.registry import REGISTRY


def listed_names(kind: Kind) -> str:
    """Return the built-in names of ``kind`` for a help text, which imports nothing.

    Example:
        >>> listed_names("mutator")
        'auto, both, model, rules, or a registered name'
    """
    return f"{', '.join(BUILT_IN[kind])}, or a registered name"


def _option(flag: str, kind: Kind, what: str) -> Any:
    help_text = f"{what}: {listed_names(kind)}."
    return Annotated[str | None, typer.Option(flag, metavar="NAME", help=help_text)]


_OPTIONS = {
    "selection": _option("--selection", "selector", "Parent selection"),
    "mutators": _option("--mutators", "mutator", "Source of candidates (auto: both with a reflector)"),
    "optimizer": _option("--optimizer", "optimizer", "Search (gepa: prompts of one program; extra: gepa)"),
}


def with_registered_names(command: Callable[..., None]) -> Callable[..., None]:
    """Accept registered names besides the built-in ones in the options of ``command`` that select a part.

    The configuration checks the name, and lists those that there are.
    """
    hints = get_type_hints(command, include_extras=True)
    command.__annotations__ = {**hints, **{name: kind for name, kind in _OPTIONS.items() if name in hints}}
    return command


class NamesCommand(TyperCommand):
    """Command whose help lists the parts that plug-ins add. Listing them imports none."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the names below the options."""
        super().format_epilog(ctx, formatter)
        rows = [(name, f"{kind}, from {source}") for kind in KINDS for name, source in REGISTRY.sources(kind)]
        if rows:
            with formatter.section("Registered parts"):
                formatter.write_dl(rows)
