"""Score a memory program on a subset: ingest, ask, score, attribute."""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from collections.abc import Mapping, Sequence

import numpy as np

from evolve.agents.protocol import Judge, TaskAgent
from evolve.benchmark import Benchmark
from evolve.errors import InfrastructureError, ProgramError
from evolve.evaluation.attribution import LOW_SCORE
from evolve.evaluation.conditions import content, digest
from evolve.evaluation.early_stopping import EarlyStopper
from evolve.evaluation.extraction_cache import ExtractionCache
from evolve.evaluation.scorer import JointScorer, Scorer
from evolve.evaluation.services import ToolkitModel
from evolve.evaluation.session_run import Clock, LoadedSession, SessionOpener, SessionRun
from evolve.evaluation.subsets import Subset
from evolve.evaluation.trial import Conditions, Trial, schedule
from evolve.models.embeddings import Embedder
from evolve.program import MemoryProgram
from evolve.records import (
    ClockKind,
    CostUnit,
    Evaluation,
    Failure,
    Interval,
    ItemOutcome,
    Task,
    WriteResult,
    coarsest,
)
from evolve.sandboxes.protocol import Limits, Sandbox
from evolve.statistics import quality_of

INCONCLUSIVE_SHARE = 0.2
"""Share of inconclusive items or writes above which the whole evaluation is inconclusive."""
UNKNOWN = Interval(mean=math.nan, low=math.nan, high=math.nan)
"""Quality of an inconclusive evaluation: not a number, so that it cannot be taken for a score."""
_ZERO = Interval(mean=0.0, low=0.0, high=0.0)


@dataclasses.dataclass(frozen=True)
class Reads:
    """Outcome of a trial without answers: the first failure, if any, and task id → text of its read."""

    failure: Failure | None
    texts: Mapping[str, str]


class WarmSessions:
    """Pool of sessions that were smoke-tested, each to be taken once. Thread-safe.

    Work in branches leaves nothing behind, so a session that was tested is as good as a new one. Sessions
    that nobody takes are closed when others come, or with their sandbox.

    Args:
        capacity: number of sessions, as many as programs are made at the same time; 0 to keep none.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: list[tuple[str, LoadedSession]] = []
        self._guard = threading.Lock()

    def put(self, program: str, opened: LoadedSession) -> None:
        """Store the session of the program with this id, which no longer belongs to the caller."""
        with self._guard:
            self._kept.append((program, opened))
            surplus = self._kept[: -self._capacity or None]
            self._kept = self._kept[len(surplus) :]
        for _, other in surplus:
            other.session.close()

    def take(self, program: str) -> LoadedSession | None:
        """Return the session of the program with this id, which the caller must close; None if there is
        none.
        """
        with self._guard:
            for kept in self._kept:
                if kept[0] == program:
                    self._kept.remove(kept)
                    return kept[1]
        return None


class Evaluator:
    """Evaluator of programs under fixed conditions. Thread-safe if its parts are.

    Args:
        benchmark: source of the subsets; its scope decides which episodes share a memory.
        agent: uses the memory.
        judge: grades answers, asked only where ``metric`` is ``judge`` or ``rubric``.
        sandbox: runs the programs.
        embedder: behind ``toolkit.embed``.
        model: behind ``toolkit.llm_completion``.
        limits: resource limits of a program.
        metric: the quality, see ``scorer.Scorer``. The caller decides, by the configuration, between the
            benchmark's ``metric`` and its ``retrieval_metric``.
        low: a score below this one is attributed to a stage.
        interim_analyses: most interim analyses for early stopping. Few where models are waited for: all calls
            between two of them are made at once.
        warm_sessions: number of smoke-tested programs kept loaded, to be evaluated without a new sandbox.
        cost_unit: unit of a program's cost; ``usd`` only where every model has a known price.
        extraction_cache: items and queries made before; None: a new one.
        clock: monotonic clock, in seconds.

    Raises:
        UsageError: the metric is unknown or does not fit the benchmark.
    """

    def __init__(
        self,
        *,
        benchmark: Benchmark,
        agent: TaskAgent,
        judge: Judge,
        sandbox: Sandbox,
        embedder: Embedder,
        model: ToolkitModel,
        limits: Limits,
        metric: str,
        low: float = LOW_SCORE,
        interim_analyses: int = 5,
        warm_sessions: int = 0,
        cost_unit: CostUnit = "tokens",
        extraction_cache: ExtractionCache | None = None,
        clock: Clock = time.perf_counter,
    ) -> None:
        self._metric = metric
        self._clock = clock
        self._warm_sessions = WarmSessions(warm_sessions)
        joint = bool(benchmark.parts)
        scorer = JointScorer(agent, judge, benchmark) if joint else Scorer(agent, judge, metric, benchmark)
        self._at = Conditions(
            agent=agent,
            extraction_cache=extraction_cache if extraction_cache is not None else ExtractionCache(),
            opener=SessionOpener(sandbox, embedder, model, limits),
            scorer=scorer,
            scope=benchmark.scope,
            learning=benchmark.learning,
            low=low,
            interim_analyses=interim_analyses,
            clock=clock,
            cost_unit=cost_unit,
        )
        identities = (agent.identity, *scorer.identity, embedder.identity, model.identity)
        self._conditions = digest((content(benchmark), *identities, limits.model_dump(), cost_unit))

    @property
    def conditions(self) -> str:
        """Short hash of all that decides the scores besides program and subset.

        The benchmark's content, agent, judge, models, limits and metric; not the sandbox, since a backend
        must not change a score.
        """
        return self._conditions

    def evaluate(
        self,
        program: MemoryProgram,
        subset: Subset,
        repeat: int = 0,
        early_stopper: EarlyStopper | None = None,
    ) -> Evaluation:
        """Evaluate ``program`` on ``subset``.

        Failures of a program or the infrastructure are not raised: the status reports them. Inconclusive with
        items means that too many items were inconclusive, which asking again would not change.

        Args:
            program: the program.
            subset: tasks (at least one) and episodes of the benchmark.
            repeat: number of a re-run that measures noise; every model is asked again.
            early_stopper: may stop the evaluation early: the status is then ``raced``.

        Raises:
            BudgetReached: the spending limit is reached.
        """
        started = self._clock()
        try:
            program.check()
            trial = Trial(self._at, program, subset, repeat, early_stopper)
            evaluation = self._concluded(program, subset, trial, self._carry_out(program, trial))
        except ProgramError as error:  # errors outside of writes and reads: contract and load
            evaluation = self._failed(program, subset, Failure.of(error, "load"))
        except InfrastructureError as error:
            evaluation = self._record(
                program, subset, status="inconclusive", quality=UNKNOWN, reason=str(error)
            )
        return evaluation.model_copy(update={"seconds": self._clock() - started})

    def smoke(self, program: MemoryProgram, subset: Subset) -> Failure | None:
        """Check and load ``program`` and try it on ``subset``; return its first failure, or None.

        If nothing does, it stays loaded for the evaluation that is likely to follow; see ``warm_sessions``.

        Raises:
            InfrastructureError: the sandbox or a model failed, so that nothing is known of the program.
        """
        return self.try_reads(program, subset).failure

    def first_tasks(self, subset: Subset, *, raced: bool) -> tuple[Task, ...]:
        """Return the tasks that an evaluation on ``subset`` asks first, up to the first interim analysis.

        Args:
            subset: the subset.
            raced: the evaluation may be stopped early.
        """
        most = self._at.interim_analyses if raced else 0
        return schedule(subset, self._at.scope, interim_analyses=most)[0].blocks[0]

    def try_reads(self, program: MemoryProgram, subset: Subset, ahead: Sequence[Task] = ()) -> Reads:
        """Try ``program`` like ``smoke``, and return the failure with the texts of the reads.

        Args:
            program: the program.
            subset: tasks to read for, and episodes to remember.
            ahead: tasks whose queries are formulated meanwhile, for the evaluation that is likely to follow.

        Raises:
            InfrastructureError: the sandbox or a model failed, so that nothing is known of the program.
        """
        try:
            program.check()
            trial = Trial(self._at, program, subset, 0)
            run = self._carry_out(program, trial, score=False, ahead=ahead)
        except ProgramError as error:
            return Reads(Failure.of(error, "load"), {})
        texts = {read.task: read.retrieved for read in run.reads if read.conclusive and not read.failure}
        return Reads(trial.first_failure, texts)

    def _carry_out(
        self, program: MemoryProgram, trial: Trial, *, score: bool = True, ahead: Sequence[Task] = ()
    ) -> SessionRun:
        """Carry out ``trial``, in the warm session of ``program`` if there is one."""
        try:
            trial.prepare(ahead)
            warm = None if trial.repeat else self._warm_sessions.take(program.id)
            run = trial.carry_out(warm, score=score)
        finally:
            trial.finish()
        if trial.kept:
            self._warm_sessions.put(program.id, trial.kept)
        return run

    def _concluded(self, program: MemoryProgram, subset: Subset, trial: Trial, run: SessionRun) -> Evaluation:
        """Return the evaluation that the trial amounts to."""
        if trial.failure:
            return self._failed(program, subset, trial.failure, run.writes)
        by_task = {item.task: item for item in trial.items}
        items = tuple(by_task[task.id] for task in subset.tasks if task.id in by_task)
        kept = {"items": items, "writes": tuple(run.writes)}
        if trial.reason:
            return self._record(program, subset, status="raced", quality=UNKNOWN, reason=trial.reason, **kept)
        scored = [item for item in items if item.conclusive]
        reason = _too_little(items, run.writes)
        return self._record(
            program,
            subset,
            status="inconclusive" if reason else "complete",
            reason=reason,
            quality=UNKNOWN if reason else quality_of(items, self._metric),
            metrics=_means(scored),
            cost=sum((item.usage for item in items), run.usage).amount(self._at.cost_unit) / len(items),
            latency=float(np.percentile([item.seconds for item in items], 95)),  # linear interpolation
            latency_clock=_clock_of(items),
            **kept,
        )

    def _failed(
        self, program: MemoryProgram, subset: Subset, failure: Failure, writes: Sequence[WriteResult] = ()
    ) -> Evaluation:
        return self._record(
            program, subset, status="failed", quality=_ZERO, failure=failure, writes=tuple(writes)
        )

    def _record(self, program: MemoryProgram, subset: Subset, **values: object) -> Evaluation:
        known = {
            "program": program.id,
            "subset": subset.name,
            "conditions": self.conditions,
            "isolation": self._at.opener.sandbox.isolation,
            "metric": self._metric,
            "cost_unit": self._at.cost_unit,
            "size": float(program.lines),
        }
        return Evaluation.model_validate(known | values)


def _clock_of(items: Sequence[ItemOutcome]) -> ClockKind:
    """Return the clock of the reads' seconds: the coarsest one used."""
    return coarsest(item.clock for item in items if item.cpu_seconds is not None or item.wall_seconds)


def _too_little(items: Sequence[ItemOutcome], writes: Sequence[WriteResult]) -> str:
    """Return the reason why there is too little to score a program by; empty if there is enough."""
    for what, reasons in (
        ("items", [item.inconclusive for item in items]),
        ("writes", [write.inconclusive for write in writes]),
    ):
        given = [reason for reason in reasons if reason]
        if len(given) > INCONCLUSIVE_SHARE * len(reasons):
            return f"{len(given)} of {len(reasons)} {what} are inconclusive; the first: {given[0]}"
    return ""


def _means(items: Sequence[ItemOutcome]) -> dict[str, float]:
    """The mean of every metric over the items that have it."""
    values: dict[str, list[float]] = {}
    for item in items:
        for name, value in item.metrics.items():
            values.setdefault(name, []).append(value)
    return {name: float(np.mean(found)) for name, found in values.items()}
