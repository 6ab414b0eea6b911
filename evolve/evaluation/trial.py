"""Evaluation of one program on one subset: read memory by memory, score, and stop early if told to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

from evolve.agents.protocol import TaskAgent
from evolve.benchmark import Learning, Scope
from evolve.errors import InfrastructureError, ModelError
from evolve.evaluation.attribution import MemoryContents, attribute, reads_raw_text, received_text
from evolve.evaluation.early_stopping import EarlyStopper
from evolve.evaluation.extraction_cache import AgentInputs, ExtractionCache
from evolve.evaluation.joint_scorer import JointScorer
from evolve.evaluation.maintenance import StoredTexts
from evolve.evaluation.scorer import OnlineLearner, Scorer
from evolve.evaluation.session_run import Clock, LoadedSession, SessionOpener, SessionRun
from evolve.evaluation.subsets import MemoryBatch, Subset
from evolve.evaluation.within_task import TaskRun, TriedStep
from evolve.program import MemoryProgram
from evolve.records import CostUnit, Episode, Failure, ItemOutcome, Task, Usage
from evolve.sandboxes.protocol import Session

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
        scorer = (
            at.scorer if online and isinstance(at.scorer, Scorer) else None
        )  # those online are not joined
        self._learner = scorer and OnlineLearner(at.agent, scorer, program.parts, repeat)
        self._verbatim = reads_raw_text(program.parts)
        self._acted = at.scorer.task_run(program.parts, repeat)
        self.items: list[ItemOutcome] = []
        self.reason = ""
        self.failure: Failure | None = None
        self.first_failure: Failure | None = None
        self.kept: LoadedSession | None = None

    def prepare(self) -> None:
        """Request the agent's inputs for the first memory, or for all where there is no interim analysis.

        Memories are filled without waiting for queries: call ``finish`` afterwards.

        Raises:
            InfrastructureError: a model could not be reached.
            BudgetReached: the spending limit is reached.
        """
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
        self.items, self.reason = [], ""
        rounds = self._at.opener.limits.model_calls + EMBED_ROUNDS
        run = SessionRun(
            opened,
            self._batches,
            self._inputs,
            learner=self._learner,
            task_run=self._task_run(score=score),
            rounds=rounds,
            clock=self._at.clock,
        )
        due: list[tuple[MemoryBatch, ItemOutcome]] = []
        stored = StoredTexts()
        with ExitStack() as ending:
            ending.callback(opened.session.close)
            for batch, reads in ending.enter_context(closing(iter(run))):
                due += [(batch, read) for read in reads]
                if score and not self._learner and not run.fatal:
                    stored.note(batch, opened.session)
                if self._early_stopper and score and batch.interim and not run.fatal:
                    self._score(due, run)
                    due.clear()
                    self.reason = self._should_stop(self._early_stopper, run)
                    if self.reason:
                        break
            self.failure, self.first_failure = run.failure, run.first_failure
            if score and not self.failure:
                self._score(due, run)
                if not self.reason:
                    self.items = self._marked(stored, opened.session, run)
            if not score and not self.first_failure:
                self.kept = opened
                ending.pop_all()
        return run

    def _task_run(self, *, score: bool) -> TaskRun | None:
        """Return what follows the reads of a program that observes: acting, or one step tried."""
        if score:
            return self._acted
        return TriedStep() if self._program.parts.observes else None

    def _score(self, due: Sequence[tuple[MemoryBatch, ItemOutcome]], run: SessionRun) -> None:
        """Score reads, and attribute low scores to a stage."""
        if not due:
            return
        scored = self._at.scorer.score(
            self._program.parts, self._tasks, [read for _, read in due], self.repeat
        )
        memories: dict[tuple[str, int], MemoryContents] = {}
        for (batch, _), item in zip(due, scored, strict=True):
            if item.conclusive:
                task = self._tasks[item.task]
                episodes = _written_before(batch, task)
                key = batch.group, len(episodes)
                memory = memories[key] if key in memories else self._memory(episodes, run)
                memories[key] = memory
                stage = attribute(
                    task, item.score, memory=memory, retrieved=item.all_retrieved, low=self._at.low
                )
                item = item.filled(stage=stage)
            self.items.append(item)

    def _marked(self, stored: StoredTexts, session: Session, run: SessionRun) -> list[ItemOutcome]:
        """Return the items, with those marked whose evidence a later write lost."""
        items = {item.task: item for item in self.items}
        written = {write.episode: write.item for write in run.writes}
        for batch in self._batches:
            asked = [items[task.id] for block in batch.blocks for task in block if task.id in items]
            memory = self._memory(batch.episodes, run)
            writes = [(one, written[one.id]) for one in batch.episodes if one.id in memory.received]
            items |= {one.task: one for one in stored.marked(batch, asked, memory, session, writes)}
        return [items[item.task] for item in self.items]

    def _memory(self, episodes: Sequence[Episode], run: SessionRun) -> MemoryContents:
        """Return the ``episodes`` given to a memory and the texts it received of them."""
        written = {
            write.episode: write.item
            for write in run.writes
            if write.failure is None and not write.inconclusive
        }
        return MemoryContents(
            given={episode.id: episode.text for episode in episodes},
            received={
                episode.id: received_text(written[episode.id], episode.text, verbatim=self._verbatim)
                for episode in episodes
                if episode.id in written
            },
            verbatim=self._verbatim,
        )

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


def _written_before(batch: MemoryBatch, task: Task) -> tuple[Episode, ...]:
    """Return the episodes that are written when ``task`` is asked."""
    for stop, block in zip(batch.stops, batch.blocks, strict=False):
        if task in block:
            return batch.episodes[:stop]
    return batch.episodes


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
