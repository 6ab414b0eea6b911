"""What became of each task, small enough to travel inside the page."""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Mapping
from typing import Any

from evolve.inspection.questions import Questions
from evolve.inspection.report.interning import Texts
from evolve.records import Evaluation, ItemResult

Data = dict[str, Any]


def pack_items(
    evaluations: Mapping[int, Evaluation], questions: Questions, limit: int
) -> tuple[str, list[int]]:
    """The items of ``evaluations``, of as many of the first ones as fit into ``limit`` bytes.

    Args:
        evaluations: candidate number → evaluation; the most interesting first.
        limit: size of the packed text.

    Returns:
        The items as base64 of gzip of JSON, and the numbers of the candidates that they are of. The JSON is
        ``{"lines": [...], "tasks": {task: {number: item}}, "writes": {number: {episode: text}}, "episodes":
        {episode: text}}`` where each long text is a list of numbers of lines. It lies task by task, as what
        different programs did with one task is alike and compresses well.
    """
    numbers = list(evaluations)
    while True:
        packed = _packed({number: evaluations[number] for number in numbers}, questions)
        if len(packed) <= limit or not numbers:
            return packed, sorted(numbers)
        numbers = numbers[: int(len(numbers) * min(0.9, limit / len(packed)))]


def _packed(evaluations: Mapping[int, Evaluation], questions: Questions) -> str:
    lines = Texts()
    tasks: dict[str, dict[int, Data]] = {}
    for number, evaluation in evaluations.items():
        for item in evaluation.items:
            tasks.setdefault(item.task, {})[number] = _item(item, lines)
    gold = {p.episode for task in tasks if task in questions.tasks for p in questions.tasks[task].evidence}
    content = {
        "tasks": tasks,
        "writes": {n: _writes(evaluation, gold, lines) for n, evaluation in evaluations.items()},
        "episodes": {
            e: lines.add(questions.episodes[e].text) for e in sorted(gold & questions.episodes.keys())
        },
        "lines": lines.table,
    }
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    # mtime: equal runs give equal bytes.
    return base64.b64encode(gzip.compress(text.encode("ascii"), 9, mtime=0)).decode("ascii")


def _item(item: ItemResult, lines: Texts) -> Data:
    """An item; what is empty is left out."""
    data = {
        "score": item.score if math.isfinite(item.score) else None,
        "stage": item.stage.value if item.stage else None,
        "query": lines.add(_worded(item.query)) if item.query else None,
        "retrieved": lines.add(item.retrieved) if item.retrieved else None,
        "answer": item.answer,
        "ms": round(item.seconds * 1000, 2),
        "failure": f"{item.failure.kind}: {item.failure.message}" if item.failure else None,
        "inconclusive": item.inconclusive,
        "steps": [[step.command, lines.add(step.observation)] for step in item.steps],
        "logs": lines.add("\n".join(item.logs)) if item.logs else None,
    }
    return {name: value for name, value in data.items() if value not in (None, "", [])}


def _writes(evaluation: Evaluation, gold: set[str], lines: Texts) -> dict[str, list[int]]:
    """What the agent extracted of the episodes that hold evidence, or how their write failed."""
    written = {}
    for write in evaluation.writes:
        if write.failure:
            written[write.episode] = lines.add(f"failed, {write.failure.kind}: {write.failure.message}")
        elif write.episode in gold:
            written[write.episode] = lines.add(_worded(write.item))
    return written


def _worded(fields: Mapping[str, Any]) -> str:
    """Fields as ``name: value`` lines; a text as it is, everything else as JSON."""
    shown = (v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in fields.values())
    return "\n".join(f"{name}: {value}" for name, value in zip(fields, shown, strict=True))
