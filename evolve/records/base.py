"""Base of all records."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

StructuredOutput = Literal["auto", "json_schema", "json_object", "prompt"]
"""Ways to request JSON from a model; ``auto`` finds out which the server takes."""
Fields = dict[str, JsonValue]
"""The JSON form of a KnowledgeItem or a Query: field name → value."""


class Record(BaseModel):
    """Immutable, closed to unknown keys, equal by value; NaN is the string "NaN" in its JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")
