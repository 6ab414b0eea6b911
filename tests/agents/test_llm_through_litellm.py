"""Agent and judge with nothing faked: gateway, litellm, HTTP, the test server's scripts and faults."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from evolve.agents.llm import LLMAgent, LLMJudge
from evolve.agents.protocol import Recollection
from evolve.errors import ModelError
from evolve.models.remote_chat import RemoteChat
from evolve.program import Parts
from evolve.records import Criterion, Episode, Task, Usage
from tests.server import faults
from tests.server.scripts import Answer, Asked, Said, always, in_turn
from tests.server.server import ModelServer

Served = Callable[..., RemoteChat]

ITEM = {"summary": "Ann moved.", "people": ["Ann"], "year": None, "weight": 0.5}
EPISODES = [Episode(id=f"e{number}", text=f"Ann moved to town {number}.") for number in range(5)]
TASKS = [
    Task(id="t0", question="Where does Ann live?", answers=("Rome",)),
    Task(
        id="t1",
        question="What helps?",
        rubric=(Criterion(text="Names aspirin", points=2), Criterion(text="Invents a study", points=-1)),
    ),
]


@pytest.mark.slow
def test_from_the_episode_to_the_grade_all_is_counted_as_the_server_counts_it(
    model_server: ModelServer, served: Served, parts: Parts, kitchen
) -> None:
    def task(asked: Asked) -> Said:
        if "<episode>" in asked.text:
            return f"```json\n{json.dumps(ITEM)}\n```"
        if "<task>" in asked.text:
            return '{"person": 5}' if asked.text.count("cannot be used") else '{"persona": "Ann"}'
        if "<goal>" in asked.text:
            return "Command: put apple in fridge" if "You hold" in asked.text else "Command: TAKE APPLE!"
        return "Rome"

    def judge(asked: Asked) -> Said:
        if "<criterion>" in asked.text:
            return json.dumps({"reason": "", "met": True})
        return json.dumps({"reason": "The same.", "correct": True})

    model_server.script("task", task)
    model_server.script("judge", judge)
    agent, judging = LLMAgent(served("task")), LLMJudge(served("judge"))
    items = agent.extract(parts, EPISODES)
    queries = agent.formulate(parts, TASKS)
    recollections = [
        Recollection(task, query.fields, "Ann lives in Rome.")
        for task, query in zip(TASKS, queries, strict=True)
    ]
    responses = agent.respond(parts, recollections)
    conducts = agent.act(parts, recollections[:1], [kitchen.open], 5)
    grades = judging.grade(TASKS, [response.text for response in responses])
    assert [item.fields for item in items] == [ITEM] * 5
    assert [query.fields for query in queries] == [{"person": "5"}] * 2
    assert [response.text for response in responses] == ["Rome"] * 2
    assert conducts[0].reward == 1.0
    assert [grade.score for grade in grades] == [1.0, 0.5]
    found = sum((one.usage for one in (*items, *queries, *responses, *conducts, *grades)), Usage())
    said = model_server.totals()
    assert found.calls == said.answered == said.requests == 5 + 4 + 2 + 2 + 3
    assert (found.tokens_in, found.tokens_out) == (said.tokens_in, said.tokens_out)


def outcome(served: Served, parts: Parts) -> tuple[str, str, str]:
    """What becomes of an item, an answer and a verdict: ``ok``, ``failure`` or ``inconclusive``."""
    agent, judge = LLMAgent(served("task", attempts=2)), LLMJudge(served("judge", attempts=2))
    (item,) = agent.extract(parts, EPISODES[:1])
    (response,) = agent.respond(parts, [Recollection(TASKS[0], {}, "Rome.")])
    (grade,) = judge.grade(TASKS[:1], ["Rome"])
    if item.failure is not None:
        assert (item.failure.kind, item.inconclusive) == ("extraction", "")
    return (
        "failure" if item.failure else "inconclusive" if item.inconclusive else "ok",
        "inconclusive" if response.inconclusive else "ok",
        "inconclusive" if grade.score is None else "ok",
    )


TWICE, REFUSED, FINE = ("failure", *["inconclusive"] * 2), ("inconclusive",) * 3, ("ok",) * 3


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(Answer("{", finish="length"), TWICE, id="truncated"),
        pytest.param("", TWICE, id="empty"),
        pytest.param("I will not.", ("failure", "ok", "inconclusive"), id="prose"),
        pytest.param('{"x": 1}', ("failure", "ok", "inconclusive"), id="other-schema"),
        pytest.param(Answer("", finish="content_filter"), REFUSED, id="filtered-answer"),
        pytest.param(faults.filtered_prompt(), REFUSED, id="filtered-prompt"),
        pytest.param(faults.too_long(), REFUSED, id="too-long"),
        pytest.param(faults.bad_request(), REFUSED, id="rejected"),
    ],
)
def test_what_cannot_be_used_is_a_failure_or_inconclusive_and_never_a_score(
    model_server: ModelServer, served: Served, parts: Parts, said: Said, expected
) -> None:
    model_server.script("task", always(said))
    model_server.script("judge", always(said))
    assert outcome(served, parts) == expected


GOOD = {"task": json.dumps(ITEM), "judge": "1"}


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(Answer("{", finish="length"), id="truncated"),
        pytest.param("", id="empty"),
        pytest.param(faults.server_error(), id="500"),
        pytest.param(faults.rate_limited(0.01), id="429"),
        pytest.param(faults.reset(), id="reset"),
        pytest.param(faults.not_json(), id="not-json"),
        pytest.param(faults.cut_json(), id="cut-json"),
    ],
)
def test_what_happens_once_is_got_over(
    model_server: ModelServer, served: Served, parts: Parts, said: Said
) -> None:
    for name, good in GOOD.items():
        model_server.script(name, in_turn(said, good))
    assert outcome(served, parts) == FINE


@pytest.mark.parametrize("fault", [faults.wrong_key(), faults.unknown_model()], ids=["key", "model"])
def test_a_wrong_setup_stops_with_its_reason(
    model_server: ModelServer, served: Served, parts: Parts, fault, kitchen
) -> None:
    model_server.script("task", always(fault))
    agent = LLMAgent(served("task"))
    with pytest.raises(ModelError) as caught:
        agent.extract(parts, EPISODES)
    assert caught.value.kind == "setup"
    with pytest.raises(ModelError):
        agent.act(parts, [Recollection(TASKS[0], {}, "")], [kitchen.open], 5)
    assert kitchen.closed == 1


def test_the_schema_goes_to_a_provider_that_takes_one(
    model_server: ModelServer, served: Served, parts: Parts
) -> None:
    model_server.script("task", always(json.dumps(ITEM)))
    LLMAgent(served("task")).extract(parts, EPISODES[:1])
    sent = model_server.served[0].body["response_format"]["json_schema"]
    assert sent["name"] == "KnowledgeItem"
    assert sent["schema"]["required"] == ["summary", "people", "year", "weight"]
