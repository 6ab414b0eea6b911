"""Score a memory program on a subset: ingest, ask, score, attribute (DESIGN §4)."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence

import numpy as np

from evolve.agents.protocol import Extraction, Judge, TaskAgent
from evolve.benchmark import Benchmark
from evolve.errors import InfrastructureError, ModelError, ProgramError
from evolve.evaluation.attribution import LOW_SCORE, Memory, attribute, reads_raw_text, received_text
from evolve.evaluation.concurrency import together
from evolve.evaluation.conditions import content, digest
from evolve.evaluation.deferral import DeferringServices
from evolve.evaluation.grading import Answer, Grading, Marks
from evolve.evaluation.memo import Memo
from evolve.evaluation.online import OnlineLearner
from evolve.evaluation.recall import Clock, Plan, ReadResult, Recall, Recaller
from evolve.evaluation.responding import Done, Responder
from evolve.evaluation.services import HostServices, ToolkitModel
from evolve.evaluation.subsets import Subset
from evolve.models.embeddings import Embedder
from evolve.program import MemoryProgram
from evolve.records import CostUnit, Episode, Evaluation, Failure, Interval, ItemResult
from evolve.sandboxes.protocol import Limits, Sandbox, Services
from evolve.statistics import bootstrap_interval

ATTEMPTS = 2
"""How often the sandbox is tried before an evaluation is inconclusive."""
INCONCLUSIVE_SHARE = 0.2
"""With more than this share of items or writes inconclusive, the whole evaluation is."""
UNKNOWN = Interval(mean=math.nan, low=math.nan, high=math.nan)
"""The quality of an inconclusive evaluation: no number, so that it cannot be taken for a score."""
_ZERO = Interval(mean=0.0, low=0.0, high=0.0)


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
        cost_unit: what a program's cost is counted in; ``usd`` only where every model has a known price.
        memo: extractions made before; a new one if it is not given.
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
        cost_unit: CostUnit = "tokens",
        memo: Memo | None = None,
        clock: Clock = time.perf_counter,
    ) -> None:
        self._benchmark = benchmark
        self._agent = agent
        self._grading = Grading(judge, metric, benchmark)
        self._responder = Responder(agent, benchmark)
        self._sandbox = sandbox
        self._services = HostServices(embedder, model)
        self._waits = model.waits
        self._limits = limits
        self._metric = metric
        self._low = low
        self._cost_unit: CostUnit = cost_unit
        self._memo = memo if memo is not None else Memo()
        self._clock = clock
        identities = (agent.identity, *self._grading.identity, embedder.identity, model.identity)
        self._conditions = digest((content(benchmark), *identities, dataclasses.asdict(limits), cost_unit))

    @property
    def conditions(self) -> str:
        """A short hash of all that decides the scores besides program and subset.

        The benchmark's content, agent, judge, models, limits and metric; not the sandbox, since a backend
        must not change a score.
        """
        return self._conditions

    def evaluate(self, program: MemoryProgram, subset: Subset, repeat: int = 0) -> Evaluation:
        """The scores of ``program`` on ``subset``.

        Never raises for what a program or the infrastructure did: the status says it. Inconclusive with
        items means that too many of them were, which asking again would not mend.

        Args:
            program: what to score.
            subset: tasks (at least one) and episodes of the benchmark.
            repeat: number of a re-run that measures noise; every model is asked anew.

        Raises:
            BudgetReached: the campaign may spend no more on models.
        """
        started = self._clock()
        try:
            evaluation = self._evaluate(program, subset, repeat)
        except ProgramError as error:  # what is not caught around a write or a read: contract and load
            evaluation = self._failed(program, subset, Failure.of(error, "load"))
        except InfrastructureError as error:
            evaluation = self._record(
                program, subset, status="inconclusive", quality=UNKNOWN, reason=str(error)
            )
        return evaluation.model_copy(update={"seconds": self._clock() - started})

    def smoke(self, program: MemoryProgram, subset: Subset) -> Failure | None:
        """What breaks first when ``program`` is checked, loaded and tried on ``subset``, if anything.

        Raises:
            InfrastructureError: the sandbox or a model failed, so that nothing is known of the program.
        """
        try:
            program.check()
            _, recalled = self._recall(program, subset, 0)
        except ProgramError as error:
            return Failure.of(error, "load")
        return recalled.first_failure

    def _evaluate(self, program: MemoryProgram, subset: Subset, repeat: int) -> Evaluation:
        program.check()
        plans, recalled = self._recall(program, subset, repeat)
        if recalled.failure:
            return self._failed(program, subset, recalled.failure, recalled)
        reads = _in_order_of(subset, recalled.reads)
        done = self._responder.respond(program.parts, reads, repeat)
        answers = [
            Answer(read.task, act.text, read.outcome.text, act.reward, read.inconclusive or act.inconclusive)
            for read, act in zip(reads, done, strict=True)
        ]
        memories = _memories(program, plans, recalled)
        items = tuple(
            self._item(read, act, marks, memories[self._memory_of(read)])
            for read, act, marks in zip(reads, done, self._grading.marks(answers, repeat), strict=True)
        )
        scored = [item for item in items if item.conclusive]
        reason = _too_little(items, recalled)
        return self._record(
            program,
            subset,
            status="inconclusive" if reason else "complete",
            reason=reason,
            quality=UNKNOWN if reason else bootstrap_interval([item.score for item in scored]),
            metrics=_means(scored),
            cost=self._cost(recalled, items),
            latency=float(np.percentile([item.seconds for item in items], 95)),  # linear interpolation
            items=items,
            writes=tuple(recalled.writes),
        )

    def _recall(self, program: MemoryProgram, subset: Subset, repeat: int) -> tuple[list[Plan], Recall]:
        """Extract and formulate, then write and read in the sandbox."""
        parts = program.parts
        online = self._benchmark.learning == "online"
        given = () if online else subset.episodes
        lessons = tuple(episode.task for episode in subset.episodes if episode.task) if online else ()
        items, queries = together(
            [
                lambda: self._memo.extract(self._agent, parts, given, repeat=repeat),
                lambda: self._agent.formulate(parts, (*subset.tasks, *lessons), repeat),
            ]
        )
        asked = len(subset.tasks)
        learner = OnlineLearner(
            self._agent,
            self._grading,
            parts,
            {e.id: query for e, query in zip(subset.episodes, queries[asked:], strict=False)},
            repeat,
        )
        plans = self._plans(subset, items if not online else None, queries[:asked])
        for attempt in range(1, ATTEMPTS + 1):
            deferring = DeferringServices(self._services) if self._waits else None
            services: Services = deferring or self._services
            try:
                with self._sandbox.open(program.source, services, self._limits) as session:
                    recaller = Recaller(
                        session,
                        self._clock,
                        learn=learner.learn if online else None,
                        deferring=deferring,
                        rounds=self._limits.model_calls,
                    )
                    return plans, recaller.carry_out(plans)
            except ModelError:  # the models have tried again already
                raise
            except InfrastructureError:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _plans(
        self, subset: Subset, items: Sequence[Extraction] | None, queries: Sequence[Extraction]
    ) -> list[Plan]:
        """One memory for each group asked about, or one for all."""
        episodes = tuple(zip(subset.episodes, items or [None] * len(subset.episodes), strict=True))
        tasks = tuple(zip(subset.tasks, queries, strict=True))
        if self._benchmark.scope == "pooled":
            return [Plan("", episodes, tasks)]
        return [
            Plan(
                group,
                tuple(pair for pair in episodes if pair[0].group == group),
                tuple(pair for pair in tasks if pair[0].group == group),
            )
            for group in subset.groups()
        ]

    def _memory_of(self, read: ReadResult) -> str:
        return "" if self._benchmark.scope == "pooled" else read.task.group

    def _item(self, read: ReadResult, done: Done, marks: Marks, memory: Memory) -> ItemResult:
        task, retrieved = read.task, read.outcome.text
        stage = None
        if not marks.inconclusive:
            stage = attribute(task, marks.score, memory=memory, retrieved=retrieved, low=self._low)
        return ItemResult(
            task=task.id,
            category=task.category,
            score=marks.score,
            metrics=marks.metrics,
            query=read.query.fields,
            retrieved=retrieved,
            answer=done.text,
            stage=stage,
            seconds=read.outcome.seconds,
            usage=read.query.usage + read.outcome.usage + done.usage,
            failure=read.failure,
            inconclusive=marks.inconclusive,
            steps=done.steps,
            logs=read.outcome.logs,
        )

    def _cost(self, recalled: Recall, items: Sequence[ItemResult]) -> float:
        """Per task: extraction, queries, answers and the toolkit's model; not the judge."""
        total = sum((item.usage for item in items), recalled.usage)
        return (total.usd if self._cost_unit == "usd" else total.tokens) / len(items)

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


def _in_order_of(subset: Subset, reads: Sequence[ReadResult]) -> list[ReadResult]:
    by_task = {read.task.id: read for read in reads}
    return [by_task[task.id] for task in subset.tasks]


def _memories(program: MemoryProgram, plans: Sequence[Plan], recalled: Recall) -> dict[str, Memory]:
    """Group → what its memory was given and received."""
    verbatim = reads_raw_text(program.parts)
    written = {
        write.episode: write.item
        for write in recalled.writes
        if write.failure is None and not write.inconclusive
    }

    def texts_of(pairs: Sequence[tuple[Episode, Extraction | None]]) -> dict[str, str]:
        return {
            episode.id: received_text(written[episode.id], episode.text, verbatim=verbatim)
            for episode, _ in pairs
            if episode.id in written
        }

    return {
        plan.group: Memory(
            given={episode.id: episode.text for episode, _ in plan.episodes},
            received=texts_of(plan.episodes),
            verbatim=verbatim,
        )
        for plan in plans
    }


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
