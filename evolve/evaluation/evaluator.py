"""Score a memory program on a subset: ingest, ask, score, attribute (DESIGN §4)."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import numpy as np

from evolve.agents.protocol import Judge, TaskAgent
from evolve.benchmark import Benchmark
from evolve.errors import InfrastructureError, ModelError, ProgramError
from evolve.evaluation.attribution import LOW_SCORE
from evolve.evaluation.conditions import content, digest
from evolve.evaluation.deferral import DeferringServices
from evolve.evaluation.grading import Grading
from evolve.evaluation.memo import Memo
from evolve.evaluation.racing import Referee
from evolve.evaluation.recall import Clock, Recall
from evolve.evaluation.responding import Responder
from evolve.evaluation.services import AwaitedModel, HostServices, ToolkitModel
from evolve.evaluation.subsets import Subset
from evolve.evaluation.trial import Conditions, Trial
from evolve.evaluation.tried import Opened, TriedSessions
from evolve.models.embeddings import Embedder
from evolve.program import MemoryProgram
from evolve.records import ClockKind, CostUnit, Evaluation, Failure, Interval, ItemResult, Usage
from evolve.sandboxes.protocol import Limits, Sandbox, Services
from evolve.statistics import mean_interval

ATTEMPTS = 2
"""How often the sandbox is tried before an evaluation is inconclusive."""
EMBED_ROUNDS = 2
"""How often a read may be put off for vectors, besides once for each model call."""
INCONCLUSIVE_SHARE = 0.2
"""With more than this share of items or writes inconclusive, the whole evaluation is."""
UNKNOWN = Interval(mean=math.nan, low=math.nan, high=math.nan)
"""The quality of an inconclusive evaluation: no number, so that it cannot be taken for a score."""
_ZERO = Interval(mean=0.0, low=0.0, high=0.0)


@dataclasses.dataclass(frozen=True)
class Reads:
    """Outcome of a trial without answers: the first failure, if any, and task id → text of its read."""

    failure: Failure | None
    texts: Mapping[str, str]


class Evaluator:
    """Scores programs under fixed conditions. Thread-safe if its parts are.

    Args:
        benchmark: where the subsets come from; its scope decides which episodes share a memory.
        agent: uses the memory.
        judge: grades answers, asked only where ``metric`` is ``judge`` or ``rubric``.
        sandbox: runs the programs.
        embedder: behind ``toolkit.embed``.
        model: behind ``toolkit.llm_completion``.
        limits: what a program may use.
        metric: the quality, see ``grading.Grading``. It is the caller who decides, by the configuration,
            between the benchmark's ``metric`` and its ``retrieval_metric``.
        low: a score below this one is attributed to a stage.
        looks: how often a referee is asked on the way, at most. Where models are waited for, few: what lies
            between two looks is asked at once.
        tried: how many programs that were tried are kept loaded, to be evaluated without a new sandbox.
        cost_unit: what a program's cost is counted in; ``usd`` only where every model has a known price.
        memo: items and queries made before; a new one if it is not given.
        clock: seconds, monotonic.

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
        looks: int = 5,
        tried: int = 0,
        cost_unit: CostUnit = "tokens",
        memo: Memo | None = None,
        clock: Clock = time.perf_counter,
    ) -> None:
        self._sandbox = sandbox
        self._embedder = embedder
        self._model = model
        self._limits = limits
        self._metric = metric
        self._cost_unit: CostUnit = cost_unit
        self._clock = clock
        self._tried = TriedSessions(tried)
        grading = Grading(judge, metric, benchmark)
        self._at = Conditions(
            agent=agent,
            memo=memo if memo is not None else Memo(),
            responder=Responder(agent, benchmark),
            grading=grading,
            scope=benchmark.scope,
            learning=benchmark.learning,
            low=low,
            rounds=limits.model_calls + EMBED_ROUNDS,
            looks=looks,
            clock=clock,
            cost=self._spent,
        )
        identities = (agent.identity, *grading.identity, embedder.identity, model.identity)
        self._conditions = digest((content(benchmark), *identities, dataclasses.asdict(limits), cost_unit))

    @property
    def conditions(self) -> str:
        """A short hash of all that decides the scores besides program and subset.

        The benchmark's content, agent, judge, models, limits and metric; not the sandbox, since a backend
        must not change a score.
        """
        return self._conditions

    def evaluate(
        self, program: MemoryProgram, subset: Subset, repeat: int = 0, referee: Referee | None = None
    ) -> Evaluation:
        """The scores of ``program`` on ``subset``.

        Never raises for what a program or the infrastructure did: the status says it. Inconclusive with
        items means that too many of them were, which asking again would not mend.

        Args:
            program: what to score.
            subset: tasks (at least one) and episodes of the benchmark.
            repeat: number of a re-run that measures noise; every model is asked anew.
            referee: may give the program up on the way: the status is then ``raced``.

        Raises:
            BudgetReached: the campaign may spend no more on models.
        """
        started = self._clock()
        try:
            program.check()
            trial = Trial(self._at, program, subset, repeat, referee)
            evaluation = self._concluded(program, subset, trial, self._recall(program, trial))
        except ProgramError as error:  # what is not caught around a write or a read: contract and load
            evaluation = self._failed(program, subset, Failure.of(error, "load"))
        except InfrastructureError as error:
            evaluation = self._record(
                program, subset, status="inconclusive", quality=UNKNOWN, reason=str(error)
            )
        return evaluation.model_copy(update={"seconds": self._clock() - started})

    def smoke(self, program: MemoryProgram, subset: Subset) -> Failure | None:
        """What breaks first when ``program`` is checked, loaded and tried on ``subset``, if anything.

        If nothing does, it stays loaded for the evaluation that is likely to follow; see ``tried``.

        Raises:
            InfrastructureError: the sandbox or a model failed, so that nothing is known of the program.
        """
        return self.tried(program, subset).failure

    def tried(self, program: MemoryProgram, subset: Subset) -> Reads:
        """As ``smoke``, with what the reads returned.

        Raises:
            InfrastructureError: the sandbox or a model failed, so that nothing is known of the program.
        """
        try:
            program.check()
            recalled = self._recall(program, Trial(self._at, program, subset, 0), score=False)
        except ProgramError as error:
            return Reads(Failure.of(error, "load"), {})
        texts = {
            read.task.id: read.outcome.text
            for read in recalled.reads
            if not (read.failure or read.inconclusive)
        }
        return Reads(recalled.first_failure, texts)

    def _recall(self, program: MemoryProgram, trial: Trial, *, score: bool = True) -> Recall:
        """Carry the trial out in a sandbox, in another one if the first was lost."""
        try:
            trial.prepare()
            return self._carried_out(program, trial, score=score)
        finally:
            trial.finish()

    def _carried_out(self, program: MemoryProgram, trial: Trial, *, score: bool) -> Recall:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with ExitStack() as closing:
                    opened = self._opened(program, trial.repeat)
                    closing.callback(opened.session.close)
                    recalled = trial.carry_out(opened.session, opened.deferring, score=score)
                    if not score and recalled.first_failure is None:
                        closing.pop_all()
                        self._tried.put(program.id, opened)
                    return recalled
            except ModelError:  # the models have tried again already
                raise
            except InfrastructureError:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _opened(self, program: MemoryProgram, repeat: int) -> Opened:
        """A session in which ``program`` is loaded: the one that it was tried in, or a new one."""
        if repeat == 0 and (tried := self._tried.take(program.id)) is not None:
            return tried
        answering = HostServices(self._embedder, self._model, repeat=repeat)
        model = self._model if isinstance(self._model, AwaitedModel) else None
        embedder = self._embedder if self._embedder.waits else None
        deferring = (
            DeferringServices(answering, model=model, embedder=embedder, repeat=repeat)
            if model or embedder
            else None
        )
        services: Services = deferring or answering
        return Opened(self._sandbox.open(program.source, services, self._limits), deferring)

    def _concluded(
        self, program: MemoryProgram, subset: Subset, trial: Trial, recalled: Recall
    ) -> Evaluation:
        """What the trial came to."""
        if recalled.failure:
            return self._failed(program, subset, recalled.failure, recalled)
        by_task = {item.task: item for item in trial.items}
        items = tuple(by_task[task.id] for task in subset.tasks if task.id in by_task)
        kept = {"items": items, "writes": tuple(recalled.writes)}
        if trial.reason:
            return self._record(program, subset, status="raced", quality=UNKNOWN, reason=trial.reason, **kept)
        scored = [item for item in items if item.conclusive]
        reason = _too_little(items, recalled)
        return self._record(
            program,
            subset,
            status="inconclusive" if reason else "complete",
            reason=reason,
            quality=UNKNOWN if reason else quality_of(items),
            metrics=_means(scored),
            cost=self._spent(sum((item.usage for item in items), recalled.usage)) / len(items),
            latency=float(np.percentile([item.seconds for item in items], 95)),  # linear interpolation
            latency_clock=_clock_of(items),
            **kept,
        )

    def _spent(self, usage: Usage) -> float:
        """In the unit of cost: extraction, queries, answers and the toolkit's model; not the judge."""
        return usage.usd if self._cost_unit == "usd" else float(usage.tokens)

    def _failed(
        self, program: MemoryProgram, subset: Subset, failure: Failure, recalled: Recall | None = None
    ) -> Evaluation:
        writes = tuple(recalled.writes) if recalled else ()
        return self._record(program, subset, status="failed", quality=_ZERO, failure=failure, writes=writes)

    def _record(self, program: MemoryProgram, subset: Subset, **values: object) -> Evaluation:
        known = {
            "program": program.id,
            "subset": subset.name,
            "conditions": self.conditions,
            "isolation": self._sandbox.isolation,
            "metric": self._metric,
            "cost_unit": self._cost_unit,
            "size": float(program.lines),
        }
        return Evaluation.model_validate(known | values)


def _clock_of(items: Sequence[ItemResult]) -> ClockKind:
    """What the seconds of the reads that were made are: the coarsest of their clocks."""
    used = {item.clock for item in items if item.cpu_seconds is not None or item.wall_seconds}
    return "wall" if "wall" in used or not used else "cpu" if "cpu" in used else "free core"


def quality_of(items: Sequence[ItemResult]) -> Interval:
    """Mean score of the items that have one, with an interval over groups of tasks where they have groups."""
    scored = [item for item in items if item.conclusive]
    groups = {item.task: item.group for item in scored}
    return mean_interval({item.task: item.score for item in scored}, clusters=groups)


def _too_little(items: Sequence[ItemResult], recalled: Recall) -> str:
    """Why there is too little to score a program by, if so."""
    for what, reasons in (
        ("items", [item.inconclusive for item in items]),
        ("writes", [write.inconclusive for write in recalled.writes]),
    ):
        given = [reason for reason in reasons if reason]
        if len(given) > INCONCLUSIVE_SHARE * len(reasons):
            return f"{len(given)} of {len(reasons)} {what} are inconclusive; the first: {given[0]}"
    return ""


def _means(items: Sequence[ItemResult]) -> dict[str, float]:
    """The mean of every metric over the items that have it."""
    values: dict[str, list[float]] = {}
    for item in items:
        for name, value in item.metrics.items():
            values.setdefault(name, []).append(value)
    return {name: float(np.mean(found)) for name, found in values.items()}
