"""The client for OpenAI's protocol: it says what litellm says, and needs no litellm."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from evolve.config import RoleConfig
from evolve.models.litellm_provider import LitellmProvider
from evolve.models.openai_provider import OpenAIProvider
from evolve.models.provider import AttemptFailed, Completed
from evolve.models.routed_provider import asks_directly
from tests.server import faults
from tests.server.fixtures import KEY_VARIABLE
from tests.server.scripts import Answer, Said, always
from tests.server.server import ModelServer

Configured = Callable[..., RoleConfig]
HELLO: Any = [{"role": "user", "content": "Grüß dich \u2028 \U0001f600"}]
CALL = {"id": "c", "type": "function", "function": {"name": "search", "arguments": '{"a": 1}'}}
SAID: dict[str, Said] = {
    "an answer": "Héllo\u2028\U0001f600",
    "cut off": Answer("so f", finish="length"),
    "filtered": Answer("", finish="content_filter"),
    "without usage": Answer("fine", usage=False),
    "thoughts in tags": Answer("<think>Hm.</think>fine"),
    "thoughts under another name": Answer("fine", message={"reasoning": "Hm."}),
    "an odd end": Answer("half", finish="abort"),
    "a call": Answer("", message={"content": None, "tool_calls": [CALL]}, finish="tool_calls"),
    "429": faults.rate_limited(7),
    "no credit": faults.out_of_quota(),
    "500": faults.server_error(),
    "503": faults.server_error(503),
    "401": faults.wrong_key("sk-planted-0123456789abcdef-do-not-log"),
    "403": faults.forbidden(),
    "404": faults.unknown_model(),
    "400": faults.bad_request(),
    "422": faults.unprocessable(),
    "too long": faults.too_long(),
    "too long, by its message": faults.http_error(400, "the request exceeds the available context size"),
    "filtered prompt": faults.filtered_prompt(),
    "a limit of the rate, by its message": faults.http_error(400, "Rate limit reached for requests"),
    "an error that is a text": faults.Fault("400", 400, '{"error": "no such grammar"}'),
    "no body": faults.Fault("400", 400, ""),
}
COMPARED = ("kind", "transient", "unreachable", "wait", "limited", "tokens", "answered", "sent", "again")


async def outcome(work: Awaitable[Completed]) -> Any:
    try:
        return await work
    except AttemptFailed as failure:
        return {name: getattr(failure, name) for name in COMPARED}


@pytest.mark.parametrize("provider", ["openai", "hosted_vllm"])
def test_each_reply_and_failure_is_what_litellm_makes_of_it(
    provider: str, model_server: ModelServer, role_config: Configured
) -> None:
    tools = [{"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}]

    async def work() -> None:
        settings = role_config("task").model_copy(update={"model": f"{provider}/task"})
        both = LitellmProvider(), OpenAIProvider()
        for name, said in SAID.items():
            model_server.script("task", always(said))
            options = {"tools": tools} if name == "a call" else {"n": 1}
            theirs, ours = [await outcome(one.chat(settings, HELLO, options, None)) for one in both]
            if isinstance(theirs, Completed) and isinstance(ours, Completed):
                assert (ours.text, ours.finish, ours.thought, ours.calls, ours.tokens) == (
                    *(theirs.text, theirs.finish, theirs.thought, theirs.calls, theirs.tokens),
                ), name
            else:
                assert ours == theirs, name
        for one in both:
            await one.close()

    asyncio.run(work())


def test_parameters_reach_the_server_as_they_are(model_server: ModelServer, role_config: Configured) -> None:
    model_server.script("task", "fine")
    options = {"top_k": 3, "extra_body": {"guided": True}, "extra_headers": {"X-Team": "a"}}
    schema = ("answer", {"type": "object"})

    async def work() -> Completed:
        provider = OpenAIProvider()
        settings = role_config("task", usd_per_million_in=2.0, usd_per_million_out=4.0)
        completed = await provider.chat(settings, HELLO, options, schema)
        assert await provider.price(settings, 1_000_000, 500_000) == 4.0
        await provider.close()
        return completed

    completed = asyncio.run(work())
    assert completed.tokens.usd == (completed.tokens.read * 2 + completed.tokens.written * 4) / 1e6
    (served,) = model_server.served
    assert served.body == {
        "model": "task",
        "messages": HELLO,
        "top_k": 3,
        "guided": True,
        "response_format": {"type": "json_schema", "json_schema": {"name": schema[0], "schema": schema[1]}},
    }


def test_vectors_come_in_the_order_of_their_texts(model_server: ModelServer, role_config: Configured) -> None:
    vectors = [[0.1, 1 / 3, -1e-300], [2.0, 0.0, 3.5]]
    model_server.script("vectors", always(Answer(vectors=vectors)))

    async def work() -> Any:
        provider = OpenAIProvider()
        embedded = await provider.embed(role_config("vectors"), ["a", "b"])
        await provider.close()
        return embedded

    assert asyncio.run(work()).vectors == vectors


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "hosted_vllm/x"}, "give its api_base"),
        ({"model": "hosted_vllm/x", "api_base": "not an address"}, "is not an address"),
        ({"model": "openai/x", "key_env": "NO_SUCH_KEY"}, "NO_SUCH_KEY is not set"),
    ],
)
def test_a_wrong_setup_is_said_before_anything_is_sent(settings: dict[str, str], message: str) -> None:
    async def work() -> None:
        provider = OpenAIProvider({})
        try:
            await provider.chat(RoleConfig(**settings), HELLO, {}, None)  # type: ignore[arg-type]
        finally:
            await provider.close()

    with pytest.raises(AttemptFailed, match=message) as caught:
        asyncio.run(work())
    assert caught.value.kind == "setup"
    assert not caught.value.transient


AT_HOME = {"api_base": "http://127.0.0.1:9/v1"}


@pytest.mark.parametrize(
    ("settings", "direct"),
    [
        ({"model": "openai/mine", **AT_HOME}, True),
        ({"model": "hosted_vllm/mine", **AT_HOME}, True),
        ({"model": "openai/mine"}, False),
        ({"model": "openai/gpt-4o-mini", **AT_HOME}, False),  # whose price litellm's table has
        ({"model": "anthropic/mine", **AT_HOME}, False),
        ({"model": "openai/mine", "parameters": {"api_version": "1"}, **AT_HOME}, False),
        ({"model": "openai/mine", "client": "litellm", **AT_HOME}, False),
        ({"model": "openai/gpt-4o-mini", "client": "openai"}, True),
    ],
)
def test_the_client_goes_by_the_setting_and_the_address(settings: dict[str, Any], direct: bool) -> None:
    assert asks_directly(RoleConfig(**settings)) == direct


ASKING = """
import asyncio, sys
from evolve.config import RoleConfig
from evolve.models.routed_provider import RoutedProvider

async def work():
    provider = RoutedProvider()
    settings = RoleConfig(model="openai/task", api_base=sys.argv[1], key_env=sys.argv[2])
    await provider.ready(settings)
    said = (await provider.chat(settings, [{"role": "user", "content": "?"}], {}, None)).text
    assert await provider.price(settings, 1, 1) is None
    await provider.close()
    print(said, "litellm" in sys.modules)

asyncio.run(work())
"""


def test_litellm_is_not_imported_for_a_server_of_ones_own(model_server: ModelServer) -> None:
    model_server.script("task", "fine")
    command = [sys.executable, "-c", ASKING, model_server.url, KEY_VARIABLE]
    assert subprocess.check_output(command, text=True).split() == ["fine", "False"]
