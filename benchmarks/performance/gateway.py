"""Times the model gateway and prints a Markdown table: calls per second, CPU per call, overhead.

    python benchmarks/performance/gateway.py [--calls 1280] [--concurrency 64] [--latency 0.2]

Calls are answered by the model server of the tests, in a process of its own. The ideal is what the latency
alone takes: calls / concurrency × latency. The rows tell the gateway's own work from that
of its clients.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for tests.server, which no wheel carries

from machine import circumstances

from evolve.config import RoleConfig
from evolve.models.cache import ReplyCache
from evolve.models.calls import CallFile
from evolve.models.chat import ChatRequest, Message
from evolve.models.gateway import Gateway
from evolve.models.litellm_provider import LitellmProvider
from evolve.models.openai_provider import OpenAIProvider
from evolve.models.provider import Completed, Embedded, Provider, Tokens
from tests.server.server import KEY, ModelServer

PROMPT = "The quick brown fox jumps over the lazy dog. " * 80  # about 900 tokens
ANSWER = "A paragraph of an answer. " * 8


@dataclass(frozen=True)
class Load:
    calls: int
    concurrency: int
    latency: float

    @property
    def ideal(self) -> float:
        """Seconds that the latency alone takes."""
        return -(-self.calls // self.concurrency) * self.latency

    def requests(self) -> list[ChatRequest]:
        return [
            ChatRequest(({"role": "user", "content": f"{number} {PROMPT}"},), "answer")
            for number in range(self.calls)
        ]


class Asleep:
    """A provider that takes the latency and nothing else."""

    def __init__(self, latency: float) -> None:
        self._latency = latency

    async def ready(self, settings: object = None) -> None:
        return

    async def chat(
        self,
        settings: object,
        messages: Sequence[Message],
        options: Mapping[str, Any],
        schema: tuple[str, Mapping[str, Any]] | None,
    ) -> Completed:
        await asyncio.sleep(self._latency)
        return Completed(ANSWER, "stop", Tokens(900, 50, 0.001), "asleep")

    async def embed(self, settings: object, texts: Sequence[str]) -> Embedded:
        raise NotImplementedError

    async def context_tokens(self, settings: object) -> int | None:
        return None

    async def price(self, settings: object, read: int, written: int) -> float | None:
        return 0.001

    async def close(self) -> None:
        return


def serve(latency: float, pipe: Connection) -> None:
    """The server; says its address and ends when it is told to."""
    with ModelServer({"gpt-4o-mini": ANSWER}, latency=latency) as server:
        pipe.send(server.url)
        pipe.recv()


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall time and of CPU of this process, with all of its threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def through_gateway(gateway: Gateway, settings: RoleConfig, load: Load) -> tuple[float, float]:
    model = gateway.chat("task", settings)
    model.ask(ChatRequest(({"role": "user", "content": "warm up"},), "answer"))
    requests = load.requests()
    return timed(lambda: model.ask_all(requests))


def through_provider(provider: Provider, settings: RoleConfig, load: Load) -> tuple[float, float]:
    """One attempt of each call by the provider alone: no account, cache, budget or retry."""

    async def all_calls(requests: list[ChatRequest]) -> None:
        slots = asyncio.Semaphore(load.concurrency)

        async def one(request: ChatRequest) -> None:
            async with slots:
                await provider.chat(settings, request.messages, {}, None)

        await asyncio.gather(*[one(request) for request in requests])

    async def measured() -> tuple[float, float]:
        await provider.ready()
        requests = load.requests()
        await all_calls(requests[:1])
        wall, cpu = time.perf_counter(), time.process_time()
        await all_calls(requests)
        times = time.perf_counter() - wall, time.process_time() - cpu
        await provider.close()
        return times

    return asyncio.run(measured())


def measure(load: Load, url: str, folder: Path) -> dict[str, tuple[float, float]]:
    settings = RoleConfig(model="openai/gpt-4o-mini", api_base=url, key_env="EVOLVE_BENCHMARK_KEY")
    rows: dict[str, tuple[float, float]] = {}
    with Gateway(provider=Asleep(load.latency), concurrency=load.concurrency) as gateway:
        rows["gateway without litellm or network"] = through_gateway(gateway, settings, load)
    rows["litellm alone"] = through_provider(LitellmProvider(), settings, load)
    rows["client for OpenAI's protocol alone"] = through_provider(OpenAIProvider(), settings, load)
    with Gateway(concurrency=load.concurrency) as gateway:
        rows["gateway"] = through_gateway(gateway, settings, load)
    with Gateway(provider=OpenAIProvider(), concurrency=load.concurrency) as gateway:
        rows["gateway with the client for OpenAI's protocol"] = through_gateway(gateway, settings, load)
    cache, calls = ReplyCache(folder / "cache.sqlite"), CallFile(folder / "calls.jsonl")
    with Gateway(concurrency=load.concurrency, cache=cache, calls=calls) as gateway:
        rows["gateway with cache and record"] = through_gateway(gateway, settings, load)
        rows["the same again, from the cache"] = through_gateway(gateway, settings, load)
    calls.close()
    cache.close()
    return rows


def table(load: Load, rows: Mapping[str, tuple[float, float]]) -> str:
    lines = [
        f"{circumstances()}; "
        f"{load.calls} calls, {load.concurrency} at once, {1000 * load.latency:.0f} ms latency, "
        f"ideal {load.ideal:.2f} s",
        "",
        "| | wall s | calls/s | CPU ms per call | over the ideal |",
        "|---|---|---|---|---|",
    ]
    for name, (wall, cpu) in rows.items():
        over = "" if "from the cache" in name else f"{100 * (wall / load.ideal - 1):.0f} %"
        per_call = 1000 * cpu / load.calls
        lines.append(f"| {name} | {wall:.2f} | {load.calls / wall:.0f} | {per_call:.2f} | {over} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int, default=1280)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds")
    given = parser.parse_args()
    load = Load(given.calls, given.concurrency, given.latency)
    os.environ["EVOLVE_BENCHMARK_KEY"] = KEY
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(load.latency, theirs), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        print(table(load, measure(load, ours.recv(), Path(folder))))
    ours.send("end")
    server.join()


if __name__ == "__main__":
    main()
