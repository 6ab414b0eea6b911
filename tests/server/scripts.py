"""What the test server is told to say: a script for each model, called with every request to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.server.faults import Fault

Vectors = list[list[float]]


@dataclass(frozen=True)
class Asked:
    """A request as a script sees it.

    Attributes:
        model: as it was sent; litellm strips the provider, so ``openai/task`` arrives as ``task``.
        body: the JSON of the request.
        index: how many requests this model was sent before, retries among them.
        seen: how many times exactly this body was sent before.
    """

    model: str
    body: Mapping[str, Any]
    index: int
    seen: int

    @property
    def text(self) -> str:
        """All messages, or all texts to embed, joined by newlines."""
        if "messages" in self.body:
            return "\n".join(str(message.get("content", "")) for message in self.body["messages"])
        return "\n".join(self.inputs)

    @property
    def inputs(self) -> list[str]:
        """The texts to embed."""
        given = self.body.get("input", [])
        return [given] if isinstance(given, str) else list(given)


@dataclass(frozen=True)
class Answer:
    """A good answer, with more to say about it than its text.

    Attributes:
        text: what the model says.
        vectors: for an embedding model, in the place of the text.
        finish: ``finish_reason``; ``length`` is a truncated answer, ``content_filter`` a filtered one.
        seconds: until it is sent; None for the server's latency.
        tokens: read and written, in the place of one for each four characters.
        usage: whether tokens are reported.
        reused: tokens of the prompt that are reported as read from the provider's cache.
        message: fields of the message besides the text, or in the place of it under ``content``.
    """

    text: str = ""
    vectors: Vectors = field(default_factory=list)
    finish: str = "stop"
    seconds: float | None = None
    tokens: tuple[int, int] | None = None
    usage: bool = True
    reused: int = 0
    message: Mapping[str, Any] = field(default_factory=dict)


Said = str | Answer | Fault
Script = Callable[[Asked], Said]


def always(said: Said) -> Script:
    """The same to every request."""
    return lambda asked: said


def in_turn(*said: Said) -> Script:
    """One after the other, by the index of the request; the last one for ever after."""
    return lambda asked: said[min(asked.index, len(said) - 1)]


def first(times: int, fault: Fault, then: Script) -> Script:
    """``fault`` to the first ``times`` sendings of each request, then what ``then`` says."""
    return lambda asked: fault if asked.seen < times else then(asked)


def where(holds: Callable[[Asked], bool], said: Said, otherwise: Script) -> Script:
    """``said`` where the predicate holds, else what ``otherwise`` says."""
    return lambda asked: said if holds(asked) else otherwise(asked)


def as_json(values: Callable[[Asked], Mapping[str, Any]]) -> Script:
    """A JSON object."""
    return lambda asked: json.dumps(values(asked))


def embedding(dimension: int = 8) -> Script:
    """A vector for each text, that depends on it alone; not of length 1."""

    def script(asked: Asked) -> Answer:
        size = int(asked.body.get("dimensions") or dimension)
        return Answer(vectors=[_vector(text, size) for text in asked.inputs])

    return script


def count_tokens(texts: Sequence[str]) -> int:
    """The server's tokenizer: a token for each four characters begun, of each text."""
    return sum(-(-len(text) // 4) for text in texts)


def _vector(text: str, size: int) -> list[float]:
    digest = hashlib.shake_128(text.encode()).digest(size)
    return [(byte - 127.5) / 64 for byte in digest]
