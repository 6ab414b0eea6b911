"""Prompts of agent and judge in a short context: fitted, with a note of what is left out, or one error."""

from __future__ import annotations

import json

import pytest

from evolve.agents.llm import LLMAgent, LLMJudge
from evolve.agents.protocol import Recollection
from evolve.errors import ModelError
from evolve.models.fitting import Room
from evolve.records import Criterion, Episode, Task

TASK = Task(id="t", question="Where does Ann live?", answers=("Rome",))
RUBRIC = Task(id="r", question="What helps?", rubric=(Criterion(text="Names aspirin", points=1),))
LINES = [f"[{number}] Ann: I walked {number} steps today.\n" for number in range(1_000)]
EPISODE = Episode(id="e", text="".join(LINES))
ITEM = json.dumps({"summary": "s", "people": ["Ann"], "year": None})
CONTEXT, REPLY = 4_000, 500


@pytest.fixture
def short(scripted):
    """A scripted model of a short context."""
    return lambda script: scripted(script, CONTEXT, REPLY)


def fitted(model):
    """The text of the last request, which must fit."""
    request = model.asked[-1]
    assert Room(CONTEXT, REPLY).holds(request.messages)
    return model.texts[-1]


def test_a_long_episode_is_extracted_from_its_beginning_and_end(short, scripted, parts):
    model = short([ITEM])
    (extraction,) = LLMAgent(model).extract(parts, [EPISODE])
    assert extraction.fields["people"] == ["Ann"]
    text = fitted(model)
    (request,) = model.asked
    assert LINES[0] in text
    assert LINES[-1] in text
    assert LINES[500] not in text
    assert f"[... {request.left_out:,} characters left out ...]" in text


def test_an_answer_is_given_from_what_fits_of_the_memory(short, parts):
    model = short(["In Rome."])
    (response,) = LLMAgent(model).respond(parts, [Recollection(TASK, {"person": "Ann"}, EPISODE.text)])
    assert response.text == "In Rome."
    text = fitted(model)
    assert TASK.question in text
    assert parts.always_on in text
    assert model.asked[0].left_out > 10_000


def test_an_actor_leaves_out_its_oldest_steps_first(short, parts, make_kitchen):
    model = short(["Command: look"])
    kitchen = make_kitchen(padding=60)
    task = Task(id="k", question="Put the apple in the fridge.", world={"game": 1})
    agent = LLMAgent(model, history_tokens=3_000)
    (conduct,) = agent.act(parts, [Recollection(task, {}, "memory " * 200)], [kitchen.open], 300)
    assert len(conduct.steps) == 300
    text = fitted(model)
    assert "steps are left out here" in text
    assert "characters left out ...]" not in text
    assert model.asked[0].left_out == 0
    assert model.asked[-1].left_out > 0


@pytest.mark.parametrize("task", [TASK, RUBRIC])
def test_a_long_answer_is_judged_by_its_beginning_and_end(short, task):
    model = short(["1"])
    (grade,) = LLMJudge(model).grade([task], ["Rome. " + "word " * 20_000 + "And aspirin."])
    assert grade.score == 1.0
    text = fitted(model)
    assert task.question in text
    assert "\nRome. word" in text
    assert "And aspirin.\n" in text


def test_prompts_that_fit_are_the_same_in_any_context(scripted, parts):
    asked = []
    for context in (None, CONTEXT, 1_000_000):
        model = scripted([ITEM], context)
        agent = LLMAgent(model)
        agent.extract(parts, [Episode(id="e", text=LINES[0])])
        agent.formulate(parts, [TASK])
        agent.respond(parts, [Recollection(TASK, {}, "Ann lives in Rome.")])
        LLMJudge(model).grade([TASK], ["Rome"])
        asked.append(model.asked)
        assert agent.identity == LLMAgent(scripted([ITEM])).identity
    assert asked[0] == asked[1] == asked[2]


def test_a_prompt_that_cannot_fit_is_one_clear_error_and_asks_nothing(scripted, parts):
    model = scripted([ITEM], 300, 100)
    (extraction,) = LLMAgent(model).extract(parts, [EPISODE])
    assert "its context has 300 tokens" in extraction.inconclusive
    assert extraction.failure is None
    (grade,) = LLMJudge(model).grade([TASK], ["Rome"])
    assert grade.score is None
    assert "its context has 300 tokens" in grade.reason
    assert model.asked == []


def test_a_prompt_that_the_server_finds_too_long_is_fitted_once_more(short, parts):
    model = short([ModelError("too_long", "2,100 tokens exceed the context."), ITEM])
    (extraction,) = LLMAgent(model).extract(parts, [EPISODE])
    assert extraction.fields["people"] == ["Ann"]
    first, second = model.asked
    assert second.left_out > first.left_out
    model = short([ModelError("too_long", "It exceeds the context.")])
    (extraction,) = LLMAgent(model).extract(parts, [EPISODE])
    assert extraction.inconclusive == "It exceeds the context."
    assert len(model.asked) == 2


def test_a_reply_that_cannot_be_read_is_not_quoted_where_it_does_not_fit(short, parts):
    model = short(["no JSON " * 1_000, ITEM])
    (extraction,) = LLMAgent(model).extract(parts, [EPISODE])
    assert extraction.fields["people"] == ["Ann"]
    assert "there is no JSON object in it" in model.texts[1]
    assert "no JSON no JSON" not in model.texts[1]
