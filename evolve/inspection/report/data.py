"""Data of a report, JSON-able: a pure projection of a run's events, programs and evaluations."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from evolve import __version__
from evolve.inspection.explain import behaviour_data, category_means
from evolve.inspection.lineage import ancestors, verdict
from evolve.inspection.narration import saturation
from evolve.inspection.plot import fences
from evolve.inspection.progress import gained, progress_data
from evolve.inspection.projection import project
from evolve.inspection.questions import Questions
from evolve.inspection.remarks import draw_counts, near_duplicates_of
from evolve.inspection.report.items import Load, Texts, pack_items
from evolve.inspection.report.programs import ProgramData, program_data
from evolve.inspection.runs import state_of
from evolve.inspection.spending import calls_of, spending_data
from evolve.inspection.tables import candidate_data
from evolve.inspection.traces import STAGES
from evolve.inspection.transfer import transfer_data
from evolve.journal import RunRecord
from evolve.population import objective
from evolve.records import Candidate, Evaluation
from evolve.runs.history import SEED, STATIC, RunHistory

Data = dict[str, Any]
Clock = Callable[[], datetime]
MAX_CANDIDATES = 1_000
"""Most candidates that a page shows; it states how many are left out."""
ITEM_BYTES = 2_200_000
"""Size that the packed items may have, so that the page stays well under five megabytes."""


@dataclass(frozen=True)
class Report:
    """Data of the page.

    Attributes:
        main: everything but the items; read when the page opens.
        items: result of each task, compressed (see ``pack_items``); read on demand.
    """

    main: Data
    items: str


def _now() -> datetime:
    return datetime.now(UTC)


def build_report(run: RunRecord, clock: Clock = _now) -> Report:
    """Gather the report of ``run``, which another process may be writing to.

    Raises:
        UsageError: the run is damaged.
    """
    history, questions, calls = RunHistory.read(run), Questions.of(run), calls_of(run)
    order = _by_interest(history)[:MAX_CANDIDATES]
    chosen = set(_with_last(history, order))
    shown = [c for c in history.candidates if c.number in chosen]
    by_number = {c.number: c for c in shown}
    programs = {c.number: program_data(run, c.program) for c in shown}
    tasks = sorted({task for c in shown for task in c.item_scores})
    lines = Texts()
    coordinates, axes = _map(programs)
    members, seen = [], _Seen()
    for candidate in shown:  # one evaluation at a time: a thousand take hundreds of megabytes
        static = _static(run, candidate)
        seen.add(static)
        members.append(
            _candidate(run, history, candidate, programs, static, tasks, lines)
            | {"at": coordinates.get(candidate.number)}
        )
    load = Load(order, lambda number: _static(run, by_number[number]))
    items, traced = pack_items(load, tasks, questions, ITEM_BYTES)
    main = {
        "meta": _meta(run, history, seen, questions, clock) | {"traced": traced},
        "summary": _summary(history),
        "transfer": transfer_data(run, history),
        "candidates": members,
        "progress": [point for point in progress_data(history, calls) if point["number"] in programs],
        "spending": spending_data(calls),
        "map": axes,
        "tasks": [_task(task, questions, seen) for task in tasks],
        "lines": lines.table,
    }
    return Report(main, items)


def _static(run: RunRecord, candidate: Candidate) -> Evaluation | None:
    return run.evaluation(candidate.program, STATIC)


@dataclass
class _Seen:
    """Data kept of the evaluations that were read: the units of the first one, the category of a task."""

    first: Evaluation | None = None
    categories: dict[str, str] = field(default_factory=dict)

    def add(self, evaluation: Evaluation | None) -> None:
        if evaluation is not None:
            self.first = self.first or evaluation
            for item in evaluation.items:
                self.categories.setdefault(item.task, item.category)


def _meta(run: RunRecord, history: RunHistory, seen: _Seen, questions: Questions, clock: Clock) -> Data:
    evaluation = seen.first
    scored = [c.objectives for c in history.candidates if c.complete]
    return {
        "run": run.name,
        "benchmark": run.config.benchmark,
        "version": __version__,
        "generated": clock().isoformat(timespec="seconds"),
        "started": history.started[0].time if history.started else None,
        "isolation": history.started[-1].isolation if history.started else None,
        "state": state_of(run, history),
        "metric": evaluation.metric if evaluation else None,
        "cost_unit": evaluation.cost_unit if evaluation else "tokens",
        "budget": history.budget,
        "settled": history.settled,
        "candidates": len(history.candidates),
        "failed": history.failures,
        "near_duplicates": len(near_duplicates_of(run, history)),
        "objectives": [
            {
                "name": name,
                "maximize": objective(name).maximize,
                "span": fences([values[name] for values in scored]) if scored else None,
            }
            for name in history.objectives
        ],
        "discarded": [
            {"number": n, "operator": d.operator, "reason": plain_words(d.reason)}
            for n, d in sorted(history.discarded.items())
        ],
        "draws": draw_counts(history),
        "in_flight": [
            {"number": p.number, "operator": p.operator, "parents": list(p.parents)}
            for p in history.in_flight
        ],
        "stages": {stage.value: text for stage, text in STAGES.items()},
        "questions_missing": questions.missing,
    }


def _summary(history: RunHistory) -> Data:
    """Return the best, the best of the seeds, and their difference."""
    best, seed = history.best, history.best_seed
    gain = gained(history)
    compared = [c for c in history.comparisons if best and c.best == best.number]
    return {
        "best": best.number if best else None,
        "saturation": saturation(history),
        "seed": seed.number if seed else None,
        "gain": gain.model_dump() if gain else None,
        "line": ancestors(history, best.number) if best else [],
        "tests": {n: interval.model_dump() for n, interval in history.tests().items()},
        "comparisons": [{"other": c.other, "difference": c.difference.model_dump()} for c in compared],
    }


def _candidate(
    run: RunRecord,
    history: RunHistory,
    candidate: Candidate,
    programs: Mapping[int, ProgramData | None],
    static: Evaluation | None,
    tasks: Sequence[str],
    lines: Texts,
) -> Data:
    program = programs[candidate.number]
    parent = programs.get(candidate.parents[0]) if candidate.parents else None
    change = history.change(candidate)
    whole = static if static and static.status == "complete" else None
    limit = run.config.sandbox.read_characters
    found = candidate_data(history, candidate)
    return {
        **found,
        "title": plain_words(found["title"]) or f"candidate {candidate.number}",
        "message": plain_words(found["message"]),
        "seed": candidate.operator == SEED,
        "raced": not candidate.failed and not candidate.objectives,
        "front": any(member.number == candidate.number for member in history.front),
        "change": change.model_dump() if change else None,
        "verdict": verdict(candidate, change),
        "lines": program.lines if program else None,
        "source": lines.add(program.source) if program else None,
        "diff": [
            {"part": part["part"], "lines": lines.add(part["diff"])}
            for part in (program.changes(parent) if parent and program else [])
        ],
        "structure": plain_words(program.structure) if program else None,
        "behaviour": behaviour_data(whole, Questions(), limit) if whole else None,
        "metrics": dict(static.metrics) if static else {},
        "stages": {k.value: v for k, v in static.stages().items()} if static else {},
        "categories": category_means(static) if static else {},
        "usage": _usage(static),
        "failure": plain_words(static.failure.model_dump()) if static and static.failure else None,
        "scores": [_rounded(candidate.item_scores.get(task)) for task in tasks],
    }


def plain_words(value: Any) -> Any:
    """Return ``value`` without the double backticks of docstrings in its texts, at any depth.

    >>> plain_words({"summary": "Rank by ``words``."})
    {'summary': 'Rank by words.'}
    """
    if isinstance(value, str):
        return value.replace("``", "")
    if isinstance(value, dict):
        return {key: plain_words(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_words(inner) for inner in value]
    return value


def _usage(evaluation: Evaluation | None) -> Data | None:
    """Model work of the answers; None where no model was called."""
    if evaluation is None:
        return None
    totals = [item.usage for item in evaluation.items]
    if not sum(usage.calls for usage in totals):
        return None
    names = ("calls", "tokens_in", "tokens_out", "usd", "unpriced")
    return {name: sum(getattr(usage, name) for usage in totals) for name in names}


def _task(task: str, questions: Questions, seen: _Seen) -> Data:
    known = questions.tasks.get(task)
    if known is None:
        return {"id": task, "question": None, "category": seen.categories.get(task, "")}
    return {
        "id": task,
        "question": known.question,
        "category": known.category,
        "answers": list(known.answers),
        "evidence": [{"episode": p.episode, "text": p.text} for p in known.evidence],
    }


def _map(programs: Mapping[int, ProgramData | None]) -> tuple[dict[int, list[float]], Data]:
    """Return number → place on the map of structures, and the map's axes."""
    described = {n: program.features for n, program in programs.items() if program and program.features}
    projection = project(list(described.values()))
    places = {
        n: [round(float(value), 4) for value in point]
        for n, point in zip(described, projection.points, strict=True)
    }
    return places, {"axes": [{"share": a.share, "loadings": a.loadings} for a in projection.axes]}


def _by_interest(history: RunHistory) -> list[int]:
    """Return all numbers; first those whose items matter most if not all fit."""
    best = history.best
    line = ancestors(history, best.number) if best else []
    quality = sorted(history.candidates, key=lambda c: (-c.objectives.get("quality", -1.0), c.number))
    first = [*line, *(c.number for c in history.front), *(c.number for c in history.seeds)]
    return list(dict.fromkeys([*first, *(c.number for c in quality)]))


def _with_last(history: RunHistory, numbers: Sequence[int]) -> list[int]:
    """Return ``numbers`` and the one that joined last, at which the curves of progress end."""
    last = history.progress_end
    return [*numbers, *([] if last is None else [last])]


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 4)
