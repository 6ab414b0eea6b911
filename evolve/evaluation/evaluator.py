"""Score a memory program on a subset: ingest, ask, score, attribute (DESIGN §4)."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import time
from collections.abc import Sequence

import numpy as np

from evolve.agents.protocol import Extraction, Judge, Recollection, Response, TaskAgent
from evolve.benchmark import Benchmark
from evolve.errors import InfrastructureError, ProgramError, UsageError
from evolve.evaluation.attribution import LOW_SCORE, Memory, attribute, reads_raw_text, received_text
from evolve.evaluation.memo import Memo
from evolve.evaluation.recall import Clock, Plan, ReadResult, Recall, recall
from evolve.evaluation.services import HostServices, ToolkitModel
from evolve.evaluation.subsets import Subset
from evolve.models.embeddings import Embedder
from evolve.program import MemoryProgram
from evolve.records import Episode, Evaluation, Failure, Interval, ItemResult
from evolve.sandboxes.protocol import Limits, Sandbox
from evolve.scoring import METRICS
from evolve.statistics import bootstrap_interval

JUDGE = "judge"
"""The quality metric that asks the judge; all others are those of ``evolve.scoring.METRICS``."""
ATTEMPTS = 2
"""How often the sandbox is tried before an evaluation is inconclusive."""
UNKNOWN = Interval(mean=math.nan, low=math.nan, high=math.nan)
"""The quality of an inconclusive evaluation: no number, so that it cannot be taken for a score."""
_ZERO = Interval(mean=0.0, low=0.0, high=0.0)


class Evaluator:
    """Scores programs under fixed conditions. Thread-safe if its parts are.

    Args:
        benchmark: where the subsets come from; its scope decides which episodes share a memory.
        agent: uses the memory.
        judge: grades answers, asked only where ``metric`` is ``"judge"``.
        sandbox: runs the programs.
        embedder: behind ``toolkit.embed``.
        model: behind ``toolkit.llm_completion``.
        limits: what a program may use.
        metric: the quality, a key of ``METRICS`` or ``"judge"``. It is the caller who decides, by the
            configuration, between the benchmark's ``metric`` and its ``retrieval_metric``.
        low: a score below this one is attributed to a stage.
        memo: extractions made before; a new one if it is not given.
        clock: seconds, monotonic.

    Raises:
        UsageError: the metric is unknown.
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
        memo: Memo | None = None,
        clock: Clock = time.perf_counter,
    ) -> None:
        if metric != JUDGE and metric not in METRICS:
            known = ", ".join((*METRICS, JUDGE))
            raise UsageError(f"The metric {metric!r} is unknown; expected one of {known}.")
        self._benchmark = benchmark
        self._agent = agent
        self._judge = judge
        self._sandbox = sandbox
        self._services = HostServices(embedder, model)
        self._limits = limits
        self._metric = metric
        self._low = low
        self._memo = memo if memo is not None else Memo()
        self._clock = clock
        identities = (agent.identity, judge.identity, embedder.identity, model.identity)
        self._conditions = _digest((_content(benchmark), *identities, dataclasses.asdict(limits), metric))

    @property
    def conditions(self) -> str:
        """A short hash of all that decides the scores besides program and subset.

        The benchmark's content, agent, judge, models, limits and metric; not the sandbox, since a backend
        must not change a score.
        """
        return self._conditions

    def evaluate(self, program: MemoryProgram, subset: Subset, repeat: int = 0) -> Evaluation:
        """The scores of ``program`` on ``subset``.

        Never raises for what a program or the infrastructure did: the status says it.

        Args:
            program: what to score.
            subset: tasks (at least one) and episodes of the benchmark.
            repeat: number of a re-run that measures noise; its extractions are made anew.
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
            _, recalled = self._recall(program, subset, repeat=0)
        except ProgramError as error:
            return Failure.of(error, "load")
        return recalled.first_failure

    def _evaluate(self, program: MemoryProgram, subset: Subset, repeat: int) -> Evaluation:
        program.check()
        plans, recalled = self._recall(program, subset, repeat)
        if recalled.failure:
            return self._failed(program, subset, recalled.failure, recalled)
        reads = _in_order_of(subset, recalled.reads)
        recollections = [Recollection(read.task, read.query.fields, read.outcome.text) for read in reads]
        responses = self._agent.respond(program.parts, recollections)
        memories = _memories(program, plans, recalled)
        grades = self._grades(reads, responses)
        items = tuple(
            self._item(read, response, grade, memories[self._memory_of(read)])
            for read, response, grade in zip(reads, responses, grades, strict=True)
        )
        return self._record(
            program,
            subset,
            status="complete",
            quality=bootstrap_interval([item.score for item in items]),
            metrics={
                name: float(np.mean([item.metrics[name] for item in items])) for name in items[0].metrics
            },
            cost=_tokens(plans, recalled, items) / len(items),
            latency=float(np.percentile([item.seconds for item in items], 95)),  # linear interpolation
            items=items,
            writes=tuple(recalled.writes),
        )

    def _recall(self, program: MemoryProgram, subset: Subset, repeat: int) -> tuple[list[Plan], Recall]:
        """Extract and formulate, then write and read in the sandbox."""
        parts = program.parts
        items = self._memo.extract(self._agent, parts, subset.episodes, repeat=repeat)
        queries = self._agent.formulate(parts, subset.tasks)
        plans = self._plans(subset, items, queries)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._sandbox.open(program.source, self._services, self._limits) as session:
                    return plans, recall(session, plans, self._clock)
            except InfrastructureError:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _plans(
        self, subset: Subset, items: Sequence[Extraction], queries: Sequence[Extraction]
    ) -> list[Plan]:
        """One memory for each group asked about, or one for all."""
        episodes = tuple(zip(subset.episodes, items, strict=True))
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

    def _grades(self, reads: Sequence[ReadResult], responses: Sequence[Response]) -> list[dict[str, float]]:
        """``{"judge": grade}`` for each answer where the judge is the quality, else empty."""
        if self._metric != JUDGE:
            return [{} for _ in reads]
        grades = self._judge.grade([read.task for read in reads], [response.text for response in responses])
        return [{JUDGE: grade} for grade in grades]

    def _item(
        self, read: ReadResult, response: Response, grade: dict[str, float], memory: Memory
    ) -> ItemResult:
        task, retrieved = read.task, read.outcome.text
        scores = {
            name: metric.score(task, response.text, retrieved) for name, metric in METRICS.items()
        } | grade
        score = scores[self._metric]
        return ItemResult(
            task=task.id,
            category=task.category,
            score=score,
            metrics=scores,
            query=read.query.fields,
            retrieved=retrieved,
            answer=response.text,
            stage=attribute(task, score, memory=memory, retrieved=retrieved, low=self._low),
            seconds=read.outcome.seconds,
            usage=read.query.usage + read.outcome.usage + response.usage,
            failure=read.failure,
            logs=read.outcome.logs,
        )

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
            "size": float(program.lines),
        }
        return Evaluation.model_validate(known | values)


def _in_order_of(subset: Subset, reads: Sequence[ReadResult]) -> list[ReadResult]:
    by_task = {read.task.id: read for read in reads}
    return [by_task[task.id] for task in subset.tasks]


def _memories(program: MemoryProgram, plans: Sequence[Plan], recalled: Recall) -> dict[str, Memory]:
    """Group → what its memory was given and received."""
    verbatim = reads_raw_text(program.parts)
    written = {write.episode for write in recalled.writes if write.failure is None}

    def texts_of(pairs: Sequence[tuple[Episode, Extraction]]) -> dict[str, str]:
        return {
            episode.id: received_text(extraction.fields, episode.text, verbatim=verbatim)
            for episode, extraction in pairs
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


def _tokens(plans: Sequence[Plan], recalled: Recall, items: Sequence[ItemResult]) -> int:
    """Model tokens of everything but the judge: extraction, queries, answers, and the toolkit's model."""
    extraction = (extraction.usage for plan in plans for _, extraction in plan.episodes)
    total = sum((*extraction, *(item.usage for item in items)), recalled.write_usage)
    return total.tokens


def _content(benchmark: Benchmark) -> tuple[str, ...]:
    """What tells benchmarks apart, whatever options they were loaded with: name and all content."""
    digest = hashlib.sha256()
    for entry in (*benchmark.episodes, *benchmark.validation, *benchmark.test):
        digest.update(entry.model_dump_json().encode())
    return benchmark.name, benchmark.version, benchmark.scope, digest.hexdigest()


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
