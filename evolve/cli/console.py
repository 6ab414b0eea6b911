"""Output to a terminal, through one filter: no escape sequence of a foreign text reaches it."""

from __future__ import annotations

import re
from collections.abc import Iterable

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from evolve.text import printable

_HIDDEN_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class SafeConsole(Console):
    """Console that strips control characters from all texts; its own styles stay."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as ``Console`` does, every text filtered."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)


def say(text: str, *, err: bool = False) -> None:
    """Print ``text`` and a newline, without control characters."""
    typer.echo(printable(text), err=err)


def say_json(text: str) -> None:
    """Print JSON with control characters escaped, which keeps its meaning."""
    typer.echo(_HIDDEN_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text))
