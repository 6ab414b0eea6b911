"""The fault matrix at the gateway: what is tried again, and as what the rest is said. With each client."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from evolve.config import RoleConfig
from evolve.errors import ModelError
from evolve.models.breaker import OutageNews
from evolve.models.cache import ReplyCache
from evolve.models.calls import CallFile
from evolve.models.chat import ChatModel, ChatRequest
from evolve.models.gateway import Gateway
from tests.server import faults
from tests.server.faults import Fault
from tests.server.fixtures import KEY_VARIABLE
from tests.server.scripts import Answer, Said, always, first, in_turn
from tests.server.server import KEY, ModelServer

Configured = Callable[..., RoleConfig]
Opened = Callable[..., Gateway]
HELLO = ChatRequest(({"role": "user", "content": "hello"},), "answer")


def ask(gateway: Gateway, settings: RoleConfig, asked: ChatRequest = HELLO) -> str:
    model = gateway.chat("task", settings)
    reply = model.ask(asked)
    return reply.text


pytestmark = pytest.mark.parametrize("client", ["litellm", "openai"])
PROVIDERS = ("openai", "hosted_vllm")
"""litellm reaches them by clients of different make, whose errors it says in different ways."""
TRANSIENT = {
    "429": faults.rate_limited(),
    "429 with Retry-After": faults.rate_limited(0.5),
    "408": faults.server_error(408),
    "500": faults.server_error(),
    "500 with a page": Fault("500 page", 500, "<html>Internal Server Error</html>"),
    # litellm makes this one a BadRequestError, with the status of a server's error
    "500 said as a bad request": faults.Fault("500", 500, '{"error": {"type": "invalid_request_error"}}'),
    "502": faults.server_error(502),
    "503": faults.server_error(503),
    "504": faults.server_error(504),
    "reset": faults.reset(),
    "stall": faults.stall(30),
    "no JSON": faults.not_json(),
    "cut JSON": faults.cut_json(),
    "another shape": faults.wrong_shape(),
    "a list": faults.wrong_shape([1, 2]),
    "no choices": faults.no_choices(),
}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", TRANSIENT)
def test_is_tried_again(
    name: str, provider: str, model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("task", first(2, TRANSIENT[name], always("fine")))
    seconds = 1 if name == "stall" else 20
    settings = role_config("task", timeout_seconds=seconds).model_copy(update={"model": f"{provider}/task"})
    assert ask(gateway, settings) == "fine"
    # litellm's own client sends a request again at once whose connection was dropped.
    assert len(model_server.served) in ({3, 4} if name == "reset" else {3})
    account = gateway.accounts().total
    assert (account.usage.calls, account.failed) == (1, 0)
    assert account.attempts in ({2, 3} if name == "reset" else {3})


FINAL: dict[str, tuple[Said, str, str]] = {
    "400": (faults.bad_request(), "rejected", "Unsupported value"),
    "401": (faults.wrong_key(), "setup", f"environment variable {KEY_VARIABLE}"),
    "402": (faults.http_error(402, "Payment required."), "setup", "no credit"),
    "403": (faults.forbidden(), "setup", f"environment variable {KEY_VARIABLE}"),
    "404": (faults.unknown_model("task"), "setup", "no such model"),
    "422": (faults.unprocessable(), "rejected", "could not be processed"),
    "429 without credit": (faults.out_of_quota(), "setup", "no credit"),
    "context too long": (faults.too_long(), "too_long", "maximum context length"),
    "filtered prompt": (faults.filtered_prompt(), "filtered", "content management policy"),
    "filtered answer": (Answer("", finish="content_filter"), "filtered", "content filter"),
    "truncated": (Answer("half an ans", finish="length"), "truncated", "cut off after 3 tokens"),
}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", FINAL)
def test_is_final(
    name: str, provider: str, model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    said, kind, message = FINAL[name]
    model_server.script("task", always(said))
    settings = role_config("task").model_copy(update={"model": f"{provider}/task"})
    with pytest.raises(ModelError, match=message) as caught:
        ask(gateway, settings)
    assert caught.value.kind == kind
    assert f"The task model {provider}/task failed" in str(caught.value)
    assert len(model_server.served) == 1
    assert gateway.accounts().total.failed == 1


def test_tokens_of_refused_answers_are_counted(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("task", in_turn(Answer("cut", finish="length"), faults.no_choices(), "fine"))
    with pytest.raises(ModelError):
        ask(gateway, role_config("task"))
    assert gateway.accounts().total.usage.tokens == 2 + 1
    ask(gateway, role_config("task"))
    assert gateway.accounts().total.usage.tokens == 3 + 7 + 3


def test_a_failed_answer_is_not_kept(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened, tmp_path: Path
) -> None:
    model_server.script("task", in_turn(Answer("cut", finish="length"), "whole"))
    gateway = open_gateway(cache=ReplyCache(tmp_path / "cache.sqlite"))
    with pytest.raises(ModelError):
        ask(gateway, role_config("task"))
    assert ask(gateway, role_config("task")) == "whole"


def test_a_very_long_answer_is_taken_whole(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened, tmp_path: Path
) -> None:
    model_server.script("task", always(Answer("long " * 400_000, tokens=(2, 500_000))))
    gateway = open_gateway(cache=ReplyCache(tmp_path / "cache.sqlite"))
    for _ in range(2):
        assert len(ask(gateway, role_config("task"))) == 2_000_000
    assert len(model_server.served) == 1


def test_a_request_that_always_fails_ends_while_others_get_through(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("poison", always(faults.server_error()))
    model_server.script("task", "fine")
    poisoned = gateway.chat("task", role_config("poison", attempts=3))
    model = gateway.chat("task", role_config("task"))

    async def others() -> str:
        for number in range(200):
            await model.answer(ChatRequest(HELLO.messages, "answer", repeat=number))
            await asyncio.sleep(0.001)
        return "others"

    async def outcome() -> str:
        try:
            return (await poisoned.answer(HELLO)).text
        except ModelError as error:
            return error.kind

    assert model.run([others(), outcome()]) == ["others", "rejected"]
    assert model_server.totals("poison").requests >= 3


def test_the_rate_limit_uses_no_attempts_up(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("task", first(12, faults.rate_limited(0.1), always("fine")))
    assert ask(gateway, role_config("task", attempts=2)) == "fine"


def test_a_rate_limit_that_does_not_end_is_an_outage(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    model_server.script("task", always(faults.rate_limited()))
    with pytest.raises(ModelError) as caught:
        ask(open_gateway(patience_seconds=0.3), role_config("task"))
    assert caught.value.kind == "outage"


def test_retry_after_is_honoured(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    model_server.script("task", first(1, faults.rate_limited(17), always("fine")))
    ask(open_gateway(sleep=sleep), role_config("task"))
    (waited,) = slept
    assert 17 <= waited <= 18.7


def test_an_outage_is_waited_out_by_all_calls_and_told(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    news: list[OutageNews] = []
    model_server.script("task", "fine")
    gateway = open_gateway(observer=news.append)
    model = gateway.chat("task", role_config("task"))
    model_server.outage(1.5)
    replies = model.ask_all([ChatRequest(HELLO.messages, "answer", repeat=i) for i in range(100)])
    assert {reply.text for reply in replies} == {"fine"}
    assert [one.down for one in news] == [True, False]
    assert news[0].endpoint == model_server.url
    assert news[1].seconds > 0
    assert gateway.accounts().total.failed == 0


def test_one_model_that_is_down_holds_no_other_at_its_address(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    news: list[OutageNews] = []
    model_server.script("task", "fine")
    model_server.script("broken", always(faults.server_error(503)))
    gateway = open_gateway(observer=news.append, patience_seconds=0.5)
    broken, up = gateway.chat("judge", role_config("broken")), gateway.chat("task", role_config("task"))

    async def outcome(model: ChatModel, number: int) -> str:
        try:
            return (await model.answer(ChatRequest(HELLO.messages, "answer", repeat=number))).text
        except ModelError as error:
            return error.kind

    both = [outcome(model, number) for number in range(12) for model in (broken, up)]
    assert broken.run(both) == ["outage", "fine"] * 12
    assert [(one.model, one.down) for one in news] == [("openai/broken", True)]


def test_a_lone_call_waits_an_outage_out(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("task", "fine")
    model_server.outage(1)
    assert ask(gateway, role_config("task", attempts=3)) == "fine"


def test_an_outage_that_does_not_end(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    model_server.script("task", "fine")
    gateway = open_gateway(patience_seconds=0.2)
    model = gateway.chat("task", role_config("task"))
    model_server.go_down()

    async def outcome(number: int) -> str:
        try:
            return (await model.answer(ChatRequest(HELLO.messages, "answer", repeat=number))).text
        except ModelError as error:
            return error.kind

    assert model.run([outcome(number) for number in range(20)]) == ["outage"] * 20
    assert model.run([outcome(20)]) == ["outage"]  # tried once, without waiting again
    model_server.come_up()
    assert model.run([outcome(number) for number in range(20)]) == ["fine"] * 20


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "MY_KEY"])
def test_a_missing_key_is_said_with_its_variable(
    variable: str,
    model_server: ModelServer,
    role_config: Configured,
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(variable, raising=False)
    settings = role_config("task", key_env=None if variable == "OPENAI_API_KEY" else variable)
    with pytest.raises(ModelError, match=f"environment variable {variable} is not set") as caught:
        ask(gateway, settings)
    assert caught.value.kind == "setup"
    assert model_server.served == []


def test_a_server_of_ones_own_needs_no_key(model_server: ModelServer, gateway: Gateway) -> None:
    model_server.key = None
    model_server.script("own", in_turn(faults.not_json(), "fine", faults.wrong_shape()))
    settings = RoleConfig(model="hosted_vllm/own", api_base=model_server.url, attempts=2)
    assert ask(gateway, settings) == "fine"
    with pytest.raises(ModelError) as caught:
        ask(gateway, settings)
    assert caught.value.kind == "malformed"


def test_an_unknown_provider_is_a_wrong_setup(gateway: Gateway) -> None:
    with pytest.raises(ModelError, match="nonesuch/model") as caught:
        ask(gateway, RoleConfig(model="nonesuch/model"))
    assert caught.value.kind == "setup"


def test_no_key_in_errors_logs_records_or_cache(
    model_server: ModelServer,
    role_config: Configured,
    open_gateway: Opened,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    quoting = faults.http_error(500, f"Key {KEY} is overloaded.", "server_error")
    model_server.script("task", first(1, quoting, always("fine")))
    model_server.script("refused", always(faults.wrong_key(KEY)))
    model_server.script("broken", always(faults.http_error(400, f"Bad header Bearer {KEY}")))
    calls = CallFile(tmp_path / "calls.jsonl")
    cache = ReplyCache(tmp_path / "cache.sqlite")
    news: list[OutageNews] = []
    said: list[str] = []
    with caplog.at_level(logging.DEBUG):
        gateway = open_gateway(cache=cache, calls=calls, observer=news.append)
        assert ask(gateway, role_config("task", attempts=2)) == "fine"
        for name in ("refused", "broken"):
            with pytest.raises(ModelError) as caught:
                ask(gateway, role_config(name))
            said += [str(caught.value), repr(caught.value), repr(gateway.accounts())]
    gateway.close()
    captured = capfd.readouterr()
    everything = "\n".join([*said, repr(news), captured.out, captured.err])
    everything += "".join(
        record.getMessage() for record in caplog.records if record.name.startswith("evolve")
    )
    assert "[key]" in everything
    assert KEY not in everything
    for path in tmp_path.iterdir():
        assert KEY.encode() not in path.read_bytes(), path
    assert KEY not in caplog.text
