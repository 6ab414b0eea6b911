"""Chat model behind the gateway: completes requests, checks answers, caches replies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial as partial_of
from typing import Any, TypeVar

from evolve.errors import ModelError
from evolve.models.adaptations import Adaptations
from evolve.models.batch_queue import BatchQueue
from evolve.models.batches import BatchRequest
from evolve.models.cache import ReplyCache, key_of
from evolve.models.call_progress import CallSpec
from evolve.models.call_runner import CallRunner
from evolve.models.chat import Cause, ChatModel, ChatRequest, Message, Reply, Role, ToolCall, finish_of
from evolve.models.concurrency import SingleFlight
from evolve.models.fitting import Room
from evolve.models.negotiation import Negotiation
from evolve.models.provider import AttemptFailed, Completed, Provider
from evolve.models.settings import ModelSettings, identity_of, reply_tokens, thinks
from evolve.models.shaping import wanted
from evolve.models.tokens import estimate_tokens
from evolve.records import Usage

T = TypeVar("T")
BATCHED: frozenset[Cause] = frozenset({"extract"})
"""Causes of requests that may wait for a batch."""
Run = Callable[[Sequence[Coroutine[Any, Any, Any]]], list[Any]]


class RemoteChat(ChatModel):
    """``ChatModel`` of a role.

    Args:
        role: role of the calls.
        settings: the model and its call settings.
        provider: carries the attempts.
        call_runner: makes the calls.
        cache: keeps the replies; None to keep none.
        single_flight: merges equal requests in flight; the same one for all models of a gateway.
        run: schedules coroutines on the gateway's loop.
        context: returns the context length of the model of given settings; None where it is not known.
        adaptations: features that servers refuse; the same for all models of a gateway.
        batches: queue for the requests that need not be answered at once; None to ask all of them singly.
    """

    def __init__(
        self,
        role: Role,
        settings: ModelSettings,
        *,
        provider: Provider,
        call_runner: CallRunner,
        cache: ReplyCache | None,
        single_flight: SingleFlight[Reply],
        run: Run,
        context: Callable[[ModelSettings], int | None] = lambda settings: settings.context_tokens,
        adaptations: Adaptations | None = None,
        batches: BatchQueue | None = None,
    ) -> None:
        self._role: Role = role
        self._settings = settings
        self._provider = provider
        self._call_runner = call_runner
        self._cache = cache
        self._single_flight = single_flight
        self._run = run
        self._context = context
        self._adaptations = adaptations or Adaptations()
        self._batches = batches

    @property
    def identity(self) -> str:
        """The model and its parameters."""
        return identity_of(self._settings)

    @property
    def context_tokens(self) -> int | None:
        """See ``ChatModel``."""
        return self._context(self._settings)

    @property
    def reply_tokens(self) -> int | None:
        """See ``ChatModel``."""
        return reply_limit(self._options())

    def run(self, work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        """See ``ChatModel``."""
        return self._run(work)

    async def answer(self, request: ChatRequest, *, partial: bool = False) -> Reply:
        """Ask like ``ask``; with ``partial``, an answer that was cut off at ``max_tokens`` counts as one."""
        options = self._options(request)
        spec = self._spec(request, options)
        key = self._key(request, options, partial)
        if (kept := self._kept(key)) is not None:
            self._call_runner.record_cached(spec, kept.usage)
            return kept

        async def asked() -> Reply:
            try:
                reply = await self._ask(spec, key, request, options, partial)
                if self._cache is not None:
                    await asyncio.to_thread(self._cache.put, {key: _packed(reply)})
            except ModelError as error:
                if self._batches is not None and error.of_this_call:
                    self._batches.kept(key)  # asked again later, it is another request
                raise
            if self._batches is not None:
                self._batches.kept(key)
            return reply

        reply, ours = await self._single_flight.make(key, asked)
        if ours:
            return reply
        self._call_runner.record_cached(spec, reply.usage)
        return replace(reply, seconds=0.0, cached=True)

    def recorded(
        self, request: ChatRequest, *, partial: bool = False, accounted: bool = False
    ) -> Reply | None:
        """Return the cached reply to exactly this request, or None. Asks no model; safe from any thread.

        Args:
            request: as it was asked.
            partial: as it was asked.
            accounted: put it on the account as a call that the cache answered, as ``answer`` does.
        """
        options = self._options(request)
        kept = self._kept(self._key(request, options, partial))
        if kept is not None and accounted:
            self._call_runner.record_cached(self._spec(request, options), kept.usage)
        return kept

    async def _ask(
        self, spec: CallSpec, key: str, request: ChatRequest, options: dict[str, Any], partial: bool
    ) -> Reply:
        schema = None if request.schema is None else (request.name, request.schema)
        room = Room(self.context_tokens)
        prompt = sum(estimate_tokens(message["content"]) for message in request.messages)
        limit = room.left_for_reply(request.messages, at_most=reply_tokens(request.cause, prompt))
        meant = wanted(
            request.messages,
            options,
            schema,
            self._settings.structured,
            limit,
            thinks(self._settings),
            request.tools,
        )
        negotiation = Negotiation(self._adaptations, self._settings, meant)

        async def attempt(batches: BatchQueue | None = None) -> Completed:
            sent = negotiation.request()
            try:
                completed = await self._send(
                    BatchRequest(key, sent.messages, sent.options, sent.schema), batches
                )
                negotiation.worked()
                return _whole(completed, partial=partial)
            except AttemptFailed as failure:
                if not negotiation.adapt(failure):
                    raise
                raise AttemptFailed(
                    failure.kind,
                    failure.message,
                    transient=negotiation.guessing,
                    unreachable=negotiation.guessing and failure.unreachable,
                    answered=failure.answered,
                    tokens=failure.tokens,
                    sent=failure.sent,
                    again=True,
                ) from failure

        if self._batches is None or request.cause not in BATCHED:
            completed, cost = await self._call_runner.make(spec, attempt)
        else:
            batched = partial_of(attempt, self._batches)
            completed, cost = await self._call_runner.make_batched(spec, batched, attempt)
        return Reply(completed.text, cost.usage, completed.model, cost.seconds, calls=completed.calls)

    async def _send(self, request: BatchRequest, batches: BatchQueue | None) -> Completed:
        """Send a request to the provider, in a batch if there is a queue for them."""
        if batches is not None:
            return await batches.chat(self._settings, request)
        return await self._provider.chat(self._settings, request.messages, request.options, request.schema)

    def _spec(self, request: ChatRequest, options: dict[str, Any]) -> CallSpec:
        read = [message["content"] for message in request.messages]
        if request.tools is not None:
            read.append(json.dumps(request.tools.sent))
        return CallSpec(
            self._role,
            request.cause,
            self._settings,
            read,
            options.get("max_tokens"),
            left_out=request.left_out,
            context_tokens=self.context_tokens,
        )

    def _options(self, request: ChatRequest | None = None) -> dict[str, Any]:
        """The parameters of the role, then those of the call."""
        options = dict(self._settings.parameters)
        if self._settings.max_tokens is not None:
            options["max_tokens"] = self._settings.max_tokens
        return options if request is None else options | dict(request.options)

    def _key(self, request: ChatRequest, options: dict[str, Any], partial: bool) -> str:
        forced = self._settings.structured
        return key_of(
            ({} if forced == "auto" else {"structured": forced})
            | ({} if request.tools is None else {"tools": request.tools.key})
            | {
                "version": 1,
                "model": self._settings.model,
                "messages": [_plain(message) for message in request.messages],
                "options": options,
                "schema": None if request.schema is None else [request.name, dict(request.schema)],
                "partial": partial,
                "repeat": request.repeat,
            }
        )

    def _kept(self, key: str) -> Reply | None:
        packed = None if self._cache is None else self._cache.get(key)
        if packed is None:
            return None
        fields = json.loads(packed)
        calls = tuple(ToolCall(**call) for call in fields.get("calls", ()))
        return Reply(fields["text"], Usage(**fields["usage"]), fields["model"], cached=True, calls=calls)


def reply_limit(options: Mapping[str, Any]) -> int | None:
    """Return the most tokens of a reply that the parameters allow; None where they set no limit."""
    given = [options.get(name) for name in ("max_tokens", "max_completion_tokens")]
    return min((tokens for tokens in given if isinstance(tokens, int)), default=None)


def _packed(reply: Reply) -> bytes:
    fields = {"text": reply.text, "usage": reply.usage.model_dump(), "model": reply.model}
    if reply.calls:
        fields["calls"] = [asdict(call) for call in reply.calls]
    return json.dumps(fields).encode()


def _plain(message: Message) -> dict[str, Any]:
    """Return a message as JSON."""
    plain: dict[str, Any] = dict(message)
    if "calls" in message:
        plain["calls"] = [asdict(call) for call in message["calls"]]
    return plain


def _whole(completed: Completed, *, partial: bool) -> Completed:
    """Return ``completed`` if it is the whole answer, or a part that suffices."""
    finish, tokens = finish_of(completed.finish), completed.tokens
    if finish == "whole" or (finish == "cut" and partial):
        return completed
    if finish == "cut":
        raise AttemptFailed(
            "truncated",
            f"its answer was cut off after {tokens.written} tokens",
            tokens=tokens,
            thought=completed.thought,
        )
    if finish == "filtered":
        raise AttemptFailed("filtered", "the provider's content filter withheld the answer", tokens=tokens)
    if finish == "refused":
        said = f": {completed.text.strip().rstrip('.')}" if completed.text else ""
        raise AttemptFailed("refused", f"the model refused to answer{said}", tokens=tokens)
    raise AttemptFailed(
        "malformed",
        f"expected a whole answer, found one that ended with finish reason {completed.finish!r}",
        transient=True,
        tokens=tokens,
    )
