"""Batch APIs that the test server has: OpenAI's, with files, and Anthropic's."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from aiohttp import web

from tests.server.dialects import dialect_of, tokens_of
from tests.server.faults import Fault, http_error
from tests.server.scripts import Answer, Asked

OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"
_ERRORS = {400: "invalid_request_error", 429: "rate_limit_error", 529: "overloaded_error"}


@dataclass(eq=False)
class Batch:
    """Submitted batch.

    Attributes:
        id: its id.
        dialect: path of single requests to the same API.
        bodies: custom id → body of the request.
        metadata: what was given with it; Anthropic's API takes none.
        created: when it was submitted, in seconds since 1970.
        looks: how often its state was asked for.
        lines: lines of the results, once it has ended; of OpenAI's the errors are apart.
    """

    id: str
    dialect: str
    bodies: Mapping[str, Mapping[str, Any]]
    metadata: Mapping[str, str] = field(default_factory=dict)
    created: float = field(default_factory=time.time)
    looks: int = 0
    ended: bool = False
    cancelled: bool = False
    refused: str = ""
    lines: dict[Literal["output", "error"], list[str]] = field(
        default_factory=lambda: {"output": [], "error": []}
    )


class BatchDesk:
    """Batches of a server. What they say is what the server's scripts say to the same single requests.

    Args:
        say: says it, and counts the request.
        takes_key: returns whether a request has the right key.

    Attributes:
        batches: all batches, in their order.
        looks: looks at the state of a batch after which it ends; None: not until it is cancelled.
        expires: whether a request with this body is not answered before its batch expires.
        refuses: reason for refusing whole batches of OpenAI's; empty to take them.
        faults: faults in the place of the next answers of this API, first to last.
        submitted: called with each batch that is submitted; a fault is the response in the place of its id.
        lists: whether batches are listed.
    """

    def __init__(
        self,
        say: Callable[[str, Mapping[str, Any]], tuple[Asked, Answer | Fault]],
        takes_key: Callable[[web.Request], bool],
    ) -> None:
        self._say = say
        self._takes_key = takes_key
        self._files: dict[str, str] = {}
        self.batches: list[Batch] = []
        self.looks: int | None = 2
        self.expires: Callable[[Mapping[str, Any]], bool] = lambda body: False
        self.refuses = ""
        self.faults: list[Fault] = []
        self.submitted: Callable[[Batch], Fault | None] = lambda batch: None
        self.lists = True

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the paths of the APIs."""
        for method, path, answer in (
            ("POST", "/v1/files", self._add_file),
            ("GET", "/v1/files/{id}/content", self._file),
            ("POST", "/v1/batches", self._create),
            ("GET", "/v1/batches", self._list),
            ("GET", "/v1/batches/{id}", self._look),
            ("POST", "/v1/batches/{id}/cancel", self._cancel),
            ("POST", "/v1/messages/batches", self._create_claude),
            ("GET", "/v1/messages/batches", self._list),
            ("GET", "/v1/messages/batches/{id}", self._look),
            ("GET", "/v1/messages/batches/{id}/results", self._results),
            ("POST", "/v1/messages/batches/{id}/cancel", self._cancel),
        ):
            router.add_route(method, path, self._checked(answer))

    def _checked(self, answer: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            fault = self.faults.pop(0) if self.faults else None
            if fault is None and not self._takes_key(request):
                fault = http_error(401, "Incorrect API key provided.", "invalid_api_key")
            return await answer(request) if fault is None else _failure(fault)

        return handle

    async def _add_file(self, request: web.Request) -> web.Response:
        form = await request.post()
        uploaded = form["file"]
        assert isinstance(uploaded, web.FileField)
        assert form["purpose"] == "batch"
        name = f"file-{len(self._files)}"
        self._files[name] = uploaded.file.read().decode()
        size = len(self._files[name])
        return web.json_response(
            {"id": name, "object": "file", "bytes": size, "created_at": 0, "filename": "b.jsonl",
             "purpose": "batch", "status": "processed"}
        )  # fmt: skip

    async def _create(self, request: web.Request) -> web.Response:
        given = await request.json()
        rows = [json.loads(line) for line in self._files[given["input_file_id"]].splitlines()]
        assert all(row["url"] == given["endpoint"] == OPENAI for row in rows)
        bodies = {row["custom_id"]: row["body"] for row in rows}
        return self._opened(OPENAI, bodies, given.get("metadata") or {})

    async def _create_claude(self, request: web.Request) -> web.Response:
        rows = (await request.json())["requests"]
        return self._opened(ANTHROPIC, {row["custom_id"]: row["params"] for row in rows})

    def _opened(
        self, dialect: str, bodies: Mapping[str, Mapping[str, Any]], metadata: Mapping[str, str] | None = None
    ) -> web.Response:
        name = f"batch_{len(self.batches)}"
        batch = Batch(name, dialect, bodies, metadata or {}, refused=self.refuses)
        self.batches.append(batch)
        fault = self.submitted(batch)
        if fault is not None:
            return _failure(fault)
        return web.json_response(_said(batch))

    async def _list(self, request: web.Request) -> web.Response:
        if not self.lists:
            return _failure(http_error(404, "Not found.", "not_found"))
        dialect = ANTHROPIC if "/messages/" in request.path else OPENAI
        newest = [one for one in reversed(self.batches) if one.dialect == dialect]
        shown = newest[: int(request.query.get("limit", "20"))]
        return web.json_response(
            {"object": "list", "data": [_said(one) for one in shown], "has_more": len(newest) > len(shown)}
        )

    def _of(self, request: web.Request) -> Batch:
        for batch in self.batches:
            if batch.id == request.match_info["id"]:
                return batch
        fault = http_error(404, "No such batch.", "not_found")
        raise web.HTTPNotFound(text=fault.body, content_type="application/json")

    async def _look(self, request: web.Request) -> web.Response:
        batch = self._of(request)
        batch.looks += 1
        due = self.looks is not None and batch.looks >= self.looks
        if not batch.ended and not batch.refused and (due or batch.cancelled):
            self._end(batch)
        return web.json_response(_said(batch))

    async def _cancel(self, request: web.Request) -> web.Response:
        batch = self._of(request)
        batch.cancelled = True
        return web.json_response(_said(batch))

    async def _results(self, request: web.Request) -> web.Response:
        lines = self._of(request).lines
        return web.Response(
            text="\n".join(lines["output"] + lines["error"]), content_type="application/x-jsonl"
        )

    async def _file(self, request: web.Request) -> web.Response:
        batch, _, part = request.match_info["id"].rpartition("-")
        found = next(one for one in self.batches if one.id == batch)
        lines = found.lines["output" if part == "output" else "error"]
        return web.Response(text="\n".join(lines), content_type="application/jsonl")

    def _end(self, batch: Batch) -> None:
        batch.ended = True
        for key, body in batch.bodies.items():
            if batch.cancelled or self.expires(body):
                batch.lines["error"].append(json.dumps(_unanswered(batch, key)))
                continue
            asked, said = self._say(batch.dialect, body)
            if isinstance(said, Fault):
                batch.lines["error"].append(json.dumps(_failed(batch, key, said)))
            else:
                answer = dialect_of(batch.dialect).answer(asked, said)
                line = (
                    {"custom_id": key, "response": {"status_code": 200, "body": answer}, "error": None}
                    if batch.dialect == OPENAI
                    else {"custom_id": key, "result": {"type": "succeeded", "message": answer}}
                )
                batch.lines["output"].append(json.dumps(line))


def batch_tokens(asked: Asked, said: Answer | Fault) -> tuple[int, int]:
    """Tokens read and written that are reported for a request in a batch."""
    return tokens_of(asked, said) if isinstance(said, Answer) and said.usage else (0, 0)


def _failure(fault: Fault) -> web.Response:
    return web.Response(status=fault.status, text=fault.body, content_type="application/json")


def _unanswered(batch: Batch, key: str) -> dict[str, Any]:
    if batch.dialect == ANTHROPIC:
        return {"custom_id": key, "result": {"type": "canceled" if batch.cancelled else "expired"}}
    message = "This request could not be executed before the completion window expired."
    return {"custom_id": key, "response": None, "error": {"code": "batch_expired", "message": message}}


def _failed(batch: Batch, key: str, fault: Fault) -> dict[str, Any]:
    error = json.loads(fault.body)["error"]
    if batch.dialect == ANTHROPIC:
        kind = _ERRORS.get(fault.status, "api_error")
        inner = {"type": "error", "error": {"type": kind, "message": error["message"]}}
        return {"custom_id": key, "result": {"type": "errored", "error": inner}}
    return {
        "custom_id": key,
        "response": {"status_code": fault.status, "body": {"error": error}},
        "error": None,
    }


def _said(batch: Batch) -> dict[str, Any]:
    """The batch as its API says it."""
    if batch.dialect == ANTHROPIC:
        state = "ended" if batch.ended else "canceling" if batch.cancelled else "in_progress"
        made = datetime.fromtimestamp(batch.created, UTC).isoformat().replace("+00:00", "Z")
        counts = {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
        counts["succeeded" if batch.ended else "processing"] = len(batch.bodies)
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": state,
            "created_at": made,
            "request_counts": counts,
        }
    files = {f"{part}_file_id": f"{batch.id}-{part}" for part, lines in batch.lines.items() if lines}
    ended = "cancelled" if batch.cancelled else "expired" if batch.lines["error"] else "completed"
    waiting = "cancelling" if batch.cancelled else "in_progress"
    errors = {"object": "list", "data": [{"code": "invalid", "message": batch.refused}]}
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": OPENAI,
        "input_file_id": "file-0",
        "completion_window": "24h",
        "created_at": int(batch.created),
        "metadata": dict(batch.metadata),
        "status": "failed" if batch.refused else ended if batch.ended else waiting,
        **({"errors": errors} if batch.refused else {}),
        **files,
    }
