"""Fronts and single candidates: plain data, and a rendering of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.config.models import QUALITY_OF
from evolve.inspection.explain import category_means
from evolve.inspection.plot import front_plot
from evolve.inspection.remarks import replies, reply_text
from evolve.inspection.text import Fitted, amount, duration, labelled_grid, score
from evolve.journal import RunRecord
from evolve.program import MemoryProgram, Parts
from evolve.records import Candidate, Evaluation, Interval, ItemResult
from evolve.runs.history import BY_HAND, STATIC, TEST, RunHistory
from evolve.text import one_line

Data = dict[str, Any]
EXTREMES = 3
"""Number of best and of worst items shown."""


def candidate_data(history: RunHistory, candidate: Candidate) -> Data:
    """Return a candidate with its intervals, as JSON-able data."""
    best = history.best
    quality, test = history.quality(candidate.number), history.quality(candidate.number, "test")
    return {
        "number": candidate.number,
        "program": candidate.program,
        "title": candidate.title,
        "operator": candidate.operator,
        "parents": list(candidate.parents),
        "message": candidate.message,
        "failed": candidate.failed,
        "raced": candidate.raced,
        "cost_unit": history.cost_unit,
        "best": best is not None and candidate.number == best.number,
        "objectives": dict(candidate.objectives),
        "quality": quality.model_dump() if quality else None,
        "test": test.model_dump() if test else None,
    }


def front_data(run: str, history: RunHistory) -> Data:
    """The front of a run, the highest quality first."""
    front = history.front
    members = {member.number for member in front}
    beaten = (c for c in history.candidates if c.complete and c.number not in members)
    return {
        "run": run,
        "objectives": list(history.objectives),
        "candidates": len(history.candidates),
        "front": [candidate_data(history, candidate) for candidate in front],
        "dominated": [{"number": c.number, "objectives": dict(c.objectives)} for c in beaten],
    }


@dataclass(frozen=True)
class Detail:
    """Level of detail of a table of candidates: digits of the program's id, intervals, units in cells, and
    the quality on each of several benchmarks.
    """

    digits: int = 12
    interval: Literal["full", "short", "none"] = "full"
    units: bool = True
    parts: bool = True


DETAILS = (
    Detail(),
    Detail(digits=6),
    Detail(digits=6, interval="short"),
    Detail(digits=6, interval="short", units=False),
    Detail(digits=0, interval="short", units=False),
    Detail(digits=0, interval="none", units=False),
    Detail(digits=0, interval="none", units=False, parts=False),
)
"""Levels for narrower and narrower terminals: hash, then intervals, then units, then the quality on each of
several benchmarks are dropped; never # and name.
"""


def candidates_table(
    rows: Iterable[Mapping[str, Any]], objectives: Sequence[str], *, heading: str | None = None
) -> Fitted:
    """Candidates with their objectives, a row each; the best is marked."""
    kept = list(rows)
    return Fitted(
        [lambda detail=detail: _candidates(kept, objectives, heading, detail) for detail in DETAILS]
    )


def _candidates(
    rows: Sequence[Mapping[str, Any]], objectives: Sequence[str], heading: str | None, detail: Detail
) -> Table:
    others = [name for name in objectives if name != "quality"]
    if not detail.parts:
        others = [name for name in others if not name.startswith(QUALITY_OF)]
    tested = any(row["test"] for row in rows)
    table = Table(title=heading, title_justify="left", title_style="bold")
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("candidate", overflow="fold", min_width=14)
    if detail.digits:
        table.add_column("program", no_wrap=True)
    table.add_column("quality", no_wrap=True)
    if tested:
        table.add_column("test", no_wrap=True)
    unit = rows[0]["cost_unit"] if rows else "tokens"
    for name in others:
        heads = {"cost": unit, "latency": "ms", "size": "lines"}
        short = name.removeprefix(QUALITY_OF)
        heading_of = short if detail.units else heads.get(name, short)
        table.add_column(heading_of, justify="right", no_wrap=True)
    for row in rows:
        values = row["objectives"]
        broken = "failed" if row["failed"] else "stopped early" if row["raced"] else ""
        quality = broken or _score(interval_of(row["quality"]), values.get("quality"), detail)
        cells = [str(row["number"]), one_line(row["title"], 40), quality]
        if detail.digits:
            cells.insert(2, row["program"][: detail.digits])
        if tested:
            cells.append(_score(interval_of(row["test"]), None, detail))
        for name in others:
            cell = amount(name, values.get(name), row["cost_unit"])
            cells.append(cell if detail.units else cell.partition(" ")[0])
        table.add_row(*map(Text, cells), style="bold green" if row["best"] else None)
    return table


def _score(interval: Interval | None, value: float | None, detail: Detail) -> str:
    if detail.interval == "full" or interval is None or not math.isfinite(interval.mean):
        return score(interval, value)
    if detail.interval == "none":
        return f"{interval.mean:.3f}"
    ends = (f"{end:.2f}".removeprefix("0") for end in (interval.low, interval.high))
    return f"{interval.mean:.3f} [{', '.join(ends)}]"


def front_view(data: Mapping[str, Any], plot_width: int | None = None) -> RenderableType:
    """``front_data`` for a terminal.

    Args:
        plot_width: columns of a plot of the front above the table; None for no plot.
    """
    if not data["front"]:
        return Text(f"The run {data['run']} has no candidate with a score yet.")
    heading = f"Front of {data['run']}: {len(data['front'])} of {data['candidates']} candidates"
    table = candidates_table(data["front"], data["objectives"], heading=heading)
    drawing = front_plot(data, plot_width) if plot_width else None
    return Group(drawing, Text(), table) if drawing else table


def show_data(run: RunRecord, history: RunHistory, candidate: Candidate) -> Data:
    """Return one candidate in full: its place, its parts, and its evaluations without their items."""
    program = run.program(candidate.program)
    return {
        "run": run.name,
        **candidate_data(history, candidate),
        "path": str(run.path / "programs" / f"{candidate.program}.py"),
        "children": [other.number for other in history.candidates if candidate.number in other.parents],
        "on_front": candidate in history.front,
        "lines": program.lines,
        "replies": replies(history, candidate.number),
        "parts": _parts_data(program),
        "evaluations": [evaluation_data(entry) for entry in run.evaluations(candidate.program)],
    }


_CLOCKS = {"free core": "on a free core", "cpu": "CPU time", "wall": "wall time"}


def evaluation_data(evaluation: Evaluation) -> Data:
    """An evaluation without its items, with the mean score of each category and the count of each stage."""
    data = evaluation.model_dump(mode="json", exclude={"items", "writes"})
    data["tasks"] = len(evaluation.items)
    data["categories"] = category_means(evaluation)
    data["stages"] = {stage.value: count for stage, count in evaluation.stages().items()}
    ranked = sorted((item for item in evaluation.items if math.isfinite(item.score)), key=lambda i: i.score)
    data["worst"] = [_item_data(item) for item in ranked[:EXTREMES] if item.score < 1]
    data["finest"] = [_item_data(item) for item in ranked[: -EXTREMES - 1 : -1] if item.score > 0]
    return data


def _item_data(item: ItemResult) -> Data:
    return {
        "task": item.task,
        "category": item.category,
        "score": item.score,
        "stage": item.stage.value if item.stage else None,
        "answer": item.answer,
        "retrieved_characters": len(item.retrieved),
    }


def _parts_data(program: MemoryProgram) -> Data:
    if program.problems:
        return {"problems": [str(problem) for problem in program.problems]}
    parts: Parts = program.parts
    return {
        "item": {spec.name: spec.type for spec in parts.item},
        "query": {spec.name: spec.type for spec in parts.query},
        "knobs": {name: [knob.default, knob.low, knob.high] for name, knob in parts.knobs.items()},
        "methods": {name: source.count("\n") + 1 for name, source in parts.methods.items()},
        "instructions": dict(parts.instructions),
        "always_on": parts.always_on,
    }


def show_view(data: Mapping[str, Any]) -> RenderableType:
    """``show_data`` for a terminal."""
    facts = labelled_grid()
    for name, value in _facts(data):
        facts.add_row(name, Text(value))
    heading = Text(f"#{data['number']} {one_line(data['title'])} of run {data['run']}", style="bold")
    reported = [entry for entry in data["evaluations"] if entry["subset"] in (STATIC, TEST)]
    rest = [entry for entry in data["evaluations"] if entry not in reported]
    others = (
        [Text(f"\nAlso diagnosed on {', '.join(e['subset'] for e in rest)}; --json has them.")]
        if rest
        else []
    )
    return Group(heading, facts, *(evaluation_view(entry) for entry in reported), *others)


def _facts(data: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "program", data["path"]
    yield "what it is", one_line(data["message"], 400) or "–"
    origin = "none: added by hand" if data["operator"] == BY_HAND else "none: a seed"
    yield "parents", ", ".join(f"#{number}" for number in data["parents"]) or origin
    yield "children", ", ".join(f"#{number}" for number in data["children"]) or "none"
    place = "on the front" if data["on_front"] else "not on the front"
    yield "place", "failed" if data["failed"] else place + (", the best" if data["best"] else "")
    for number, reply in enumerate(data["replies"], start=1):
        yield f"reply {number}", reply_text(reply)
    parts = data["parts"]
    if "problems" in parts:
        yield "breaches", one_line("; ".join(parts["problems"]), 400)
        return
    for label, name in (("KnowledgeItem", "item"), ("Query", "query")):
        yield label, one_line(", ".join(f"{field}: {kind}" for field, kind in parts[name].items()), 400)
    yield "knobs", ", ".join(f"{name} = {knob[0]}" for name, knob in parts["knobs"].items()) or "none"
    methods = ", ".join(f"{name} ({lines})" for name, lines in parts["methods"].items())
    yield "methods (lines)", f"{methods}; {data['lines']} lines of program"


def evaluation_view(data: Mapping[str, Any]) -> RenderableType:
    """``evaluation_data`` for a terminal."""
    table = labelled_grid()
    if data["status"] == "complete":
        table.add_row("quality", Text(f"{score(interval_of(data['quality']))} ({data['metric']})"))
        others = (f"{name} {value:.3f}" for name, value in data["metrics"].items() if name != data["metric"])
        table.add_row("other metrics", Text(", ".join(others) or "–"))
        cost = amount("cost", data["cost"], data["cost_unit"])
        latency = amount("latency", data["latency"])
        clock = _CLOCKS[data.get("latency_clock", "wall")]
        table.add_row("cost, latency", Text(f"{cost} per task, p95 of read {latency} ({clock})"))
        shown = (f"{name or 'all'} {value:.3f}" for name, value in data["categories"].items())
        table.add_row("categories", Text(one_line(", ".join(shown), 400)))
        table.add_row("lost at", Text(", ".join(f"{name} {n}" for name, n in data["stages"].items())))
        for label, items in (("best items", data["finest"]), ("worst items", data["worst"])):
            if items:
                table.add_row(label, Text("\n".join(map(_item_line, items))))
    elif data["status"] == "failed":
        failure = data["failure"]
        table.add_row(
            "failed", Text(one_line(f"{failure['kind']} in {failure['where']}: {failure['message']}", 400))
        )
    else:
        status = "stopped early" if data["status"] == "raced" else data["status"]
        table.add_row(status, Text(one_line(data["reason"], 400)))
    took = f"{data['isolation']}, {duration(data['seconds'])}"
    heading = Text(f"\n{data['subset']}: {data['tasks']} tasks, isolation {took}", style="bold")
    return Group(heading, table)


def _item_line(item: Mapping[str, Any]) -> str:
    lost = f", {item['stage']}" if item["stage"] else ""
    category = f" ({item['category']})" if item["category"] else ""
    return one_line(
        f"{item['score']:.2f} {item['task']}{category}{lost}: {item['retrieved_characters']:,} characters "
        f"retrieved, answered {item['answer'] or 'nothing'!r}"
    )


def interval_of(data: Mapping[str, float] | None) -> Interval | None:
    """An interval from its JSON form."""
    return Interval.model_validate(data) if data else None
