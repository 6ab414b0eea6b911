"""Evaluation of one program on one subset: read memory by memory, score, and stop early if told to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

from evolve.agents.protocol import TaskAgent
from evolve.benchmark import Learning, Scope
from evolve.errors import InfrastructureError, ModelError
from evolve.evaluation.attribution import Memory, attribute, reads_raw_text, received_text
from evolve.evaluation.memo import AgentInputs, Memo
from evolve.evaluation.racing import Referee
from evolve.evaluation.scorer import OnlineLearner, Scorer
from evolve.evaluation.session_run import Clock, Opened, SessionOpener, SessionRun, Stint
from evolve.evaluation.subsets import Subset
from evolve.program import MemoryProgram
from evolve.records import CostUnit, Failure, ItemOutcome, Usage

EMBED_ROUNDS = 2
"""Most deferrals of a read for vectors, besides one for each model call."""


@dataclass(frozen=True)
class Conditions:
    """Fixed conditions of all trials; ``Evaluator`` describes the parts."""

    agent: TaskAgent
    memo: Memo
    opener: SessionOpener
    scorer: Scorer
    scope: Scope
    learning: Learning
    low: float
    looks: int
    cost_unit: CostUnit
    clock: Clock


class Trial:
    """An evaluation in progress. Used once, by one thread.

    Args:
        conditions: the parts that are the same for all programs.
        program: the program.
        subset: the subset.
        repeat: number of a re-run that measures noise.
        referee: may stop the evaluation early; None: never.

    Attributes:
        repeat: as given.
        items: results so far, in the order in which they came.
        reason: reason for early stopping; empty without.
        failure: reason why the program earned nothing, if any.
        first_failure: first failure of a write or read, if any.
        kept: the session, if it was left open.
    """

    def __init__(
        self,
        conditions: Conditions,
        program: MemoryProgram,
        subset: Subset,
        repeat: int,
        referee: Referee | None = None,
    ) -> None:
        self._at = at = conditions
        self._program = program
        self._subset = subset
        self._tasks = {task.id: task for task in subset.tasks}
        self.repeat = repeat
        self._referee = referee
        self._stints = schedule(subset, at.scope, looks=at.looks if referee else 0)
        online = at.learning == "online"
        self._inputs = AgentInputs(
            at.agent, at.memo, program.parts, self._stints, online=online, repeat=repeat
        )
        self._learner = OnlineLearner(at.agent, at.scorer, program.parts, repeat) if online else None
        self._verbatim = reads_raw_text(program.parts)
        self.items: list[ItemOutcome] = []
        self.reason = ""
        self.failure: Failure | None = None
        self.first_failure: Failure | None = None
        self.kept: Opened | None = None

    def prepare(self) -> None:
        """Request the agent's inputs for the first memory; for all memories, where there is no interim
        analysis.

        Memories are filled without waiting for queries: call ``finish`` afterwards.

        Raises:
            InfrastructureError: a model could not be reached.
            BudgetReached: the spending limit is reached.
        """
        self._inputs.prefetch()

    def carry_out(self, warm: Opened | None = None, *, score: bool = True) -> SessionRun:
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
            return self._run(warm or self._open(), score=score)
        except ModelError:  # the models have tried again already
            raise
        except InfrastructureError:
            return self._run(self._open(), score=score)

    def finish(self) -> None:
        """Wait for requests in flight, whatever their outcome, so that no paid answer is lost."""
        self._inputs.finish()

    def _open(self) -> Opened:
        return self._at.opener.open(self._program.source, self.repeat)

    def _run(self, opened: Opened, *, score: bool) -> SessionRun:
        self.items, self.reason = [], ""
        rounds = self._at.opener.limits.model_calls + EMBED_ROUNDS
        run = SessionRun(
            opened, self._stints, self._inputs, learner=self._learner, rounds=rounds, clock=self._at.clock
        )
        due: list[tuple[Stint, ItemOutcome]] = []
        with ExitStack() as ending:
            ending.callback(opened.session.close)
            for stint, reads in ending.enter_context(closing(iter(run))):
                due += [(stint, read) for read in reads]
                if self._referee and score and stint.look and not run.fatal:
                    self._score(due, run)
                    due.clear()
                    self.reason = self._verdict(self._referee, run)
                    if self.reason:
                        break
            self.failure, self.first_failure = run.failure, run.first_failure
            if score and not self.failure:
                self._score(due, run)
            if not score and not self.first_failure:
                self.kept = opened
                ending.pop_all()
        return run

    def _score(self, due: Sequence[tuple[Stint, ItemOutcome]], run: SessionRun) -> None:
        """Score reads, and attribute low scores to a stage."""
        if not due:
            return
        scored = self._at.scorer.score(
            self._program.parts, self._tasks, [read for _, read in due], self.repeat
        )
        stints = {stint.group: stint for stint, _ in due}
        memories = {group: self._memory(stint, run) for group, stint in stints.items()}
        for (stint, _), item in zip(due, scored, strict=True):
            if item.conclusive:
                memory, task = memories[stint.group], self._tasks[item.task]
                stage = attribute(task, item.score, memory=memory, retrieved=item.retrieved, low=self._at.low)
                item = item.filled(stage=stage)
            self.items.append(item)

    def _memory(self, stint: Stint, run: SessionRun) -> Memory:
        """Return the episodes given to the memory of ``stint`` and the texts it received."""
        written = {
            write.episode: write.item
            for write in run.writes
            if write.failure is None and not write.inconclusive
        }
        return Memory(
            given={episode.id: episode.text for episode in stint.episodes},
            received={
                episode.id: received_text(written[episode.id], episode.text, verbatim=self._verbatim)
                for episode in stint.episodes
                if episode.id in written
            },
            verbatim=self._verbatim,
        )

    def _verdict(self, referee: Referee, run: SessionRun) -> str:
        """Return the reason to stop the program early now; empty to go on, or if all was asked."""
        asked, total = len(self.items), len(self._subset.tasks)
        if not asked or asked >= total:
            return ""
        looks = sum(len(stint.blocks) for stint in self._stints if stint.look)
        cost = self._expected(run).amount(self._at.cost_unit) / total
        return referee.verdict(self.items, cost, total=total, looks=looks)

    def _expected(self, run: SessionRun) -> Usage:
        """Return the expected usage of the whole evaluation, extrapolated from its beginning."""
        writes = max(1, len(run.writes))
        filling = _times(run.usage, len(self._subset.episodes) / writes)
        asking = sum((item.usage for item in self.items), Usage())
        return filling + _times(asking, len(self._subset.tasks) / len(self.items))


def schedule(subset: Subset, scope: Scope, *, looks: int) -> list[Stint]:
    """Return the memories of ``subset``; with interim analyses, in a random but fixed order.

    Args:
        subset: tasks and episodes.
        scope: one memory for all, or one for each group asked about.
        looks: most interim analyses; the end is none. Pooled tasks are asked in one block more than that;
            groups are taken together between two of them.
    """
    if scope == "pooled":
        tasks = sorted(subset.tasks, key=lambda task: _random(task.id)) if looks else list(subset.tasks)
        count = min(looks + 1, len(tasks))
        return [Stint("", subset.episodes, tuple(tuple(tasks[start::count]) for start in range(count)))]
    groups = list(dict.fromkeys(task.group for task in subset.tasks))  # in order of appearance
    if looks:
        groups.sort(key=_random)
    stops = {round(len(groups) * part / (looks + 1)) for part in range(1, looks + 1)}
    return [
        Stint(
            group,
            tuple(episode for episode in subset.episodes if episode.group == group),
            (tuple(task for task in subset.tasks if task.group == group),),
            look=place in stops,
        )
        for place, group in enumerate(groups, start=1)
    ]


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
