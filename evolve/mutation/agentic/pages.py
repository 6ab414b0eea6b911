"""Pages of a workspace: guide, lineage, scores, evaluations and traces as text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence

from evolve.mutation.protocol import MutationContext, Notes, RunSnapshot
from evolve.mutation.reflection.cases import TextWidth, case_text, failure_text, failures_text
from evolve.records import Candidate, Episode, Evaluation, ItemResult, Task

_MESSAGE = 300
_DISCARDED = 60
_FAILED_WRITES = 5


def guide(context: MutationContext, paths: Sequence[str], left_out: Sequence[str]) -> str:
    """Return the README: what the folder holds, and what did not fit."""
    counts = {
        folder: sum(path.startswith(f"{folder}/") for path in paths)
        for folder in ("programs", "evaluations", "traces", "episodes")
    }
    lines = [
        "# Files",
        "",
        f"Candidate {context.number} is to be made from candidate {context.parent.number}.",
        "",
        "- `contract.md`: what a memory program must have, and what the toolkit offers.",
        "- `parent.py`: the program to change.",
        "- `lineage.md`: every candidate so far: parents, scores, what was changed; and what was discarded.",
        "- `scores.csv`: score of each candidate on each task of the fitness set.",
        f"- `programs/N.py`: program of candidate N ({counts['programs']}).",
        "- `traces/N-fitness.md`, `traces/N-minibatch.md`: for each task the query, what read returned, the "
        f"answer and the score, the lowest score first ({counts['traces']}).",
        f"- `evaluations/N-fitness.json`: scores and stages of the same tasks ({counts['evaluations']}).",
        f"- `episodes/ID.txt`: episodes of the minibatch ({counts['episodes']}).",
    ]
    if "hints.md" in paths:
        lines.append("- `hints.md`: requests of the user.")
    if "notes.md" in paths:
        lines.append("- `notes.md`: notes of this run on what was tried.")
    if context.stalled:
        lines += [
            "",
            f"The search has come to a plateau: the last {context.stalled} candidates improved nothing. Make "
            "a change of another kind: another way to store, to find or to combine what was stored.",
        ]
    lines += [
        "",
        "Accepted answers and evidence are shown for minibatch tasks. Tasks that count for fitness are shown "
        "without, and the test set is not here.",
    ]
    if left_out:
        lines += ["", f"Left out to keep the folder small: {len(left_out)} files, such as {left_out[0]}."]
    return "\n".join(lines) + "\n"


def lineage_page(history: RunSnapshot, context: MutationContext) -> str:
    """Return the candidates with parents, objectives and messages, as a table, and the discarded ones."""
    front = set(history.front)
    lines = [
        "| number | parents | made by | state | objectives | what was changed |",
        "|---|---|---|---|---|---|",
    ]
    for candidate in history.candidates:
        state = "failed" if candidate.failed else "stopped early" if candidate.raced else "complete"
        if candidate.number in front:
            state += ", front"
        if candidate.number == context.parent.number:
            state += ", the parent"
        scores = ", ".join(f"{name} {value:.3f}" for name, value in candidate.objectives.items())
        cells = (
            candidate.number,
            ", ".join(map(str, candidate.parents)),
            _cell(candidate.operator),
            state,
            scores,
            _cell(candidate.message or candidate.name),
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    if history.discarded:
        lines += ["", "Numbers without a candidate:", ""]
        lines += [
            f"- {number} ({_cell(operator)}): {_cell(reason)}"
            for number, operator, reason in history.discarded[-_DISCARDED:]
        ]
    return "\n".join(lines) + "\n"


def notes_page(notes: Sequence[Notes]) -> str:
    """Return the notes of the run, and those of other runs under their names."""
    parts = [f"# From the run {one.source}\n\n{one.text}" if one.source else one.text for one in notes]
    return "\n\n".join(parts)


def scores_page(scores: Sequence[tuple[Candidate, Mapping[str, float]]], tasks: Sequence[str]) -> str:
    """Return a table of comma-separated values: a row for each task, a column for each candidate."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(["task", *(candidate.number for candidate, _ in scores)])
    for task in tasks:
        table.writerow([task, *(f"{of[task]:.3f}" if task in of else "" for _, of in scores)])
    return written.getvalue()


def evaluation_page(candidate: Candidate, evaluation: Evaluation, items: Sequence[ItemResult]) -> str:
    """Return the scores of an evaluation as JSON, without times, which differ from run to run."""
    value = {
        "candidate": candidate.number,
        "status": evaluation.status,
        "metric": evaluation.metric,
        "quality": evaluation.quality.model_dump(mode="json", include={"mean", "low", "high"}),
        "cost": evaluation.cost,
        "cost_unit": evaluation.cost_unit,
        "failure": evaluation.failure.model_dump(mode="json") if evaluation.failure else None,
        "stages": {str(stage): count for stage, count in evaluation.stages().items()},
        "items": [
            {
                "task": item.task,
                "category": item.category,
                "group": item.group,
                "score": item.score if item.conclusive else None,
                "metrics": item.metrics,
                "stage": str(item.stage) if item.stage else None,
                "answer": item.answer[:_MESSAGE],
            }
            for item in items
        ],
    }
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def trace_page(
    candidate: Candidate,
    evaluation: Evaluation,
    items: Sequence[ItemResult],
    tasks: Mapping[str, Task],
) -> str:
    """Return each task with its query, read, answer and score as text, the lowest score first."""
    width = TextWidth()
    lines = [f"# Candidate {candidate.number}, {evaluation.status}"]
    if evaluation.failure:
        lines += ["", failure_text(evaluation.failure, width)]
    failed = [write.failure for write in evaluation.writes if write.failure]
    if failed:
        lines += ["", failures_text(failed[:_FAILED_WRITES], len(evaluation.writes), "write", width)]
    for item in sorted(items, key=lambda item: (item.score if item.conclusive else 2.0, item.task)):
        task = tasks[item.task]
        # The stage says whether evidence was given; the episodes of other minibatches are not at hand.
        given = {passage.episode: Episode(id=passage.episode, text="") for passage in task.evidence}
        shown = case_text(item.filled(seconds=0.0), task, width, stages=True, episodes=given)
        lines += ["", f"## {item.task}", shown]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Return ``text`` as one cell of a table."""
    return " ".join(text.split()).replace("|", "/")[:_MESSAGE]
