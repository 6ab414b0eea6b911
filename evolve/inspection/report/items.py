"""Result of each task, compressed to travel inside the page; lines that texts share are kept once."""

from __future__ import annotations

import base64
import gzip
import json
import math
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from evolve.inspection.questions import Questions
from evolve.records import Evaluation, ItemResult, Step


class Texts:
    """A table of lines, and texts as numbers of its lines.

    Programs differ from their parents in a few lines, and a hundred programs retrieve the same passages:
    the lines of 55 MB of retrieved text, of a run of 100 candidates on 200 tasks, were 170 KB.
    """

    def __init__(self, table: Iterable[str] = ()) -> None:
        self._numbers: dict[str, int] = {line: number for number, line in enumerate(table)}

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def table(self) -> list[str]:
        """The lines by their number."""
        return list(self._numbers)

    def since(self, number: int) -> list[str]:
        """The lines from ``number`` on."""
        return list(islice(reversed(self._numbers), len(self._numbers) - number))[::-1]

    def add(self, text: str) -> list[int]:
        """Return the numbers of the lines of ``text``; those lines joined by newlines are ``text``."""
        return [self._numbers.setdefault(line, len(self._numbers)) for line in text.split("\n")]


Data = dict[str, Any]
ROOM = 2
"""Times the limit, up to which candidates are read: packed together they take less than one by one."""


@dataclass(frozen=True)
class Load:
    """Evaluations that are read one at a time, so that those of thousands of candidates are never all held.

    Attributes:
        numbers: candidates that have one, the most interesting first.
        of: reads the evaluation of a candidate; None where its file was lost meanwhile.
    """

    numbers: Sequence[int]
    of: Callable[[int], Evaluation | None]


def pack_items(
    evaluations: Load, tasks: Iterable[str], questions: Questions, limit: int
) -> tuple[str, list[int]]:
    """Pack the items of as many of the first ``evaluations`` as fit into ``limit`` bytes.

    Args:
        evaluations: the most interesting first; of those that do not fit, only the first ones are read.
        tasks: all tasks to show; of writes, those of episodes with their evidence are kept.
        limit: size of the packed text.

    Returns:
        The items as base64 of gzip of JSON, and the numbers of the candidates that they are of. The JSON is
        ``{"lines": [...], "tasks": {task: {number: item}}, "writes": {number: {episode: text}}, "episodes":
        {episode: text}}`` where each long text is a list of numbers of lines. It is ordered by task, since
        the results of different programs on one task are alike and compress well.
    """
    known = (questions.tasks[task] for task in tasks if task in questions.tasks)
    gold = {passage.episode for task in known for passage in task.evidence}
    packing = _Packing(
        gold, {e: questions.episodes[e].text for e in sorted(gold & questions.episodes.keys())}
    )
    for number in evaluations.numbers:
        if packing.estimate > ROOM * limit:
            break
        evaluation = evaluations.of(number)
        if evaluation is not None:
            packing.add(number, evaluation)
    count = len(packing.numbers)
    while True:
        packed = packing.packed(count)
        if len(packed) <= limit or not count:
            return packed, sorted(packing.numbers[:count])
        count = int(count * min(0.9, limit / len(packed)))


class _Packing:
    """Items on their way into the page.

    Args:
        gold: episodes that hold evidence.
        episodes: the texts of those that are known.

    Attributes:
        numbers: candidates that were added, in that order.
        estimate: bytes that they take packed, or somewhat more: they are measured one after another.
    """

    def __init__(self, gold: set[str], episodes: Mapping[str, str]) -> None:
        self.numbers: list[int] = []
        self.estimate = 0.0
        self._gold = gold
        self._episodes = episodes
        self._lines = Texts()
        self._ends: list[int] = []  # lines of the table that are needed up to each candidate
        self._items: list[dict[str, Data]] = []
        self._writes: list[dict[str, list[int]]] = []
        self._meter = zlib.compressobj()

    def add(self, number: int, evaluation: Evaluation) -> None:
        """Add the items of a candidate."""
        lines, before = self._lines, len(self._lines)
        self.numbers.append(number)
        self._items.append({item.task: _item(item, lines) for item in evaluation.items})
        self._writes.append(_writes(evaluation, self._gold, lines))
        self._ends.append(len(lines))
        added = _json([self._items[-1], self._writes[-1], lines.since(before)])
        self.estimate += len(self._meter.compress(added)) * 4 / 3

    def packed(self, count: int) -> str:
        """The first ``count`` candidates."""
        end = self._ends[count - 1] if count else 0
        lines = Texts(self._lines.table[:end])
        tasks: dict[str, dict[int, Data]] = {}
        for number, items in zip(self.numbers[:count], self._items, strict=False):
            for task, item in items.items():
                tasks.setdefault(task, {})[number] = item
        content = {
            "tasks": tasks,
            "writes": dict(zip(self.numbers[:count], self._writes, strict=False)),
            "episodes": {episode: lines.add(text) for episode, text in self._episodes.items()},
            "lines": lines.table,
        }
        # mtime: equal runs give equal bytes.
        return base64.b64encode(gzip.compress(_json(content), 9, mtime=0)).decode("ascii")


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")


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
        "steps": [_step(step, lines) for step in item.steps],
        "logs": lines.add("\n".join(item.logs)) if item.logs else None,
    }
    return {name: value for name, value in data.items() if value not in (None, "", [])}


def _step(step: Step, lines: Texts) -> list[Any]:
    """Command and observation, and what was retrieved after it where that is another text."""
    then = [] if step.retrieved is None else [lines.add(step.retrieved)]
    return [step.command, lines.add(step.observation), *then]


def _writes(evaluation: Evaluation, gold: set[str], lines: Texts) -> dict[str, list[int]]:
    """Return the agent's extractions of the episodes that hold evidence, or how their write failed."""
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
