"""Calls of a program in its sandbox: write to one memory after another and read from it.

No gold data passes through here into a session: it gets fields and the texts of episodes. In online learning
an episode's fields include the lesson on the right answer, from which the program learns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from evolve.agents.protocol import Extraction
from evolve.errors import ModelError, ProgramError
from evolve.evaluation.batching import BatchingServices, HostServices, WritePrefetcher
from evolve.evaluation.services import AwaitedModel, ToolkitModel
from evolve.evaluation.within_task import TaskRun
from evolve.models.embeddings import Embedder
from evolve.records import Episode, Failure, Fields, ItemOutcome, Task, Usage, WriteResult
from evolve.sandboxes.protocol import Deferred, Limits, Outcome, Sandbox, Session

Clock = Callable[[], float]
_NOTHING = Outcome("", 0.0, Usage())
"""Outcome of a call that is not made because the agent gave no fields for it."""


@dataclass(frozen=True)
class LoadedSession:
    """An open session and the services that answer its calls.

    Attributes:
        session: a loaded program; between two runs it is in the state after loading.
        deferring: its services if they wait for a model; None if every answer is computed on the spot.
    """

    session: Session
    deferring: BatchingServices | None


@dataclass(frozen=True)
class SessionOpener:
    """Factory of sessions: one sandbox, the limits of its programs, and the models behind their toolkit."""

    sandbox: Sandbox
    embedder: Embedder
    model: ToolkitModel
    limits: Limits

    def open(self, source: str, repeat: int = 0) -> LoadedSession:
        """Open a session and load the program ``source`` in it; raises as ``Sandbox.open`` does."""
        answering = HostServices(self.embedder, self.model, repeat=repeat)
        model = self.model if isinstance(self.model, AwaitedModel) else None
        embedder = self.embedder if self.embedder.waits else None
        deferring = None
        if model or embedder:
            deferring = BatchingServices(answering, model=model, embedder=embedder, repeat=repeat)
        return LoadedSession(self.sandbox.open(source, deferring or answering, self.limits), deferring)


class SessionRun:
    """Writes and reads of a program, with their results.

    A failed call is recorded and the run continues, unless it ended the session: later calls do nothing.

    Args:
        opened: the loaded program. If its services wait for a model, the model calls of many reads and writes
            are made at once.
        task_run: follows up the read of each task, in its branch, one task after another; None: each task is
            read, and nothing else.
        rounds: most deferrals of a read or write: one for each model call that it may make.
        clock: seconds, monotonic.

    Attributes:
        session: the session.
        writes: results of the episodes so far.
        reads: results of the tasks so far.
        usage: usage of extraction, of learning, and of the model calls in writes.
        fatal: failure that ended the session, if any.
    """

    def __init__(
        self,
        opened: LoadedSession,
        *,
        task_run: TaskRun | None = None,
        rounds: int = 1,
        clock: Clock = time.perf_counter,
    ) -> None:
        self.session = opened.session
        self._task_run = task_run
        self._deferring = opened.deferring
        self._rounds = rounds if opened.deferring else 0
        self._clock = clock
        self._prefetcher: WritePrefetcher | None = None
        self._place = 0
        self.writes: list[WriteResult] = []
        self.reads: list[ItemOutcome] = []
        self.usage = Usage()
        self.fatal: Failure | None = None

    @contextmanager
    def memory(self, episodes: Sequence[Episode], items: Sequence[Extraction]) -> Iterator[None]:
        """Open an empty memory, to be written to and read from inside of the context.

        Args:
            episodes: what will be written, in order.
            items: item of each episode; empty where they are known only when their turn comes.

        Raises:
            ProgramError: the program is too large to be branched.
            InfrastructureError: the sandbox failed.
        """
        with self.session.branch():
            self._prefetcher, self._place = None, 0
            if self._deferring and items:
                writes = list(zip(episodes, items, strict=True))
                self._prefetcher = WritePrefetcher(self.session, self._deferring, writes, rounds=self._rounds)
            yield

    @property
    def failure(self) -> Failure | None:
        """Reason why the program earned nothing: the session died, no write worked, or no read did; None if
        it did.
        """
        return self.fatal or _if_all_failed(self.writes) or _if_all_failed(self.reads)

    @property
    def first_failure(self) -> Failure | None:
        """First failure, if any."""
        failures = (result.failure for result in (*self.writes, *self.reads) if result.failure)
        return next(failures, self.fatal)

    def write(self, episode: Episode, item: Extraction) -> None:
        """Write ``episode`` to the open memory.

        Raises:
            InfrastructureError: the sandbox or a model failed.
            BudgetReached: the spending limit is reached.
        """
        if self._prefetcher and not self.fatal:
            self._prefetcher.before(self._place)
        if self.fatal:
            return
        self._place += 1
        came = self._attempt(f"write {episode.id}", item, self.session.write, episode.text)
        outcome, failure, inconclusive = came
        self.usage += item.usage
        self.usage += outcome.usage
        self.writes.append(
            WriteResult(
                episode=episode.id,
                item=item.fields,
                seconds=outcome.seconds,
                failure=failure,
                inconclusive=inconclusive,
            )
        )

    def read_aside(self, task: Task, query: Extraction) -> ItemOutcome:
        """Return a read for ``task`` that is no result of the run; nothing is read without a usable query.

        Raises:
            InfrastructureError: the sandbox or a model failed.
            BudgetReached: the spending limit is reached.
        """
        if not query.usable or self.fatal:
            return _item(task, query, _NOTHING)
        return _item(task, query, *self._attempt(f"read for {task.id}", query, self._read))

    def ask(self, tasks: Sequence[Task], queries: Sequence[Extraction]) -> list[ItemOutcome]:
        """Read for each task in a branch of its own, so that no read changes a later one.

        Reads that wait for a model are repeated once all their calls are answered. If the session ends, there
        are fewer reads than tasks.

        Raises:
            InfrastructureError: the sandbox or a model failed.
            BudgetReached: the spending limit is reached.
        """
        waiting = list(zip(tasks, queries, strict=True))
        if self._task_run:
            return self._ask_and_follow(waiting, self._task_run)
        done: dict[str, ItemOutcome] = {}
        for number in range(self._rounds + 1):
            if not waiting or self.fatal:
                break
            waiting = self._ask_once(waiting, done, deferred=number < self._rounds)
            if waiting and self._deferring:
                self._deferring.ask()
        reads = [done[task.id] for task in tasks if task.id in done]
        self.reads += reads
        return reads

    def _ask_and_follow(
        self, tasks: Sequence[tuple[Task, Extraction]], task_run: TaskRun
    ) -> list[ItemOutcome]:
        """Read for each task and follow that up, in a branch of its own: the task's working state."""
        reads: list[ItemOutcome] = []
        for task, query in tasks if not self.fatal else ():
            with self.session.branch():
                item = _item(task, query, *self._attempt(f"read {task.id}", query, self.session.read))
                if item.failure is None and item.conclusive:
                    item, ended = task_run.follow(self.session, task, item)
                    self.fatal = item.failure if ended else self.fatal
            reads.append(item)
            if self.fatal:
                break
        self.reads += reads
        return reads

    def _ask_once(
        self, tasks: Sequence[tuple[Task, Extraction]], done: dict[str, ItemOutcome], *, deferred: bool
    ) -> list[tuple[Task, Extraction]]:
        """Return the tasks that still wait for a model's answer."""
        waiting = []
        for task, query in tasks:
            try:
                came = self._attempt(f"read {task.id}", query, self._read, deferred)
            except Deferred:
                waiting.append((task, query))
                continue
            done[task.id] = _item(task, query, *came)
            if self.fatal:
                return []
        return waiting

    def _read(self, fields: Fields, deferred: bool = False) -> Outcome:
        putting_off = self._deferring.deferring() if deferred and self._deferring else nullcontext()
        with self.session.branch(), putting_off:
            return self.session.read(fields)

    def _attempt(
        self, where: str, given: Extraction, call: Callable[..., Outcome], *arguments: object
    ) -> tuple[Outcome, Failure | None, str]:
        """Return the outcome of ``call``; or an empty one, with the failure or why it is inconclusive."""
        if not given.usable:
            return _NOTHING, given.failure, given.inconclusive
        started = self._clock()
        try:
            return call(given.fields, *arguments), None, ""
        except ProgramError as error:
            failure = Failure.of(error, where)
            self.fatal = failure if error.fatal else self.fatal
            return Outcome("", self._clock() - started, Usage()), failure, ""
        except ModelError as error:
            if not error.of_this_call:
                raise
            return Outcome("", self._clock() - started, Usage()), None, str(error)


def _item(
    task: Task, query: Extraction, outcome: Outcome, failure: Failure | None = None, inconclusive: str = ""
) -> ItemOutcome:
    return ItemOutcome(
        task=task.id,
        category=task.category,
        group=task.group,
        query=query.fields,
        retrieved=outcome.text,
        seconds=outcome.seconds,
        wall_seconds=outcome.wall_seconds,
        cpu_seconds=outcome.cpu_seconds,
        clock=outcome.clock,
        usage=query.usage + outcome.usage,
        failure=failure,
        inconclusive=inconclusive,
        logs=outcome.logs,
    )


def _if_all_failed(results: Sequence[WriteResult] | Sequence[ItemOutcome]) -> Failure | None:
    """The first failure of ``results`` if there are any and none succeeded."""
    if results and all(result.failure for result in results):
        return results[0].failure
    return None
