"""Records of an evaluation: episodes, tasks, and the whole."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Literal, get_args

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from evolve.errors import FailureKind, ProgramError
from evolve.records.base import CallResult, Fields, Record


class Stage(StrEnum):
    """Stage on the way to the answer at which the gold evidence was lost."""

    NOT_GIVEN = "not_given"
    LOST_IN_WRITE = "lost_in_write"
    NOT_MAINTAINED = "not_maintained"
    NOT_RETRIEVED = "not_retrieved"
    NOT_USED = "not_used"


class Usage(Record):
    """Usage of models: calls made, and tokens read and written by the model."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float = Field(default=0.0, description="price of those of the calls that have a known price")
    unpriced: int = Field(default=0, description="calls whose price is not known: usd lacks them")

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.tokens_in + self.tokens_out

    def amount(self, unit: CostUnit) -> float:
        """Return the usage as an amount in a unit of cost.

        Example:
            >>> Usage(calls=1, tokens_in=900, tokens_out=100, usd=0.02).amount("tokens")
            1000.0
        """
        return self.usd if unit == "usd" else float(self.tokens)

    @property
    def is_nothing(self) -> bool:
        """No call, no tokens and no price."""
        return not (self.calls or self.tokens_in or self.tokens_out or self.usd or self.unpriced)

    def __add__(self, other: Usage) -> Usage:
        if other.is_nothing:  # as of most writes
            return self
        return Usage(
            calls=self.calls + other.calls,
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            usd=self.usd + other.usd,
            unpriced=self.unpriced + other.unpriced,
        )


class Completion(Record):
    """Answer of the toolkit's model."""

    text: str
    usage: Usage


class Failure(Record):
    """A ``ProgramError`` as it is recorded."""

    kind: FailureKind
    where: str = Field(
        description="load, write, read or observe, with the episode or task id where there is one"
    )
    message: str
    detail: str = ""

    @classmethod
    def of(cls, error: ProgramError, where: str) -> Failure:
        """Return the record of ``error``, which happened at ``where``."""
        return cls(kind=error.kind, where=where, message=error.message, detail=error.detail[-4000:])


ClockKind = Literal["free core", "cpu", "wall"]


def coarsest(clocks: Iterable[ClockKind]) -> ClockKind:
    """Return the clock of times that were measured by several; the wall clock where there is none.

    Example:
        >>> coarsest(["free core", "cpu"]), coarsest([])
        ('cpu', 'wall')
    """
    known: list[ClockKind] = list(clocks) or ["wall"]
    return max(known, key=get_args(ClockKind).index)


class Interval(Record):
    """A mean and its two-sided confidence interval."""

    mean: float
    low: float
    high: float
    unit: Literal["", "tasks", "groups"] = Field(
        default="", description="what Student's t was taken over; empty where another method was used"
    )
    units: int = Field(default=0, description="how many of them")

    @property
    def method(self) -> str:
        """Method of the interval, such as ``Student's t over 4 groups``; empty where that is not recorded."""
        return f"Student's t over {self.units} {self.unit}" if self.unit else ""

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


class WriteResult(Record, CallResult):  # type: ignore[misc] - frozen by its configuration
    """Result of writing one episode."""

    episode: str
    item: Fields
    seconds: float = Field(description="time in write, as the host measured it, model calls not counted")
    failure: Failure | None = None


class Step(Record):
    """Action in an environment and the observation after it."""

    command: str
    observation: str
    retrieved: str | None = Field(
        default=None,
        description="what the memory returned after it; None where that was not asked or the same",
    )

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what most steps do not have, as earlier versions did."""
        written = write(self)
        return {key: value for key, value in written.items() if value is not None}


class ItemOutcome(Record, CallResult):  # type: ignore[misc] - frozen by its configuration
    """Outcome of one task, from its read to the archive; complete enough to replay the task by eye.

    It fills up: a read gives query, text, times and usage; the agent an answer; the scorer metrics and a
    score; attribution a stage.

    Example:
        >>> read = ItemOutcome(task="q1", query={"text": "Ada's city"}, retrieved="Ada moved to Lisbon.")
        >>> read.filled(answer="Lisbon", metrics={"f1": 1.0}, score=1.0).score
        1.0
    """

    task: str
    category: str = ""
    group: str = Field(default="", description="group of the task, such as a conversation")
    score: float = Field(
        default=math.nan,
        description="the campaign's quality metric on this task, higher is better; NaN where inconclusive",
    )
    metrics: dict[str, float] = Field(default={}, description="every metric of the benchmark on this task")
    query: Fields
    retrieved: str
    answer: str = ""
    stage: Stage | None = Field(
        default=None, description="where the evidence was lost; None for a good score"
    )
    seconds: float = Field(
        default=0.0, description="time in read, and in observe, by ``clock``, model calls not counted"
    )
    wall_seconds: float | None = Field(default=None, description="wall time in read, model calls not counted")
    cpu_seconds: float | None = Field(default=None, description="CPU time of read")
    clock: ClockKind = Field(
        default="wall",
        description="what ``seconds`` is: wall time less the time spent waiting for a CPU (free core), CPU "
        "time, or wall time",
    )
    usage: Usage = Usage()
    failure: Failure | None = None
    steps: tuple[Step, ...] = Field(default=(), description="what was done in an environment")
    logs: tuple[str, ...] = ()

    @property
    def all_retrieved(self) -> str:
        """All that the memory returned for the task, before and between its steps."""
        return "\n".join([self.retrieved, *(step.retrieved for step in self.steps if step.retrieved)])

    def filled(self, **values: object) -> ItemOutcome:
        """Return a copy with ``values``, validated."""
        return ItemOutcome.model_validate(dict(self) | values)


ItemResult = ItemOutcome
"""Earlier name of ``ItemOutcome``."""


Status = Literal["complete", "failed", "raced", "inconclusive"]
CostUnit = Literal["tokens", "usd"]


class Evaluation(Record):
    """Evaluation of a program on a subset.

    ``complete``: every item has a score, or the reason why it has none (a few may:
    ``ItemOutcome.inconclusive``). ``failed``: the program broke, and ``failure`` says how; its quality is 0
    because it earned 0. ``raced``: it was stopped early after some of the items, for the ``reason``; its
    scores on them are not a score on the subset. ``inconclusive``: a model or sandbox failed; there is no
    score, and there must not be one.

    Example:
        >>> import evolve
        >>> found = evolve.evaluate("lexical", sandbox="process", settings={"evaluation.static": 4})
        >>> found.quality.mean == sum(found.item_scores.values()) / 4
        True
    """

    program: str = Field(description="id of the program")
    subset: str = Field(description="name of the subset: static, rotating-7, test, ...")
    conditions: str = Field(description="hash of all that decides the scores besides the program")
    isolation: str = Field(description="the sandbox backend it ran in")
    status: Status
    repeats: int = Field(default=1, description="runs that the scores are means of")
    metric: str = Field(description="which metric is the quality")
    quality: Interval
    metrics: dict[str, float] = Field(default={}, description="mean of every metric of the benchmark")
    cost: float = Field(
        default=0.0, description="model work per task in cost_unit, ingestion amortised over the tasks"
    )
    cost_unit: CostUnit = "tokens"
    latency: float = Field(default=0.0, description="95th percentile of the seconds in read")
    latency_clock: ClockKind = Field(default="wall", description="what those seconds are, as in the items")
    size: float = Field(default=0.0, description="lines of code of the program")
    items: tuple[ItemOutcome, ...] = ()
    writes: tuple[WriteResult, ...] = ()
    failure: Failure | None = None
    reason: str = Field(default="", description="for an inconclusive one: what broke; for a raced one: why")
    seconds: float = Field(default=0.0, description="wall time of the whole evaluation")

    def objective(self, name: str) -> float:
        """Return the value of the objective ``name``: quality, cost, latency, size, or the quality on one of
        several benchmarks.
        """
        if name == "quality":
            return self.quality.mean
        if name.startswith("quality:"):
            return self.metrics.get(name, 0.0)  # without an item of that benchmark that has a score
        if name in ("cost", "latency", "size"):
            return float(getattr(self, name))
        raise KeyError(f"unknown objective {name!r}: expected quality, cost, latency or size")

    @property
    def item_scores(self) -> dict[str, float]:
        """Task id → score, for the items that have one."""
        return {item.task: item.score for item in self.items if item.conclusive}

    @property
    def item_groups(self) -> dict[str, str]:
        """Task id → group, of all items."""
        return {item.task: item.group for item in self.items}

    def stages(self) -> dict[Stage, int]:
        """Number of items lost at each stage."""
        return {stage: sum(item.stage == stage for item in self.items) for stage in Stage}
