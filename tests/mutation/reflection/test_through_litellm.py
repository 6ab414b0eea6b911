"""The mutator with nothing faked: gateway, litellm, HTTP, the test server's scripts and faults."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evolve.config import RoleConfig
from evolve.errors import ModelError
from evolve.models.cache import ReplyCache
from evolve.models.calls import charged_to
from evolve.models.gateway import Gateway
from evolve.mutation import NoCandidate, Proposal
from evolve.mutation.ensemble import Ensemble, Member
from evolve.mutation.reflection import ReflectionMutator
from evolve.program import MemoryProgram
from evolve.records import Failure
from tests.server import faults
from tests.server.scripts import Answer, always, in_turn
from tests.server.server import KEY, ModelServer

ABSENT = "MESSAGE: Try.\n<<<<<<< SEARCH\nnot there\n=======\n>>>>>>> REPLACE"


def answer(size: int) -> str:
    return (
        "The reads are too short.\n\nMESSAGE: Read more.\n\n"
        '<<<<<<< SEARCH\n        return str(scores)[: knob("size")]\n=======\n'
        f"        return str(scores)[:{size}]\n>>>>>>> REPLACE\n"
    )


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """With a cache, and waits that are made short."""

    async def short_sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / 200)

    cache = ReplyCache(tmp_path / "replies.sqlite")
    with Gateway(sleep=short_sleep, patience_seconds=0.3, cache=cache) as gateway:
        yield gateway
    cache.close()


@pytest.fixture
def mutator(gateway: Gateway, role_config: Callable[..., RoleConfig]) -> Callable[..., ReflectionMutator]:
    """Makes a mutator of the server's model ``reflector``, or of another."""

    def make(model: str = "reflector", **settings: Any) -> ReflectionMutator:
        given: dict[str, Any] = {"try_out": lambda program: None, **settings}
        return ReflectionMutator(gateway.chat("reflector", role_config(model, attempts=2)), **given)

    return make


def test_repairs_are_counted_as_the_server_counts_them(
    model_server: ModelServer, gateway: Gateway, mutator, context_of
) -> None:
    tried: list[MemoryProgram] = []

    def try_out(program: MemoryProgram) -> Failure | None:
        tried.append(program)
        if len(tried) > 1:
            return None
        return Failure(kind="load", where="load", message="the program could not be loaded: NameError")

    model_server.script("reflector", in_turn(ABSENT, answer(500), answer(600)))
    with charged_to(9):
        child = mutator(try_out=try_out).mutate(context_of(), random.Random(0))
    assert isinstance(child, Proposal)
    assert "[:600]" in child.program.source
    assert child.message == "Read more."
    accounts, said = gateway.accounts(), model_server.totals()
    causes = {cause: account.usage.calls for cause, account in accounts.causes.items()}
    assert causes == {"reflect": 1, "repair": 2}
    assert set(accounts.candidates) == {9}
    spent = accounts.total.usage
    assert (spent.calls, spent.tokens_in, spent.tokens_out) == (
        said.requests,
        said.tokens_in,
        said.tokens_out,
    )
    first, second, third = (one.body["messages"] for one in model_server.served)
    assert second[:2] == third[:2] == first
    assert "was not found" in second[3]["content"]
    assert "NameError" in third[3]["content"]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        pytest.param(Answer("MESSAGE: x", finish="length"), "truncated", id="truncated"),
        pytest.param(Answer("", finish="content_filter"), "filtered", id="filtered-answer"),
        pytest.param(faults.filtered_prompt(), "filtered", id="filtered-prompt"),
        pytest.param(faults.too_long(), "too_long", id="too-long"),
        pytest.param(faults.bad_request(), "rejected", id="rejected"),
    ],
)
def test_a_call_that_cannot_be_used_costs_a_round_then_the_child(
    model_server: ModelServer, mutator, context_of, said, kind: str
) -> None:
    model_server.script("reflector", in_turn(said, answer(500)))
    assert isinstance(mutator().mutate(context_of(), random.Random(0)), Proposal)
    model_server.script("reflector", always(said))
    refused = mutator(repairs=2).mutate(replace(context_of(), number=10), random.Random(0))
    assert isinstance(refused, NoCandidate)
    assert refused.reason.startswith(f"{kind}: ")
    assert KEY not in refused.reason
    assert KEY not in str([one.body for one in model_server.served])


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(faults.server_error(), id="500"),
        pytest.param(faults.rate_limited(0.01), id="429"),
        pytest.param(faults.reset(), id="reset"),
        pytest.param(faults.cut_json(), id="cut-json"),
        pytest.param("", id="empty"),
    ],
)
def test_what_happens_once_is_got_over(model_server: ModelServer, mutator, context_of, said) -> None:
    model_server.script("reflector", in_turn(said, answer(500)))
    assert isinstance(mutator().mutate(context_of(), random.Random(0)), Proposal)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        pytest.param(faults.wrong_key(KEY), "setup", id="key"),
        pytest.param(faults.unknown_model(), "setup", id="model"),
        pytest.param(faults.server_error(503), "outage", id="outage"),
    ],
)
def test_an_outage_and_a_wrong_setup_say_nothing_of_the_child(
    model_server: ModelServer, mutator, context_of, fault, kind: str
) -> None:
    model_server.script("reflector", always(fault))
    with pytest.raises(ModelError) as caught:
        mutator().mutate(context_of(), random.Random(0))
    assert caught.value.kind == kind
    assert KEY not in str(caught.value)


def test_the_same_child_again_costs_nothing_and_another_is_asked_anew(
    model_server: ModelServer, mutator, context_of
) -> None:
    model_server.script("reflector", in_turn(ABSENT, answer(500), ABSENT, answer(600)))
    first = mutator().mutate(context_of(), random.Random(0))
    assert len(model_server.served) == 2
    assert mutator().mutate(context_of(), random.Random(0)) == first
    assert len(model_server.served) == 2
    other = mutator().mutate(replace(context_of(), number=10), random.Random(0))
    assert len(model_server.served) == 4
    assert isinstance(other, Proposal)
    assert isinstance(first, Proposal)
    assert other.program != first.program


def test_an_ensemble_asks_its_models_by_weight(model_server: ModelServer, mutator, context_of) -> None:
    for name in ("small", "large"):
        model_server.script(name, always(answer(500)))
    ensemble = Ensemble([Member("small", mutator("small"), 3.0), Member("large", mutator("large"))])
    made = [ensemble.mutate(replace(context_of(), number=n), random.Random(n)).operator for n in range(24)]
    asked = [one.model for one in model_server.served]
    assert sorted(f"reflect by {model}" for model in asked) == sorted(made)
    assert asked.count("small") > asked.count("large") > 0
