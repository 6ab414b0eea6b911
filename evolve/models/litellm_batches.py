"""Batch APIs of OpenAI and Anthropic, with requests and replies as litellm writes and reads single ones.

litellm knows OpenAI's batch API, but cannot submit a batch to Anthropic's. Both take the bodies of single
requests. So litellm is asked for a single reply over a transport that sends nothing: it notes the body, which
goes into the batch, and later answers with the reply from the batch, which litellm reads and prices.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx

from evolve.models.batches import BatchReply, BatchRequest, BatchState, batch_provider_of
from evolve.models.openai_provider import HTTPStatusError
from evolve.models.provider import AttemptFailed, Completed
from evolve.models.settings import ModelSettings

if TYPE_CHECKING:
    from evolve.models.litellm_provider import LitellmProvider

_ANSWER: ContextVar[Callable[[Any], BatchReply]] = ContextVar("answer")
_STATUSES: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "overloaded_error": 529,
}
"""Anthropic's types of errors → the statuses that they have in responses; others have 500."""
_OF_THE_BODY = frozenset({"host", "content-length", "connection"})
_ENDED = frozenset({"completed", "expired", "cancelled"})
_NOWHERE = "http://127.0.0.1:9"
_TAG = "evolve"
"""Name of the tag in the metadata of a batch of OpenAI's."""
_LISTED = 100
"""Batches that are looked at, the newest first; the most that either API lists at once."""
_SKEW_SECONDS = 60.0
"""Seconds by which a provider's clock may be behind ours."""


class LitellmBatches:
    """Batch APIs of the providers of models that are asked through litellm. For use on one event loop.

    Args:
        provider: writes single requests and reads their replies.
    """

    def __init__(self, provider: LitellmProvider) -> None:
        self._provider = provider

    async def submit(self, settings: ModelSettings, requests: Sequence[BatchRequest], tag: str) -> str:
        """See ``BatchProvider``."""
        written = [await self._written(settings, request) for request in requests]
        bodies = [(one.key, json.loads(sent.content)) for one, sent in zip(requests, written, strict=True)]
        if batch_provider_of(settings.model) == "anthropic":
            listed = [{"custom_id": key, "params": body} for key, body in bodies]
            return str((await self._claude(settings, "POST", "", {"requests": listed}))["id"])
        rows = [
            {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}
            for key, body in bodies
        ]
        file = await self._openai(settings, "acreate_file", file=_file(rows), purpose="batch")
        batch = await self._openai(
            settings,
            "acreate_batch",
            completion_window="24h",
            endpoint="/v1/chat/completions",
            input_file_id=file.id,
            metadata={_TAG: tag},
        )
        return str(batch.id)

    async def find(
        self, settings: ModelSettings, tag: str, *, since: float, requests: int, known: Sequence[str] = ()
    ) -> str | None:
        """See ``BatchProvider``. Looks at the last hundred batches of the account."""
        if batch_provider_of(settings.model) == "anthropic":
            said = await self._claude(settings, "GET", f"?limit={_LISTED}")
            made = [one for one in json.loads(said["text"])["data"] if one["id"] not in known]
            times = ((datetime.fromisoformat(one["created_at"]).timestamp(), one) for one in made)
            fitting = [
                (time, str(one["id"]))
                for time, one in times
                if time >= since - _SKEW_SECONDS and sum(one["request_counts"].values()) == requests
            ]
            return min(fitting)[1] if fitting else None
        listed = await self._openai(settings, "alist_batches", limit=_LISTED)
        tagged = (one for one in listed.data if (one.metadata or {}).get(_TAG) == tag)
        return next((str(one.id) for one in tagged), None)

    async def state(self, settings: ModelSettings, batch: str) -> BatchState:
        """See ``BatchProvider``."""
        if batch_provider_of(settings.model) == "anthropic":
            said = await self._claude(settings, "GET", f"/{batch}")
            return BatchState(ended=said.get("processing_status") == "ended")
        found = await self._openai(settings, "aretrieve_batch", batch_id=batch)
        if found.status == "failed":
            errors = getattr(found.errors, "data", None) or ()
            reasons = "; ".join(str(one.message) for one in errors) or "no reason was given"
            return BatchState(ended=True, refused=reasons)
        return BatchState(ended=found.status in _ENDED)

    async def replies(self, settings: ModelSettings, batch: str) -> Mapping[str, BatchReply]:
        """See ``BatchProvider``."""
        if batch_provider_of(settings.model) == "anthropic":
            said = await self._claude(settings, "GET", f"/{batch}/results")
            return dict(_replies(_rows(said["text"]), _claude_reply))
        found = await self._openai(settings, "aretrieve_batch", batch_id=batch)
        replies: dict[str, BatchReply] = {}
        for file in filter(None, (found.output_file_id, found.error_file_id)):
            content = await self._openai(settings, "afile_content", file_id=file)
            replies.update(_replies(_rows(content.text), _openai_reply))
        return replies

    async def cancel(self, settings: ModelSettings, batch: str) -> None:
        """See ``BatchProvider``."""
        if batch_provider_of(settings.model) == "anthropic":
            await self._claude(settings, "POST", f"/{batch}/cancel", {})
        else:
            await self._openai(settings, "acancel_batch", batch_id=batch)

    async def read(self, settings: ModelSettings, request: BatchRequest, reply: BatchReply) -> Completed:
        """See ``BatchProvider``."""

        with _answered_by(lambda _: reply):
            return await self._asked(settings, request)

    async def close(self) -> None:
        """Close the clients that send nothing."""
        for client in (self.__dict__.get("_openai_client"), self.__dict__.get("_anthropic_client")):
            if client is not None:
                await client.close()

    async def _written(self, settings: ModelSettings, request: BatchRequest) -> Any:
        """Return the HTTP request that litellm would send."""
        written: list[Any] = []

        def note(sent: Any) -> BatchReply:
            written.append(sent)
            return BatchReply(400, "")

        with _answered_by(note):
            try:
                await self._asked(settings, request)
            except AttemptFailed:
                if not written:  # litellm refuses it
                    raise
        return written[0]

    async def _asked(self, settings: ModelSettings, request: BatchRequest) -> Completed:
        claude = batch_provider_of(settings.model) == "anthropic"
        client = self._anthropic_client if claude else self._openai_client
        return await self._provider.chat_over(
            client, settings, request.messages, request.options, request.schema
        )

    @cached_property
    def _openai_client(self) -> Any:
        import openai

        # Some versions use another package in the place of httpx, whose errors they expect.
        base = next(one for one in openai.DefaultAsyncHttpxClient.__mro__ if one.__name__ == "AsyncClient")
        package = importlib.import_module(base.__module__.partition(".")[0])
        client: Any = package.AsyncClient(transport=_transport(package))
        return openai.AsyncOpenAI(api_key="none", base_url=_NOWHERE, http_client=client, max_retries=0)

    @cached_property
    def _anthropic_client(self) -> Any:
        from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

        return AsyncHTTPHandler(transport=_transport(httpx))

    async def _openai(self, settings: ModelSettings, operation: str, **arguments: Any) -> Any:
        """Return the result of an operation of litellm on OpenAI's batches and files."""
        return await self._provider.attempt(settings, operation, custom_llm_provider="openai", **arguments)

    async def _claude(
        self, settings: ModelSettings, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """Return what Anthropic's API of batches answers; what is not one JSON object, as ``text``.

        Address and headers are those of a single request.
        """
        hello = BatchRequest("", [{"role": "user", "content": "."}], {"max_tokens": 1})
        single = await self._written(settings, hello)
        headers = {name: value for name, value in single.headers.items() if name not in _OF_THE_BODY}

        async def ask(**_: Any) -> Mapping[str, Any]:
            async with httpx.AsyncClient(timeout=settings.timeout_seconds, follow_redirects=True) as client:
                address = f"{single.url}/batches{path}"
                response = await client.request(method, address, headers=headers, json=body)
            if response.status_code >= 400:
                raise HTTPStatusError(response.status_code, response.text, response.headers)
            try:
                said = json.loads(response.text)
            except ValueError:
                said = None
            return said if isinstance(said, Mapping) and "id" in said else {"text": response.text}

        return await self._provider.attempt(settings, ask)


def _transport(package: Any) -> Any:
    """Return a transport of ``httpx``, or a package like it, that sends nothing: see ``_answered_by``."""

    async def answer(request: Any) -> Any:
        reply = _ANSWER.get()(request)
        headers = {"content-type": "application/json"}
        return package.Response(reply.status, text=reply.body, headers=headers, request=request)

    return package.MockTransport(answer)


@contextmanager
def _answered_by(answer: Callable[[Any], BatchReply]) -> Iterator[None]:
    """Let ``answer`` respond to the requests that are made here over a ``_transport``."""
    token = _ANSWER.set(answer)
    try:
        yield
    finally:
        _ANSWER.reset(token)


def _file(rows: Iterable[Mapping[str, Any]]) -> tuple[str, bytes, str]:
    """Return the name, the content and the type of a file of JSON lines."""
    return "batch.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows).encode(), "application/jsonl"


def _rows(text: str) -> Iterator[Mapping[str, Any]]:
    """Yield the objects in a file of JSON lines; others are skipped, so that their requests have no reply."""
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, Mapping):
            yield row


def _replies(
    rows: Iterable[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], BatchReply | None]
) -> Iterator[tuple[str, BatchReply]]:
    for row in rows:
        reply = read(row)
        if reply is not None:
            yield str(row.get("custom_id", "")), reply


def _openai_reply(row: Mapping[str, Any]) -> BatchReply | None:
    """Return the reply in a line of OpenAI's files; None where the request was not answered in time."""
    response = row.get("response")
    if not isinstance(response, Mapping):
        return None
    status = response.get("status_code")
    return BatchReply(status if isinstance(status, int) else 200, json.dumps(response.get("body")))


def _claude_reply(row: Mapping[str, Any]) -> BatchReply | None:
    """Return the reply in a line of Anthropic's results; None where the request was not answered in time."""
    result = row.get("result")
    if not isinstance(result, Mapping):
        return None
    if result.get("type") == "succeeded":
        return BatchReply(200, json.dumps(result.get("message")))
    error = result.get("error")
    if result.get("type") != "errored" or not isinstance(error, Mapping):
        return None
    inner = error.get("error")
    kind = inner.get("type") if isinstance(inner, Mapping) else None
    return BatchReply(_STATUSES.get(str(kind), 500), json.dumps(error))
