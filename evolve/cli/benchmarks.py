"""``evolve benchmarks``: list them, show one, make one from use, fetch the data of one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evolve.cli.app import (
    Commands,
    JsonOption,
    ScopeOption,
    benchmark_options,
    complain,
    say,
    show,
)
from evolve.cli.settings import OPTIONS, Setting, takes
from evolve.cli.trust import TrustOption, admit_benchmark
from evolve.errors import UsageError

if TYPE_CHECKING:
    from evolve.data.download import Downloader
    from evolve.plugins.labels import Labels

benchmark_commands = typer.Typer(
    cls=Commands, help="List the benchmarks, show or check one, or fetch its data.", rich_markup_mode=None
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name or path of a benchmark.")]
_DATA = takes(Setting("data_dir"), OPTIONS)


@benchmark_commands.callback(invoke_without_command=True)
def _root(context: typer.Context, as_json: JsonOption = False) -> None:
    if context.invoked_subcommand is None:
        list_benchmarks(as_json)


@benchmark_commands.command("list")
def list_benchmarks(as_json: JsonOption = False) -> None:
    """List the benchmarks, and whether their data are there."""
    from evolve.inspection.benchmarks import benchmarks_data, benchmarks_view

    rows = benchmarks_data()
    show(rows, benchmarks_view(rows), as_json=as_json)


@benchmark_commands.command("show")
@_DATA
def show_benchmark(
    name: NameArgument,
    *,
    settings: dict[str, Any],
    scope: ScopeOption = None,
    trust: TrustOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show the card of a benchmark, its size, and its first records."""
    from evolve.inspection.benchmarks import benchmark_data, benchmark_view

    admit_benchmark(name, trust)
    data = benchmark_data(name, settings.get("data_dir"), benchmark_options(settings, scope))
    show(data, benchmark_view(data), as_json=as_json)


@benchmark_commands.command("check")
@_DATA
def check_benchmark(
    name: NameArgument,
    *,
    settings: dict[str, Any],
    scope: ScopeOption = None,
    trust: TrustOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check that a benchmark can be used, and list every problem of your own folder with file, line and
    field.

    The exit code is 0 if it can, else 1.
    """
    from rich.text import Text

    from evolve.benchmark import find

    admit_benchmark(name, trust)
    entry = find(name)
    problems = entry.problems(settings.get("data_dir"), benchmark_options(settings, scope))
    listed = "\n".join(f"- {problem}" for problem in problems)
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    view = Text(f"{entry.name}: {count}\n{listed}" if problems else f"{entry.name}: no problem found")
    show({"benchmark": entry.name, "problems": problems}, view, as_json=as_json)
    if problems:
        raise typer.Exit(1)


@benchmark_commands.command("from-log")
def benchmark_from_log(
    memory: Annotated[Path, typer.Argument(metavar="DATA", help="Folder of a memory with a usage log.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write the benchmark into.")],
    review: Annotated[
        Path | None,
        typer.Option(
            "--review",
            metavar="FILE",
            help="If FILE does not exist, write the labelled questions there and stop, for a person to edit; "
            "else use what it says. Default: no review.",
        ),
    ] = None,
    page: Annotated[
        bool,
        typer.Option(
            "--page",
            help="Review the questions on a page of this machine, which saves to the FILE of --review. "
            "Default: edit FILE by hand.",
        ),
    ] = False,
    port: Annotated[int, typer.Option("--port", help="Port of the page; 0: any free one.", min=0)] = 0,
    test_share: Annotated[
        float, typer.Option("--test-share", help="Share of the newest questions that are held out.")
    ] = 0.4,
    as_json: JsonOption = False,
) -> None:
    """Make a benchmark from the use of a memory: its texts, and questions that feedback labels.

    Nothing leaves this machine. Questions that are left out are counted by reason.
    """
    from rich.text import Text

    from evolve.files.durable import replace_file
    from evolve.journal.lines import to_line
    from evolve.plugins.from_log import sentences, write_benchmark
    from evolve.plugins.labels import label, read_review

    labels = label(memory)
    if page:
        _review_on_page(review, labels, port)
    if review is not None and not review.exists():
        replace_file(review, b"".join(map(to_line, labels.items)))
        left_out = dict(labels.left_out)
        said = (
            f"{review}: {len(labels.items)} labelled questions. Edit it (keep = false leaves one out), then "
            "give the same command again."
        )
        show(
            {"review": str(review), "questions": len(labels.items), "left_out": left_out},
            Text(said),
            as_json=as_json,
        )
        return
    if review is not None:
        labels = read_review(review, labels)
    made = write_benchmark(labels, out, source=f"usage log in {memory.name}", test_share=test_share)
    numbers = {"validation": made.validation, "test": made.test, "episodes": made.episodes}
    show(
        {"benchmark": str(out), **numbers, "left_out": made.left_out},
        Text("\n".join(sentences(made))),
        as_json=as_json,
    )


def _review_on_page(review: Path | None, labels: Labels, port: int) -> None:
    """Serve the page until the person has finished; ``review`` is written then."""
    from evolve.plugins.labels import read_review
    from evolve.plugins.review import ReviewServer

    if review is None:
        raise UsageError("--page saves what you decide: name the file with --review FILE.")
    shown = read_review(review, labels) if review.exists() else labels
    with ReviewServer(review, shown, port) as server:
        complain(f"Review {len(shown.items)} questions at {server.url}")
        complain(
            "'Save and finish' there makes the benchmark. Ctrl-C ends without it; what was saved is kept."
        )
        server.serve()


@benchmark_commands.command("fetch")
@_DATA
def fetch_benchmark(
    name: NameArgument,
    *,
    settings: dict[str, Any],
    again: Annotated[bool, typer.Option("--again", help="Fetch existing files again, too.")] = False,
    trust: TrustOption = False,
) -> None:
    """Fetch the data of a benchmark from their official source; resumes a broken download.

    Lengths, known checksums and the loading of the benchmark are verified before a file gets its final name.
    """
    from evolve.benchmark import find
    from evolve.data.fetching import fetch

    admit_benchmark(name, trust)
    entry = find(name)
    options = benchmark_options(settings)
    files = entry.files_for(options)
    folder = settings.get("data_dir") or entry.data_dir
    if not files:
        complain(f"{entry.name} needs no files from elsewhere.")
        return

    def verify(staging: Path) -> None:
        entry.load(staging, options)

    fetched = fetch(files, folder, verify, _downloader(), again=again)
    for file in files:
        state = "fetched" if folder / file.name in fetched else "was there"
        checked = "checksum right" if file.sha256 else "no checksum is known; the first one holds"
        say(f"{folder / file.name}: {state}, {checked}")


def _downloader() -> Downloader:
    """Build a downloader that shows its progress on a terminal."""
    from evolve.data.download import Downloader

    def progress(url: str, done: int, total: int) -> None:
        size = f"{100 * done // total} % of {total / 1e6:.1f} MB" if total else f"{done / 1e6:.1f} MB"
        typer.echo(f"\r{url.rpartition('/')[2]}: {size}", err=True, nl=bool(total) and done >= total)

    return Downloader(progress=progress if sys.stderr.isatty() else None)
