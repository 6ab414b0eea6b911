"""Record of model calls, kept over restarts: a line for each, with the candidate that it is charged to."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Literal, Protocol

from pydantic import Field, ValidationError

from evolve.errors import InfrastructureError, ModelErrorKind, UsageError
from evolve.files.inside import read_below
from evolve.models.chat import Cause, Role
from evolve.records import Record, Usage

_CANDIDATE: ContextVar[int | None] = ContextVar("candidate", default=None)
_TEST: ContextVar[bool] = ContextVar("test", default=False)


@contextmanager
def charged_to(candidate: int, *, test: bool = False) -> Iterator[None]:
    """Charge the calls made inside, in this thread and those it starts, to a candidate by its number.

    Args:
        test: the calls score it on the test set, which is not part of the search.
    """
    tokens = _CANDIDATE.set(candidate), _TEST.set(test)
    try:
        yield
    finally:
        _CANDIDATE.reset(tokens[0])
        _TEST.reset(tokens[1])


def charged_candidate() -> int | None:
    """Return the number of the candidate that calls are charged to here; None if there is none."""
    return _CANDIDATE.get()


def charged_to_test() -> bool:
    """Return whether the calls made here are part of the final test."""
    return _TEST.get()


CallOutcome = Literal["ok", "cancelled"] | ModelErrorKind
"""Result of a model call: an answer, an end from outside, or the kind of its failure."""


class Call(Record):
    """Record of one call to a model, with all of its attempts."""

    at: float = Field(description="when it ended, in seconds since 1970")
    role: Role
    cause: Cause
    model: str
    candidate: int | None = Field(default=None, description="number of the candidate that it is charged to")
    test: bool = Field(default=False, description="part of the final test, not of the search")
    tokens_in: int = Field(default=0, description="of all attempts; of a cached one what it took once")
    tokens_out: int = 0
    tokens_reused: int = Field(
        default=0, description="those of tokens_in that the provider had in its prompt cache"
    )
    usd: float | None = Field(default=None, description="None: the price is not known")
    estimated: bool = Field(default=False, description="the provider reported no tokens: a rule of thumb")
    seconds: float = Field(default=0.0, description="from the first attempt to the end of the last")
    attempts: int = 0
    cached: bool = Field(default=False, description="asked before: it cost nothing now")
    left_out: int = Field(
        default=0, description="characters that the prompt left out to fit the model's context"
    )
    context_tokens: int | None = Field(
        default=None, description="the model's context, which prompts are fitted to; None: not known"
    )
    outcome: CallOutcome = "ok"

    @property
    def usage(self) -> Usage:
        """Usage of the call; empty if it was cached."""
        if self.cached:
            return Usage()
        return Usage(
            calls=1,
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
            usd=self.usd or 0.0,
            unpriced=int(self.usd is None),
        )


class CallLog(Protocol):
    """Log of model calls. Thread-safe."""

    def past(self) -> Iterable[Call]:
        """Return the calls recorded before."""
        ...

    def append(self, call: Call) -> None:
        """Record one. Raises ``InfrastructureError`` if that fails."""
        ...


class CallFile:
    """A ``CallLog`` in a file of JSON lines; there must be only one writer.

    A process that was killed while it appended leaves a line without its end: the next writer cuts it off.
    Lines are handed to the system at once, but not synced to disk: a kill loses none, a power failure may
    lose the last few.

    Args:
        path: the file; it is made, with its folder, if it is missing.

    Raises:
        UsageError: a line other than a torn last one is not a call.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
        try:
            self._past, self._length = read_calls(path)
            os.ftruncate(self._descriptor, self._length)
        except BaseException:
            os.close(self._descriptor)
            raise

    def past(self) -> list[Call]:
        """Return the calls that were in the file when it was opened."""
        return self._past

    def append(self, call: Call) -> None:
        """Append ``call`` to the file."""
        line = call.model_dump_json().encode() + b"\n"
        with self._guard:
            try:
                written = os.write(self._descriptor, line)
                if written < len(line):  # the disk is full: half a line would be damage once another follows
                    os.ftruncate(self._descriptor, self._length)
                    raise OSError(f"only {written} of {len(line)} bytes were written")
            except OSError as error:
                raise InfrastructureError(
                    f"{self._path}, the account of model calls, could not be written: {error}.",
                    remedy="Fix the cause and rerun the command: nothing before it is lost.",
                ) from error
            self._length += len(line)

    def close(self) -> None:
        """Close the file. Safe to call again."""
        with self._guard:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1


def recorded_calls(path: Path) -> list[Call]:
    """Return the calls in ``path``, in their order; empty where no model was asked. UsageError if damaged."""
    return read_calls(path)[0] if path.is_file() else []


def read_calls(path: Path) -> tuple[list[Call], int]:
    """Return the calls in ``path`` and their length in bytes; anything beyond is a torn line.

    Raises:
        UsageError: a whole line is not a call.
    """
    data = read_below(path.parent, path.name)
    end = data.rfind(b"\n") + 1
    calls: list[Call] = []
    for number, line in enumerate(data[:end].splitlines(), start=1):
        try:
            calls.append(Call.model_validate_json(line))
        except ValidationError as error:
            raise UsageError(
                f"Line {number} of {path} is not the record of a model call ({error.errors()[0]['msg']}). "
                "The file was edited, damaged, or written by another version; no budget can be kept without "
                "it. Restore it, or start another run with --name."
            ) from error
    return calls, end
