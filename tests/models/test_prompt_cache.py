"""Prompt caches of providers: the mark that Claude needs, and the tokens that were read from a cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evolve.config import RoleConfig
from evolve.inspection.spending import causes_table, spending_data, spending_table
from evolve.models.calls import Call, CallFile, read_calls
from evolve.models.chat import Cause, ChatRequest, Message
from evolve.models.gateway import Gateway
from evolve.models.litellm_provider import CACHED_TOKENS
from evolve.models.usage_totals import UsageTotals
from tests.server.scripts import Answer, always
from tests.server.server import ModelServer

Configured = Callable[..., RoleConfig]
LONG = "A rule of the contract. " * CACHED_TOKENS
MARK = {"type": "ephemeral"}


def asked(system: str) -> ChatRequest:
    messages: tuple[Message, ...] = (
        {"role": "system", "content": system},
        {"role": "user", "content": "Change the program."},
    )
    return ChatRequest(messages, "reflect")


def sent(server: ModelServer, gateway: Gateway, settings: RoleConfig, system: str) -> object:
    gateway.chat("reflector", settings).ask(asked(system))
    body = server.served[-1].body
    return body.get("system", body["messages"][0]["content"])


@pytest.mark.slow
def test_claude_is_told_what_to_keep(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("claude-sonnet-4-5", always("fine"))
    claude = role_config("x").model_copy(
        update={"model": "anthropic/claude-sonnet-4-5", "api_base": model_server.root}
    )
    (part,) = sent(model_server, gateway, claude, LONG)  # type: ignore[misc]
    assert (part["text"], part["cache_control"]) == (LONG, MARK)
    short = sent(model_server, gateway, claude, "Short.")
    assert "cache_control" not in str(short)


@pytest.mark.parametrize("model", ["gpt-4o", "claude-of-a-proxy"])
def test_others_are_sent_a_plain_text(
    model: str, model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script(model, always("fine"))
    assert sent(model_server, gateway, role_config(model), LONG) == LONG


def test_tokens_from_a_cache_are_recorded_and_shown(
    model_server: ModelServer,
    role_config: Configured,
    open_gateway: Callable[..., Gateway],
    tmp_path: Path,
) -> None:
    model_server.script("gpt-4o", always(Answer("fine", tokens=(1_500, 20), reused=1_024)))
    log = CallFile(tmp_path / "calls.jsonl")
    gateway = open_gateway(calls=log)
    gateway.chat("reflector", role_config("gpt-4o")).ask(asked("Rules."))
    log.close()
    (call,) = read_calls(tmp_path / "calls.jsonl")[0]
    assert (call.tokens_in, call.tokens_reused) == (1_500, 1_024)
    full = gateway.price(role_config("gpt-4o"), 1_500, 20)
    assert call.usd is not None
    assert full is not None
    assert 0 < call.usd < full, "what was read from the cache costs less"
    assert gateway.accounts().total.reused == 1_024
    table = spending_table(gateway.accounts())
    assert table is not None
    assert "of them reused" in [column.header for column in table.columns]


def call(
    candidate: int | None, cause: Cause, tokens: int, *, test: bool = False, cached: bool = False
) -> Call:
    return Call(
        at=1.0, role="task", cause=cause, model="m", candidate=candidate, test=test, cached=cached,
        tokens_in=tokens, tokens_out=10, tokens_reused=tokens // 2, attempts=1, usd=0.0,
    )  # type: ignore[arg-type]  # fmt: skip


def test_tokens_for_a_candidate_leave_the_final_test_and_our_own_cache_out() -> None:
    calls = [
        call(1, "extract", 100),
        call(1, "extract", 100),
        call(2, "extract", 400),
        call(2, "extract", 900, cached=True),
        call(2, "extract", 5_000, test=True),
        call(None, "preflight", 7),
    ]
    data = spending_data(calls)
    assert data is not None
    rows = {row["cause"]: row for row in data["causes"]}
    assert (rows["extract"]["candidates"], rows["extract"]["tokens_in_per_candidate"]) == (2, 300)
    assert rows["extract"]["calls"] == 4
    assert rows["preflight"]["tokens_in_per_candidate"] is None
    assert UsageTotals(calls).accounts().total.reused == 50 + 50 + 200 + 2_500 + 3
    assert causes_table(data).row_count == 2
