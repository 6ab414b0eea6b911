"""Making of a candidate: the transcript of an agent or a command, or the outcomes of a model's replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from evolve.errors import UsageError
from evolve.inspection.remarks import replies, reply_text
from evolve.inspection.text import duration, excerpt
from evolve.journal import RunRecord
from evolve.mutation.agentic.transcript import Beginning, Carried, Ending, Line, Spoken, read_transcript
from evolve.records import Usage
from evolve.runs.history import RunHistory
from evolve.text import one_line, printable

Data = dict[str, Any]
SHOWN = 1_200
"""Most characters of a reply or a result that a terminal shows."""


def proposal_data(run: RunRecord, number: int, history: RunHistory) -> Data:
    """Return how a model, an agent or a command made candidate ``number``, or failed to.

    Args:
        run: the run.
        number: number of the candidate.
        history: the run's history, which has the outcomes of a model's replies.

    Raises:
        UsageError: none of them made it.
    """
    lines = read_transcript(run.path, number)
    if not lines or not isinstance(lines[0], Beginning):
        if history.tries.get(number):
            return _of_replies(run, number, history)
        raise UsageError(
            f"#{number} of {run.name} was not made by a model, an agent or a command. For a question of its "
            f"evaluation, add ITEM: the id of a task, as `evolve show {run.name} {number}` lists them."
        )
    steps = _steps(lines[1:])
    usage = sum((step.pop("usage") for step in steps), Usage())
    return {
        "run": run.name,
        "number": number,
        "parent": lines[0].parent,
        "proposer": lines[0].proposer,
        "files": lines[0].files,
        "replies": replies(history, number),
        "steps": steps,
        "end": next((line.reason for line in lines if isinstance(line, Ending)), None),
        "tokens": usage.tokens,
        "usd": usage.usd if not usage.unpriced else None,
        "seconds": round(sum(step["seconds"] for step in steps), 1),
    }


def _of_replies(run: RunRecord, number: int, history: RunHistory) -> Data:
    """Return the same for a reflecting model, of whose replies the run has the outcomes alone."""
    candidate, discarded = history.candidate(number), history.discarded.get(number)
    made = candidate or discarded
    return {
        "run": run.name,
        "number": number,
        "parent": candidate.parents[0] if candidate and candidate.parents else None,
        "proposer": made.operator if made else "",
        "files": 0,
        "replies": replies(history, number),
        "steps": [],
        "end": discarded.reason if discarded else candidate.message if candidate else None,
        "tokens": None,
        "usd": None,
        "seconds": None,
    }


def _steps(lines: list[Line]) -> list[Data]:
    """Return a step for each reply with its result; a command is one step without a reply."""
    steps: list[Data] = []
    for line in lines:
        if isinstance(line, Spoken):
            calls = [{"name": name, "arguments": arguments} for name, arguments, _ in line.calls]
            steps.append(_step(said=line.text, calls=calls, error=line.error) | _spent(line))
        elif isinstance(line, Carried):
            done = {"call": line.call, "result": line.text, "became": line.became, "message": line.message}
            if steps and steps[-1]["result"] is None:
                last = steps[-1]
                done["seconds"] = round(last["seconds"] + line.seconds, 3)
                done["usage"] = last["usage"] + line.usage
                last.update(done)
            else:
                steps.append(_step() | done | _spent(line))
    return steps


def _step(said: str = "", calls: list[Data] | None = None, error: str = "") -> Data:
    step: Data = {"said": said, "calls": calls or [], "error": error, "call": ""}
    return step | {"result": None, "became": None, "message": ""}


def _spent(line: Spoken | Carried) -> Data:
    return {"seconds": round(line.seconds, 3), "usage": line.usage}


def proposal_view(data: Mapping[str, Any]) -> RenderableType:
    """``proposal_data`` for a terminal."""
    price = "" if data["usd"] is None else f", {data['usd']:.4f} USD"
    parent = "" if data["parent"] is None else f" from #{data['parent']}"
    heading = f"#{data['number']}{parent} by {data['proposer'] or 'a model'}"
    blocks: list[RenderableType] = [Text(printable(one_line(heading, 200)), style="bold")]
    if data["steps"]:
        text = f"{len(data['steps'])} steps, {data['tokens']:,} tokens{price}, {duration(data['seconds'])}; "
        blocks.append(Text(f"{text}{data['files']} files in its folder", style="dim"))
    else:
        listed = enumerate(data["replies"], start=1)
        blocks.extend(Text(f"{number}. {printable(reply_text(reply))}") for number, reply in listed)
    for number, step in enumerate(data["steps"], start=1):
        title = step["call"] or step["error"] or "no call"
        blocks.append(Text(f"\n{number}. {printable(one_line(title, 160))}", style="bold cyan"))
        if step["said"].strip():
            blocks.append(Text(printable(excerpt(step["said"], SHOWN)), style="dim"))
        if step["result"] is not None:
            blocks.append(Text(printable(excerpt(step["result"], SHOWN))))
    end = data["end"] or "under way, or ended before its result was recorded"
    blocks.append(Text(f"\nend: {printable(one_line(end, 400))}", style="bold"))
    return Group(*blocks)
