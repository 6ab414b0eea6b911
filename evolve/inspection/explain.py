"""Explanation of a program's storage and retrieval, from its syntax tree and its behaviour on the tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from evolve.inspection.questions import Questions
from evolve.inspection.text import labelled_grid
from evolve.journal import RunRecord
from evolve.program import MemoryProgram
from evolve.program.parts import INSTRUCTIONS
from evolve.program.structure import Phase, Structure, structure
from evolve.records import Candidate, Evaluation
from evolve.runs.history import STATIC
from evolve.scoring import contains_passage
from evolve.text import one_line, printable

Data = dict[str, Any]
_PHASES = {
    "__init__": "when it is made",
    "write": "for each episode, write",
    "read": "for each question, read",
    "observe": "for each step of an acted task, observe",
}
_USES = {
    "db": "the SQLite database",
    "vectors": "the vector index",
    "chroma": "a chroma collection",
    "embed": "embeddings",
    "llm_completion": "the model",
    "logger": "the log",
}


def explain_data(run: RunRecord, candidate: Candidate, questions: Questions) -> Data:
    """Storage, phases, fields and hyperparameters of a program, and statistics of its static evaluation.

    ``structure`` is None for a program that does not parse, ``behaviour`` where its evaluation is incomplete.
    """
    program = run.program(candidate.program)
    static = run.evaluation(candidate.program, STATIC)
    whole = static if static and static.status == "complete" else None
    return {
        "run": run.name,
        "number": candidate.number,
        "title": candidate.title,
        "message": candidate.message,
        "structure": structure_data(program),
        "behaviour": behaviour_data(whole, questions, run.config.sandbox.read_characters) if whole else None,
    }


def structure_data(program: MemoryProgram) -> Data | None:
    """Return the facts that can be read from the source, as JSON-able data; None where it does not parse."""
    found = structure(program)
    if found is None:
        return None
    parts = program.parts
    return {
        "tables": [{"name": t.name, "module": t.module, "columns": t.columns} for t in found.tables],
        "attributes": dict(found.attributes),
        "phases": {name: _phase_data(phase) for name, phase in found.phases.items()},
        "stores": _stores(found),
        "item": [{"name": s.name, "type": s.type, "description": s.description} for s in parts.item],
        "query": [{"name": s.name, "type": s.type, "description": s.description} for s in parts.query],
        "knobs": {name: [knob.default, knob.low, knob.high] for name, knob in parts.knobs.items()},
        "instructions": {name: parts.instructions.get(name, "") for name in INSTRUCTIONS},
        "always_on": parts.always_on,
    }


def _phase_data(phase: Phase) -> Data:
    return {
        "steps": [{"method": step.method, "summary": step.summary} for step in phase.steps],
        "uses": dict(phase.uses),
        "sql": list(phase.sql),
    }


def _stores(found: Structure) -> list[str]:
    """Return one sentence for each place where memories are stored."""
    stores = []
    for table in found.tables:
        kind = {"": "table", "fts5": "full-text index"}.get(table.module, f"virtual table ({table.module})")
        stores.append(f"the SQLite {kind} {table.name} ({table.columns})")
    uses = found.uses
    stores += [_USES[name] for name in ("vectors", "chroma") if uses[name]]
    stores += [f"the Python {kind} self.{name}" for name, kind in found.attributes.items()]
    return stores


def behaviour_data(evaluation: Evaluation, questions: Questions, limit: int) -> Data:
    """Return statistics of the reads of an evaluation.

    Args:
        limit: characters that a read may return.

    Returns:
        ``characters`` (mean), ``budget`` (mean share of the limit), ``empty`` and ``distinct`` (shares of
        the reads that returned nothing, and of texts that differ), ``read_ms`` (median and 95th
        percentile), ``model_calls`` (mean per task), ``evidence`` (share of gold passages that stand in
        what was retrieved; None where no question is known), ``stages``, ``categories``.
    """
    items = evaluation.items
    if not items:
        return {"tasks": 0}
    lengths = np.array([len(item.retrieved) for item in items])
    seconds = np.array([item.seconds for item in items])
    found = [
        contains_passage(item.all_retrieved, passage.text)
        for item in items
        if item.task in questions.tasks
        for passage in questions.tasks[item.task].evidence
    ]
    return {
        "tasks": len(items),
        "characters": float(lengths.mean()),
        "budget": float(lengths.mean() / limit),
        "empty": float((lengths == 0).mean()),
        "distinct": len({item.retrieved for item in items}) / len(items),
        "read_ms": [float(value) for value in np.quantile(seconds * 1000, (0.5, 0.95))],
        "model_calls": sum(item.usage.calls for item in items) / len(items),
        "evidence": sum(found) / len(found) if found else None,
        "stages": {stage.value: count for stage, count in evaluation.stages().items()},
        "categories": category_means(evaluation),
    }


def category_means(evaluation: Evaluation) -> dict[str, float]:
    """The mean score of each category, of the items that have one."""
    categories: dict[str, list[float]] = {}
    for item in evaluation.items:
        if math.isfinite(item.score):
            categories.setdefault(item.category, []).append(item.score)
    return {name: sum(scores) / len(scores) for name, scores in sorted(categories.items())}


def explain_view(data: Mapping[str, Any]) -> RenderableType:
    """``explain_data`` for a terminal."""
    blocks: list[RenderableType] = [
        Text(f"#{data['number']} {one_line(data['title'])} of run {data['run']}", style="bold")
    ]
    if data["message"]:
        blocks.append(Text(one_line(data["message"], 400)))
    found = data["structure"]
    if found is None:
        blocks.append(Text("The program does not parse, so it cannot be explained.", style="red"))
    else:
        blocks += [*_memory(found), *_phases(found)]
    if data["behaviour"]:
        blocks += [_heading("What it did on the validation tasks"), _behaviour(data["behaviour"])]
    return Group(*blocks)


def _memory(found: Mapping[str, Any]) -> list[RenderableType]:
    grid = labelled_grid()
    for label, key in (("the agent extracts", "item"), ("the agent asks with", "query")):
        for spec in found[key]:
            words = f"{spec['name']}: {spec['type']}" + (
                f", {spec['description']}" if spec["description"] else ""
            )
            grid.add_row(label, Text(one_line(words, 300)))
            label = ""
    for number, store in enumerate(found["stores"] or ["nothing that can be seen"]):
        grid.add_row("" if number else "it is kept in", Text(one_line(store, 300)))
    for number, (name, (value, low, high)) in enumerate(found["knobs"].items()):
        grid.add_row("" if number else "knobs", Text(f"{name} = {value:g}, of {low:g} to {high:g}"))
    if found["always_on"]:
        grid.add_row("always shown", Text(one_line(found["always_on"], 300)))
    return [_heading("What it stores"), grid]


def _phases(found: Mapping[str, Any]) -> list[RenderableType]:
    blocks: list[RenderableType] = []
    for name, phase in found["phases"].items():
        if not (phase["steps"] or phase["uses"] or phase["sql"]):
            continue
        grid = labelled_grid()
        uses = ", ".join(_USES[use] for use in phase["uses"])
        if uses:
            grid.add_row("uses", Text(uses))
        for number, step in enumerate(phase["steps"]):
            summary = f"  {step['summary']}" if step["summary"] else ""
            grid.add_row("" if number else "steps", Text(one_line(f"{step['method']}{summary}", 300)))
        for number, statement in enumerate(phase["sql"]):
            grid.add_row("" if number else "SQL", Text(printable(statement), style="cyan"))
        blocks += [_heading(_PHASES[name].capitalize()), grid]
    return blocks


def _behaviour(data: Mapping[str, Any]) -> RenderableType:
    if not data["tasks"]:
        return Text("It was asked nothing.")
    grid = labelled_grid()
    words = f"{data['characters']:,.0f} characters a question, {data['budget']:.0%} of what it may"
    grid.add_row("returns", Text(f"{words}; nothing to {data['empty']:.0%} of {data['tasks']} questions"))
    grid.add_row("differs", Text(f"{data['distinct']:.0%} of what it returned is unlike the rest"))
    median, high = data["read_ms"]
    grid.add_row("takes", Text(f"{median:.1f} ms in the median, {high:.1f} ms at the 95th percentile"))
    if data["model_calls"]:
        words = f"{data['model_calls']:.2f} a question, the agent's own among them"
        grid.add_row("model calls", Text(words))
    if data["evidence"] is not None:
        grid.add_row("finds", Text(f"{data['evidence']:.1%} of the gold passages"))
    grid.add_row("loses evidence", Text(", ".join(f"{name} {n}" for name, n in data["stages"].items())))
    shown = ", ".join(f"{name or 'all'} {value:.3f}" for name, value in data["categories"].items())
    grid.add_row("scores", Text(one_line(shown, 400)))
    return grid


def _heading(text: str) -> Text:
    return Text(f"\n{text}", style="bold cyan")
