"""Provider for estimates: sends nothing, counts requests, and makes replies up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evolve.models.chat import Message
from evolve.models.context_length import tabled_context
from evolve.models.litellm_provider import load_litellm
from evolve.models.offline import ExtractiveModel
from evolve.models.provider import Completed, Embedded, Provider, Tokens
from evolve.models.settings import ModelSettings
from evolve.models.tokens import estimate_tokens

TEXT_CHARACTERS = 100
"""Length of a made-up text: a field of a record, or an answer."""
_DIMENSION = 64


class MadeUpProvider:
    """Provider that replies at once with texts of the requested form, cut from the prompt, without a network.

    Tokens are estimated, a token for each four characters. A text of a form is at most ``TEXT_CHARACTERS``
    long, and so is a free reply, which quotes what the prompt has of its question; yes or no is drawn from
    the prompt. So programs can be run with it and their requests counted, while their scores mean nothing.

    Args:
        prices: source of prices, asked for nothing else.

    Example:
        >>> import asyncio
        >>> from evolve.config import RoleConfig
        >>> schema = {"type": "object", "properties": {"who": {"type": "string"}}}
        >>> asked = [{"role": "user", "content": "Ada lives in Lisbon."}]
        >>> provider = MadeUpProvider(prices=None)
        >>> asyncio.run(provider.chat(RoleConfig(model="openai/x"), asked, {}, ("item", schema))).text
        '{"who": "Ada lives in Lisbon."}'
    """

    def __init__(self, prices: Provider | None) -> None:
        self._prices = prices
        self._quoting = ExtractiveModel(TEXT_CHARACTERS)

    async def ready(self, settings: ModelSettings | None = None) -> None:
        """Do nothing: there is nothing to load."""

    async def chat(
        self,
        settings: ModelSettings,
        messages: Sequence[Message],
        options: Mapping[str, Any],
        schema: tuple[str, Mapping[str, Any]] | None,
    ) -> Completed:
        """A made-up reply, of the form of ``schema`` where there is one."""
        text = str(messages[-1]["content"])
        if schema is not None:
            seed = hashlib.sha256(text.encode("utf-8", "replace")).digest()[0]
            reply = json.dumps(_value(schema[1], schema[1], _excerpt(text), seed), ensure_ascii=False)
        else:
            reply = self._quoting.complete([dict(message) for message in messages], dict(options)).text  # type: ignore[arg-type]
        reply = reply or "None."
        read = sum(estimate_tokens(str(message["content"])) for message in messages)
        written = estimate_tokens(reply)
        usd = await self.price(settings, read, written)
        return Completed(reply, "stop", Tokens(read, written, usd, estimated=True), settings.model)

    async def embed(self, settings: ModelSettings, texts: Sequence[str]) -> Embedded:
        """A vector for each text that depends on it alone."""
        read = sum(map(estimate_tokens, texts))
        size = settings.dimension or _DIMENSION
        tokens = Tokens(read, 0, await self.price(settings, read, 0), estimated=True)
        return Embedded([_vector(text, size) for text in texts], tokens)

    async def price(self, settings: ModelSettings, read: int, written: int) -> float | None:
        """USD by the settings or litellm's table; None where neither knows."""
        return None if self._prices is None else await self._prices.price(settings, read, written)

    async def context_tokens(self, settings: ModelSettings) -> int | None:
        """Return the configured context length, else litellm's; no server is asked."""
        if settings.context_tokens is not None or self._prices is None:
            return settings.context_tokens
        return tabled_context(settings.model, load_litellm().model_cost)

    async def close(self) -> None:
        """End the source of prices."""
        if self._prices is not None:
            await self._prices.close()


def _excerpt(text: str) -> str:
    """Return the end of a prompt, which holds its subject, without tags."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("<")]
    return " ".join(" ".join(lines[-3:]).split())[:TEXT_CHARACTERS]


def _value(schema: Mapping[str, Any], root: Mapping[str, Any], text: str, seed: int) -> Any:
    """Return a minimal valid value of ``schema``."""
    if "$ref" in schema:
        place: Any = root
        for step in str(schema["$ref"]).removeprefix("#/").split("/"):
            place = place[step]
        return _value(place, root, text, seed)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return _value(schema[several][0], root, text, seed)
    if "enum" in schema:
        return schema["enum"][seed % len(schema["enum"])]
    kind = schema.get("type", "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: _value(one, root, text, seed) for name, one in schema.get("properties", {}).items()}
    if kind == "array":
        return [_value(schema.get("items", {}), root, text, seed)]
    return {"boolean": bool(seed % 2), "integer": 1, "number": 1.0, "null": None}.get(kind, text)


def _vector(text: str, size: int) -> list[float]:
    digest = hashlib.shake_128(text.encode("utf-8", "replace")).digest(size)
    return (np.frombuffer(digest, np.uint8) / 127.5 - 1.0).tolist()
