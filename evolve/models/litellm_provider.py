"""The only file that imports litellm: one attempt of a request, and what its errors mean."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NoReturn

from evolve.errors import ModelErrorKind
from evolve.models.backoff import retry_after
from evolve.models.chat import Message
from evolve.models.provider import AttemptFailed, Completed, Embedded, Tokens
from evolve.models.redaction import redacted
from evolve.models.settings import ModelSettings, provider_of
from evolve.models.tokens import estimate_tokens

TRANSIENT_STATUS = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
"""HTTP statuses after which another attempt may succeed; 529 is Anthropic's "overloaded"."""
_GRACE = 5.0  # seconds beyond the timeout that litellm is given to notice it
_NO_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
_FILTERED = frozenset({"content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"})
_KEYS: Mapping[str, str] = {"hosted_vllm": "HOSTED_VLLM_API_KEY", "gemini": "GEMINI_API_KEY"}


class LitellmProvider:
    """Carries requests through litellm, without its retries, caches, budgets and callbacks.

    Importing litellm takes 4–8 s, and happens when the first request or price is asked for.

    Args:
        environ: where keys are looked up.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ

    @cached_property
    def _litellm(self) -> Any:
        # Without this litellm fetches its price table from the network while it is imported.
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        import litellm

        litellm.suppress_debug_info = True
        for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        return litellm

    async def ready(self) -> None:
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
        """One chat completion."""
        parameters = dict(options)
        if schema is not None and self._takes_schema(settings.model):
            json_schema = {"name": schema[0], "schema": dict(schema[1])}
            parameters["response_format"] = {"type": "json_schema", "json_schema": json_schema}
        response = await self._attempt(
            settings,
            self._litellm.acompletion,
            messages=[dict(message) for message in messages],
            **parameters,
        )
        read = [str(message["content"]) for message in messages]
        return self._completed(settings, response, read)

    async def embed(self, settings: ModelSettings, texts: Sequence[str]) -> Embedded:
        """The vectors of ``texts``."""
        response = await self._attempt(
            settings, self._litellm.aembedding, input=list(texts), **dict(settings.parameters)
        )
        tokens = self._tokens(settings, getattr(response, "usage", None), texts, "")
        try:
            rows = sorted(response.data, key=lambda row: row["index"])
            vectors = [[float(value) for value in row["embedding"]] for row in rows]
        except (TypeError, KeyError, ValueError) as error:
            raise AttemptFailed(
                "malformed", f"expected a list of vectors, found {response.data!r:.200}", tokens=tokens
            ) from error
        return Embedded(vectors, tokens)

    def price(self, settings: ModelSettings, read: int, written: int) -> float | None:
        """By the settings, or by litellm's table."""
        return self._price(settings, read, written, None)

    async def close(self) -> None:
        """Close the connections of the running loop."""
        if "_litellm" in self.__dict__:
            await self._litellm.close_litellm_async_clients()

    def _takes_schema(self, model: str) -> bool:
        """What litellm's table says; of a model that it does not have, whether the provider's API can."""
        if model in self._litellm.model_cost or model.partition("/")[2] in self._litellm.model_cost:
            return bool(self._litellm.supports_response_schema(model))
        return "response_format" in (self._litellm.get_supported_openai_params(model) or ())

    async def _attempt(self, settings: ModelSettings, ask: Any, **request: Any) -> Any:
        if settings.key_env is not None:
            key = self._environ.get(settings.key_env)
            if not key:
                raise AttemptFailed(
                    "setup", f"the environment variable {settings.key_env} is not set; it must hold the key"
                )
            request["api_key"] = key
        if settings.api_base is not None:
            request["api_base"] = settings.api_base
        seconds = settings.timeout_seconds
        try:
            async with asyncio.timeout(seconds + _GRACE):
                return await ask(model=settings.model, timeout=seconds, max_retries=0, **request)
        except TimeoutError as error:
            raise AttemptFailed(
                "outage", f"no answer within {seconds:g} s", transient=True, unreachable=True
            ) from error
        except Exception as error:  # noqa: BLE001 - whatever litellm raises is one of a few failures
            self._explain(settings, error)

    def _explain(self, settings: ModelSettings, error: Exception) -> NoReturn:
        chain = list(_chain(error))
        status = next((s for e in chain if isinstance(s := getattr(e, "status_code", None), int)), None)
        code = next((c for e in chain if (c := _code(e))), "")
        text = redacted(_first_line(error), self._environ)
        answered = any(type(e).__name__ == "HTTPStatusError" for e in chain)
        if code in _NO_CREDIT or status == 402:
            raise AttemptFailed("setup", f"the account has no credit left ({text})") from error
        if status in TRANSIENT_STATUS:
            connection = any(isinstance(e, OSError | asyncio.TimeoutError) or _is_transport(e) for e in chain)
            if status == 500 and not answered and not connection:
                self._check_key(settings, text)
                message = f"expected a reply of the API's form, found none that can be read ({text})"
                raise AttemptFailed("malformed", message, transient=True) from error
            raise AttemptFailed(
                "outage",
                text,
                transient=True,
                unreachable=status != 429,
                limited=status == 429,
                wait=retry_after(_headers(error), datetime.now(UTC)),
            ) from error
        if status is None:  # no provider's answer, and no error of litellm's: our own request was wrong
            raise AttemptFailed("rejected", f"{type(error).__name__}: {text}") from error
        raise AttemptFailed(self._kind(error, status, code), self._advice(settings, status, text)) from error

    def _check_key(self, settings: ModelSettings, text: str) -> None:
        """Raise if a client says that it misses a key; litellm knows which variables each provider needs."""
        if settings.key_env is None and re.search(r"api[_ ]?key|credential", text, re.IGNORECASE):
            needed = self._litellm.validate_environment(settings.model).get("missing_keys") or []
            if variables := [name for name in needed if name.endswith("_KEY")]:
                raise AttemptFailed(
                    "setup", f"the environment variable {variables[0]} is not set; it must hold the key"
                )

    def _kind(self, error: Exception, status: int, code: str) -> ModelErrorKind:
        exceptions = self._litellm.exceptions
        if isinstance(error, exceptions.ContextWindowExceededError) or code == "context_length_exceeded":
            return "too_long"
        if "LLM Provider NOT provided" in str(error):
            return "setup"
        if isinstance(error, exceptions.ContentPolicyViolationError) or code in _FILTERED:
            return "filtered"
        return "setup" if status in (401, 403, 404) else "rejected"

    def _advice(self, settings: ModelSettings, status: int, text: str) -> str:
        variable = settings.key_env or _key_variable(settings.model)
        if status == 401:
            return f"the key was refused; set a valid one in the environment variable {variable} ({text})"
        if status == 403:
            return f"the key in the environment variable {variable} may not use this model ({text})"
        if status == 404:
            where = f" at {settings.api_base}" if settings.api_base else ""
            return f"there is no such model{where}; check its name and api_base ({text})"
        return text

    def _completed(self, settings: ModelSettings, response: Any, read: Sequence[str]) -> Completed:
        choices = getattr(response, "choices", None)
        choice = choices[0] if choices else None
        message = getattr(choice, "message", None)
        text = getattr(message, "content", None)
        tokens = self._tokens(settings, getattr(response, "usage", None), read, text or "")
        finish = str(getattr(choice, "finish_reason", "") or "")
        refusal = (getattr(message, "provider_specific_fields", None) or {}).get("refusal")
        if refusal and not text:
            finish = "content_filter"
        elif not isinstance(text, str) and finish not in ("length", "content_filter"):
            raise AttemptFailed(
                "malformed",
                "expected one choice with a text, found "
                + ("a choice without one" if choices else "no choice at all"),
                transient=True,
                tokens=tokens,
            )
        return Completed(text or "", finish, tokens, str(getattr(response, "model", "") or settings.model))

    def _tokens(self, settings: ModelSettings, usage: Any, read: Sequence[str], written: str) -> Tokens:
        tokens_in = int(getattr(usage, "prompt_tokens", 0) or 0)
        tokens_out = int(getattr(usage, "completion_tokens", 0) or 0)
        if tokens_in or tokens_out:
            return Tokens(tokens_in, tokens_out, self._price(settings, tokens_in, tokens_out, usage))
        tokens_in, tokens_out = sum(estimate_tokens(text) for text in read), estimate_tokens(written)
        usd = self._price(settings, tokens_in, tokens_out, None)
        return Tokens(tokens_in, tokens_out, usd, estimated=True)

    def _price(self, settings: ModelSettings, read: int, written: int, usage: Any) -> float | None:
        """``usage`` as litellm gives it knows of tokens that were cached or thought, which cost otherwise."""
        usd_in = _given(settings.usd_per_million_in, read)
        usd_out = _given(settings.usd_per_million_out, written)
        if usd_in is None or usd_out is None:
            try:
                table_in, table_out = self._litellm.cost_per_token(
                    settings.model, prompt_tokens=read, completion_tokens=written, usage_object=usage
                )
            except Exception:  # noqa: BLE001 - ModelNotMappedError, or what a table with gaps leads to
                return None
            # Of a model that it half knows the table says 0: then the price is not known either.
            usd_in = usd_in if usd_in is not None else table_in or None
            usd_out = usd_out if usd_out is not None else table_out or None
        return None if usd_in is None or usd_out is None else float(usd_in + usd_out)


def _given(usd_per_million: float | None, tokens: int) -> float | None:
    """The price of ``tokens`` by the settings; of no tokens it is known."""
    if not tokens:
        return 0.0
    return None if usd_per_million is None else usd_per_million * tokens / 1e6


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, the last first."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _code(error: BaseException) -> str:
    """The API's code of an error, which litellm replaces by the status in some places."""
    for source in (getattr(error, "body", None), {"code": getattr(error, "code", None)}):
        if isinstance(source, Mapping) and isinstance(code := source.get("code"), str) and not code.isdigit():
            return code
    return ""


def _is_transport(error: BaseException) -> bool:
    """A connection failed, in whichever of litellm's clients; by name, since only litellm imports them."""
    return any(
        base.__name__ in ("TransportError", "APIConnectionError", "ClientError", "APITimeoutError")
        for base in type(error).__mro__
    )


def _headers(error: Exception) -> Mapping[str, str]:
    headers = getattr(error, "litellm_response_headers", None)
    headers = headers or getattr(getattr(error, "response", None), "headers", None)
    return headers or {}


def _first_line(error: Exception) -> str:
    """What matters; litellm puts its class and the provider's before it."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0].rpartition("Exception - ")[2]
    text = re.sub(r"^(litellm\.\w+: )+", "", text).rstrip(".")
    return text if len(text) <= 300 else f"{text[:300]}…"


def _key_variable(model: str) -> str:
    provider = provider_of(model)
    return _KEYS.get(provider, f"{provider.upper()}_API_KEY")
