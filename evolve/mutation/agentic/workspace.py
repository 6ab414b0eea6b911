"""Workspace of a proposer: the files of a run that it may read, laid out by a whitelist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from evolve.mutation.agentic.pages import (
    evaluation_page,
    guide,
    lineage_page,
    notes_page,
    scores_page,
    trace_page,
)
from evolve.mutation.protocol import MutationContext, RunSnapshot
from evolve.records import Candidate, Evaluation, Task

MOST_CHARACTERS = 4_000_000
"""Size of all files together; those of candidates far from the parent are left out first."""
EPISODE_CHARACTERS = 60_000
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class ValidationRecord(Protocol):
    """Recorded evaluations on validation tasks. There is no way to those of the test set."""

    def fitness(self, candidate: Candidate) -> Evaluation | None:
        """Return the evaluation of a candidate on the fitness set, if there is one."""
        ...

    def minibatch(self, candidate: Candidate) -> Evaluation | None:
        """Return the evaluation of a candidate on its reflection minibatch, if there is one."""
        ...

    def fitness_tasks(self) -> Sequence[Task]:
        """Return the tasks of the fitness set."""
        ...

    def minibatch_tasks(self, candidate: Candidate) -> Sequence[Task]:
        """Return the tasks of a candidate's reflection minibatch."""
        ...


@dataclass(frozen=True)
class Workspace:
    """Files by their path; paths are relative, of plain letters, and have no ``..``.

    Attributes:
        files: path → text, the most relevant files first.
        left_out: paths of files that did not fit.

    Example:
        >>> Workspace({"parent.py": "x = 1"}).names()
        ['parent.py']
        >>> Workspace({"traces/0/static.md": "..."}).names("traces")
        ['traces/0/static.md']
    """

    files: Mapping[str, str]
    left_out: tuple[str, ...] = ()

    def names(self, folder: str = "") -> list[str]:
        """Return the sorted paths below ``folder``."""
        prefix = folder.strip("/")
        return sorted(
            path for path in self.files if not prefix or path == prefix or path.startswith(f"{prefix}/")
        )


def workspace_of(
    context: MutationContext, record: ValidationRecord, *, contract: str, most: int = MOST_CHARACTERS
) -> Workspace:
    """Lay out what a proposer may read of the run.

    Only the candidates that were settled when the candidate was asked for are in it, and no measured time, so
    that a resumed run lays out the same files. Accepted answers and evidence are shown for the tasks of
    minibatches alone: tasks that count for fitness are shown without, unless they are the minibatch too.

    Args:
        context: parent, minibatch and settled candidates.
        record: recorded evaluations on validation tasks.
        contract: the contract of memory programs, with the toolkit's documentation.
        most: most characters of all files together.
    """
    history = context.history or RunSnapshot(candidates=(context.parent,), programs={})
    files: dict[str, str] = {}
    left_out: list[str] = []
    room = most
    for path, text in _files(context, history, record, contract):
        if path in files:
            continue
        if len(text) > room:
            left_out.append(path)
            continue
        files[path] = text
        room -= len(text)
    files["README.md"] = guide(context, sorted(files), left_out)
    return Workspace(MappingProxyType(files), tuple(left_out))


def _files(
    context: MutationContext, history: RunSnapshot, record: ValidationRecord, contract: str
) -> Iterator[tuple[str, str]]:
    """Yield path and text of each file, the most relevant first."""
    yield "contract.md", contract
    yield "parent.py", context.program.source
    yield "lineage.md", lineage_page(history, context)
    if context.hints:
        yield "hints.md", "\n".join(f"- {hint}" for hint in context.hints)
    if context.notes:
        yield "notes.md", notes_page(context.notes)
    yield from _diagnosis(context)
    ordered = _by_relevance(context, history)
    fitness = {task.id: _without_gold(task, context) for task in record.fitness_tasks()}
    scores = [(candidate, candidate.item_scores) for candidate in history.candidates]
    yield "scores.csv", scores_page(scores, sorted(fitness))
    for candidate in ordered:
        if (program := history.programs.get(candidate.number)) is not None:
            yield f"programs/{candidate.number}.py", program.source
    for episode in context.episodes.values():
        yield f"episodes/{safe(episode.id)}.txt", episode.text[:EPISODE_CHARACTERS]
    parents = {number for candidate in history.candidates for number in candidate.parents[:1]}
    for candidate in ordered:
        found = record.fitness(candidate)
        yield from _evaluation(candidate, found, fitness, "fitness")
        if candidate.number in parents and candidate.number != context.parent.number:
            tasks = {task.id: task for task in record.minibatch_tasks(candidate)}
            yield from _evaluation(candidate, record.minibatch(candidate), tasks, "minibatch")


def _diagnosis(context: MutationContext) -> Iterator[tuple[str, str]]:
    """Yield the parent's evaluation on its minibatch, which was made for this candidate."""
    yield from _evaluation(context.parent, context.diagnosis, context.tasks, "minibatch")


def _evaluation(
    candidate: Candidate,
    evaluation: Evaluation | None,
    tasks: Mapping[str, Task],
    name: str,
) -> Iterator[tuple[str, str]]:
    """Yield the scores and the traces of an evaluation, of the given ``tasks`` alone."""
    if evaluation is None or evaluation.subset == "test":
        return
    items = [item for item in evaluation.items if item.task in tasks]
    yield f"evaluations/{candidate.number}-{name}.json", evaluation_page(candidate, evaluation, items)
    if items or evaluation.failure:
        page = trace_page(candidate, evaluation, items, tasks)
        yield f"traces/{candidate.number}-{name}.md", page


def _without_gold(task: Task, context: MutationContext) -> Task:
    """Return a task of the fitness set without answers, unless it is in the minibatch as well."""
    if task.id in context.tasks:
        return task
    return task.model_copy(update={"answers": (), "evidence": (), "rubric": (), "world": {}})


def _by_relevance(context: MutationContext, history: RunSnapshot) -> list[Candidate]:
    """Order the candidates: the parents and ancestors, the initial ones, siblings, the front, the newest."""
    by_number = {candidate.number: candidate for candidate in history.candidates}
    first = [
        context.parent.number,
        *([context.partner.number] if context.partner else []),
        *(candidate.number for candidate in reversed(context.ancestors)),
        *(candidate.number for candidate in history.candidates if not candidate.parents),
        *(candidate.number for candidate in context.siblings),
        *history.front,
        *sorted(by_number, reverse=True),
    ]
    return [by_number[number] for number in dict.fromkeys(first) if number in by_number]


def safe(name: str) -> str:
    """Return ``name`` as a file name.

    Example:
        >>> safe("conv 1/../s2")
        'conv_1_.._s2'
    """
    return _UNSAFE.sub("_", name).strip(".")[:100] or "_"
