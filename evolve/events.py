"""Events of a campaign: the journal stores them, the live view shows them.

The state of a campaign is a pure function of these events in their order (``evolve.runs.history`` folds
them), so a killed run resumes from the last complete one.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from evolve.records import Candidate, CostUnit, Interval, Record, Rung, Stage, Status, Try

StopReason = Literal["budget", "time", "spent", "stopped", "plateau"]
"""Reason why a campaign ends: all candidates are made, its time is up, its limit on tokens or USD is reached,
a user stopped it with ``evolve stop``, or it no longer improved (``search.plateau``)."""

Action = Literal["add", "hint", "withdraw", "pause", "resume", "stop"]
"""Request of a user to a running campaign."""


class Started(Record):
    """A process started or resumed the campaign."""

    type: Literal["started"] = "started"
    time: str = Field(description="UTC, ISO 8601")
    version: str = Field(description="version of this software")
    isolation: str
    conditions: str = Field(description="hash of all that decides scores besides program and subset")
    resumed: bool
    prompts: str = Field(default="", description="digest of the user's own prompt files; empty for none")
    mutator: str = Field(default="", description="what makes children: rules or models, prompts, settings")
    groups: dict[str, str] = Field(
        default={}, description="static task id → its group, such as a conversation; empty where none has one"
    )


class Proposed(Record):
    """A candidate was made; its program is stored. It has a number, and no score yet."""

    type: Literal["proposed"] = "proposed"
    number: int
    program: str
    parents: tuple[int, ...]
    operator: str
    message: str
    usd: float | None = Field(default=None, description="price of making it; None where none is known")
    tries: tuple[Try, ...] = Field(
        default=(), description="result of each reply of the model, if one made it"
    )


class Evaluated(Record):
    """An evaluation was finished and stored."""

    type: Literal["evaluated"] = "evaluated"
    number: int = Field(description="number of the candidate")
    program: str
    subset: str
    status: Status
    quality: Interval
    cost: float
    cost_unit: CostUnit = "tokens"
    latency: float
    stages: dict[Stage, int]
    seconds: float


class Joined(Record):
    """A candidate with its objectives was told to the population."""

    type: Literal["joined"] = "joined"
    candidate: Candidate


class Discarded(Record):
    """A number without a candidate: refused, a duplicate, or broken beyond repair."""

    type: Literal["discarded"] = "discarded"
    number: int
    operator: str
    reason: str
    usd: float | None = Field(default=None, description="as for a child; its evaluation is not in it")
    tries: tuple[Try, ...] = Field(default=(), description="as for a child")


class Compared(Record):
    """The best program against another on the test set, paired over the tasks."""

    type: Literal["compared"] = "compared"
    best: int
    other: int
    difference: Interval = Field(description="mean of best minus other")
    level: float = Field(
        default=0.95, description="of the interval; that of all comparisons together is 0.95"
    )


class Steered(Record):
    """A user's request was carried out, from a certain candidate on."""

    type: Literal["steered"] = "steered"
    request: str = Field(description="id of the request")
    action: Action
    number: int = Field(description="first candidate that it concerns; of an added program its own number")
    text: str = Field(default="", description="the hint, or the message of an added program")
    program: str = Field(default="", description="id of the added program")
    parents: tuple[int, ...] = Field(default=(), description="of the added program, where the user named one")
    hint: str = Field(default="", description="id of the hint that is withdrawn")


class Noted(Record):
    """Notes of the campaign were written, which the prompts of later candidates contain."""

    type: Literal["noted"] = "noted"
    number: int = Field(description="last settled candidate that they cover; -1 for notes of another run")
    facts: str = Field(description="computed from the record")
    text: str = Field(default="", description="conclusions of a model; empty where rules wrote the notes")
    by: str = Field(default="rules", description="rules, or the model that wrote the conclusions")
    source: str = Field(default="", description="the other run that they are from; empty for this one")
    usd: float | None = Field(default=0.0, description="price of the conclusions; None where none is known")

    @property
    def shown(self) -> str:
        """Facts and conclusions as one text, as prompts have it.

        Example:
            >>> print(Noted(number=4, facts="Best: #2.", text="Ranking by date helps.").shown)
            Best: #2.
            Conclusions:
            Ranking by date helps.
        """
        return f"{self.facts}\nConclusions:\n{self.text}" if self.text else self.facts


class Plateau(Record):
    """A rung of the reactions to a plateau was reached; see ``evolve.population.plateau``."""

    type: Literal["plateau"] = "plateau"
    number: int = Field(description="first candidate that it concerns")
    rung: Rung
    stale: int = Field(description="candidates since the last improvement")
    improvements: int = Field(description="improvements of the front so far")
    rate: float = Field(description="improvements per candidate, estimated at the last one")
    noise: float = Field(description="differences of quality up to which count as none")
    left: int = Field(description="candidates of the budget that are not begun")
    seconds: float = Field(description="time of their evaluations, at the mean so far")
    usd: float | None = Field(description="their price, at the mean so far; None where it is not known")
    tokens: float | None = Field(description="tokens of their evaluations; None where cost is in USD")


class Finished(Record):
    """The campaign ended."""

    type: Literal["finished"] = "finished"
    reason: StopReason
    seconds: float = Field(description="wall time of this process's part")


Event = Annotated[
    Started | Proposed | Evaluated | Joined | Discarded | Compared | Steered | Noted | Plateau | Finished,
    Field(discriminator="type"),
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)
