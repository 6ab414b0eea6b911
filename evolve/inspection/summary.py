"""Closing view of a campaign: front, test scores, files, and next commands."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.inspection.narration import saturation
from evolve.inspection.remarks import draws_line, lafs_line, near_duplicates_line
from evolve.inspection.spending import spending_table, spent
from evolve.inspection.tables import front_data, front_view
from evolve.inspection.text import by_method, difference, score
from evolve.inspection.transfer import transfer_data, transfer_view
from evolve.journal import RunRecord
from evolve.runs.history import RunHistory
from evolve.text import one_line

DEFAULT_ROOT = Path("runs")


def closing_view(run: RunRecord, history: RunHistory, command: str = "evolve") -> RenderableType:
    """Return the summary shown when a campaign has stopped.

    Args:
        command: how this program is called, as it would have to be typed.
    """
    blocks: list[RenderableType] = [front_view(front_data(run.name, history))]
    among = sum(candidate.complete for candidate in history.candidates)
    if among > 1:
        blocks.append(
            Text(
                f"The best was chosen among {among} candidates by its score on validation, which is "
                "therefore optimistic; a score on the test set is not.",
                style="dim",
            )
        )
    if said := saturation(history):
        blocks.append(Text(said, style="yellow"))
    if history.comparisons:
        blocks.extend((Text(), _test_table(history)))
    if transfer := transfer_data(run, history):
        blocks.extend((Text(), transfer_view(transfer)))
    if latencies := lafs_line(run, history):
        blocks.extend((Text(), Text(latencies)))
    draws = draws_line(history)
    if draws:
        blocks.extend((Text(), Text(draws)))
    if twins := near_duplicates_line(run, history):
        blocks.extend((Text(), Text(twins)))
    spending = spending_table(spent(run))
    if spending is not None:
        blocks.extend((Text(), spending))
    blocks.extend((Text(), _next_steps(run, history, command)))
    return Group(*blocks)


def _test_table(history: RunHistory) -> Table:
    """The best against the others on the test set, in the comparisons made last."""
    best = history.comparisons[-1].best
    tests = history.tests()
    name = _named(history, best)
    table = Table(
        title=f"Test set: {name} {score(tests.get(best))}",
        title_justify="left",
        title_style="bold",
        caption="the intervals of the differences hold together at 95 %"
        + by_method(c.difference for c in history.comparisons if c.best == best),
        caption_justify="left",
    )
    for column in ("against", "its test score", "best minus it, paired", ""):
        table.add_column(column, overflow="fold")
    for compared in {c.other: c for c in history.comparisons if c.best == best}.values():
        paired = compared.difference
        verdict = "better" if paired.low > 0 else "worse" if paired.high < 0 else "no significant difference"
        style = "green" if verdict == "better" else "red" if verdict == "worse" else "yellow"
        other = Text(_named(history, compared.other))
        table.add_row(other, score(tests.get(compared.other)), difference(paired), Text(verdict, style=style))
    return table


def _next_steps(run: RunRecord, history: RunHistory, command: str) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    best = history.best
    grid.add_row("files", Text(str(run.path)))
    if best:
        grid.add_row("best program", Text(str(run.path / "programs" / f"{best.program}.py")))
    elsewhere = "" if run.path.parent == DEFAULT_ROOT else f" --root {shlex.quote(str(run.path.parent))}"
    for what, words in _commands(run, history):
        grid.add_row(what, Text(f"{command} {words}{elsewhere}", style="bold"))
    return grid


def _commands(run: RunRecord, history: RunHistory) -> list[tuple[str, str]]:
    best = history.best
    commands = [("the front", f"front {run.name}")]
    if best:
        commands.append(("the best one", f"show {run.name} {best.number}"))
        if best.parents:
            commands.append(("what changed", f"diff {run.name} {best.parents[0]} {best.number}"))
    more = f"run --name {run.name} --budget {max(history.budget, 1) * 2}"
    commands.append(("go on", f"run --name {run.name}" if history.settled < history.budget else more))
    return commands


def _named(history: RunHistory, number: int) -> str:
    candidate = history.candidate(number)
    return f"#{number} {one_line(candidate.title, 40)}" if candidate else f"#{number}"
