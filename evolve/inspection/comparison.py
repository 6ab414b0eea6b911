"""Comparison of runs: what each found, its cost, and whether the differences are significant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.inspection.text import by_method, difference, duration, score
from evolve.journal import RunRecord
from evolve.population import ParetoArchive, objective
from evolve.records import Evaluation, Interval
from evolve.runs.history import STATIC, TEST, RunHistory
from evolve.statistics import paired_interval

Data = dict[str, Any]


@dataclass(frozen=True)
class FinalScores:
    """Result of a run.

    Attributes:
        best: its best candidate's scores on the test set, task id → score; empty where it was not tested.
        baseline: the same for the best of its initial programs.
        groups: task id → group, for the tasks of the test set.
    """

    run: RunRecord
    history: RunHistory
    items: int
    best: dict[str, float]
    baseline: dict[str, float]
    baseline_name: str
    groups: dict[str, str]
    test: Interval | None

    @classmethod
    def of(cls, run: RunRecord) -> FinalScores:
        """Read ``run``."""
        history = RunHistory.read(run)
        stored = {(c.number, e.subset): e for c in history.candidates for e in run.evaluations(c.program)}
        tests = {number: e for (number, subset), e in stored.items() if subset == TEST}
        seeds = {c.number: tests[c.number] for c in history.seeds if c.number in tests}
        top = max(seeds, key=lambda number: seeds[number].quality.mean, default=None)
        best = history.best
        tested = tests.get(best.number) if best else None
        seed = history.candidate(top) if top is not None else None
        return cls(
            run=run,
            history=history,
            items=sum(len(evaluation.items) for (_, subset), evaluation in stored.items() if subset != TEST),
            best=_scores(tested),
            baseline=_scores(seeds.get(top)) if top is not None else {},
            baseline_name=seed.title if seed else "",
            groups=tested.item_groups if tested else {},
            test=tested.quality if tested else None,
        )


def comparison_data(runs: Sequence[RunRecord]) -> Data:
    """Return the data of ``comparison_view``.

    Hypervolumes share one reference, the worst value of each objective in any of the runs. They are of the
    objectives that all have, except for latency: seconds depend on how busy the machine was. Intervals of
    differences hold together: each is at 1 − 0.05 / their number (Bonferroni).
    """
    outcomes = [FinalScores.of(run) for run in runs]
    volumes = _hypervolumes(outcomes)
    gained = [o for o in outcomes if o.best.keys() & o.baseline.keys()]
    against = [o for o in outcomes[1:] if o.best.keys() & outcomes[0].best.keys()]
    level = 1 - 0.05 / max(1, len(gained) + len(against))
    rows = []
    for outcome, volume in zip(outcomes, volumes, strict=True):
        history, best = outcome.history, outcome.history.best
        gain = _paired(outcome, outcome.baseline, level) if outcome in gained else None
        versus = _paired(outcome, outcomes[0].best, level) if outcome in against else None
        validation = history.quality(best.number, STATIC) if best else None
        rows.append(
            {
                "run": outcome.run.name,
                "benchmark": outcome.run.config.benchmark,
                "seed": outcome.run.config.seed,
                "children": history.settled,
                "items": outcome.items,
                "seconds": sum(p.seconds for p in history.progress()[-1:]),
                "best": f"#{best.number} {best.title}" if best else "",
                "validation": validation.model_dump() if validation else None,
                "test": outcome.test.model_dump() if outcome.test else None,
                "baseline": outcome.baseline_name,
                "gain": gain.model_dump() if gain else None,
                "minus_first": versus.model_dump() if versus else None,
                "hypervolume": volume,
            }
        )
    return {"runs": rows, "level": level, "summary": _summary(rows)}


def comparison_view(data: Data) -> RenderableType:
    """Return a table with a row for each run, and a summary of all runs."""
    first = data["runs"][0]["run"]
    table = Table(title="Runs", title_justify="left", title_style="bold")
    columns = (
        "run",
        "seed",
        "children",
        "items asked",
        "best",
        "test",
        "best minus best seed program",
        "hypervolume",
    )
    for column in (*columns, f"minus {first}"):
        table.add_column(column, overflow="fold")
    for row in data["runs"]:
        table.add_row(
            row["run"],
            str(row["seed"]),
            str(row["children"]),
            f"{row['items']:,}",
            Text(row["best"]),
            score(_interval(row["test"])),
            _difference(row["gain"], row["baseline"]),
            "–" if row["hypervolume"] is None else f"{row['hypervolume']:.4f}",
            _difference(row["minus_first"], ""),
        )
    told = [row[name] for row in data["runs"] for name in ("gain", "minus_first") if row[name]]
    notes = [
        "Items asked: tasks put to programs on validation, for fitness and for diagnosis.",
        "Differences are paired over test tasks; their intervals hold together at 95 % "
        f"(each at {data['level']:.1%}){by_method(told)}.",
        "Hypervolume of quality and cost, with the same reference for all runs.",
    ]
    summary = data["summary"]
    if summary:
        notes.append(
            f"Test score over {summary['runs']} runs: {summary['mean']:.3f} ± {summary['deviation']:.3f} "
            f"(mean, standard deviation); {summary['wins']} of {summary['compared']} beat their best seed "
            f"program for certain; {duration(summary['seconds'])} of evaluation."
        )
    return Group(table, *(Text(note, style="dim") for note in notes))


def _paired(outcome: FinalScores, other: dict[str, float], level: float) -> Interval:
    return paired_interval(outcome.best, other, clusters=outcome.groups, level=level)


def _hypervolumes(outcomes: Sequence[FinalScores]) -> list[float | None]:
    """Return the hypervolume of each run's front, over the objectives that all runs have, with one reference
    for all.
    """
    shared = [
        name
        for name in outcomes[0].history.objectives
        if name != "latency" and all(name in outcome.history.objectives for outcome in outcomes)
    ]
    axes = [objective(name) for name in shared]
    values = [
        [
            c.objectives
            for c in outcome.history.candidates
            if c.complete and c.objectives.keys() >= set(shared)
        ]
        for outcome in outcomes
    ]
    told = [candidate for run in values for candidate in run]
    if not told:
        return [None for _ in outcomes]
    reference = {axis.name: axis.worst([candidate[axis.name] for candidate in told]) for axis in axes}
    volumes: list[float | None] = []
    for run in values:
        archive = ParetoArchive(axes)
        for number, candidate in enumerate(run):
            archive.add(number, {name: candidate[name] for name in shared})
        volumes.append(archive.hypervolume(reference) if run else None)
    return volumes


def _summary(rows: Sequence[Data]) -> Data | None:
    """Return mean and deviation over the tested runs, as in the paper's stability table."""
    means = [row["test"]["mean"] for row in rows if row["test"]]
    if len(means) < 2 or len({row["benchmark"] for row in rows}) > 1:
        return None
    gains = [row["gain"] for row in rows if row["gain"]]
    return {
        "runs": len(means),
        "mean": fmean(means),
        "deviation": stdev(means),
        "wins": sum(gain["low"] > 0 for gain in gains),
        "compared": len(gains),
        "seconds": sum(row["seconds"] for row in rows),
    }


def _scores(evaluation: Evaluation | None) -> dict[str, float]:
    if evaluation is None or evaluation.status != "complete":
        return {}
    return evaluation.item_scores


def _interval(data: Data | None) -> Interval | None:
    return Interval.model_validate(data) if data else None


def _difference(data: Data | None, against: str) -> str:
    interval = _interval(data)
    if interval is None:
        return "–"
    return f"{difference(interval)} ({against})" if against else difference(interval)
