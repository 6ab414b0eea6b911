"""Progress of a search: hypervolume by evaluations and by price, and the losses before and after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.inspection.explain import category_means
from evolve.inspection.plot import curve
from evolve.inspection.spending import (
    calls_of,
    causes_table,
    paid_until,
    spending_data,
    spending_table,
    spent,
)
from evolve.inspection.tables import interval_of
from evolve.inspection.text import difference, duration, score
from evolve.journal import RunRecord
from evolve.models.calls import Call
from evolve.records import Candidate, Evaluation, Interval
from evolve.runs.history import STATIC, RunHistory
from evolve.text import one_line

Data = dict[str, Any]
CLOCKS = {"evaluations": "evaluations", "usd": "USD", "tokens": "tokens"}
"""Axes that progress is drawn over, as far as a run has them → their labels."""


def progress_data(history: RunHistory, calls: Sequence[Call]) -> list[Data]:
    """Return a point for each candidate, in the order in which they joined, with the models' usage until
    then.

    ``tokens`` is None where no model was asked, ``usd`` also where the price of a call is not known.
    """
    points = history.progress()
    paid = paid_until([point.number for point in points], calls)
    return [
        vars(point)
        | {
            "tokens": usage.tokens if calls else None,
            "usd": usage.usd if calls and not usage.unpriced else None,
        }
        for point, usage in zip(points, paid, strict=True)
    ]


def gained(history: RunHistory) -> Interval | None:
    """Return the quality of the best minus that of the best seed, paired over the tasks of validation."""
    best, seed = history.best, history.best_seed
    if best is None or seed is None or best.number == seed.number:
        return None
    return history.paired(best, seed)


def outcome_data(run: RunRecord, history: RunHistory) -> Data:
    """Return the data of ``outcome_view``."""
    calls = calls_of(run)
    before, after = history.best_seed, history.best
    gain = gained(history)
    return {
        "run": run.name,
        "progress": progress_data(history, calls),
        "before": _end_data(run, history, before),
        "after": _end_data(run, history, after),
        "gain": gain.model_dump() if gain else None,
        "spending": spending_data(calls),
    }


def _end_data(run: RunRecord, history: RunHistory, candidate: Candidate | None) -> Data | None:
    """A candidate by category and by stage; None where it has no evaluation."""
    if candidate is None:
        return None
    evaluation = run.evaluation(candidate.program, STATIC)
    if evaluation is None:
        return None
    quality = history.quality(candidate.number)
    return {
        "number": candidate.number,
        "title": candidate.title,
        "quality": quality.model_dump() if quality else None,
        "metric": evaluation.metric,
        "categories": category_means(evaluation),
        "stages": _stages(evaluation),
        "sizes": _sizes(evaluation),
        "tasks": len(evaluation.items),
    }


def _stages(evaluation: Evaluation) -> dict[str, int]:
    lost = {stage.value: count for stage, count in evaluation.stages().items()}
    return {"kept": len(evaluation.items) - sum(lost.values())} | lost


def _sizes(evaluation: Evaluation) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for item in evaluation.items:
        sizes[item.category] = sizes.get(item.category, 0) + 1
    return dict(sorted(sizes.items()))


def outcome_view(run: RunRecord, data: Mapping[str, Any], width: int) -> RenderableType:
    """``outcome_data`` for a terminal of ``width`` columns."""
    points = data["progress"]
    if not points:
        return Text(f"The run {data['run']} has no candidate yet.")
    blocks: list[RenderableType] = []
    for clock, name in CLOCKS.items():
        along = [(point[clock], point["hypervolume"]) for point in points if point[clock] is not None]
        drawing = curve(along, (name, "hypervolume"), width)
        if drawing is not None:
            blocks += [drawing, Text()]
    blocks.append(Text(_in_words(points[-1]), style="dim"))
    before, after = data["before"], data["after"]
    if before and after:
        blocks += [Text(), *_tables(before, after, data["gain"])]
    spending = spending_table(spent(run))
    if spending is not None:
        blocks += [Text(), spending]
    if data["spending"]:
        blocks += [Text(), causes_table(data["spending"])]
    return Group(*blocks)


def _in_words(last: Mapping[str, Any]) -> str:
    words = f"{last['evaluations']:,} evaluations, {duration(last['seconds'])} of evaluation"
    if last["usd"] is not None:
        words += f", {last['usd']:,.4f} USD for models, the final test not counted"
    elif last["tokens"] is not None:
        words += f", {last['tokens']:,} tokens of models, the final test not counted"
    return f"{words}; hypervolume {last['hypervolume']:.4f}."


def _tables(before: Data, after: Data, gain: Data | None) -> Iterator[RenderableType]:
    """The best seed and the best program: quality, by category, and where evidence was lost."""
    names = [f"#{end['number']} {one_line(end['title'], 30)}" for end in (before, after)]
    change = interval_of(gain)
    scores = _pair(f"Score ({after['metric']})", names)
    qualities = [score(interval_of(end["quality"])) for end in (before, after)]
    difference_of_all = difference(change) if change else "–"
    scores.add_row(f"all ({after['tasks']} tasks)", *qualities, difference_of_all, style="bold")
    for name, mean in after["categories"].items():
        label = f"{one_line(name, 40) or 'no category'} ({after['sizes'].get(name, 0)})"
        old = before["categories"].get(name)
        was, moved = ("–", "–") if old is None else (f"{old:.3f}", f"{mean - old:+.3f}")
        scores.add_row(Text(label), was, f"{mean:.3f}", moved)
    yield scores
    yield Text()
    lost = _pair("Where evidence is lost (tasks)", names)
    for stage, count in after["stages"].items():
        old = before["stages"].get(stage, 0)
        lost.add_row(stage.replace("_", " "), str(old), str(count), f"{count - old:+d}")
    yield lost


def _pair(heading: str, names: Sequence[str]) -> Table:
    table = Table(title=heading, title_justify="left", title_style="bold")
    table.add_column("")
    for name in names:
        table.add_column(Text(name), justify="right", overflow="fold")
    table.add_column("change", justify="right")
    return table
