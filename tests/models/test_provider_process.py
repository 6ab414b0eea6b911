"""litellm in a process of its own says what it says in ours, and losing that process loses no call."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from evolve.config import ReflectorConfig, RoleConfig
from evolve.errors import ModelError
from evolve.models import provider_process
from evolve.models.chat import ChatRequest, Message
from evolve.models.frames import Frames
from evolve.models.gateway import Gateway, open_gateway
from evolve.models.litellm_provider import LitellmProvider
from evolve.models.provider import AttemptFailed, Completed, Embedded, Provider, Tokens
from evolve.models.provider_process import ProviderProcess, _past_proxies
from evolve.models.provider_worker import ProviderWorker, packed, unpacked
from evolve.models.settings import ModelSettings, sent
from tests.server import faults
from tests.server.faults import Fault
from tests.server.scripts import Answer, Asked, always
from tests.server.server import ModelServer

HELLO: list[Message] = [{"role": "user", "content": "Grüß dich \u2028 \U0001f600"}]
SCHEMA = ("answer", {"type": "object", "properties": {}, "required": [], "additionalProperties": False})
SAID = {
    "an answer": always("Héllo\u2028\U0001f600"),
    "cut off": always(Answer("so f", finish="length")),
    "filtered": always(Answer("", finish="content_filter")),
    "without usage": always(Answer("fine", usage=False)),
    "429": always(faults.rate_limited(7)),
    "no credit": always(faults.out_of_quota()),
    "500": always(faults.server_error()),
    "401": always(faults.wrong_key("sk-planted-0123456789abcdef-do-not-log")),
    "404": always(faults.unknown_model()),
    "400": always(faults.bad_request()),
    "too long": always(faults.too_long()),
    "reset": always(faults.reset()),
    "no JSON": always(faults.not_json()),
    "no choices": always(faults.no_choices()),
}


async def outcome(work: Awaitable[Any]) -> Any:
    """What came of it, so that two can be compared."""
    try:
        return await work
    except AttemptFailed as failure:
        return vars(failure)


async def all_outcomes(
    provider: Provider, server: ModelServer, settings: Callable[..., RoleConfig]
) -> list[Any]:
    """What ``provider`` makes of all that can be said, and of what can be asked."""
    found = []
    for name, script in SAID.items():
        server.script("gpt-4o-mini", script)
        found.append((name, await outcome(provider.chat(settings("gpt-4o-mini"), HELLO, {"n": 1}, SCHEMA))))
    vectors = [[0.1, 1 / 3, -1e-300], [math.pi, 0.0, 2.0]]
    server.script("text-embedding-3-small", always(Answer(vectors=vectors)))
    embedded = await provider.embed(settings("text-embedding-3-small"), ["a", "b"])
    found.append(([list(vector) for vector in embedded.vectors], embedded.tokens))
    found += [await provider.price(settings(name), 10, 20) for name in ("gpt-4o-mini", "no-such-model")]
    return found


@pytest.mark.slow
def test_it_says_the_same_as_litellm_here_and_comes_again_when_it_is_killed(
    model_server: ModelServer, role_config: Callable[..., RoleConfig]
) -> None:
    async def work() -> None:
        here, process = LitellmProvider(), ProviderProcess()
        await process.ready()
        there = await all_outcomes(process, model_server, role_config)
        assert there == await all_outcomes(here, model_server, role_config)
        assert {type(value) for name, value in there[: len(SAID)]} == {Completed, dict}

        worker = process._worker._process
        asked = threading.Event()
        stalled = asyncio.create_task(outcome(_stalled(process, model_server, role_config, asked)))
        await asyncio.to_thread(asked.wait, 60)
        assert not stalled.done()
        os.kill(worker.pid, signal.SIGKILL)
        lost = await stalled
        assert (lost["kind"], lost["transient"], lost["unreachable"]) == ("outage", True, False)
        assert "ended with signal 9" in lost["message"]
        model_server.script("gpt-4o-mini", "again")
        assert (await process.chat(role_config("gpt-4o-mini"), HELLO, {}, None)).text == "again"
        last = process._worker._process
        await process.close()
        assert last.poll() == 0
        await here.close()

    asyncio.run(work())


async def _stalled(
    process: ProviderProcess,
    server: ModelServer,
    settings: Callable[..., RoleConfig],
    asked: threading.Event,
) -> Any:
    def stall(_: Asked) -> Fault:
        asked.set()
        return faults.stall(30)

    server.script("gpt-4o-mini", stall)
    return await process.chat(settings("gpt-4o-mini", timeout_seconds=60.0), HELLO, {}, None)


@pytest.mark.slow
def test_a_gateway_asks_through_it(
    model_server: ModelServer, role_config: Callable[..., RoleConfig], tmp_path: Path
) -> None:
    model_server.script("gpt-4o-mini", "fine")
    with open_gateway() as gateway:
        settings = role_config("gpt-4o-mini")
        assert gateway.is_priced("task", settings)
        model = gateway.chat("task", settings)
        requests = [ChatRequest(({"role": "user", "content": str(n)},), "answer") for n in range(8)]
        replies = model.ask_all(requests)
    assert [reply.text for reply in replies] == ["fine"] * 8
    assert gateway.accounts().total.usage.usd > 0


def test_one_that_cannot_start_is_said_once_and_clearly(
    role_config: Callable[..., RoleConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_process, "_PROGRAM", "raise SystemExit('no litellm here')")
    with Gateway(provider=ProviderProcess()) as gateway:
        model = gateway.chat("task", role_config("gpt-4o-mini"))
        with pytest.raises(ModelError, match=r"did not start: status 1; it printed: no litellm here") as said:
            model.ask(ChatRequest(tuple(HELLO), "answer"))
    assert said.value.kind == "setup"


MORTAL = """
import asyncio, os
from evolve.models.frames import Frames
from evolve.models.provider import Completed, Tokens
from evolve.models.provider_worker import ProviderWorker

class Mortal:
    async def ready(self, settings=None): pass
    async def close(self): pass
    async def chat(self, settings, messages, options, schema):
        if messages[0]["content"] == "die":
            os.abort()
        return Completed(str(os.getpid()), "stop", Tokens(), "m")

async def serve():
    frames = await Frames.over(os.fdopen(0, "rb", 0), os.fdopen(1, "wb", 0))
    await ProviderWorker(Mortal(), frames).serve()

asyncio.run(serve())
"""


def test_many_that_find_it_lost_have_one_other_started(
    role_config: Callable[..., RoleConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_process, "_PROGRAM", MORTAL)

    async def work() -> None:
        process, settings = ProviderProcess(), role_config("gpt-4o-mini")

        async def said(text: str) -> Any:
            return await outcome(process.chat(settings, [{"role": "user", "content": text}], {}, None))

        first = (await said("who?")).text
        for _ in range(2):
            lost, *_ = await asyncio.gather(said("die"), *(said("who?") for _ in range(20)))
            assert (lost["kind"], lost["transient"]) == ("outage", True)
            others = {answer.text for answer in await asyncio.gather(*(said("who?") for _ in range(20)))}
            assert len(others) == 1
            assert others != {first}
            (first,) = others
        await process.close()

    asyncio.run(work())


def test_one_that_is_not_ready_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_process, "_PROGRAM", "import time; time.sleep(600)")
    process = ProviderProcess()
    asyncio.run(process.close())
    assert process._worker._process.returncode == -signal.SIGKILL
    with Gateway(provider=ProviderProcess()):  # which nobody asks anything
        pass


# --- the worker, with a provider that can be told what to do


class Told:
    """A provider that does what the messages say."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()
        self.closed = False

    async def ready(self, settings: ModelSettings | None = None) -> None: ...

    async def chat(
        self,
        settings: ModelSettings,
        messages: Sequence[Message],
        options: Mapping[str, Any],
        schema: tuple[str, Mapping[str, Any]] | None,
    ) -> Completed:
        match messages[0]["content"]:
            case "wait":
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    self.cancelled.set()
                    raise
            case "break":
                raise ZeroDivisionError("a bug")
        return Completed(f"{settings.model} {dict(options)} {schema}", "stop", Tokens(1, 2, None, True), "m")

    async def embed(self, settings: ModelSettings, texts: Sequence[str]) -> Embedded:
        return Embedded([], Tokens())

    async def context_tokens(self, settings: ModelSettings) -> int | None:
        return 4096

    async def price(self, settings: ModelSettings, read: int, written: int) -> float | None:
        return read + written / 1000

    async def close(self) -> None:
        self.closed = True


@asynccontextmanager
async def conversation(provider: Provider) -> AsyncIterator[Frames]:
    """With a worker in this process."""
    (there, from_us), (here, from_there) = os.pipe(), os.pipe()
    theirs = await Frames.over(os.fdopen(there, "rb", 0), os.fdopen(from_there, "wb", 0))
    ours = await Frames.over(os.fdopen(here, "rb", 0), os.fdopen(from_us, "wb", 0))
    serving = asyncio.create_task(ProviderWorker(provider, theirs).serve())
    assert await ours.receive() == {"ready": True}
    yield ours
    ours.close()
    await serving
    theirs.close()


def asked(number: int, operation: str, **arguments: Any) -> dict[str, Any]:
    settings = ModelSettings(model="m", parameters={"a": 1}, timeout_seconds=5.0, attempts=3)
    return {"id": number, "op": operation, "settings": sent(settings), **arguments}


def chat(number: int, text: str) -> dict[str, Any]:
    return asked(number, "chat", messages=[{"role": "user", "content": text}], options={"t": 0}, schema=None)


def test_answers_come_as_they_are_ready_under_the_number_of_their_request() -> None:
    async def work() -> None:
        provider = Told()
        async with conversation(provider) as ours:
            ours.send(chat(1, "wait"))
            ours.send(chat(2, "now"))
            ours.send(asked(3, "price", read=3, written=5))
            answers = [await ours.receive(), await ours.receive()]
            assert sorted(answer["id"] for answer in answers if answer) == [2, 3]
            values = {answer["id"]: answer["value"] for answer in answers if answer}
            assert values[3] == 3.005
            assert values[2]["text"] == "m {'t': 0} None"
            assert values[2]["tokens"] == {
                "read": 1,
                "written": 2,
                "usd": None,
                "estimated": True,
                "reused": 0,
            }
            ours.send({"id": 1, "op": "cancel"})
            ours.send({"id": 99, "op": "cancel"})  # was answered in the meantime
            await asyncio.wait_for(provider.cancelled.wait(), 5)
        assert provider.closed

    asyncio.run(work())


def test_what_is_under_way_ends_with_the_conversation() -> None:
    async def work() -> None:
        provider = Told()
        async with conversation(provider) as ours:
            ours.send(chat(1, "wait"))
            ours.send(chat(2, "now"))
            await ours.receive()
        await asyncio.wait_for(provider.cancelled.wait(), 5)

    asyncio.run(work())


def test_a_fault_of_ours_comes_out_where_it_is_waited_for() -> None:
    async def work() -> None:
        async with conversation(Told()) as ours:
            ours.send(chat(1, "break"))
            answer = await ours.receive()
            assert answer is not None
            assert "ZeroDivisionError: a bug" in answer["broken"]

    asyncio.run(work())


@pytest.mark.parametrize("vector", [[], [0.1, -1e-300, float("inf"), float("nan")]])
def test_vectors_are_exact(vector: list[float]) -> None:
    assert repr(list(unpacked(packed(vector)))) == repr(vector)


@pytest.mark.parametrize("given", ["", "example.org"])
def test_no_proxy_stands_between_it_and_this_machine(given: str) -> None:
    found = _past_proxies({"NO_PROXY": given, "HTTP_PROXY": "http://proxy:3128"})
    assert found["no_proxy"] == found["NO_PROXY"]
    assert {*given.split(","), "127.0.0.1", "localhost"} - {""} == set(found["no_proxy"].split(","))


def test_all_settings_of_a_model_reach_the_process_and_no_others() -> None:
    given = ReflectorConfig(model="m", parameters={"a": 1}, context_tokens=4_096, concurrency=3, weight=2.0)
    received = ModelSettings(**sent(given))
    assert {name: getattr(given, name) for name in ModelSettings.model_fields} == dict(received)


@pytest.mark.slow
def test_a_file_of_the_current_folder_names_no_other_server(
    model_server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a .env in a folder that somebody sent: litellm would read it and send the user's key there."""
    (tmp_path / "below").mkdir()
    url = model_server.url
    (tmp_path / ".env").write_text(f"OPENAI_BASE_URL={url}\nOPENAI_API_BASE={url}\n")
    monkeypatch.chdir(tmp_path / "below")
    for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE", "LITELLM_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # no test asks the official server
    model_server.script("gpt-4o-mini", "thanks for the key")

    async def work() -> None:
        provider = ProviderProcess()
        try:
            with pytest.raises(AttemptFailed):
                await provider.chat(
                    RoleConfig(model="openai/gpt-4o-mini", timeout_seconds=5.0), HELLO, {}, None
                )
        finally:
            await provider.close()

    asyncio.run(work())
    assert not model_server.served
