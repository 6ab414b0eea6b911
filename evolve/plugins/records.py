"""Records in the journal of a memory: openings and remembered texts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from evolve.journal.lines import LineFormat
from evolve.records import Fields, Record


class Told(Record):
    """Answer of the toolkit's model, recorded so that it need not be asked again."""

    request: str = Field(description="SHA-256 of messages and options")
    text: str


class MemoryOpened(Record):
    """Opening of the memory by a version of a plug-in; it applies to the following records."""

    type: Literal["opened"] = "opened"
    plugin: str
    program: str = Field(description="id of the program")
    evolve: str = Field(description="version of this software")
    item_schema: dict[str, str] = Field(description="see manifest.item_schema")
    told: tuple[Told, ...] = Field(default=(), description="what a model said while the program was loaded")


class Remembered(Record):
    """Text that was written. ``remember`` returned only once this was on disk."""

    type: Literal["remembered"] = "remembered"
    text: str
    item: Fields = Field(description="what the agent made of it for the program")
    told: tuple[Told, ...] | None = Field(
        default=(), description="what a model said while it was written; None: to be asked again"
    )
    id: str = Field(default="", description="empty in journals of older versions: numbered when read")
    at: str = Field(default="", description="ISO time of the text; empty in journals of older versions")
    stored: str = Field(default="", description="when it was written, in UTC; empty in older journals")


Entry = Annotated[MemoryOpened | Remembered, Field(discriminator="type")]
FORMAT: LineFormat[Entry] = LineFormat(
    TypeAdapter(Entry), noun="a record", otherwise="start another memory in another folder"
)
