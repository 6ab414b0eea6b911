"""The fault matrix at the level of campaigns: what each fault of a provider comes to, role by role.

Transient faults leave no trace. What concerns one call makes one item inconclusive, never 0. What concerns
every call stops the campaign with a message, and the same command goes on when it is mended.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator

import pytest

from evolve.errors import InfrastructureError, ModelError
from tests.campaign.actors import MODELS, Reflector, actors, cause
from tests.campaign.lab import SEEDS, SMALL, Ended, Lab
from tests.server import faults
from tests.server.faults import Fault
from tests.server.fixtures import KEY_VARIABLE
from tests.server.scripts import Answer, Asked, Said, Script, always
from tests.server.server import KEY, ModelServer

pytestmark = pytest.mark.slow  # whole campaigns, one for each row: minutes together

ROLES = {model: role for role, model in MODELS.items()}
MIXED = {**SMALL, "seeds": SEEDS[::2], "budget": 3, "window": 2, "jobs": 2, "seed": 1}
"""Two seeds, one of which asks the toolkit's model; children made two at a time."""
MOODS = ("improve", "unfit", "vary")


def play(
    server: ModelServer, disturb: Callable[[str, Script], Script] = lambda model, script: script
) -> None:
    """Put the actors on the stage, each as ``disturb`` has it."""
    for model, script in {**actors(), MODELS["reflector"]: Reflector(*MOODS)}.items():
        server.script(model, disturb(model, script))


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    """The campaign of ``MIXED``, undisturbed."""
    with pytest.MonkeyPatch.context() as patch, ModelServer() as server:
        patch.setenv(KEY_VARIABLE, KEY)
        play(server)
        lab = Lab(server.url, tmp_path_factory.mktemp("calm"))
        yield lab.run("calm", lab.config(MIXED))


def test_the_undisturbed_campaign_is_worth_comparing_with(calm: Ended) -> None:
    assert calm.error is None
    assert set(calm.accounts.roles) == set(MODELS)
    assert {"reflect", "repair", "toolkit", "extract"} <= set(calm.accounts.causes)
    assert any(not c.failed and c.objectives["quality"] == 1.0 for c in calm.candidates.values())


def now_and_then(fault: Fault, script: Script, share: int) -> Script:
    """``fault`` at the first sending of every so-manieth request, whichever these are."""

    def said(asked: Asked) -> Said:
        digest = hashlib.sha256(json.dumps(asked.body, sort_keys=True).encode()).digest()
        return fault if asked.seen == 0 and digest[0] % share == 0 else script(asked)

    return said


@pytest.mark.parametrize(
    ("fault", "share"),
    [
        pytest.param(faults.rate_limited(0.2), 2, id="429 with Retry-After"),
        pytest.param(faults.server_error(), 3, id="500"),
        pytest.param(faults.reset(), 3, id="connection reset"),
        pytest.param(faults.stall(60), 16, id="stall"),
        pytest.param(faults.cut_json(), 3, id="invalid JSON"),
        pytest.param(faults.not_json(), 3, id="a page of HTML"),
    ],
)
def test_a_transient_fault_of_every_role_leaves_no_trace(
    server: ModelServer, lab: Lab, calm: Ended, fault: Fault, share: int
) -> None:
    play(server, lambda model, script: now_and_then(fault, script, share))
    timeout = {f"models__{role}__timeout_seconds": 3.0 for role in MODELS} if fault.action == "stall" else {}
    ended = lab.run("run", lab.config(MIXED, **timeout))
    assert ended.error is None
    assert any(one.fault for one in server.served)
    assert ended.decided == calm.decided
    assert ended.front == calm.front
    assert ended.evaluated_once()
    mine, theirs = ended.accounts.total, calm.accounts.total
    assert mine.failed == 0
    assert (mine.usage.calls, mine.usage.tokens) == (theirs.usage.calls, theirs.usage.tokens)
    assert mine.attempts > theirs.attempts


SETUP = {
    "wrong key": (faults.wrong_key(KEY), KEY_VARIABLE),
    "model not found": (faults.unknown_model(), "no such model"),
    "no credit": (faults.out_of_quota(), "no credit left"),
}


@pytest.mark.parametrize(
    ("name", "role"),
    [(name, role) for name in ("wrong key", "model not found") for role in MODELS] + [("no credit", "task")],
)
def test_what_ails_every_call_stops_it_with_a_message_and_it_goes_on_when_mended(
    server: ModelServer, lab: Lab, calm: Ended, role: str, name: str
) -> None:
    fault, told = SETUP[name]
    play(server, lambda model, script: always(fault) if ROLES[model] == role else script)
    ended = lab.run("run", lab.config(MIXED))
    assert isinstance(ended.error, InfrastructureError)
    assert f"The {role} model" in str(ended.error)
    assert told in str(ended.error)
    assert str(ended.error).count("rerun the command") == 1, "the remedy is said once"
    assert KEY not in str(ended.error)
    assert not ended.discarded
    assert all(c.item_scores == calm.candidates[n].item_scores for n, c in ended.candidates.items())
    play(server)
    again = lab.run("run", lab.config(MIXED))
    assert again.error is None
    assert again.decided == calm.decided
    assert again.evaluated_once()


def only(when: Callable[[Asked], bool], said: Said) -> Callable[[str, Script], Script]:
    """``said`` to the task model where it is asked so; all else as ever."""

    def disturb(model: str, script: Script) -> Script:
        if ROLES[model] != "task":
            return script
        return lambda asked: said if when(asked) else script(asked)

    return disturb


def about(word: str, what: str) -> Callable[[Asked], bool]:
    """The task model is asked to ``what`` (extract, query, answer) about ``word``."""
    tag = {"extract": "episode", "query": "task", "answer": "question"}[what]

    def holds(asked: Asked) -> bool:
        text = asked.body["messages"][1]["content"]
        return cause(asked) == what and word in text.partition(f"<{tag}>")[2]

    return holds


UNUSABLE = {
    "truncated": Answer("half an ans", finish="length"),
    "content filter": Answer("", finish="content_filter"),
    "prompt filtered": faults.filtered_prompt(),
    "context too long": faults.too_long(),
    "rejected": faults.unprocessable(),
    "empty": Answer(""),
}
ONE = {**SMALL, "budget": 0, "evaluation.static": 8}
"""The one seed, which is scored on items of which one is disturbed: too few to make it all inconclusive."""


def a_static_word(lab: Lab) -> str:
    """Words of the question of an item that the undisturbed seed answers."""
    calm = lab.run("before", lab.config(ONE))
    item = next(item for item in calm.evaluation(0).items if item.score == 1.0)
    who, what = item.task.split("-")
    return f"{who} get the {what}"


@pytest.mark.parametrize("name", UNUSABLE)
@pytest.mark.parametrize("what", ["query", "answer"])
def test_an_item_that_a_provider_gave_no_words_for_has_no_score(
    server: ModelServer, lab: Lab, what: str, name: str
) -> None:
    word = a_static_word(lab)
    play(server, only(about(word, what), UNUSABLE[name]))
    config = lab.config(ONE, models__cache=str(lab.root / "other.sqlite"))
    ended = lab.run("run", config)
    assert ended.error is None
    before, after = lab.run("before", lab.config(ONE)).evaluation(0), ended.evaluation(0)
    hit = [item for item in after.items if item.inconclusive or item.failure]
    assert len(hit) == 1
    if what == "query" and name in ("truncated", "empty"):  # the schema was not filled, asked twice
        assert hit[0].failure is not None
        assert hit[0].failure.kind == "extraction"
    else:
        assert math.isnan(hit[0].score)
        assert hit[0].task not in ended.candidates[0].item_scores
    others = {item.task: item.score for item in after.items if item not in hit}
    assert others == {item.task: item.score for item in before.items if item.task in others}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_episode_that_a_provider_gave_no_words_for_is_not_written(
    server: ModelServer, lab: Lab, name: str
) -> None:
    play(server, only(about("Day 3\n", "extract"), UNUSABLE[name]))
    ended = lab.run("run", lab.config(ONE))
    assert ended.error is None
    (hit,) = [write for write in ended.evaluation(0).writes if write.inconclusive or write.failure]
    assert hit.episode == "day-3"
    if name in ("truncated", "empty"):
        assert hit.failure is not None
        assert hit.failure.kind == "extraction"
    else:
        assert hit.inconclusive


def test_a_schema_violation_is_asked_again_with_the_error(server: ModelServer, lab: Lab) -> None:
    def disturb(model: str, script: Script) -> Script:
        def said(asked: Asked) -> Said:
            return '{"another": 1}' if len(asked.body["messages"]) == 2 else script(asked)

        return said if ROLES[model] == "task" else script

    before = lab.run("before", lab.config(ONE)).evaluation(0)
    play(server, lambda model, script: disturb(model, script))
    ended = lab.run("run", lab.config(ONE, models__cache=str(lab.root / "other.sqlite")))
    after = ended.evaluation(0)
    assert ended.error is None
    again = [one.body["messages"] for one in server.served if len(one.body.get("messages", ())) == 4]
    assert any("there is no field" in messages[3]["content"] for messages in again)
    assert not any(write.failure for write in after.writes)
    assert [i.query for i in after.items] == [i.query for i in before.items]
    # An answer in words has no schema: what was said is the answer, and it is wrong.
    assert all(item.conclusive for item in after.items)


def test_a_schema_that_is_never_filled_is_a_counted_failure(server: ModelServer, lab: Lab) -> None:
    play(server, only(about("Day 3\n", "extract"), '{"another": 1}'))
    ended = lab.run("run", lab.config(ONE))
    (failed,) = [write for write in ended.evaluation(0).writes if write.failure]
    assert (failed.episode, failed.failure and failed.failure.kind) == ("day-3", "extraction")


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("I would rather not say.", id="no verdict"),
        pytest.param('{"reason": "so", "correct": "perhaps"}', id="schema"),
        pytest.param(Answer('{"reason": "it is', finish="length"), id="truncated"),
        pytest.param(Answer("", finish="content_filter"), id="filtered"),
        pytest.param(faults.too_long(), id="too long"),
    ],
)
def test_a_verdict_that_cannot_be_had_leaves_the_item_without_a_score(
    server: ModelServer, lab: Lab, said: Said
) -> None:
    word = a_static_word(lab)

    def disturb(model: str, script: Script) -> Script:
        return (
            (lambda asked: said if word in asked.text else script(asked))
            if ROLES[model] == "judge"
            else script
        )

    play(server, disturb)
    ended = lab.run("run", lab.config(ONE, models__cache=str(lab.root / "other.sqlite")))
    (hit,) = [item for item in ended.evaluation(0).items if item.inconclusive]
    assert hit.inconclusive.startswith("no verdict")
    assert hit.task not in ended.candidates[0].item_scores
    assert ended.candidates[0].objectives["quality"] < 1


@pytest.mark.parametrize(
    ("said", "blamed"),
    [
        pytest.param(Answer("", finish="content_filter"), False, id="filtered"),
        pytest.param(faults.unprocessable(), False, id="rejected"),
        pytest.param(faults.too_long(), True, id="too long"),
    ],
)
def test_what_the_toolkit_model_refuses_is_the_programs_only_where_it_asked_too_much(
    server: ModelServer, lab: Lab, said: Said, blamed: bool
) -> None:
    def disturb(model: str, script: Script) -> Script:
        if ROLES[model] != "toolkit":
            return script
        return lambda asked: said if "Day 3\n" in asked.text else script(asked)

    play(server, disturb)
    ended = lab.run("run", lab.config(ONE, seeds=SEEDS[2:]))
    hit = [write for write in ended.evaluation(0).writes if write.failure or write.inconclusive]
    assert [write.episode for write in hit] == ["day-3"]
    assert (hit[0].failure is not None) == blamed
    assert bool(hit[0].inconclusive) == (not blamed)


REFUSALS: dict[str, Said] = {name: UNUSABLE[name] for name in list(UNUSABLE)[:5]}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_reflector_that_gives_nothing_usable_costs_children_and_not_the_run(
    server: ModelServer, lab: Lab, name: str
) -> None:
    play(server, lambda model, script: always(REFUSALS[name]) if ROLES[model] == "reflector" else script)
    ended = lab.run("run", lab.config(SMALL))
    assert ended.error is None
    assert sorted(ended.discarded) == [1, 2]
    assert ended.summary is not None
    assert set(ended.summary.tests) == {0}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_reflector_that_fails_once_is_asked_again(server: ModelServer, lab: Lab, name: str) -> None:
    def disturb(model: str, script: Script) -> Script:
        if ROLES[model] != "reflector":
            return script
        return lambda asked: REFUSALS[name] if asked.index == 0 else script(asked)

    play(server, disturb)
    ended = lab.run("run", lab.config(SMALL, budget=1))
    assert ended.error is None
    assert 1 in ended.candidates


def test_embeddings_of_the_wrong_length_stop_it_before_it_begins(server: ModelServer, lab: Lab) -> None:
    play(server)
    ended = lab.run("run", lab.config(SMALL, models__embedding__dimension=9))
    assert isinstance(ended.error, ModelError)
    assert "expected vectors of length 9, found 6" in str(ended.error)
    assert not ended.events


def test_embeddings_that_change_their_length_make_an_item_inconclusive(server: ModelServer, lab: Lab) -> None:
    def disturb(model: str, script: Script) -> Script:
        if ROLES[model] != "embedding":
            return script
        return lambda asked: short(asked) if "Day 3" in asked.inputs else script(asked)

    def short(asked: Asked) -> Answer:
        return Answer(vectors=[[1.0] * 5 for _ in asked.inputs])

    play(server, disturb)
    ended = lab.run("run", lab.config(ONE, seeds=SEEDS[1:2]))
    hit = [write for write in ended.evaluation(0).writes if write.failure or write.inconclusive]
    assert [write.episode for write in hit] == ["day-3"]
    assert "expected vectors of length 6, found 5" in hit[0].inconclusive
