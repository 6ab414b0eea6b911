"""The part of an evaluation that runs in the sandbox: fill a memory for each group, then ask it.

Nothing gold passes through here into a session: it is given fields and the texts of episodes. In online
learning an episode's fields hold what the agent was told of the right answer: that is what it learns from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from evolve.agents.protocol import Extraction
from evolve.errors import ModelError, ProgramError
from evolve.evaluation.deferral import DeferringServices
from evolve.evaluation.foresight import Foresight
from evolve.records import Episode, Failure, Task, Usage, WriteResult
from evolve.sandboxes.protocol import Deferred, Outcome, Session

Clock = Callable[[], float]
Ask = Callable[[Extraction], Outcome]


@dataclass(frozen=True)
class Learnt:
    """What is to be written for an episode: its text, or the lesson of one learnt online, and the item."""

    text: str
    extraction: Extraction


Learn = Callable[[Episode, Ask], Learnt]
"""Answers the question of an online episode, with what the memory gives for a query."""


@dataclass(frozen=True)
class ReadResult:
    """What ``read`` gave for one task; empty text where it failed, or where a model gave no query."""

    task: Task
    query: Extraction
    outcome: Outcome
    failure: Failure | None = None
    inconclusive: str = ""


@dataclass
class Recall:
    """All that came of the session. With ``fatal`` set it ended early, and the rest was never tried.

    Attributes:
        writes: what became of each episode.
        reads: what became of each task that was asked.
        usage: of extraction, of learning, and of the model calls in writes.
        fatal: the end of the session, if it ended.
    """

    writes: list[WriteResult] = field(default_factory=list)
    reads: list[ReadResult] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
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


@dataclass(frozen=True)
class _Attempt:
    outcome: Outcome
    failure: Failure | None = None
    fatal: bool = False
    inconclusive: str = ""


class Recaller:
    """Fills memories in a session, and asks them. What it did adds up in ``result``.

    Args:
        session: a loaded program.
        clock: seconds, monotonic.
        learn: what to do with an episode that is learnt online.
        deferring: the session's services, where model calls of many reads and writes are to be made at once;
            None where a call is not waited for.
        rounds: how often a read or write may be put off: once for each model call that it may make.
    """

    def __init__(
        self,
        session: Session,
        clock: Clock,
        *,
        learn: Learn | None = None,
        deferring: DeferringServices | None = None,
        rounds: int = 1,
    ) -> None:
        self._session = session
        self._clock = clock
        self._learn = learn
        self._deferring = deferring
        self._rounds = rounds if deferring else 0
        self.result = Recall()

    def in_memory(
        self, group: str, episodes: Sequence[tuple[Episode, Extraction | None]], work: Callable[[], None]
    ) -> None:
        """Do ``work``, which asks, with a memory of its own that is filled with ``episodes``.

        An episode without an extraction is learnt online. A call that raises is recorded and the next one is
        made, unless the session is gone.

        Raises:
            InfrastructureError: the sandbox or a model failed.
            BudgetReached: no more may be spent.
        """
        try:
            with self._session.branch():
                self._fill(episodes)
                if not self.result.fatal:
                    work()
        except ProgramError as error:  # the branch itself could not be made
            self.result.fatal = self.result.fatal or Failure.of(error, f"branch for group {group!r}")

    def ask(self, tasks: Sequence[tuple[Task, Extraction]]) -> list[ReadResult]:
        """What the memory gives for each task, each read in a branch of its own: nothing leaks.

        Fewer results than tasks: the session ended. What waits for a model is asked again when all of it was
        answered. Raises as ``in_memory``.
        """
        waiting = list(tasks)
        done: dict[str, ReadResult] = {}
        for number in range(self._rounds + 1):
            if not waiting or self.result.fatal:
                break
            waiting = self._ask_once(waiting, done, deferred=number < self._rounds)
            if waiting and self._deferring:
                self._deferring.ask()
        reads = [done[task.id] for task, _ in tasks if task.id in done]
        self.result.reads.extend(reads)
        return reads

    def _fill(self, episodes: Sequence[tuple[Episode, Extraction | None]]) -> None:
        foresight = (
            Foresight(self._session, self._deferring, rounds=self._rounds) if self._deferring else None
        )
        for place, (episode, given) in enumerate(episodes):
            learnt = Learnt(episode.text, given) if given is not None else self._learnt(episode)
            if learnt is None:
                return
            extraction = learnt.extraction
            if foresight is not None:
                foresight.before(place, episodes)
            self.result.usage += extraction.usage
            if extraction.usable:
                attempt = self._attempt(
                    lambda x=extraction, text=learnt.text: self._session.write(x.fields, text),
                    f"write {episode.id}",
                )
            else:
                attempt = _without_call(extraction)
            self.result.usage += attempt.outcome.usage
            self.result.writes.append(
                WriteResult(
                    episode=episode.id,
                    item=extraction.fields,
                    seconds=attempt.outcome.seconds,
                    failure=attempt.failure,
                    inconclusive=attempt.inconclusive,
                )
            )
            if attempt.fatal:
                self.result.fatal = attempt.failure
                return

    def _learnt(self, episode: Episode) -> Learnt | None:
        """What answering an episode's question taught; None where the session ended meanwhile."""
        assert self._learn is not None  # the evaluator gives it with every online benchmark
        try:
            return self._learn(episode, lambda query: self._read(query, deferred=False))
        except ProgramError as error:
            failure = Failure.of(error, f"read for {episode.id}")
            if error.fatal:
                self.result.fatal = failure
                return None
            return Learnt(episode.text, Extraction({}, Usage(), failure=failure))

    def _ask_once(
        self, tasks: Sequence[tuple[Task, Extraction]], done: dict[str, ReadResult], *, deferred: bool
    ) -> list[tuple[Task, Extraction]]:
        """The tasks whose answer a model has still to be asked for."""
        waiting = []
        for task, query in tasks:
            try:
                attempt = (
                    self._attempt(lambda q=query: self._read(q, deferred=deferred), f"read {task.id}")
                    if query.usable
                    else _without_call(query)
                )
            except Deferred:
                waiting.append((task, query))
                continue
            done[task.id] = ReadResult(task, query, attempt.outcome, attempt.failure, attempt.inconclusive)
            if attempt.fatal:
                self.result.fatal = attempt.failure
                return []
        return waiting

    def _read(self, query: Extraction, *, deferred: bool) -> Outcome:
        putting_off = self._deferring.deferring() if deferred and self._deferring else nullcontext()
        with self._session.branch(), putting_off:
            return self._session.read(query.fields)

    def _attempt(self, call: Callable[[], Outcome], where: str) -> _Attempt:
        """What came of ``call``: an outcome, or an empty one with the reason."""
        started = self._clock()
        try:
            return _Attempt(call())
        except ProgramError as error:
            failure, seconds = Failure.of(error, where), self._clock() - started
            return _Attempt(Outcome("", seconds, Usage()), failure, error.fatal)
        except ModelError as error:
            if not error.of_this_call:
                raise
            return _Attempt(Outcome("", self._clock() - started, Usage()), inconclusive=str(error))


def _without_call(extraction: Extraction) -> _Attempt:
    """What becomes of a write or read whose fields the agent's model did not give."""
    return _Attempt(
        Outcome("", 0.0, Usage()), failure=extraction.failure, inconclusive=extraction.inconclusive
    )


def _if_all_failed(results: Sequence[WriteResult] | Sequence[ReadResult]) -> Failure | None:
    """The first failure of ``results`` if there are any and none succeeded."""
    if results and all(result.failure for result in results):
        return results[0].failure
    return None
