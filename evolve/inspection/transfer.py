"""Scores of the best on several benchmarks beside the best on each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.benchmark import part_of
from evolve.config.models import QUALITY_OF
from evolve.inspection.text import by_method, difference, score
from evolve.journal import RunRecord
from evolve.population import specialists
from evolve.records import Evaluation, Interval
from evolve.runs.history import STATIC, TEST, RunHistory
from evolve.statistics import mean_interval, paired_interval
from evolve.text import one_line

Data = dict[str, Any]


def transfer_data(run: RunRecord, history: RunHistory) -> Data | None:
    """Return the scores of a run on each of its benchmarks, as JSON; None where it has one, or no score yet.

    The programs are the best on all benchmarks together, the best on each, and the initial ones. The
    differences on the test set, best on all minus best on one, hold together at 95 %.
    """
    names = run.config.benchmark_parts
    if not names or history.best is None:
        return None
    best = history.best.number
    own = specialists(history.candidates)
    seeds = [c.number for c in history.candidates[: history.initial] if c.complete]
    shown = list(dict.fromkeys((best, *own.values(), *seeds)))
    found = {
        (number, subset): run.evaluation(candidate.program, subset)
        for number in shown
        if (candidate := history.candidate(number))
        for subset in (STATIC, TEST)
    }
    level = 1 - 0.05 / len(names)
    test = {number: found.get((number, TEST)) for number in shown}
    return {
        "benchmarks": [
            {
                "benchmark": name,
                "best": best,
                "specialist": own.get(f"{QUALITY_OF}{name}"),
                "difference": _paired(test[best], test.get(own.get(f"{QUALITY_OF}{name}", -1)), name, level),
            }
            for name in names
        ],
        "programs": [
            {
                "number": number,
                "title": candidate.title,
                "best_on": [
                    *(["all"] if number == best else []),
                    *(name for name in names if own.get(f"{QUALITY_OF}{name}") == number),
                ],
                "scores": {
                    name: {
                        "validation": _quality(found[number, STATIC], name),
                        "test": _quality(found[number, TEST], name),
                    }
                    for name in names
                },
            }
            for number in shown
            if (candidate := history.candidate(number))
        ],
    }


def transfer_view(data: Mapping[str, Any]) -> RenderableType:
    """``transfer_data`` for a terminal: what the best on all gives up on each benchmark, and all scores."""
    programs = {row["number"]: row for row in data["programs"]}
    price = _table(
        "One program for all, on the test set of each",
        ("benchmark", f"#{data['benchmarks'][0]['best']}, best on all", "best on it", "difference, paired"),
    )
    for row in data["benchmarks"]:
        name, own = row["benchmark"], row["specialist"]
        cells = [_shown(programs, number, name) for number in (row["best"], own)]
        alone = f"#{own} {cells[1]}" if own != row["best"] else "the same"
        paired = row["difference"]
        price.add_row(name, cells[0], alone, difference(Interval.model_validate(paired)) if paired else "–")
    price.caption = "the intervals of the differences hold together at 95 %" + by_method(
        row["difference"] for row in data["benchmarks"]
    )
    price.caption_justify = "left"
    names = [row["benchmark"] for row in data["benchmarks"]]
    scores = _table("Test scores on each", ("#", "program", "best on", *names))
    for row in data["programs"]:
        scores.add_row(
            str(row["number"]),
            Text(one_line(row["title"], 30)),
            ", ".join(row["best_on"]),
            *(_mean(row["scores"][name]["test"]) for name in names),
        )
    return Group(price, Text(), scores)


def _table(heading: str, columns: Sequence[str]) -> Table:
    table = Table(title=heading, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _shown(programs: Mapping[int, Mapping[str, Any]], number: int | None, name: str) -> str:
    row = programs.get(-1 if number is None else number)
    found = row["scores"][name]["test"] if row else None
    return score(Interval.model_validate(found)) if found else "–"


def _mean(found: Mapping[str, Any] | None) -> str:
    return f"{found['mean']:.3f}" if found else "–"


def _scores(evaluation: Evaluation | None, name: str) -> dict[str, float]:
    if evaluation is None or evaluation.status != "complete":
        return {}
    return {task: found for task, found in evaluation.item_scores.items() if part_of(task) == name}


def _quality(evaluation: Evaluation | None, name: str) -> Data | None:
    scores = _scores(evaluation, name)
    if evaluation is None or not scores:
        return None
    return mean_interval(scores, clusters=evaluation.item_groups).model_dump()


def _paired(best: Evaluation | None, own: Evaluation | None, name: str, level: float) -> Data | None:
    mine, other = _scores(best, name), _scores(own, name)
    if best is None or own is None or not (mine and other) or best.program == own.program:
        return None
    return paired_interval(mine, other, clusters=best.item_groups, level=level).model_dump()
