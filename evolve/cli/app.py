"""The application and shared parts of its commands: errors as messages, the console, common options."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from evolve.benchmark import Scope
from evolve.errors import EvolveError, UsageError

if TYPE_CHECKING:
    from types import FrameType

    from rich.console import Console, RenderableType


from typer.core import TyperCommand

from evolve.kinds import KINDS
from evolve.registry import REGISTRY

INTERRUPTED = 130
"""Exit code of a process that Ctrl-C ended, as in shells."""
PIPE_WIDTH = 120
"""Columns of a table that goes to a file or a pipe."""


class Commands(TyperGroup):
    """Commands whose errors are one message on stderr and an exit code, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except EvolveError as error:
            complain(f"error: {error}")
            raise typer.Exit(2 if isinstance(error, UsageError) else 1) from error
        except KeyboardInterrupt:
            complain("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    name="evolve",
    cls=Commands,
    help="Search for memory programs: executable memory modules for LLM agents, evolved in a sandbox.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _say_version(asked: bool) -> None:
    if asked:
        from evolve import __version__

        typer.echo(f"evolve {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_say_version, is_eager=True),
    ] = False,
) -> None:
    pass


RootOption = Annotated[Path, typer.Option("--root", help="The folder of runs.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
ScopeOption = Annotated[
    Scope | None,
    typer.Option("--scope", help="One memory for all episodes, or one per group; short for -o scope=..."),
]
UnsafeOption = Annotated[
    bool,
    typer.Option("--unsafe-local", help="Let programs of others run in a bare process, with your rights."),
]
DEFAULT_ROOT = Path("runs")


def benchmark_options(settings: dict[str, Any], scope: str | None = None) -> dict[str, str]:
    """Take the options of the benchmark out of ``settings``, and return them with the scope."""
    options = settings.pop("benchmark_options", {})
    return options | ({"scope": scope} if scope else {})


LONGEST_END = 4.0
"""Most seconds for an interrupted command to close sandboxes and models, before it ends without that."""


@contextmanager
def ended_as_by_ctrl_c(
    seconds: float = LONGEST_END, end: Callable[[int], None] = os._exit
) -> Iterator[Callable[[], None]]:
    """Treat a supervisor's signal as an interrupt: close sandboxes and models on the way out.

    On a loaded machine that may take long. A process still running some seconds after the interrupt is ended:
    its files are complete at any instant, and the next process removes the containers that it leaves.

    The context is a function to call now and then: it raises a ``KeyboardInterrupt`` that Python has lost, as
    happens in the middle of a finalizer or of a library's import.

    Args:
        seconds: from the interrupt to the end.
        end: ends the process with an exit code.
    """
    came, over = threading.Event(), threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.set()
        signal.default_int_handler(number, frame)

    def await_end() -> None:
        came.wait()
        if not over.wait(seconds):
            complain("Interrupted. Unfinished work was dropped; the same command resumes from here.")
            sys.stderr.flush()
            end(INTERRUPTED)

    def check() -> None:
        if came.is_set():
            raise KeyboardInterrupt

    # Waiting from the start: a signal may come where no thread can be started.
    threading.Thread(target=await_end, name="end", daemon=True).start()

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, interrupt)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a background process ignores it
        before[signal.SIGINT] = signal.signal(signal.SIGINT, interrupt)
    try:
        yield check
    finally:
        over.set()
        came.set()  # so that the thread ends
        for number, handler in before.items():
            signal.signal(number, handler)


def say(text: str, *, err: bool = False) -> None:
    """Print ``text`` and a newline, without control characters."""
    from evolve.cli.console import say as filtered

    filtered(text, err=err)


def complain(text: str) -> None:
    """Print ``text`` on stderr."""
    say(text, err=True)


def invocation(program: str) -> str:
    """Return the command that calls this program again from here: ``evolve`` only if the shell would find
    this very one.

    Args:
        program: the path that it was called by, ``sys.argv[0]``.
    """
    path = Path(program)
    if path.name != "evolve":
        return f"{shlex.quote(sys.executable)} -m evolve"
    found = shutil.which("evolve")
    if found and path.exists() and Path(found).samefile(path):
        return "evolve"
    relative = os.path.relpath(path)
    return shlex.quote(str(path) if relative.startswith(os.pardir) else relative)


def console() -> Console:
    """Return a console on standard output; as wide as the terminal, else ``PIPE_WIDTH``."""
    from evolve.cli.console import SafeConsole

    fixed = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return SafeConsole(highlight=False, width=fixed)


def show(data: Any, view: RenderableType, *, as_json: bool) -> None:
    """Print ``data`` as JSON, or its view."""
    if as_json:
        from evolve.cli.console import say_json
        from evolve.inspection.text import to_json

        say_json(to_json(data))
    else:
        console().print(view)


class NamesCommand(TyperCommand):
    """Command whose help lists the parts that plug-ins add. Listing them imports none."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the names below the options."""
        super().format_epilog(ctx, formatter)
        rows = [(name, f"{kind}, from {source}") for kind in KINDS for name, source in REGISTRY.sources(kind)]
        if rows:
            with formatter.section("Registered parts"):
                formatter.write_dl(rows)
