"""Provider that sends requests through litellm."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from evolve.models.chat import Message
from evolve.models.context_length import has_server, served_context, tabled_context
from evolve.models.litellm_errors import explained, no_key
from evolve.models.litellm_replies import joined_parts, said_in
from evolve.models.provider import (
    AttemptFailed,
    Completed,
    Embedded,
    Tokens,
    embedded_in,
    schema_format,
    stated_price,
)
from evolve.models.settings import ModelSettings
from evolve.models.tokens import estimate_tokens

if TYPE_CHECKING:
    from evolve.models.litellm_batches import LitellmBatches

CACHED_TOKENS = 1_024
"""Shortest beginning of a prompt that Claude's cache keeps; some of its models need twice as much."""
MARKED = ("anthropic", "bedrock", "vertex_ai", "openrouter")
"""Providers of Claude whose APIs take marks for the prompt cache."""
_GRACE = 5.0  # seconds beyond the timeout that litellm is given to notice it


def load_litellm() -> Any:
    """Import and return the module, quiet and without a network; the first time takes seconds."""
    # Without this litellm fetches its price table from the network while it is imported.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    # And without this it reads the file .env of the current folder or one above it, which may be of somebody
    # else and name another server for the user's key.
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    import litellm

    litellm.suppress_debug_info = True
    _join_parts()
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return litellm


def _join_parts() -> None:
    """Read content that is a list of parts as a text; litellm's type for replies takes only a text."""
    from litellm.litellm_core_utils.llm_response_utils import convert_dict_to_response as conversion

    read = getattr(conversion, "extract_reasoning_content", None)
    if read is None or getattr(read, "joins_parts", False):
        return

    def joined(message: Mapping[str, Any]) -> tuple[Any, Any]:
        content = message.get("content")
        return read({**message, "content": joined_parts(content)} if isinstance(content, list) else message)

    joined.joins_parts = True  # type: ignore[attr-defined]
    conversion.extract_reasoning_content = joined


def warm_up_litellm() -> None:
    """Import the modules of a first chat call, which takes another second, by a call that litellm itself
    answers.
    """
    litellm = load_litellm()
    nowhere = "http://127.0.0.1:9"  # in case it does not answer itself
    with suppress(Exception):  # only a head start: the first real call reports errors
        import openai.resources.beta
        import openai.resources.chat  # noqa: F401 - litellm's way to most providers

        litellm.completion(
            "openai/gpt-4o-mini",
            [{"role": "user", "content": "?"}],
            mock_response="!",
            api_key="none",
            api_base=nowhere,
            max_retries=0,
        )


class LitellmProvider:
    """Provider that sends requests through litellm, without its retries, caches, budgets and callbacks.

    Importing litellm takes 4–8 s, and happens when the first request or price is asked for.

    Args:
        environ: environment that holds the keys.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._batches: LitellmBatches | None = None

    @cached_property
    def _litellm(self) -> Any:
        return load_litellm()

    async def ready(self, settings: ModelSettings | None = None) -> None:
        """Import litellm, in another thread than that of the loop."""
        if "_litellm" not in self.__dict__:
            await asyncio.to_thread(lambda: self._litellm)

    async def chat(
        self,
        settings: ModelSettings,
        messages: Sequence[Message],
        options: Mapping[str, Any],
        schema: tuple[str, Mapping[str, Any]] | None,
    ) -> Completed:
        """Request a chat completion."""
        return await self.chat_over(None, settings, messages, options, schema)

    async def chat_over(
        self,
        client: Any,
        settings: ModelSettings,
        messages: Sequence[Message],
        options: Mapping[str, Any],
        schema: tuple[str, Mapping[str, Any]] | None,
    ) -> Completed:
        """Request a chat completion over an HTTP client as litellm takes it; None for litellm's own."""
        parameters = dict(options) | ({} if client is None else {"client": client})
        if schema is not None:
            self._check_schema(settings)
            parameters["response_format"] = schema_format(schema)
        if "tools" in parameters:
            self._check_tools(settings)
        response = await self.attempt(
            settings,
            "acompletion",
            model=settings.model,
            messages=self._cacheable(settings, messages),
            **parameters,
        )
        read = [str(message["content"]) for message in messages]
        return self._completed(settings, response, read, tools="tools" in parameters)

    def _cacheable(self, settings: ModelSettings, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """Return the messages, with a mark for the prompt cache where the provider needs one.

        OpenAI, DeepSeek, Gemini and others cache the beginning of a prompt by themselves; Claude does where a
        mark is set, and not below ``CACHED_TOKENS``. The system message is what calls of one kind share.
        """
        sent = [dict(message) for message in messages]
        system = sent[0] if sent and sent[0]["role"] == "system" else None
        model = settings.model.lower()
        marked = "claude" in model and model.partition("/")[0] in MARKED
        if system is None or not (marked or model.startswith("claude")):
            return sent
        if estimate_tokens(str(system["content"])) < CACHED_TOKENS:
            return sent
        mark = {"type": "ephemeral"}
        system["content"] = [{"type": "text", "text": system["content"], "cache_control": mark}]
        return sent

    async def embed(self, settings: ModelSettings, texts: Sequence[str]) -> Embedded:
        """The vectors of ``texts``."""
        response = await self.attempt(
            settings, "aembedding", model=settings.model, input=list(texts), **dict(settings.parameters)
        )
        tokens = self._tokens(settings, getattr(response, "usage", None), texts, "")
        return embedded_in(response.data, tokens)

    async def price(self, settings: ModelSettings, read: int, written: int) -> float | None:
        """Return the price by the settings, else by litellm's table; None where neither has one."""
        return self._price(settings, read, written, None)

    async def context_tokens(self, settings: ModelSettings) -> int | None:
        """Return the context length that the server states, else litellm's; never fails."""
        key = self._environ.get(settings.key_env) if settings.key_env else None
        found = await served_context(settings, key) if has_server(settings) else None
        return found or tabled_context(settings.model, self._litellm.model_cost)

    async def close(self) -> None:
        """Close the connections of the running loop."""
        if self._batches is not None:
            await self._batches.close()
        if "_litellm" in self.__dict__:
            await self._litellm.close_litellm_async_clients()

    def _check_schema(self, settings: ModelSettings) -> None:
        """Refuse a schema that litellm would drop silently; a configured one is sent."""
        if settings.structured == "auto" and not self._takes_schema(settings.model):
            message = f"litellm's table: {settings.model} does not support response_format json_schema"
            raise AttemptFailed("rejected", message, status=400, sent=False)

    def _check_tools(self, settings: ModelSettings) -> None:
        """Refuse tools for a model that, by litellm's table, has none: litellm may drop them silently."""
        model, table = settings.model, self._litellm.model_cost
        listed = model in table or model.partition("/")[2] in table
        if listed and not self._litellm.supports_function_calling(model):
            message = f"litellm's table: {model} does not support tools"
            raise AttemptFailed("rejected", message, status=400, sent=False)

    def _takes_schema(self, model: str) -> bool:
        """Return whether litellm's table says that the model takes a schema; for unlisted models, whether the
        provider's API does.
        """
        if model in self._litellm.model_cost or model.partition("/")[2] in self._litellm.model_cost:
            return bool(self._litellm.supports_response_schema(model))
        return "response_format" in (self._litellm.get_supported_openai_params(model) or ())

    async def batches(self) -> LitellmBatches:
        """Return the batch APIs."""
        from evolve.models.litellm_batches import LitellmBatches  # httpx, which litellm imports, too

        if self._batches is None:
            self._batches = LitellmBatches(self)
            await self.ready()
        return self._batches

    async def attempt(self, settings: ModelSettings, ask: Any, **request: Any) -> Any:
        """Return the result of a request to the server of a model, with its key and address.

        Args:
            settings: settings of the model.
            ask: a coroutine function, or the name of one of litellm's.
            request: its arguments.

        Raises:
            AttemptFailed: it failed.
        """
        if settings.key_env is not None:
            key = self._environ.get(settings.key_env)
            if not key:
                raise AttemptFailed("setup", no_key(settings.key_env))
            request["api_key"] = key
        if settings.api_base is not None:
            request["api_base"] = settings.api_base
        seconds = settings.timeout_seconds
        try:
            async with asyncio.timeout(seconds + _GRACE):
                asked = getattr(self._litellm, ask) if isinstance(ask, str) else ask
                return await asked(timeout=seconds, max_retries=0, **request)
        except TimeoutError as error:
            raise AttemptFailed(
                "outage", f"no answer within {seconds:g} s", transient=True, unreachable=True
            ) from error
        except Exception as error:
            raise explained(
                error, settings, self._environ, self._missing_key, _names(self._litellm.provider_list)
            ) from error

    def _missing_key(self, settings: ModelSettings) -> str:
        """The environment variable that the model's provider needs and that is not set; empty if none is."""
        missing = self._litellm.validate_environment(settings.model).get("missing_keys") or []
        return next((name for name in missing if name.endswith("_KEY")), "")

    def _completed(
        self, settings: ModelSettings, response: Any, read: Sequence[str], *, tools: bool = False
    ) -> Completed:
        said = said_in(response, tools=tools)
        tokens = self._tokens(settings, getattr(response, "usage", None), read, said.written)
        return said.completed(tokens, str(getattr(response, "model", "") or settings.model))

    def _tokens(self, settings: ModelSettings, usage: Any, read: Sequence[str], written: str) -> Tokens:
        tokens_in = int(getattr(usage, "prompt_tokens", 0) or 0)
        tokens_out = int(getattr(usage, "completion_tokens", 0) or 0)
        if tokens_in or tokens_out:
            usd = self._price(settings, tokens_in, tokens_out, usage)
            details = getattr(usage, "prompt_tokens_details", None)
            return Tokens(tokens_in, tokens_out, usd, reused=int(getattr(details, "cached_tokens", 0) or 0))
        tokens_in, tokens_out = sum(estimate_tokens(text) for text in read), estimate_tokens(written)
        usd = self._price(settings, tokens_in, tokens_out, None)
        return Tokens(tokens_in, tokens_out, usd, estimated=True)

    def _price(self, settings: ModelSettings, read: int, written: int, usage: Any) -> float | None:
        """Return the price; litellm's ``usage`` tells cached and thought tokens, which have other prices."""
        usd_in = stated_price(settings.usd_per_million_in, read)
        usd_out = stated_price(settings.usd_per_million_out, written)
        if usd_in is None or usd_out is None:
            try:
                table_in, table_out = self._litellm.cost_per_token(
                    settings.model, prompt_tokens=read, completion_tokens=written, usage_object=usage
                )
            except Exception:  # noqa: BLE001 - ModelNotMappedError, or what a table with gaps leads to
                return None
            # For a partly known model the table says 0: then the price is unknown too.
            usd_in = usd_in if usd_in is not None else table_in or None
            usd_out = usd_out if usd_out is not None else table_out or None
        return None if usd_in is None or usd_out is None else float(usd_in + usd_out)


def _names(providers: Iterable[object]) -> list[str]:
    """litellm lists its providers as members of an enumeration, or as texts."""
    return [str(getattr(one, "value", one)) for one in providers]
