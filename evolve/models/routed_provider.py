"""Choice of the client that carries a model's requests: litellm, or a smaller one for OpenAI's protocol."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from evolve.models.batches import BatchProvider
from evolve.models.chat import Message
from evolve.models.litellm_provider import LitellmProvider, warm_up_litellm
from evolve.models.provider import AttemptFailed, Completed, Embedded, Provider
from evolve.models.settings import ModelSettings

PROVIDERS = ("openai", "hosted_vllm")
"""Prefixes of models by which litellm speaks OpenAI's protocol to any address."""
_LITELLMS_OWN = frozenset(
    """api_base api_key api_version base_url custom_llm_provider drop_params extra_query mock_response
    num_retries organization timeout""".split()  # noqa: SIM905
)
"""Parameters that are litellm's and not a server's."""
_TABLE = "model_prices_and_context_window_backup.json"


def asks_directly(settings: ModelSettings) -> bool:
    """Return whether requests to a model go without litellm.

    They do where the settings say so, or by default at an address of one's own of a model that litellm's
    table does not list: for others the table has prices and lengths.

    >>> from evolve.config import RoleConfig
    >>> asks_directly(RoleConfig(model="openai/mine", api_base="http://localhost:8000/v1"))
    True
    >>> asks_directly(RoleConfig(model="openai/gpt-4o-mini")), asks_directly(RoleConfig(model="ollama/x"))
    (False, False)
    """
    if settings.client != "auto":
        return settings.client == "openai"
    provider, slash, name = settings.model.partition("/")
    return (
        bool(slash)
        and provider in PROVIDERS
        and settings.api_base is not None
        and not _LITELLMS_OWN & set(settings.parameters)
        and not (is_listed(name) or is_listed(settings.model))
    )


@lru_cache(maxsize=256)
def is_listed(model: str) -> bool:
    """Return whether litellm's table has ``model``; it is looked up in its text, without an import."""
    return f'"{model}": {{' in _table()


@lru_cache(maxsize=1)
def _table() -> str:
    found = importlib.util.find_spec("litellm")
    if found is None or found.origin is None:
        return ""
    file = Path(found.origin).with_name(_TABLE)
    return file.read_text("utf-8") if file.is_file() else ""


class RoutedProvider:
    """Provider that sends each request by the client of its model; litellm is imported when one needs it.

    For use on one event loop.

    Args:
        environ: environment that holds the keys.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._loading = asyncio.Lock()
        self._litellm: LitellmProvider | None = None
        self._direct: Provider | None = None

    async def ready(self, settings: ModelSettings | None = None) -> None:
        """Load what requests to a model need; without ``settings`` nothing."""
        if settings is not None:
            await self._of(settings)

    async def chat(
        self,
        settings: ModelSettings,
        messages: Sequence[Message],
        options: Mapping[str, Any],
        schema: tuple[str, Mapping[str, Any]] | None,
    ) -> Completed:
        """Request a chat completion."""
        return await (await self._of(settings)).chat(settings, messages, options, schema)

    async def embed(self, settings: ModelSettings, texts: Sequence[str]) -> Embedded:
        """The vectors of ``texts``."""
        return await (await self._of(settings)).embed(settings, texts)

    async def price(self, settings: ModelSettings, read: int, written: int) -> float | None:
        """Return the price of tokens in USD; None where it is not known."""
        return await (await self._of(settings)).price(settings, read, written)

    async def context_tokens(self, settings: ModelSettings) -> int | None:
        """Return the context length, where the client can find it out."""
        return await (await self._of(settings)).context_tokens(settings)

    async def batches(self) -> BatchProvider:
        """Return the batch APIs, which are asked through litellm."""
        return await (await self._by_litellm()).batches()

    async def close(self) -> None:
        """Close all connections."""
        for provider in (self._direct, self._litellm):
            if provider is not None:
                await provider.close()

    async def _of(self, settings: ModelSettings) -> Provider:
        """Return the client of a model."""
        if asks_directly(settings):
            if self._direct is None:
                from evolve.models.openai_provider import OpenAIProvider

                self._direct = OpenAIProvider(self._environ)
            return self._direct
        return await self._by_litellm()

    async def _by_litellm(self) -> LitellmProvider:
        async with self._loading:
            if self._litellm is None:
                self._litellm = await self._loaded()
        return self._litellm

    async def _loaded(self) -> LitellmProvider:
        provider = LitellmProvider(self._environ)
        try:
            await asyncio.to_thread(warm_up_litellm)
            await provider.ready()
        except ImportError as error:
            raise AttemptFailed("setup", f"litellm cannot be imported: {error}") from error
        # Imported objects are never garbage; each full collection would go through all of them.
        gc.collect()
        gc.freeze()
        return provider
