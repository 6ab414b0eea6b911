"""Base of all records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

StructuredOutput = Literal["auto", "json_schema", "json_object", "prompt"]
"""Ways to request JSON from a model; ``auto`` finds out which the server takes."""
Fields = dict[str, JsonValue]
"""The JSON form of a KnowledgeItem or a Query: field name → value."""


class Record(BaseModel):
    """Base of records: immutable, closed to unknown keys, equal by value; NaN is "NaN" in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


@dataclass(frozen=True, kw_only=True)
class CallResult:
    """Base of results of one item: those of the agent and of writes, and outcomes of tasks.

    Attributes:
        inconclusive: reason why there is no result, if no program is to blame: a model, a judge or an
            environment failed.

    Example:
        >>> CallResult(inconclusive="The provider filtered the prompt.").conclusive
        False
    """

    inconclusive: Annotated[
        str, Field(description="why a model, judge or environment gave no result, if so")
    ] = ""

    @property
    def conclusive(self) -> bool:
        """True if every model, judge and environment gave what the result needs."""
        return not self.inconclusive
