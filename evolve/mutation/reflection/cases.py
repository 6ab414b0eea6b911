"""Text of one item or one write of an evaluation: all that was said, asked and returned on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from evolve.mutation.reflection.fitting import cut
from evolve.records import Episode, Failure, Fields, ItemResult, Stage, Step, Task, WriteResult
from evolve.scoring import contains_passage

MEANING: Mapping[Stage, str] = MappingProxyType(
    {
        Stage.NOT_GIVEN: "not among the episodes given: no program can find it",
        Stage.LOST_IN_WRITE: "given, but not in what write received to keep",
        Stage.NOT_MAINTAINED: "kept at first, but lost or overwritten by a later write",
        Stage.NOT_RETRIEVED: "kept, but not in what read returned",
        Stage.NOT_USED: "returned by read, and the answer was wrong all the same",
    }
)
_PASSAGES, _STEPS, _LOGS = 4, 12, 20


@dataclass(frozen=True)
class TextWidth:
    """Width of shown texts: ``scale`` in (0, 1] times the room in a large prompt."""

    scale: float = 1.0

    def __call__(self, characters: int) -> int:
        """Return the scaled number of characters, but never fewer than 160."""
        return max(160, int(characters * self.scale))


def case_text(
    item: ItemResult, task: Task, width: TextWidth, *, stages: bool, episodes: Mapping[str, Episode]
) -> str:
    """The whole conversation about one task.

    Args:
        stages: state where the evidence was lost.
        episodes: given episodes, to mark evidence that was not given.
    """
    return "\n".join(_case_lines(item, task, width, stages, episodes))


def _case_lines(
    item: ItemResult, task: Task, width: TextWidth, stages: bool, episodes: Mapping[str, Episode]
) -> Iterator[str]:
    yield f"Score {item.score:.3f}" + (f", category {task.category}" if task.category else "")
    yield _labelled("Task", task.question, width(2_000))
    yield _labelled("Query that the agent formulated", _json(item.query), width(1_500))
    returned = f"What read returned ({len(item.retrieved):,} characters, {time_text(item.seconds)})"
    yield _labelled(returned, item.retrieved, width(4_000))
    if item.failure:
        yield failure_text(item.failure, width)
    if item.steps:
        yield _labelled("What the agent did", _steps(item.steps, width), width(4_000))
    if item.answer or not item.steps:
        yield _labelled("The agent's answer", item.answer, width(1_500))
    yield from _gold(item, task, width, episodes)
    if stages and item.stage:
        yield f"Where it was lost: {item.stage}, that is {MEANING[item.stage]}."
    if item.logs:
        more = f"\n[... {len(item.logs) - _LOGS} more lines ...]" if len(item.logs) > _LOGS else ""
        yield _labelled("Notes of toolkit.logger", "\n".join(item.logs[:_LOGS]) + more, width(1_500))


def _gold(item: ItemResult, task: Task, width: TextWidth, episodes: Mapping[str, Episode]) -> Iterator[str]:
    if task.answers:
        yield _labelled("Right answer", " | ".join(task.answers[:3]), width(800))
    if task.rubric:
        lines = "\n".join(f"{criterion.points:+g}: {criterion.text}" for criterion in task.rubric)
        yield _labelled("Graded by these criteria, with their points", lines, width(2_500))
    for passage in task.evidence[:_PASSAGES]:
        given = "" if passage.episode in episodes else ", an episode that was not given"
        found = "returned" if contains_passage(item.all_retrieved, passage.text) else "not returned"
        yield _labelled(f"Evidence ({found}{given})", passage.text, width(600))
    if len(task.evidence) > _PASSAGES:
        yield f"And {len(task.evidence) - _PASSAGES} more passages of evidence."


def write_text(write: WriteResult, episode: Episode, width: TextWidth) -> str:
    """An episode and what the agent made of it for ``write``."""
    return "\n".join(
        (
            _labelled(f"Text of an episode ({len(episode.text):,} characters)", episode.text, width(3_000)),
            _labelled("KnowledgeItem that the agent filled from it", _json(write.item), width(2_000)),
        )
    )


def failures_text(failures: Sequence[Failure], total: int, what: str, width: TextWidth) -> str:
    """Return how many of ``total`` calls of ``what`` failed, and one failure of each kind in full."""
    sorts: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        sorts.setdefault((failure.kind, failure.message[:200]), []).append(failure)
    ordered = sorted(sorts.values(), key=len, reverse=True)
    shown = "\n".join(
        f"{len(alike)} time{'s' * (len(alike) > 1)}: {failure_text(alike[0], width)}" for alike in ordered[:3]
    )
    more = f"\nAnd {len(ordered) - 3} more sorts of failure." if len(ordered) > 3 else ""
    return f"{len(failures)} of {total} calls of {what} failed.\n{shown}{more}"


def failure_text(failure: Failure, width: TextWidth) -> str:
    """A failure with its traceback."""
    said = f"Failure ({failure.kind}) in {cut(failure.where, 200)}: {cut(failure.message, width(1_000))}"
    return f"{said}\n{indented(cut(failure.detail, width(2_000)))}" if failure.detail else said


def time_text(seconds: float) -> str:
    """Format a time in whole seconds: with the exact time, no prompt would ever be the same twice.

    Equal prompts are answered from the cache, in another campaign too.
    """
    return "under 1 s" if seconds < 1 else f"{seconds:.0f} s"


def indented(text: str) -> str:
    """Return ``text`` as a quotation: every line indented."""
    return "\n".join(f"    {line}" for line in text.split("\n"))


def _labelled(label: str, text: str, limit: int) -> str:
    shown = cut(text, limit)
    if not shown.strip():
        return f"{label}: nothing"
    return f"{label}: {shown}" if "\n" not in shown and len(shown) < 100 else f"{label}:\n{indented(shown)}"


def _steps(steps: Sequence[Step], width: TextWidth) -> str:
    half = _STEPS // 2
    lines = [
        f"> {cut(step.command, 200)}\n{cut(step.observation, width(400))}"
        + (f"\n[read returned then: {cut(step.retrieved, width(400))}]" if step.retrieved else "")
        for step in steps
    ]
    if len(lines) > _STEPS:
        lines[half:-half] = [f"[... {len(lines) - _STEPS} steps left out ...]"]
    return "\n".join(lines)


def _json(fields: Fields) -> str:
    return json.dumps(fields, ensure_ascii=False, indent=1)
