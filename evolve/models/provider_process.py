"""Provider in a process of its own, so that litellm's computation delays nothing else.

litellm takes milliseconds of CPU for each call, and many calls come at once. In this process, the threads
that talk to sandboxes would stand still meanwhile, and the times of reads, which are scores, would include
litellm's. Its import takes seconds, too, which pass in parallel with other preparations.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evolve.models.batches import BatchProvider, BatchReply, BatchRequest, BatchState
from evolve.models.chat import Message, ToolCall
from evolve.models.frames import Frames
from evolve.models.provider import AttemptFailed, Completed, Embedded, Tokens, price_by_settings
from evolve.models.provider_worker import READY, unpacked
from evolve.models.redaction import redacted
from evolve.models.routed_provider import asks_directly
from evolve.models.settings import ModelSettings, sent

_PROGRAM = "from evolve.models.provider_worker import main; main()"
_LAST_WORDS = 2_000  # characters of what a process printed before it ended
_PATIENCE = 10.0  # seconds for a process to end that was told to


class ProviderProcess:
    """Provider that runs litellm in a process of its own, started at once and restarted if it is lost.

    A request in flight when the process is lost fails as if the provider had dropped the connection. For use
    on one event loop. Keys are those of the environment at the time of the start.
    """

    def __init__(self) -> None:
        self._worker = _WorkerProcess()
        self._replacing = asyncio.Lock()

    async def ready(self, settings: ModelSettings | None = None) -> None:
        """Wait for what requests to a model need, or for its failure, which the first request meets."""
        worker = self._worker
        await worker.ready()
        if settings is not None and not worker.imported and not asks_directly(settings):
            with suppress(AttemptFailed, RuntimeError):
                await self._ask("ready", settings)
                worker.imported = True

    async def chat(
        self,
        settings: ModelSettings,
        messages: Sequence[Message],
        options: Mapping[str, Any],
        schema: tuple[str, Mapping[str, Any]] | None,
    ) -> Completed:
        """Request a chat completion."""
        form = None if schema is None else (schema[0], dict(schema[1]))
        value = await self._ask("chat", settings, messages=list(messages), options=dict(options), schema=form)
        return _completed(value)

    async def embed(self, settings: ModelSettings, texts: Sequence[str]) -> Embedded:
        """The vectors of ``texts``."""
        value = await self._ask("embed", settings, texts=list(texts))
        return Embedded([unpacked(text) for text in value["vectors"]], Tokens(**value["tokens"]))

    async def price(self, settings: ModelSettings, read: int, written: int) -> float | None:
        """Return the price by the settings, else by litellm's table."""
        if asks_directly(settings):  # so that a campaign need not wait for the process before its first call
            return price_by_settings(settings, read, written)
        return await self._ask("price", settings, read=read, written=written)

    async def context_tokens(self, settings: ModelSettings) -> int | None:
        """Return the context length that the server states, else litellm's."""
        return await self._ask("context", settings)

    async def batches(self) -> BatchProvider:
        """Return the batch APIs, which the process asks."""
        return _BatchesThere(self._ask)

    async def close(self) -> None:
        """End the process."""
        await self._worker.close()

    async def _ask(self, operation: str, settings: ModelSettings, **arguments: Any) -> Any:
        async with self._replacing:  # by one of several callers that find it lost
            if self._worker.lost:
                await self._worker.close()
                self._worker = _WorkerProcess()
        answer = await self._worker.ask({"op": operation, "settings": sent(settings), **arguments})
        if "failed" in answer:
            said = answer["failed"]
            raise AttemptFailed(**{**said, "tokens": Tokens(**said["tokens"])})
        if "broken" in answer:
            raise RuntimeError(f"The process that asks models is broken:\n{answer['broken']}")
        return answer["value"]


class _BatchesThere:
    """``BatchProvider`` in the process.

    Args:
        ask: asks the process.
    """

    def __init__(self, ask: Callable[..., Awaitable[Any]]) -> None:
        self._ask = ask

    async def submit(self, settings: ModelSettings, requests: Sequence[BatchRequest], tag: str) -> str:
        plain = [_plain(one) for one in requests]
        return await self._ask("batch", settings, do="submit", requests=plain, tag=tag)

    async def find(
        self, settings: ModelSettings, tag: str, *, since: float, requests: int, known: Sequence[str] = ()
    ) -> str | None:
        by = {"tag": tag, "since": since, "requests": requests, "known": list(known)}
        return await self._ask("batch", settings, do="find", by=by)

    async def state(self, settings: ModelSettings, batch: str) -> BatchState:
        return BatchState(**await self._ask("batch", settings, do="state", batch=batch))

    async def replies(self, settings: ModelSettings, batch: str) -> Mapping[str, BatchReply]:
        value = await self._ask("batch", settings, do="replies", batch=batch)
        return {key: BatchReply(**reply) for key, reply in value.items()}

    async def cancel(self, settings: ModelSettings, batch: str) -> None:
        await self._ask("batch", settings, do="cancel", batch=batch)

    async def read(self, settings: ModelSettings, request: BatchRequest, reply: BatchReply) -> Completed:
        asked, given = _plain(request), asdict(reply)
        return _completed(await self._ask("batch", settings, do="read", request=asked, reply=given))


def _plain(request: BatchRequest) -> dict[str, Any]:
    form = None if request.schema is None else (request.schema[0], dict(request.schema[1]))
    messages, options = list(request.messages), dict(request.options)
    return {"key": request.key, "messages": messages, "options": options, "schema": form}


def _completed(value: Mapping[str, Any]) -> Completed:
    calls = tuple(ToolCall(**call) for call in value["calls"])
    return Completed(**{**value, "tokens": Tokens(**value["tokens"]), "calls": calls})


class _WorkerProcess:
    """Provider process, from its start to its end.

    Attributes:
        imported: it has litellm, as far as it was asked to.
    """

    def __init__(self) -> None:
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            bufsize=0,
            env={
                **os.environ,
                **_past_proxies(os.environ),
                "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
            },
            start_new_session=True,  # an interrupt at the terminal is for us to act on
        )
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listening: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()  # it is ready, or has ended
        self._ready = False
        self.imported = False
        self._end: str | None = None  # how it ended, in words
        self._frames: Frames | None = None

    @property
    def lost(self) -> bool:
        """True once the process has ended."""
        return self._end is not None

    async def ready(self) -> None:
        """Wait until the process is ready or has ended."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        await self._settled.wait()

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to ``request``.

        Raises:
            AttemptFailed: there is none, because the process has ended.
        """
        await self.ready()
        if self.lost:
            raise self._failure()
        assert self._frames is not None  # the ready message came through them
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._frames.send({"id": number, **request})
        try:
            return await answer
        except asyncio.CancelledError:
            self._frames.send({"id": number, "op": "cancel"})
            raise
        finally:
            self._waiting.pop(number, None)

    async def close(self) -> None:
        """Hang up and wait for its end; one that is not ready yet is not waited for."""
        if not self._ready:
            self._process.kill()
        if self._frames is not None:
            self._frames.close()
        elif self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.to_thread(self._process.wait, _PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        if self._listening is not None:
            await asyncio.wait([self._listening])
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._printed.close()

    async def _listen(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._frames = await Frames.over(self._process.stdout, self._process.stdin)
        while (message := await self._frames.receive()) is not None:
            if message == READY:
                self._ready = True
                self._settled.set()
            elif (answer := self._waiting.get(message["id"])) is not None and not answer.done():
                answer.set_result(message)
        await asyncio.to_thread(self._process.wait)
        self._end = self._epitaph()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(self._failure())
        self._settled.set()

    def _epitaph(self) -> str:
        status = self._process.returncode
        how = f"signal {-status}" if status < 0 else f"status {status}"
        self._printed.seek(0)
        words = redacted(self._printed.read().decode("utf-8", "replace"))[-_LAST_WORDS:].strip()
        return how + (f"; it printed: {words}" if words else "")

    def _failure(self) -> AttemptFailed:
        if not self._ready:
            return AttemptFailed("setup", f"the process that asks models did not start: {self._end}")
        message = f"the process that asks models ended with {self._end}"
        return AttemptFailed("outage", message, transient=True)


def _past_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which servers on this machine are asked without a proxy."""
    given = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    hosts = ",".join([*filter(None, [given]), "127.0.0.1", "localhost"])
    return {"no_proxy": hosts, "NO_PROXY": hosts}
