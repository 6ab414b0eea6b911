"""What came of a campaign, to compare it with another."""

from __future__ import annotations

from pathlib import Path

from evolve.events import Compared, Discarded, Event, Joined
from evolve.journal import RunRecord


def result(root: Path) -> dict[object, object]:
    """What a campaign decided and found, without times; fails where anything was recorded twice."""
    record = RunRecord.open(root, "run")
    found: dict[object, object] = {}
    for event in record.events():
        key, value = _decided(event)
        if key is not None:
            assert key not in found, f"{key} is recorded twice"
            found[key] = value
    for path in sorted((record.path / "programs").iterdir()):
        found[path.name] = record.program(path.stem).source
    for path in sorted((record.path / "evaluations").iterdir()):
        program, _, subset = path.stem.partition("-")
        found[path.name] = [
            (item.task, item.score, item.retrieved, item.answer, item.stage)
            for evaluation in record.evaluations(program)
            if evaluation.subset == subset
            for item in evaluation.items
        ]
    return found


def _decided(event: Event) -> tuple[object, object]:
    if isinstance(event, Joined):
        c = event.candidate
        return c.number, (c.program, c.parents, c.operator, c.message, c.objectives, c.item_scores)
    if isinstance(event, Discarded):
        return event.number, event.reason
    if isinstance(event, Compared):
        return ("compared", event.best, event.other), event.difference
    return None, None
