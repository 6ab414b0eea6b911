"""Tools at the gateway: native calls and results, negotiation to commands in the text, caches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolve.config import RoleConfig
from evolve.errors import ModelError
from evolve.models.adaptations import Adaptations
from evolve.models.cache import ReplyCache
from evolve.models.chat import ChatRequest, Message, ToolCall
from evolve.models.gateway import Gateway
from evolve.models.tool_calls import Tool, Toolset
from tests.server.scripts import Answer, always
from tests.server.server import ModelServer
from tests.server.shapes import refusing

Configured = Callable[..., RoleConfig]
Opened = Callable[..., Gateway]
LIST = Tool("list", "List files.", {"type": "object", "properties": {"folder": {"type": "string"}}})
CALL = {"id": "c7", "type": "function", "function": {"name": "list", "arguments": '{"folder": "a"}'}}
CALLING = Answer(message={"content": None, "tool_calls": [CALL]}, finish="tool_calls")
TALK: tuple[Message, ...] = (
    {"role": "system", "content": "You change programs."},
    {"role": "user", "content": "Begin."},
    {
        "role": "assistant",
        "content": "Look.\n\n```list\na\n```",
        "prose": "Look.",
        "calls": [ToolCall("list", '{"folder": "a"}', "c7")],
    },
    {"role": "user", "content": "a/x.py", "result_of": "c7"},
)


def request(form: Any = "auto", messages: tuple[Message, ...] = TALK) -> ChatRequest:
    return ChatRequest(messages, "reflect", tools=Toolset((LIST,), "Write ```list", form))


def has_tools(body: Any) -> bool:
    return "tools" in body


def test_calls_and_results_are_sent_natively_and_a_call_comes_back(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("task", always(CALLING))
    reply = gateway.chat("reflector", role_config("task")).ask(request())
    assert (reply.text, reply.calls) == ("", (ToolCall("list", '{"folder": "a"}', "c7"),))
    body = model_server.served[0].body
    assert body["tools"][0]["function"]["name"] == "list"
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "tool"]
    assert body["messages"][2]["tool_calls"][0]["id"] == body["messages"][3]["tool_call_id"] == "c7"
    assert "```" not in str(body["messages"])


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
        (400, "registry/model:1b does not support tools"),
        (400, "Bad Request"),
        (500, "Jinja Exception: tools param requires --jinja flag"),
    ],
)
def test_a_server_that_refuses_tools_is_told_them_in_the_text(
    status: int, message: str, model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    model_server.script("task", refusing(has_tools, status, message, "```list\na\n```"))
    told: list[str] = []
    model = open_gateway(adaptations=Adaptations(notify=told.append)).chat("reflector", role_config("task"))
    for _ in range(2):
        reply = model.ask(request())
        assert (reply.text, reply.calls) == ("```list\na\n```", ())
    bodies = [one.body for one in model_server.served]
    assert [has_tools(body) for body in bodies] == [True, False, False]
    assert "commands in the text" in told[0]
    assert [one["role"] for one in bodies[1]["messages"]] == ["system", "user", "assistant", "user"]
    assert bodies[1]["messages"][0]["content"].endswith("Write ```list")
    assert bodies[1]["messages"][2]["content"].startswith("Look.\n\n```list")


def test_the_form_can_be_fixed(model_server: ModelServer, role_config: Configured, gateway: Gateway) -> None:
    model_server.script("task", refusing(has_tools, 400, "model does not support tools", "fine"))
    model = gateway.chat("reflector", role_config("task"))
    assert model.ask(request("fenced")).text == "fine"
    with pytest.raises(ModelError, match="does not support tools"):
        model.ask(request("native"))
    assert [has_tools(one.body) for one in model_server.served] == [False, True]


def test_a_reply_with_calls_is_cached_whole(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened, tmp_path: Path
) -> None:
    model_server.script("task", always(CALLING))
    model = open_gateway(cache=ReplyCache(tmp_path / "replies.sqlite")).chat("reflector", role_config("task"))
    first, second = model.ask(request()), model.ask(request())
    assert (second.cached, second.calls) == (True, first.calls)
    assert model.ask(request(messages=TALK[:2])).cached is False
    assert len(model_server.served) == 2


def test_a_call_without_tools_offered_is_no_reply(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("task", always(CALLING))
    with pytest.raises(ModelError, match="expected a text, found only a call of a tool"):
        gateway.chat("reflector", role_config("task")).ask(ChatRequest(TALK[:2], "reflect"))
