"""What a program may ask of the toolkit's model, and whose fault a failure is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolve.config import RoleConfig
from evolve.errors import ModelError, ProgramError
from evolve.models.cache import ReplyCache
from evolve.models.gateway import Gateway
from evolve.models.remote_toolkit import OPTIONS, RemoteToolkit
from evolve.records import Completion
from tests.server import faults
from tests.server.scripts import Answer, Asked, Said, always
from tests.server.server import ModelServer

HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture
def toolkit(
    model_server: ModelServer, role_config: Callable[..., RoleConfig], gateway: Gateway
) -> RemoteToolkit:
    model_server.script("toolkit", "fine")
    return gateway.toolkit(role_config("toolkit", parameters={"temperature": 0.1}))


def test_the_programs_options_go_before_the_roles(toolkit: RemoteToolkit, model_server: ModelServer) -> None:
    options = {"temperature": 0.9, "max_tokens": 5, "stop": ["."], "response_format": {"type": "json_object"}}
    completion = toolkit.complete(HELLO, options)
    assert completion.text == "fine"
    assert completion.usage.tokens == 3
    body = model_server.served[0].body
    assert {name: body[name] for name in options} == options


@pytest.mark.parametrize(
    "options",
    [
        {"model": "openai/dear"},
        {"api_base": "http://elsewhere"},
        {"api_key": "x"},
        {"extra_headers": {}},
        {"n": 100},
        {"stream": True},
        {"temperature": "hot"},
        {"temperature": 3},
        {"temperature": float("nan")},
        {"temperature": True},
        {"max_tokens": 0},
        {"max_tokens": 10**9},
        {"stop": [1]},
        {"stop": []},
        {"response_format": "json"},
    ],
)
def test_other_options_are_the_programs_fault(
    options: dict[str, Any], toolkit: RemoteToolkit, model_server: ModelServer
) -> None:
    with pytest.raises(ProgramError) as caught:
        toolkit.complete(HELLO, options)
    assert caught.value.kind == "contract"
    assert model_server.served == []


def test_the_error_lists_what_may_be_set(toolkit: RemoteToolkit) -> None:
    with pytest.raises(ProgramError, match=", ".join(OPTIONS)):
        toolkit.complete(HELLO, {"tools": []})


@pytest.mark.parametrize(
    "messages",
    [
        [],
        ["hello"],
        [{"role": "user"}],
        [{"role": "tool", "content": "x"}],
        [{"role": "user", "content": ["x"]}],
        [{"role": "user", "content": "x", "name": "y"}],
    ],
)
def test_malformed_messages_are_the_programs_fault(messages: Any, toolkit: RemoteToolkit) -> None:
    with pytest.raises(ProgramError) as caught:
        toolkit.complete(messages, {})
    assert caught.value.kind == "contract"


def test_the_programs_own_limit_is_no_error_and_the_roles_is(
    toolkit: RemoteToolkit, model_server: ModelServer
) -> None:
    model_server.script("toolkit", always(Answer("half an", finish="length")))
    assert toolkit.complete(HELLO, {"max_tokens": 2}).text == "half an"
    with pytest.raises(ModelError) as caught:
        toolkit.complete(HELLO, {})
    assert caught.value.kind == "truncated"


def test_a_prompt_that_is_too_long_is_the_programs_fault(
    toolkit: RemoteToolkit, model_server: ModelServer
) -> None:
    model_server.script("toolkit", always(faults.too_long()))
    with pytest.raises(ProgramError, match="given 5 characters") as caught:
        toolkit.complete(HELLO, {})
    assert caught.value.kind == "budget"


@pytest.mark.parametrize("fault", [faults.filtered_prompt(), faults.wrong_key(), faults.bad_request()])
def test_other_failures_are_not(
    fault: faults.Fault, toolkit: RemoteToolkit, model_server: ModelServer
) -> None:
    model_server.script("toolkit", always(fault))
    with pytest.raises(ModelError):
        toolkit.complete(HELLO, {})


def test_recorded_answers_are_had_again_without_a_call(
    model_server: ModelServer,
    role_config: Callable[..., RoleConfig],
    open_gateway: Callable[..., Gateway],
    tmp_path: Path,
) -> None:
    model_server.script("toolkit", "<think>\nWhat is fine?\n</think>\n\nfine")
    toolkit = open_gateway(cache=ReplyCache(tmp_path / "c.sqlite")).toolkit(role_config("toolkit"))
    assert toolkit.recorded(HELLO, {}) is None
    given = [toolkit.complete(HELLO, options) for options in ({}, {"max_tokens": 9})]
    assert [completion.text for completion in given] == ["fine", "fine"]
    served = len(model_server.served)
    assert [toolkit.recorded(HELLO, options) for options in ({}, {"max_tokens": 9})] == given
    assert toolkit.recorded(HELLO, {"temperature": 1.0}) is None
    with pytest.raises(ProgramError):
        toolkit.recorded([], {})
    assert len(model_server.served) == served


def test_of_many_at_once_each_has_its_own_outcome(toolkit: RemoteToolkit, model_server: ModelServer) -> None:
    def answered(asked: Asked) -> Said:
        text = asked.body["messages"][0]["content"]
        wrong: dict[str, Said] = {"long": faults.too_long(), "refused": faults.unprocessable()}
        return wrong[text] if text in wrong else text.upper()

    model_server.script("toolkit", answered)
    texts = ("one", "long", "two", "refused")
    outcomes = toolkit.complete_all([([{"role": "user", "content": text}], {}) for text in texts])
    one, long, two, refused = outcomes
    assert isinstance(one, Completion)
    assert isinstance(two, Completion)
    assert (one.text, two.text) == ("ONE", "TWO")
    assert isinstance(long, ProgramError)
    assert isinstance(refused, ModelError)


def test_what_is_kept_is_given_without_a_call_and_put_to_account(
    model_server: ModelServer,
    role_config: Callable[..., RoleConfig],
    open_gateway: Callable[..., Gateway],
    tmp_path: Path,
) -> None:
    model_server.script("toolkit", "fine")
    gateway = open_gateway(cache=ReplyCache(tmp_path / "c.sqlite"))
    toolkit = gateway.toolkit(role_config("toolkit"))
    assert toolkit.kept(HELLO, {}) is None
    answer = toolkit.complete(HELLO, {})
    assert toolkit.kept(HELLO, {}) == answer
    assert toolkit.kept(HELLO, {}, repeat=1) is None
    assert toolkit.recorded(HELLO, {}) == answer
    total = gateway.accounts().total
    assert (len(model_server.served), total.usage.calls, total.cached) == (1, 1, 1)
