"""Record of submitted batches, so that a resumed run waits for them instead of paying again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from pydantic import Field, ValidationError

from evolve.errors import InfrastructureError
from evolve.records import Record

FILE_NAME = "batches.jsonl"
"""Name of the file in a run's directory."""


class SubmittedBatch(Record):
    """Batch that is about to be submitted; as later lines of the same tag, that it was, and which of its
    replies are stored.
    """

    at: float = Field(description="when it was submitted, in seconds since 1970")
    batch: str = Field(description="the provider's id; empty before it is known")
    tag: str = Field(default="", description="identifies it before its id is known; older lines have none")
    model: str = Field(description="the model's LiteLLM id")
    endpoint: str = Field(default="", description="address of the server; empty for the provider's own")
    keys: tuple[str, ...] = Field(default=(), description="keys of its requests; none in a later line")
    kept: tuple[str, ...] = Field(
        default=(), description="keys of the requests that the batch is not needed for any more"
    )


class BatchLog(Protocol):
    """Record of batches that outlives the process."""

    def unfinished(self) -> Sequence[SubmittedBatch]:
        """Return the batches that are still needed, with the keys that they are needed for."""
        ...

    def append(self, batch: SubmittedBatch) -> None:
        """Record one. Raises ``InfrastructureError`` if that fails."""
        ...


class BatchFile:
    """A ``BatchLog`` in a file of JSON lines, made when there is something to record.

    An unreadable line, such as a killed process leaves, is skipped.

    Args:
        path: path of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def unfinished(self) -> list[SubmittedBatch]:
        """Return the batches in the file that are still needed."""
        found: dict[str, SubmittedBatch] = {}
        left: dict[str, dict[str, None]] = {}
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        for line in lines:
            try:
                one = SubmittedBatch.model_validate_json(line)
            except ValidationError:
                continue
            name = one.tag or one.batch
            if one.keys:
                found[name] = one
                left[name] = dict.fromkeys(one.keys)
            for key in one.kept:
                left.get(name, {}).pop(key, None)
        return [
            one.model_copy(update={"keys": tuple(left[name])}) for name, one in found.items() if left[name]
        ]

    def append(self, batch: SubmittedBatch) -> None:
        """Append ``batch`` to the file."""
        line = batch.model_dump_json().encode() + b"\n"
        try:
            with self._path.open("ab+") as file:
                if file.seek(0, os.SEEK_END):
                    file.seek(-1, os.SEEK_END)
                    if file.read(1) != b"\n":
                        line = b"\n" + line  # after a line that a killed process left without its end
                file.write(line)
        except OSError as error:
            raise InfrastructureError(
                f"{self._path}, the record of submitted batches, could not be written: {error}.",
                remedy="Fix the cause and rerun the command.",
            ) from error
