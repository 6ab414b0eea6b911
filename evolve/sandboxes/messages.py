"""Messages of a worker, and their strict reader.

A message is a frame of 4 bytes of length, big-endian, and UTF-8 JSON. Everything is checked on the bytes
before it is parsed, or on the parsed value before it is used; a message that does not fit is a
``ProgramError`` of kind ``protocol``, never another exception.
"""

from __future__ import annotations

import json
import math
import re
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from evolve.errors import ProgramError

HEADER_BYTES = 4
MAX_DEPTH = 24
MAX_CONTAINERS = 10_000
MAX_NUMBER_DIGITS = 20

_STRING = re.compile(rb'"[^"\\]*+(?:\\.?[^"\\]*+)*+"?', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class _SandboxMessage(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: str = Field(max_length=64)


class Ready(_SandboxMessage):
    """Message: the worker has started and no program code has run yet."""

    kind: Literal["ready"]


class Done(_SandboxMessage):
    """Message: a request was carried out; ``value`` is the result of read, or, after observe, some text if
    read is to be called again.
    """

    kind: Literal["done"]
    value: str | None
    logs: list[str] = Field(max_length=1000)


class Failed(_SandboxMessage):
    """Message: a request failed, and the worker continues."""

    kind: Literal["failed"]
    error: Literal["contract", "load", "exception", "memory", "output", "crash"]
    message: str = Field(max_length=2_000)
    detail: str = Field(max_length=20_000)
    logs: list[str] = Field(max_length=1000)


class Left(_SandboxMessage):
    """Message: the process that had the channel has ended; ``id``: that of its branch request, empty for the
    first.
    """

    kind: Literal["left"]
    code: int | None
    signal: int | None
    out_of_memory: bool


class Clock(_SandboxMessage):
    """Message: times of the call so far, by the supervisor; later messages are the program's.

    Attributes:
        wall: seconds in which the program had the turn.
        cpu: CPU seconds of its process.
        delay: seconds of ``wall`` spent waiting for a CPU; None where the machine does not tell.
    """

    kind: Literal["clock"]
    wall: float
    cpu: float
    delay: float | None


class Embed(_SandboxMessage):
    """Message: the program requests vectors."""

    kind: Literal["embed"]
    texts: list[str] = Field(min_length=1)


class Complete(_SandboxMessage):
    """Message: the program requests a model's answer."""

    kind: Literal["complete"]
    messages: list[dict[str, str]] = Field(min_length=1)
    options: dict[str, JsonValue]


Message = Ready | Done | Failed | Left | Clock | Embed | Complete

_ADAPTER: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


def encode(value: dict[str, Any]) -> bytes:
    """Return ``value`` as a frame.

    Raises:
        ValueError: it holds NaN, infinity or a lone surrogate.
    """
    body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return len(body).to_bytes(HEADER_BYTES, "big") + body


def decode(body: bytes) -> Message:
    """Return the message in the body of a frame.

    Raises:
        ProgramError: kind ``protocol``; it is not a message.
    """
    value = parse(body)
    try:
        return _ADAPTER.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][:4])
        violation(f"a message of another form: {where or 'message'}: {first['msg']}")


def parse(body: bytes) -> Any:
    """Parse JSON strictly: no NaN, no infinite or huge number, no key twice, no lone surrogate, not deep.

    Raises:
        ProgramError: kind ``protocol``.
    """
    _check_nesting(body)
    try:
        value = _DECODER.decode(body.decode("utf-8"))
        if _SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:  # JSON and Unicode errors are ValueErrors
        violation(f"bytes that are no valid JSON: {str(error)[:200]}")
    return value


def violation(what: str) -> NoReturn:
    """Return the error for invalid data of the worker."""
    raise ProgramError(
        "protocol",
        f"The program broke the sandbox's protocol by sending {what}. A program must leave the worker that "
        "runs it, and its descriptors, alone.",
        fatal=True,
    )


def _check_nesting(body: bytes) -> None:
    """Refuse deep or very many containers, at the cost of one scan, before the parser builds anything."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    skeleton = _STRING.sub(b"", body)
    if skeleton.count(b"[") + skeleton.count(b"{") > MAX_CONTAINERS:
        violation(f"a message of more than {MAX_CONTAINERS} lists and objects")
    depth = 0
    for bracket in _BRACKET.findall(skeleton):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            violation(f"a message nested deeper than {MAX_DEPTH} levels")


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > MAX_NUMBER_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _real(text: str) -> float:
    value = float(text) if len(text) <= 400 else math.inf
    if not math.isfinite(value):
        raise ValueError("a number out of range")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("an object with the same key twice")
    return value


# Once, since ``json.loads`` makes a new one for each message.
_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_int=_integer, parse_float=_real, object_pairs_hook=_object
)
