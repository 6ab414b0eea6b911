"""Parts that plug-ins add, in ``--help``."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from evolve.kinds import KINDS
from evolve.registry import REGISTRY


class NamesCommand(TyperCommand):
    """Command whose help lists the parts that plug-ins add. Listing them imports none."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the names below the options."""
        super().format_epilog(ctx, formatter)
        rows = [(name, f"{kind}, from {source}") for kind in KINDS for name, source in REGISTRY.sources(kind)]
        if rows:
            with formatter.section("Registered parts"):
                formatter.write_dl(rows)
