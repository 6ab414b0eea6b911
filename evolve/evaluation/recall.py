"""The part of an evaluation that runs in the sandbox: fill a memory for each group, then ask it.

Nothing gold passes through here into a session: it is given fields and the texts of episodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from evolve.agents.protocol import Extraction
from evolve.errors import ProgramError
from evolve.records import Episode, Failure, Task, Usage, WriteResult
from evolve.sandboxes.protocol import Outcome, Session

Clock = Callable[[], float]


@dataclass(frozen=True)
class Plan:
    """One memory: what it is filled with, in order, and what it is asked. All tasks in pooled scope."""

    group: str
    episodes: tuple[tuple[Episode, Extraction], ...]
    tasks: tuple[tuple[Task, Extraction], ...]


@dataclass(frozen=True)
class ReadResult:
    """What ``read`` gave for one task; empty text where it failed."""

    task: Task
    query: Extraction
    outcome: Outcome
    failure: Failure | None = None


@dataclass
class Recall:
    """All that came of the session. With ``fatal`` set it ended early, and the rest was never tried."""

    writes: list[WriteResult] = field(default_factory=list)
    reads: list[ReadResult] = field(default_factory=list)
    write_usage: Usage = field(default_factory=Usage)
    fatal: Failure | None = None

    @property
    def failure(self) -> Failure | None:
        """Why the program earned nothing: the session died, no write worked, or no read did."""
        return self.fatal or _if_all_failed(self.writes) or _if_all_failed(self.reads)

    @property
    def first_failure(self) -> Failure | None:
        """Whatever went wrong first."""
        failures = (result.failure for result in (*self.writes, *self.reads) if result.failure)
        return next(failures, self.fatal)


def recall(session: Session, plans: Iterable[Plan], clock: Clock) -> Recall:
    """Carry out ``plans``, each in a branch of its own and every read in one within: nothing leaks.

    A call that raises is recorded and the next one is made, unless the session is gone.

    Raises:
        InfrastructureError: the sandbox or a model failed.
    """
    result = Recall()
    for plan in plans:
        try:
            with session.branch():
                _fill(session, plan.episodes, result, clock)
                _ask(session, plan.tasks, result, clock)
        except ProgramError as error:  # the branch itself could not be made
            result.fatal = result.fatal or Failure.of(error, f"branch for group {plan.group!r}")
        if result.fatal:
            break
    return result


def _fill(
    session: Session, episodes: Sequence[tuple[Episode, Extraction]], result: Recall, clock: Clock
) -> None:
    for episode, extraction in episodes:
        outcome, failure, fatal = _attempt(
            lambda e=episode, x=extraction: session.write(x.fields, e.text), f"write {episode.id}", clock
        )
        result.write_usage += outcome.usage
        result.writes.append(
            WriteResult(episode=episode.id, item=extraction.fields, seconds=outcome.seconds, failure=failure)
        )
        if fatal:
            result.fatal = failure
            return


def _ask(session: Session, tasks: Sequence[tuple[Task, Extraction]], result: Recall, clock: Clock) -> None:
    if result.fatal:
        return
    for task, query in tasks:
        outcome, failure, fatal = _attempt(lambda q=query: _read(session, q), f"read {task.id}", clock)
        result.reads.append(ReadResult(task, query, outcome, failure))
        if fatal:
            result.fatal = failure
            return


def _read(session: Session, query: Extraction) -> Outcome:
    with session.branch():
        return session.read(query.fields)


def _attempt(call: Callable[[], Outcome], where: str, clock: Clock) -> tuple[Outcome, Failure | None, bool]:
    """The outcome of ``call``, or an empty one with the failure and whether the session is gone."""
    started = clock()
    try:
        return call(), None, False
    except ProgramError as error:
        return Outcome("", clock() - started, Usage()), Failure.of(error, where), error.fatal


def _if_all_failed(results: Sequence[WriteResult] | Sequence[ReadResult]) -> Failure | None:
    """The first failure of ``results`` if there are any and none succeeded."""
    if results and all(result.failure for result in results):
        return results[0].failure
    return None
