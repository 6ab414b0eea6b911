"""Evaluation of one program on one subset: read memory by memory, score, and stop early if told to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from evolve.agents.protocol import Extraction, TaskAgent
from evolve.benchmark import Scope
from evolve.errors import InfrastructureError, ModelError, ProgramError
from evolve.evaluation.attribution import StageFinder
from evolve.evaluation.early_stopping import EarlyStopper
from evolve.evaluation.extraction_cache import AgentInputs, ExtractionCache
from evolve.evaluation.scorer import JointScorer, OnlineLearner, Scorer
from evolve.evaluation.session_run import Clock, LoadedSession, SessionOpener, SessionRun
from evolve.evaluation.subsets import MemoryBatch, Subset
from evolve.evaluation.within_task import TaskRun, TriedStep
from evolve.program import MemoryProgram
from evolve.records import CostUnit, Episode, Failure, ItemOutcome, Learning, Task, Usage
from evolve.scoring.stored_points import with_item

EMBED_ROUNDS = 2
"""Most deferrals of a read for vectors, besides one for each model call."""


@dataclass(frozen=True)
class Conditions:
    """Fixed conditions of all trials; ``Evaluator`` describes the parts."""

    agent: TaskAgent
    extraction_cache: ExtractionCache
    opener: SessionOpener
    scorer: Scorer | JointScorer
    scope: Scope
    learning: Learning
    low: float
    interim_analyses: int
    cost_unit: CostUnit
    clock: Clock


class Trial:
    """An evaluation in progress. Used once, by one thread.

    Args:
        conditions: the parts that are the same for all programs.
        program: the program.
        subset: the subset.
        repeat: number of a re-run that measures noise.
        early_stopper: may stop the evaluation early; None: never.

    Attributes:
        repeat: as given.
        items: results so far, in the order in which they came.
        reason: reason for early stopping; empty without.
        failure: reason why the program earned nothing, if any.
        first_failure: first failure of a write, a read or an observed step, if any.
        kept: the session, if it was left open.
    """

    def __init__(
        self,
        conditions: Conditions,
        program: MemoryProgram,
        subset: Subset,
        repeat: int,
        early_stopper: EarlyStopper | None = None,
    ) -> None:
        self._at = at = conditions
        self._program = program
        self._subset = subset
        self._tasks = {task.id: task for task in subset.tasks}
        self.repeat = repeat
        self._early_stopper = early_stopper
        self._batches = schedule(
            subset, at.scope, interim_analyses=at.interim_analyses if early_stopper else 0
        )
        online = at.learning == "online"
        self._inputs = AgentInputs(
            at.agent, at.extraction_cache, program.parts, self._batches, online=online, repeat=repeat
        )
        self._learner = None
        if online and isinstance(at.scorer, Scorer):  # benchmarks that learn online are not joined
            self._learner = OnlineLearner(at.agent, at.scorer, program.parts, repeat)
        self._stages: StageFinder  # one for each run
        self._acted = at.scorer.task_run(program.parts, repeat)
        self._due: list[tuple[MemoryBatch, ItemOutcome]] = []
        self.items: list[ItemOutcome] = []
        self.reason = ""
        self.failure: Failure | None = None
        self.first_failure: Failure | None = None
        self.kept: LoadedSession | None = None

    def prepare(self, ahead: Sequence[Task] = ()) -> None:
        """Request the agent's inputs for the first memory, or for all where there is no interim analysis.

        Memories are filled without waiting for queries: call ``finish`` afterwards.

        Args:
            ahead: further tasks whose queries are requested, as they are likely to be needed soon.

        Raises:
            InfrastructureError: a model could not be reached.
            BudgetReached: the spending limit is reached.
        """
        self._inputs.request_queries(ahead)
        self._inputs.prefetch()

    def carry_out(self, warm: LoadedSession | None = None, *, score: bool = True) -> SessionRun:
        """Run the program in a sandbox, or in a second one if the first is lost, and score the reads.

        Args:
            warm: a session with the program loaded, closed afterwards; None to open one.
            score: False to stop after the reads; if nothing failed, the session is ``kept`` open.

        Raises:
            ProgramError: the program could not be loaded.
            InfrastructureError: the sandbox or a model failed.
            BudgetReached: the spending limit is reached.
        """
        try:
            return self._run(warm or self._at.opener.open(self._program.source, self.repeat), score=score)
        except ModelError:  # the models have tried again already
            raise
        except InfrastructureError:
            return self._run(self._at.opener.open(self._program.source, self.repeat), score=score)

    def finish(self) -> None:
        """Wait for requests in flight, whatever their outcome, so that no paid answer is lost."""
        self._inputs.finish()

    def _run(self, opened: LoadedSession, *, score: bool) -> SessionRun:
        self._due, self.items, self.reason = [], [], ""
        self._stages = StageFinder(self._program.parts, self._subset.tasks, low=self._at.low)
        rounds = self._at.opener.limits.model_calls + EMBED_ROUNDS
        run = SessionRun(opened, task_run=self._task_run(score=score), rounds=rounds, clock=self._at.clock)
        with ExitStack() as ending:
            ending.callback(opened.session.close)
            for place, batch in enumerate(self._batches):
                items = self._inputs.items(place)
                try:
                    self._use_memory(run, batch, items, score=score)
                except ProgramError as error:  # the branch itself could not be made
                    run.fatal = run.fatal or Failure.of(error, f"branch for group {batch.group!r}")
                if run.fatal or self.reason:
                    break
            self.failure, self.first_failure = run.failure, run.first_failure
            if score and not self.failure:
                self._score(run)
                if not self.reason:
                    self.items = self._stages.maintained(self._batches, self.items, run.writes, run.session)
            if not score and not self.first_failure:
                self.kept = opened
                ending.pop_all()
        return run

    def _use_memory(
        self, run: SessionRun, batch: MemoryBatch, items: Sequence[Extraction], *, score: bool
    ) -> None:
        """Fill one memory and ask its tasks, each block when its episodes are written."""
        stops = batch.stops or (len(batch.episodes),) * len(batch.blocks)
        written = 0
        with run.memory(batch.episodes, items):
            for number, (stop, block) in enumerate(zip(stops, batch.blocks, strict=True), start=1):
                self._write(run, batch.episodes[written:stop], items[written:stop])
                written = stop
                if run.fatal:
                    return
                reads = run.ask(block, self._inputs.queries({task.id: task for task in block}))
                self._due += [(batch, read) for read in reads]
                interim = batch.interim and (not batch.stops or block is batch.blocks[-1])
                if score and interim and self._early_stopper and not run.fatal:
                    if number < len(batch.blocks):  # its queries are formulated while this one is answered
                        self._inputs.request_queries(batch.blocks[number])
                    self._score(run)
                    self.reason = self._should_stop(self._early_stopper, run)
                if run.fatal or self.reason:
                    return
            if score and not self._learner:
                self._stages.note_stored(batch, run.session)

    def _write(self, run: SessionRun, episodes: Sequence[Episode], items: Sequence[Extraction]) -> None:
        """Write ``episodes`` with their ``items``, or in online learning with what is learnt from each."""
        if self._learner is None:
            for episode, item in zip(episodes, items, strict=True):
                run.write(episode, item)
            return
        for episode in episodes:
            assert episode.task  # checked where the benchmark is made
            (query,) = self._inputs.queries({episode.id: episode.task})
            read = run.read_aside(episode.task, query)
            if read.failure or not read.conclusive:
                unread = Extraction({}, Usage(), failure=read.failure, inconclusive=read.inconclusive)
                run.write(episode, unread)
            else:
                run.write(*self._learner.learn(episode, episode.task, read))

    def _task_run(self, *, score: bool) -> TaskRun | None:
        """Return what follows the reads of a program that observes: acting, or one step tried."""
        if score:
            return self._acted
        return TriedStep() if self._program.parts.observes else None

    def _score(self, run: SessionRun) -> None:
        """Score the reads that are due, and attribute low scores to a stage."""
        if not self._due:
            return
        reads = [with_item(self._tasks[read.task], read, run.writes) for _, read in self._due]
        scored = self._at.scorer.score(self._program.parts, self._tasks, reads, self.repeat)
        batches = [batch for batch, _ in self._due]
        self.items += self._stages.attributed(batches, scored, run.writes)
        self._due = []

    def _should_stop(self, early_stopper: EarlyStopper, run: SessionRun) -> str:
        """Return the reason to stop the program early now; empty to go on, or if all was asked."""
        asked, total = len(self.items), len(self._subset.tasks)
        if not asked or asked >= total:
            return ""
        interim_analyses = sum(map(_analyses, self._batches))
        cost = self._expected(run).amount(self._at.cost_unit) / total
        return early_stopper.should_stop(self.items, cost, total=total, interim_analyses=interim_analyses)

    def _expected(self, run: SessionRun) -> Usage:
        """Return the expected usage of the whole evaluation, extrapolated from its beginning."""
        writes = max(1, len(run.writes))
        filling = _times(run.usage, sum(len(batch.episodes) for batch in self._batches) / writes)
        asking = sum((item.usage for item in self.items), Usage())
        return filling + _times(asking, len(self._subset.tasks) / len(self.items))


def schedule(subset: Subset, scope: Scope, *, interim_analyses: int) -> list[MemoryBatch]:
    """Return the memories of ``subset``; with interim analyses, in a random but fixed order.

    A memory with a task that is asked ``after`` one of its episodes is interleaved: its tasks are asked in
    the order of time, and episodes after the last of them are not written. A task whose episode is not in the
    subset, as in a smoke test, is asked after all.

    Args:
        subset: tasks and episodes.
        scope: one memory for all, or one for each group asked about.
        interim_analyses: most interim analyses; the end is none. Pooled tasks are asked in one block more
            than that, unless they are interleaved; groups are taken together between two of them.
    """
    if scope == "pooled":
        return [_pooled(subset, interim_analyses)]
    groups = list(dict.fromkeys(task.group for task in subset.tasks))  # in order of appearance
    if interim_analyses:
        groups.sort(key=_random)
    stops = {round(len(groups) * part / (interim_analyses + 1)) for part in range(1, interim_analyses + 1)}
    return [
        _memory_batch(
            group,
            tuple(episode for episode in subset.episodes if episode.group == group),
            tuple(task for task in subset.tasks if task.group == group),
            interim=place in stops,
        )
        for place, group in enumerate(groups, start=1)
    ]


def _pooled(subset: Subset, interim_analyses: int) -> MemoryBatch:
    """Return the one memory of pooled scope."""
    if any(task.after for task in subset.tasks):
        return _memory_batch("", subset.episodes, subset.tasks, interim=False)
    tasks = list(subset.tasks)
    if interim_analyses:
        tasks.sort(key=lambda task: _random(task.id))
    count = min(interim_analyses + 1, len(tasks))
    return MemoryBatch("", subset.episodes, tuple(tuple(tasks[start::count]) for start in range(count)))


def _memory_batch(
    group: str, episodes: tuple[Episode, ...], tasks: tuple[Task, ...], *, interim: bool
) -> MemoryBatch:
    """Return a memory with its tasks in one block, or in a block for each moment at which they are asked."""
    places = {episode.id: place for place, episode in enumerate(episodes, start=1)}
    due = {task.id: places.get(task.after, len(episodes)) for task in tasks}
    if not any(task.after in places for task in tasks):
        return MemoryBatch(group, episodes, (tasks,), interim=interim)
    stops = tuple(sorted(set(due.values())))
    blocks = tuple(tuple(task for task in tasks if due[task.id] == stop) for stop in stops)
    return MemoryBatch(group, episodes[: stops[-1]], blocks, interim=interim, stops=stops)


def _analyses(batch: MemoryBatch) -> int:
    """Return the number of interim analyses of a memory."""
    return 0 if not batch.interim else 1 if batch.stops else len(batch.blocks)


def _random(name: str) -> bytes:
    """Return a sort key unrelated to the meaning of ``name``."""
    return hashlib.sha256(name.encode()).digest()


def _times(usage: Usage, factor: float) -> Usage:
    return Usage(
        calls=round(usage.calls * factor),
        tokens_in=round(usage.tokens_in * factor),
        tokens_out=round(usage.tokens_out * factor),
        usd=usage.usd * factor,
        unpriced=round(usage.unpriced * factor),
    )
