"""Trace of one question: what was given, written, asked, retrieved, answered, scored."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.errors import UsageError
from evolve.inspection.questions import Questions
from evolve.inspection.text import excerpt, labelled_grid
from evolve.journal import RunRecord
from evolve.records import Candidate, Evaluation, ItemResult, Stage, Task
from evolve.runs.history import STATIC, TEST
from evolve.scoring import contains_passage
from evolve.text import one_line, printable

Data = dict[str, Any]
STAGES = {
    Stage.NOT_GIVEN: "a passage that the answer needs is in no episode of the subset",
    Stage.LOST_IN_WRITE: "the evidence was given, but write did not receive it or failed on it",
    Stage.NOT_MAINTAINED: "write had stored the evidence, and a later write lost or overwrote it",
    Stage.NOT_RETRIEVED: "the evidence was written, but read did not return all of it",
    Stage.NOT_USED: "the evidence was retrieved, and the answer is wrong nevertheless",
}
"""Meaning of each stage, in a sentence."""
MAX_WRITES = 20
"""Most episodes whose writing is shown."""
SHOWN = 600
"""Most characters shown on a terminal of a text given to ``write``."""


def find_item(
    evaluations: Sequence[Evaluation], text: str, subset: str | None = None
) -> tuple[Evaluation, ItemResult]:
    """Return the item whose task ``text`` names, and its evaluation.

    Args:
        evaluations: of one program.
        text: id of a task, or a part of the id that fits one task only.
        subset: the only subset to search; None: static before test before the rotating ones.

    Raises:
        UsageError: there is none, or several tasks fit.
    """
    chosen = sorted((e for e in evaluations if subset in (None, e.subset)), key=_preference)
    if not chosen:
        names = ", ".join(e.subset for e in evaluations)
        where = f" on {subset}" if subset else ""
        raise UsageError(f"This candidate has no evaluation{where}; it has: {names or 'none'}.")
    tasks = list(dict.fromkeys(item.task for evaluation in chosen for item in evaluation.items))
    task = text if text in tasks else _only_match(text, tasks)
    return next((e, item) for e in chosen for item in e.items if item.task == task)


def _preference(evaluation: Evaluation) -> tuple[int, str]:
    order = {STATIC: 0, TEST: 1}
    return order.get(evaluation.subset, 2), evaluation.subset


def _only_match(text: str, tasks: Sequence[str]) -> str:
    fits = [task for task in tasks if text and text in task]
    ends = [task for task in fits if task.endswith(f"/{text}")]
    for found in (fits, ends):
        if len(found) == 1:
            return found[0]
    if fits:
        listed = ", ".join(fits[:5]) + (", ..." if len(fits) > 5 else "")
        raise UsageError(f"{text!r} fits {len(fits)} items: {listed}. Give the whole id.")
    close = difflib.get_close_matches(text, tasks, n=3, cutoff=0.4) or list(tasks[:3])
    example = f" Such as: {', '.join(close)}." if close else ""
    raise UsageError(
        f"This candidate was not asked {text!r}: expected the id of one of {len(tasks)} items.{example}"
    )


def trace_data(
    run: RunRecord, candidate: Candidate, evaluation: Evaluation, item: ItemResult, questions: Questions
) -> Data:
    """Return one item with all its recorded data. ``writes`` are those of the episodes that hold its
    evidence.
    """
    task = questions.tasks.get(item.task)
    return {
        "run": run.name,
        "number": candidate.number,
        "program": candidate.program,
        "subset": evaluation.subset,
        "metric": evaluation.metric,
        **item.model_dump(mode="json"),
        "explanation": STAGES[item.stage] if item.stage else "",
        "question": task.question if task else None,
        "answer_format": task.answer_format if task else "",
        "after": task.after if task else "",
        "judge_notes": task.judge_notes if task else "",
        "answers": list(task.answers) if task else [],
        "rubric": [line.model_dump() for line in task.rubric] if task else [],
        "evidence": evidence_data(task, item.all_retrieved) if task else [],
        "writes": _writes(evaluation, task, questions),
        "missing": questions.missing,
    }


def evidence_data(task: Task, retrieved: str) -> list[Data]:
    """Return the gold passages of a task, each with its episode and whether ``retrieved`` contains it."""
    return [
        {"episode": p.episode, "text": p.text, "retrieved": contains_passage(retrieved, p.text)}
        for p in task.evidence
    ]


def _writes(evaluation: Evaluation, task: Task | None, questions: Questions) -> list[Data]:
    wanted = {passage.episode for passage in task.evidence} if task else set()
    return [
        {
            **write.model_dump(mode="json"),
            "text": questions.episodes[write.episode].text if write.episode in questions.episodes else None,
        }
        for write in evaluation.writes
        if write.episode in wanted or write.failure
    ][:MAX_WRITES]


def trace_view(data: Mapping[str, Any]) -> RenderableType:
    """``trace_data`` for a terminal."""
    score = "inconclusive" if data["inconclusive"] else f"{data['score']:.3f} ({data['metric']})"
    heading = f"{data['task']} as #{data['number']} met it on {data['subset']}: {score}"
    blocks: list[RenderableType] = [Text(printable(heading), style="bold")]
    if data["missing"]:
        blocks.append(Text(f"The questions are not here: {printable(data['missing'])}", style="yellow"))
    moment = f" (asked after {one_line(data['after'])})" if data["after"] else ""
    blocks += _section(f"question{moment}", data["question"])
    blocks += _section("form of the answer", data["answer_format"])
    blocks += _section("accepted answers", "\n".join(data["answers"]))
    blocks += _section("for the judge", data["judge_notes"])
    blocks += _section("rubric", "\n".join(f"{line['points']:+g}  {line['text']}" for line in data["rubric"]))
    blocks += _evidence(data["evidence"])
    for write in data["writes"]:
        blocks += _write(write)
    blocks += _section("query", _fields(data["query"]))
    blocks += _section(f"retrieved ({len(data['retrieved']):,} characters)", data["retrieved"] or "nothing")
    for step in data["steps"]:
        blocks += _section(f"did: {one_line(step['command'])}", step["observation"])
        if step.get("retrieved") is not None:
            size = len(step["retrieved"])
            blocks += _section(f"retrieved then ({size:,} characters)", step["retrieved"] or "nothing")
    blocks += _section("answer", data["answer"] or "nothing")
    blocks += _section("logs", "\n".join(data["logs"]))
    blocks.append(Text())
    blocks.append(_outcome(data))
    return Group(*blocks)


def _evidence(passages: Iterable[Mapping[str, Any]]) -> list[RenderableType]:
    rows = list(passages)
    if not rows:
        return []
    grid = Table.grid(padding=(0, 2))
    for row in rows:
        mark, style = ("retrieved", "green") if row["retrieved"] else ("missing", "red")
        grid.add_row(
            Text(mark, style=style), Text(one_line(row["episode"]), style="dim"), Text(printable(row["text"]))
        )
    return [Text("\ngold evidence", style="bold cyan"), grid]


def _write(write: Mapping[str, Any]) -> list[RenderableType]:
    blocks = _section(
        f"what the agent extracted of {one_line(write['episode'])}", excerpt(_fields(write["item"]), SHOWN)
    )
    if write["failure"]:
        failure = write["failure"]
        blocks += _section("write failed", f"{failure['kind']} in {failure['where']}: {failure['message']}")
    if write["text"] is not None:
        blocks += _section("the raw text that write was given with it", excerpt(write["text"], SHOWN))
    return blocks


def _outcome(data: Mapping[str, Any]) -> RenderableType:
    grid = labelled_grid()
    if data["inconclusive"]:
        grid.add_row("no score", Text(one_line(data["inconclusive"], 400)))
    grid.add_row(
        "metrics", Text(", ".join(f"{name} {value:.3f}" for name, value in data["metrics"].items()) or "–")
    )
    if data["stage"]:
        grid.add_row("lost at", Text(f"{data['stage']}: {data['explanation']}", style="red"))
    if data["failure"]:
        failure = data["failure"]
        words = f"{failure['kind']} in {failure['where']}: {failure['message']}"
        grid.add_row("failed", Text(one_line(words, 400), style="red"))
    usage = data["usage"]
    grid.add_row("read took", Text(f"{data['seconds'] * 1000:.1f} ms"))
    if usage["calls"]:
        words = f"{usage['calls']} calls, {usage['tokens_in']:,} tokens in, {usage['tokens_out']:,} out"
        grid.add_row("model", Text(words))
    return grid


def _section(heading: str, text: str | None) -> list[RenderableType]:
    return [Text(f"\n{printable(heading)}", style="bold cyan"), Text(printable(text))] if text else []


def _fields(fields: Mapping[str, Any]) -> str:
    lines = (
        f"{k}: {v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)}" for k, v in fields.items()
    )
    return "\n".join(lines) or "no fields"
