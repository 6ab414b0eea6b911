"""Record of an agent's work on one candidate: crash-safe, bounded by its caps, and replayed on resume."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from evolve.files.durable import said_as_ours, write_all
from evolve.files.inside import read_below
from evolve.records import Became, Record, Usage

FOLDER = "proposals"
"""Folder of the transcripts in a run directory: ``proposals/N.jsonl`` for candidate N."""


class Beginning(Record):
    """First line: the situation that the record belongs to."""

    type: Literal["beginning"] = "beginning"
    key: str = Field(description="hash of proposer, parent and opening: another situation begins anew")
    number: int
    parent: int
    proposer: str = Field(description="model or command")
    files: int = Field(default=0, description="files in the workspace")


class Spoken(Record):
    """Reply of the model, or the error in its place."""

    type: Literal["reply"] = "reply"
    text: str
    calls: tuple[tuple[str, str, str], ...] = Field(default=(), description="name, arguments and id of each")
    usage: Usage = Usage()
    seconds: float = 0.0
    error: str = Field(default="", description="kind and message of a failed call")


class Carried(Record):
    """Result of the call in the reply before."""

    type: Literal["result"] = "result"
    call: str = Field(description="the call in one line; empty if the reply had none")
    text: str = Field(description="the result, as the model is shown it")
    seconds: float = 0.0
    usage: Usage = Field(default=Usage(), description="models asked by a trial")
    became: Became | None = Field(default=None, description="of a program that was tried or submitted")
    program: str = Field(default="", description="source of a program that passed the checks")
    message: str = Field(default="", description="message of a program that was submitted")


class Ending(Record):
    """Last line: the reason why there is a candidate, or none."""

    type: Literal["end"] = "end"
    reason: str = Field(description="submitted, or which cap was reached")


Line = Annotated[Beginning | Spoken | Carried | Ending, Field(discriminator="type")]
_LINE: TypeAdapter[Line] = TypeAdapter(Line)


class Transcript:
    """Transcript of one candidate, kept in a file if there is one; for one thread.

    Args:
        path: the file; None to keep the record in memory only.
        beginning: the situation. A file of another situation is begun anew.

    Example:
        >>> transcript = Transcript(None, Beginning(key="k", number=3, parent=0, proposer="openai/x"))
        >>> transcript.add(Spoken(text="Hello"))
        >>> [line.type for line in transcript.lines]
        ['beginning', 'reply']
    """

    def __init__(self, path: Path | None, beginning: Beginning) -> None:
        self._path = path
        self._descriptor = -1
        self.lines: list[Line] = []
        if path is None:
            self.lines = [beginning]
            return
        with said_as_ours(path):
            path.parent.mkdir(exist_ok=True)
            found, length = _read(path)
            if not found or found[0] != beginning:
                found, length = [], 0
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
            self._descriptor = os.open(path, flags, 0o666)
            os.ftruncate(self._descriptor, length)  # of a torn line, or all of another situation
        self.lines = found
        if not found:
            self.add(beginning)

    def add(self, line: Line) -> None:
        """Record ``line``: on disk when this returns. InfrastructureError: it was not recorded."""
        if self._path is not None:
            with said_as_ours(self._path):
                write_all(
                    self._descriptor, line.model_dump_json().encode("utf-8", "replace") + b"\n", os.write
                )
        self.lines.append(line)

    def close(self) -> None:
        """Close the file. Safe to call again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_transcript(run: Path, number: int) -> list[Line]:
    """Return the transcript of a candidate in the run directory ``run``; empty where there is none."""
    return _read(run / FOLDER / f"{number}.jsonl", run)[0]


def _read(path: Path, base: Path | None = None) -> tuple[list[Line], int]:
    """Return the whole lines of a file and their length in bytes; it ends where a line cannot be read."""
    base = base or path.parent
    try:
        data = read_below(base, *path.relative_to(base).parts)
    except FileNotFoundError:
        return [], 0
    lines: list[Line] = []
    length = 0
    for raw in data.split(b"\n")[:-1]:
        try:
            lines.append(_LINE.validate_json(raw))
        except ValidationError:
            break
        length += len(raw) + 1
    return lines, length
