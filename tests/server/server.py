"""A provider of models on 127.0.0.1: a real HTTP server that says what scripts tell it to.

It speaks ``/v1/chat/completions`` and ``/v1/embeddings`` as OpenAI's API does, and chat as Azure's,
Anthropic's and Ollama's do (``tests.server.dialects``); it counts and reports tokens, takes as long as it is
told to, and fails on demand (``tests.server.faults``).

    with ModelServer({"task": always("hello")}) as server:
        litellm.completion("openai/task", messages, api_base=server.url, api_key=server.key)
        server.served  # what was asked
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import struct
import threading
import time
from array import array
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.server.batches import BatchDesk, batch_tokens
from tests.server.dialects import CHATS, Dialect, dialect_of, tokens_of, usage_of
from tests.server.faults import Fault, unknown_model, wrong_key
from tests.server.log import Served, Totals, totals
from tests.server.scripts import Answer, Asked, Said, Script, always

KEY = "sk-planted-0123456789abcdef-do-not-log"
"""The only key that a server takes unless it is told another."""
_EMBED = "/v1/embeddings"
_RST = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds; closing sends RST in the place of FIN


class ModelServer:
    """The server, in a thread of its own. A context manager.

    Args:
        scripts: model's name → what it says; a string is said to every request. ``script`` adds more.
        latency: seconds that each answer takes, or what they are for a request.
        key: what must follow ``Bearer``; None to take any.

    Attributes:
        served: the requests that were finished, in the order in which they were; also those in batches, whose
            path ends in ``#batch``.
        desk: the batch APIs, of OpenAI and of Anthropic.
    """

    def __init__(
        self,
        scripts: Mapping[str, Script | str] | None = None,
        *,
        latency: float | Callable[[Asked], float] = 0.0,
        key: str | None = KEY,
    ) -> None:
        self.latency = latency
        self.key = key
        self.served: list[Served] = []
        self._scripts: dict[str, Script] = {}
        self._counts: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()
        self._down = False
        self.desk = BatchDesk(self._say_in_batch, self._takes_key)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="model-server", daemon=True)
        self._runner: web.AppRunner
        self._site: web.TCPSite | None = None
        self._port = 0
        self._ending: asyncio.Task[None] | None = None
        for model, script in (scripts or {}).items():
            self.script(model, script)

    @property
    def url(self) -> str:
        """The ``api_base`` of OpenAI's clients."""
        return f"{self.root}/v1"

    @property
    def root(self) -> str:
        """The ``api_base`` of the clients that know their own paths: Azure's, Anthropic's and Ollama's."""
        return f"http://127.0.0.1:{self._port}"

    def script(self, model: str, script: Script | str) -> None:
        """Let ``model`` say this from now on."""
        self._scripts[model] = always(script) if isinstance(script, str) else script

    def totals(self, *models: str) -> Totals:
        """The sums over all that was served, or over these models."""
        return totals([one for one in self.served if not models or one.model in models])

    def go_down(self) -> None:
        """A total outage: connections are refused, and those that are open are dropped."""
        self._down = True
        self._wait_for(self._stop_listening())

    def come_up(self) -> None:
        """The end of the outage, at the same address."""
        self._wait_for(self._listen())

    def outage(self, seconds: float) -> None:
        """Go down now and come up by itself; returns at once."""
        self.go_down()
        self._loop.call_soon_threadsafe(self._loop.call_later, seconds, self._end_outage)

    def __enter__(self) -> Self:
        self._thread.start()
        self._wait_for(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait_for(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait_for(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    async def _start(self) -> None:
        app = web.Application(client_max_size=64 << 20)
        for path in CHATS:
            app.router.add_post(path, self._handle)
        app.router.add_post(_EMBED, self._handle)
        self.desk.add_to(app.router)
        # Cancelled handlers: a stalled request ends when its client gives up.
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await self._listen()

    def _end_outage(self) -> None:
        self._ending = self._loop.create_task(self._listen())  # held: the loop keeps no task alive

    async def _listen(self) -> None:
        self._down = False
        if self._site is None:
            self._site = web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=1024, reuse_address=True)
            await self._site.start()
            self._port = self._runner.addresses[0][1]

    async def _stop_listening(self) -> None:
        if self._site is not None:
            await self._site.stop()
            self._site = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        arrived = time.monotonic()
        raw = await request.read()
        body = json.loads(raw)
        model = str(request.match_info.get("model") or body.get("model", ""))
        asked = Asked(model, body, self._counts[model], self._seen[raw.decode()])
        said = self._said(asked, request)
        if not self._down:  # what never arrives in an outage counts as no sending
            self._counts[model] += 1
            self._seen[raw.decode()] += 1
        tokens = tokens_of(asked, said) if isinstance(said, Answer) and said.usage else (0, 0)
        try:
            return await self._respond(request, asked, said)
        finally:
            name = said.name if isinstance(said, Fault) else ""
            status = said.status if isinstance(said, Fault) else 200
            times = (arrived, time.monotonic())
            self.served.append(Served(model, request.path, *times, status, name, *tokens, body))

    def _said(self, asked: Asked, request: web.Request) -> Answer | Fault:
        if self._down:
            return Fault("outage", status=0, action="reset")
        if not self._takes_key(request):
            return wrong_key(_key_in(request))
        return self._scripted(asked)

    def _takes_key(self, request: web.Request) -> bool:
        return self.key is None or _key_in(request) == self.key

    def _scripted(self, asked: Asked) -> Answer | Fault:
        script = self._scripts.get(asked.model)
        said: Said = unknown_model(asked.model) if script is None else script(asked)
        return Answer(said) if isinstance(said, str) else said

    def _say_in_batch(self, path: str, body: Mapping[str, Any]) -> tuple[Asked, Answer | Fault]:
        model, seen = str(body.get("model", "")), json.dumps(body)
        asked = Asked(model, body, self._counts[model], self._seen[seen])
        said = self._scripted(asked)
        self._counts[model] += 1
        self._seen[seen] += 1
        fault, status = (said.name, said.status) if isinstance(said, Fault) else ("", 200)
        now, tokens = time.monotonic(), batch_tokens(asked, said)
        self.served.append(Served(model, f"{path}#batch", now, now, status, fault, *tokens, body))
        return asked, said

    async def _respond(self, request: web.Request, asked: Asked, said: Answer | Fault) -> web.StreamResponse:
        dialect: Dialect | None = None if request.path == _EMBED else dialect_of(request.path)
        if isinstance(said, Fault):
            if said.action != "respond":
                await asyncio.sleep(said.seconds)
                _drop(request)
                return web.Response()
            return web.Response(
                status=said.status,
                text=dialect.fault(said) if dialect else said.body,
                headers=said.headers,
                content_type="application/json",
            )
        seconds = said.seconds
        if seconds is None:
            seconds = self.latency(asked) if callable(self.latency) else self.latency
        if seconds:
            await asyncio.sleep(seconds)
        if self._down:  # it went down while this was being answered
            _drop(request)
            return web.Response()
        return web.json_response(dialect.answer(asked, said) if dialect else _embedding_json(asked, said))


def _key_in(request: web.Request) -> str:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return given or request.headers.get("x-api-key", "") or request.headers.get("api-key", "")


def _drop(request: web.Request) -> None:
    transport = request.transport
    if transport is None:
        return
    with suppress(OSError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
    transport.abort()  # type: ignore[attr-defined]


def _embedding_json(asked: Asked, said: Answer) -> dict[str, Any]:
    in_base64 = asked.body.get("encoding_format") == "base64"
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": base64.b64encode(array("f", vector).tobytes()).decode() if in_base64 else vector,
        }
        for index, vector in enumerate(said.vectors)
    ]
    return {"object": "list", "model": asked.model, "data": data, **usage_of(asked, said)}
