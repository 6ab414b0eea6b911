"""Provider for servers that speak OpenAI's protocol, without litellm: a tenth of its CPU time for each call.

It loads in a sixth of a second, where litellm takes several, and says of each reply and failure what
``LitellmProvider`` says of it; the tests of providers run over both.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import certifi

from evolve.models.chat import Message
from evolve.models.context_length import served_context
from evolve.models.litellm_errors import explained, no_key, unreadable
from evolve.models.litellm_replies import said_in
from evolve.models.openai_replies import response_of, usage_of
from evolve.models.provider import (
    AttemptFailed,
    Completed,
    Embedded,
    Tokens,
    embedded_in,
    price_by_settings,
    schema_format,
)
from evolve.models.redaction import redacted
from evolve.models.settings import ModelSettings, provider_of
from evolve.models.tokens import estimate_tokens

OFFICIAL = "https://api.openai.com/v1"
KEYS: Mapping[str, str] = {"openai": "OPENAI_API_KEY", "hosted_vllm": "HOSTED_VLLM_API_KEY"}
"""Provider → variable that holds its key; the second may be without one."""
IDLE_SECONDS = 4.0
"""Seconds that an idle connection is kept: fewer than the 5 after which common servers close it."""
_MERGED, _HEADERS = "extra_body", ("extra_headers", "headers")
_TOO_LONG = re.compile(
    r"exceed context limit|maximum context length|string too long\. expected a string with maximum length|"
    r"model's maximum context limit|is longer than the model's context length|"
    r"input tokens exceed the configured limit|`inputs` tokens \+ `max_new_tokens` must be|"
    r"exceeds the available context size|exceeds the maximum number of tokens allowed|prompt is too long|"
    r"maximum input length is .* tokens|context_length_exceeded",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"content_policy_violation|violating our usage policy|"
    r"request was rejected as a result of (the|our) safety",
    re.IGNORECASE,
)
_RATE = re.compile(r"rate[\s_-]*limit|service tier capacity exceeded|request too large", re.IGNORECASE)


class HTTPStatusError(Exception):
    """Answer of a server with the status of an error.

    Args:
        status: status of the response.
        text: its body.
        headers: its headers.
    """

    def __init__(self, status: int, text: str, headers: Mapping[str, str]) -> None:
        super().__init__(text or f"HTTP status {status}, without a text")
        refused = 400 <= status < 500
        self.status_code = 429 if refused and _RATE.search(text) else status
        self.litellm_response_headers = headers  # where ``explained`` reads them
        self.code = None
        if _TOO_LONG.search(text):
            self.code = "context_length_exceeded"
        elif _FILTERED.search(text):
            self.code = "content_policy_violation"


class OpenAIProvider:
    """Provider that sends requests to a server of OpenAI's protocol.

    Prices are those of the settings: it knows no table of prices. For use on one event loop.

    Args:
        environ: environment that holds the keys.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._session: aiohttp.ClientSession | None = None

    async def ready(self, settings: ModelSettings | None = None) -> None:
        """Do nothing: there is nothing slow to load."""

    async def chat(
        self,
        settings: ModelSettings,
        messages: Sequence[Message],
        options: Mapping[str, Any],
        schema: tuple[str, Mapping[str, Any]] | None,
    ) -> Completed:
        """Request a chat completion."""
        parameters = dict(options)
        if schema is not None:
            parameters["response_format"] = schema_format(schema)
        request = {"messages": [dict(message) for message in messages], **parameters}
        reply = await self._post(settings, "chat/completions", request)
        said = said_in(response_of(reply), tools="tools" in parameters)
        tokens = _tokens(settings, reply, [str(message["content"]) for message in messages], said.written)
        return said.completed(tokens, str(reply.get("model") or settings.model))

    async def embed(self, settings: ModelSettings, texts: Sequence[str]) -> Embedded:
        """The vectors of ``texts``."""
        reply = await self._post(settings, "embeddings", {"input": list(texts), **settings.parameters})
        return embedded_in(reply.get("data"), _tokens(settings, reply, texts, ""))

    async def price(self, settings: ModelSettings, read: int, written: int) -> float | None:
        """Return the price by the settings; None where they have none."""
        return price_by_settings(settings, read, written)

    async def context_tokens(self, settings: ModelSettings) -> int | None:
        """Return the context length that the server states; never fails."""
        key = self._environ.get(settings.key_env) if settings.key_env else None
        return await served_context(settings, key)

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _post(
        self, settings: ModelSettings, operation: str, request: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the JSON object that the server answers with.

        Raises:
            AttemptFailed: there is none.
        """
        address, headers = _address(settings, operation), self._headers(settings)
        body = {"model": settings.model.partition("/")[2] or settings.model, **request}
        for name in _HEADERS:
            headers |= {str(key): str(value) for key, value in (body.pop(name, None) or {}).items()}
        body |= body.pop(_MERGED, None) or {}
        try:
            async with asyncio.timeout(settings.timeout_seconds):
                posted = self._open_session().post(address, data=json.dumps(body), headers=headers)
                async with posted as response:
                    status, text = response.status, await response.text(errors="replace")
                    return self._read(settings, status, text, response.headers)
        except TimeoutError as error:
            message = f"no answer within {settings.timeout_seconds:g} s"
            raise AttemptFailed("outage", message, transient=True, unreachable=True) from error
        except aiohttp.InvalidURL as error:
            raise AttemptFailed("setup", f"api_base {settings.api_base!r} is not an address") from error
        except (aiohttp.ClientError, OSError) as error:
            message = redacted(f"connection error: {str(error) or type(error).__name__}", self._environ)
            raise AttemptFailed("outage", message, transient=True, unreachable=True) from error

    def _read(
        self, settings: ModelSettings, status: int, text: str, headers: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Return the object in a response; raise ``AttemptFailed`` for any other response."""
        reply = _parsed(text) if status < 400 else None
        error = reply.get("error") if isinstance(reply, Mapping) and not reply.get("choices") else None
        if isinstance(error, Mapping):  # of a router that passes on what another server has answered
            code = error.get("code")
            status = code if isinstance(code, int) and 400 <= code < 600 else 500
        if status >= 400:
            refused = HTTPStatusError(status, text, headers)
            raise explained(refused, settings, self._environ, lambda _: "") from refused
        if not isinstance(reply, Mapping) or not ("choices" in reply or "data" in reply):
            raise unreadable(redacted(text, self._environ)[:300])
        return reply

    def _headers(self, settings: ModelSettings) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        provider = provider_of(settings.model)
        variable = settings.key_env or KEYS.get(provider, "")
        key = self._environ.get(variable)
        if key:
            headers["Authorization"] = f"Bearer {key}"
        elif settings.key_env or provider != "hosted_vllm":
            raise AttemptFailed("setup", no_key(variable or "OPENAI_API_KEY"))
        return headers

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            # Calls in flight are bounded by the gateway, and each attempt has a deadline of its own.
            connector = aiohttp.TCPConnector(
                limit=0, keepalive_timeout=IDLE_SECONDS, ssl=_certificates(self._environ)
            )
            timeout = aiohttp.ClientTimeout(total=None)
            self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=True)
        return self._session


def _certificates(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return the trusted certificates: those that the environment names, or else certifi's, as httpx does."""
    if file := environ.get("SSL_CERT_FILE"):
        return ssl.create_default_context(cafile=file)
    if folder := environ.get("SSL_CERT_DIR"):
        return ssl.create_default_context(capath=folder)
    return ssl.create_default_context(cafile=certifi.where())


def _address(settings: ModelSettings, operation: str) -> str:
    if settings.api_base is None and provider_of(settings.model) != "openai":
        raise AttemptFailed("setup", f"there is no address for {settings.model}; give its api_base")
    base = (settings.api_base or OFFICIAL).rstrip("/")
    return base if base.endswith(f"/{operation}") else f"{base}/{operation}"


def _parsed(text: str) -> Any:
    """Return the JSON in ``text``; None where there is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _tokens(settings: ModelSettings, reply: Mapping[str, Any], read: Sequence[str], written: str) -> Tokens:
    """Return the tokens that the server counted, or an estimate."""
    usage = usage_of(reply)
    if usage.prompt_tokens or usage.completion_tokens:
        usd = price_by_settings(settings, usage.prompt_tokens, usage.completion_tokens)
        return Tokens(usage.prompt_tokens, usage.completion_tokens, usd, reused=usage.cached_tokens)
    tokens_in, tokens_out = sum(map(estimate_tokens, read)), estimate_tokens(written)
    return Tokens(tokens_in, tokens_out, price_by_settings(settings, tokens_in, tokens_out), estimated=True)
