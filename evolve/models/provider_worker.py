"""Worker inside the provider's process: answers request frames with the provider's replies.

Every request has an ``id`` that its answer repeats. The first message says that the provider is ready.
"""

from __future__ import annotations

import asyncio
import base64
import os
import traceback
from array import array
from dataclasses import asdict
from typing import Any

from evolve.models.batches import BatchReply, BatchRequest, OffersBatches
from evolve.models.frames import Frames
from evolve.models.provider import AttemptFailed, Provider
from evolve.models.redaction import redacted
from evolve.models.settings import ModelSettings

READY = {"ready": True}


class ProviderWorker:
    """Server of provider requests, all carried at the same time.

    Args:
        provider: carries the requests.
        frames: the connection to the host.
    """

    def __init__(self, provider: Provider, frames: Frames) -> None:
        self._provider = provider
        self._frames = frames
        self._under_way: dict[int, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Serve requests until the other side hangs up."""
        await self._provider.ready()
        self._frames.send(READY)
        while (request := await self._frames.receive()) is not None:
            number = request["id"]
            if request["op"] == "cancel":
                if number in self._under_way:
                    self._under_way[number].cancel()
            else:
                self._under_way[number] = asyncio.create_task(self._answer(request))
        for task in self._under_way.values():
            task.cancel()
        await self._provider.close()

    async def _answer(self, request: dict[str, Any]) -> None:
        number = request["id"]
        try:
            self._frames.send({"id": number, "value": await self._carried(request)})
        except AttemptFailed as failure:
            said = {**vars(failure), "tokens": asdict(failure.tokens)}
            self._frames.send({"id": number, "failed": said})
        except Exception:  # noqa: BLE001 - a fault of ours, to be raised where it is waited for
            self._frames.send({"id": number, "broken": redacted(traceback.format_exc())})
        finally:
            del self._under_way[number]

    async def _carried(self, request: dict[str, Any]) -> Any:
        settings = ModelSettings(**request["settings"])
        match request["op"]:
            case "chat":
                schema = tuple(request["schema"]) if request["schema"] else None
                return asdict(
                    await self._provider.chat(settings, request["messages"], request["options"], schema)
                )
            case "embed":
                embedded = await self._provider.embed(settings, request["texts"])
                return {
                    "vectors": [packed(vector) for vector in embedded.vectors],
                    "tokens": asdict(embedded.tokens),
                }
            case "batch":
                return await self._batch(settings, request["do"], request)
            case "ready":
                return await self._provider.ready(settings)
            case "context":
                return await self._provider.context_tokens(settings)
            case _:
                return await self._provider.price(settings, request["read"], request["written"])

    async def _batch(self, settings: ModelSettings, operation: str, request: dict[str, Any]) -> Any:
        assert isinstance(self._provider, OffersBatches)
        api = await self._provider.batches()
        match operation:
            case "submit":
                requests = [BatchRequest(**one) for one in request["requests"]]
                return await api.submit(settings, requests, request["tag"])
            case "find":
                return await api.find(settings, **request["by"])
            case "state":
                return asdict(await api.state(settings, request["batch"]))
            case "replies":
                replies = await api.replies(settings, request["batch"])
                return {key: asdict(reply) for key, reply in replies.items()}
            case "cancel":
                return await api.cancel(settings, request["batch"])
            case _:
                asked, reply = BatchRequest(**request["request"]), BatchReply(**request["reply"])
                return asdict(await api.read(settings, asked, reply))


def packed(vector: Any) -> str:
    """Numbers as text: a tenth of the time that they take as JSON, and exact."""
    return base64.b64encode(array("d", vector).tobytes()).decode("ascii")


def unpacked(text: str) -> array[float]:
    """The numbers again."""
    vector = array("d")
    vector.frombytes(base64.b64decode(text))
    return vector


def main() -> None:
    """Serve models over stdin and stdout, kept apart from all printing."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb", 0), os.fdopen(os.dup(1), "wb", 0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    from evolve.models.routed_provider import RoutedProvider

    async def serve() -> None:
        await ProviderWorker(RoutedProvider(), await Frames.over(incoming, outgoing)).serve()

    asyncio.run(serve())
