"""The loop of an agent: calls, trials, submissions, caps, a small context, and a resumed transcript."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from evolve.errors import InfrastructureError, ModelError
from evolve.models.chat import ChatModel, ChatRequest, Reply, ToolCall
from evolve.mutation import MutationContext, NoCandidate, Proposal
from evolve.mutation.agentic.mutator import AgenticMutator, AgentSettings
from evolve.mutation.agentic.session import Caps
from evolve.mutation.agentic.transcript import Ending, Spoken, read_transcript
from evolve.program import MemoryProgram
from evolve.records import Evaluation, Interval, ItemResult, Usage
from tests.mutation.agentic.test_workspace import FakeRecord, contexts
from tests.program.hosts import HOST

Contexts = Callable[..., MutationContext]
CHANGE = "def extra(text):\n    return text.upper()"
SUBMIT = f"```submit\nMESSAGE: Add a helper\n{CHANGE}\n```"
READ = "```read\nparent.py 1-3\n```"


class Scripted:
    """Says one text after the other; raises what is an exception, calls what is a call."""

    identity = "scripted/1"
    ask, ask_all = ChatModel.ask, ChatModel.ask_all
    context_tokens: int | None = None
    reply_tokens: int | None = None

    def __init__(self, *says: str | BaseException | ToolCall, usage: Usage | None = None) -> None:
        self.says = list(says)
        self.usage = usage or Usage(calls=1, tokens_in=100, tokens_out=10, usd=0.01)
        self.requests: list[ChatRequest] = []

    async def answer(self, request: ChatRequest) -> Reply:
        self.requests.append(request)
        said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if isinstance(said, BaseException):
            raise said
        if isinstance(said, ToolCall):
            return Reply("", self.usage, "scripted", calls=(said,))
        return Reply(said, self.usage, "scripted")

    def run(self, work: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        return [asyncio.run(one) for one in work]

    @property
    def shown(self) -> str:
        """The last message that it was sent."""
        return self.requests[-1].messages[-1]["content"]


class Trials:
    """Evaluations of tried programs: 1.0 on the one task; keeps what it was given."""

    def __init__(self) -> None:
        self.programs: list[MemoryProgram] = []

    def __call__(self, program: MemoryProgram, context: MutationContext, count: int) -> Evaluation:
        self.programs.append(program)
        item = ItemResult(task="t0", score=1.0, query={}, retrieved="Bob: I prefer red wine.")
        return Evaluation(
            program=program.id,
            subset="probe",
            conditions="c",
            isolation="process",
            status="complete",
            metric="f1",
            quality=Interval(mean=1, low=1, high=1),
            cost=50.0,
            items=(item,),
        )


def agent(model: Scripted, trials: Trials | None = None, **more: Any) -> AgenticMutator:
    caps = more.pop("caps", Caps())
    return AgenticMutator(
        model,
        system="You change programs.",
        contract="the contract",
        record=FakeRecord(),
        try_out=lambda program: None,
        evaluate=trials or Trials(),
        settings=AgentSettings(caps=caps, **more.pop("settings", {})),
        **more,
    )


def made(mutator: AgenticMutator, context: MutationContext) -> Proposal | NoCandidate:
    return mutator.mutate(context, random.Random(0))


def test_it_reads_tries_and_submits(context_of: Contexts) -> None:
    trials = Trials()
    model = Scripted(READ, f"```try\n{CHANGE}\n```", "```submit\nMESSAGE: As tried\n```")
    outcome = made(agent(model, trials), contexts(context_of))
    assert isinstance(outcome, Proposal)
    assert (outcome.operator, outcome.message, outcome.parents) == ("agent", "As tried", (1,))
    assert "def extra(text)" in outcome.program.source
    assert [program.source for program in trials.programs] == [outcome.program.source]
    assert outcome.usage == Usage(calls=3, tokens_in=350, tokens_out=30, usd=0.03)
    assert [one.became for one in outcome.tries] == ["valid"]
    shown = [request.messages[-1]["content"] for request in model.requests]
    assert "Make candidate 9: a better version of candidate 1" in shown[0]
    assert "```python\n" + HOST.strip("\n") in shown[0]
    assert shown[1].startswith("\n".join(HOST.split("\n")[:3]))
    assert "mean score 1.000, and the parent 0.000" in shown[2]
    assert "- t0: 0.00 -> 1.00; read returned: Bob: I prefer red wine." in shown[2]


def test_native_calls_are_answered_as_results(context_of: Contexts) -> None:
    code = json.dumps({"message": "Add a helper", "code": CHANGE})
    model = Scripted(ToolCall("list", "{}", "a1"), ToolCall("submit", code, "a2"))
    outcome = made(agent(model), contexts(context_of))
    assert isinstance(outcome, Proposal)
    *_, call, result = model.requests[-1].messages
    assert call.get("calls") == [ToolCall("list", "{}", "a1")]
    assert result.get("result_of") == "a1"
    assert "parent.py" in result["content"]
    assert model.requests[0].tools is not None
    assert "python" not in [tool.name for tool in model.requests[0].tools.tools]


def test_a_bad_call_is_answered_with_what_was_expected_and_an_example(context_of: Contexts) -> None:
    model = Scripted("I would rank by words.", SUBMIT)
    assert isinstance(made(agent(model), contexts(context_of)), Proposal)
    assert "no fenced block that names a tool" in model.shown
    assert "such as:\n\n```read\n" in model.shown


def test_a_refused_program_is_told_why_and_can_be_corrected(context_of: Contexts) -> None:
    model = Scripted("```submit\nMESSAGE: Break it\ndef read(self):\n    return self.nothing\n```", SUBMIT)
    outcome = made(agent(model), contexts(context_of))
    assert isinstance(outcome, Proposal)
    assert [one.kind for one in outcome.tries] == ["draw", "repair"]
    assert outcome.tries[0].became == "static"
    assert "The program was not taken" in model.shown


def test_the_parent_and_nothing_are_no_submissions(context_of: Contexts) -> None:
    model = Scripted("```submit\nMESSAGE: Same\n" + HOST + "\n```", "```submit\nMESSAGE: None\n```", SUBMIT)
    outcome = made(agent(model), contexts(context_of))
    assert isinstance(outcome, Proposal)
    assert [one.became for one in outcome.tries] == ["same", "unreadable", "valid"]
    assert "no program was tried before" in model.shown


@pytest.mark.parametrize(
    ("caps", "usage", "reason", "asked"),
    [
        (Caps(steps=3), None, "the cap of 3 steps is reached, and nothing was submitted", 3),
        (Caps(tokens=6_000), Usage(calls=1, tokens_in=5_900), "the cap of 6,000 tokens", 1),
        (Caps(usd=0.02), None, "the cap of 0.02 USD", 2),
        (Caps(usd=5.0), Usage(calls=1, unpriced=1), "price of the model is not known", 1),
        (Caps(seconds=25.0), None, "the cap of 25 s", 3),
    ],
)
def test_it_is_stopped_at_each_cap(
    caps: Caps, usage: Usage | None, reason: str, asked: int, context_of: Contexts
) -> None:
    model = Scripted(READ, usage=usage)
    times = iter(range(0, 10_000, 5))
    outcome = made(agent(model, caps=caps, clock=lambda: float(next(times))), contexts(context_of))
    assert isinstance(outcome, NoCandidate)
    assert reason in outcome.reason
    assert len(model.requests) == asked
    assert outcome.usage.calls == asked
    assert [one.became for one in outcome.tries] == ["unreadable"]


def test_it_is_told_when_few_turns_are_left(context_of: Contexts) -> None:
    model = Scripted(READ)
    made(agent(model, caps=Caps(steps=3)), contexts(context_of))
    assert "2 turns are left" in model.requests[1].messages[-1]["content"]
    assert "1 turn is left" in model.requests[2].messages[-1]["content"]


def test_it_ends_after_replies_without_a_call(context_of: Contexts) -> None:
    model = Scripted("Hm.")
    outcome = made(agent(model), contexts(context_of))
    assert isinstance(outcome, NoCandidate)
    assert outcome.reason == "4 replies in a row had no call that could be carried out"
    assert len(model.requests) == 4


def test_a_reply_that_is_cut_off_is_a_turn_and_an_outage_ends_the_campaign(context_of: Contexts) -> None:
    model = Scripted(ModelError("truncated", "its answer was cut off"), SUBMIT)
    assert isinstance(made(agent(model), contexts(context_of)), Proposal)
    assert "the answer did not arrive (truncated" in model.shown
    with pytest.raises(InfrastructureError, match="nobody answers"):
        made(agent(Scripted(ModelError("outage", "nobody answers"))), contexts(context_of))


def test_the_oldest_results_are_dropped_to_fit_the_context_and_it_is_said(context_of: Contexts) -> None:
    class Small(Scripted):
        context_tokens = 4_000
        reply_tokens = 500

    model = Small("```read\nparent.py\n```")
    made(agent(model, caps=Caps(steps=12)), contexts(context_of))
    last = model.requests[-1]
    texts = [message["content"] for message in last.messages]
    assert any("The result of `read parent.py" in text and "left out" in text for text in texts)
    assert last.left_out > 0
    assert texts[:2] == [message["content"] for message in model.requests[0].messages]


def test_a_context_that_is_too_small_gives_no_candidate(context_of: Contexts) -> None:
    class Tiny(Scripted):
        context_tokens = 300

    outcome = made(agent(Tiny(READ)), contexts(context_of))
    assert isinstance(outcome, NoCandidate)
    assert outcome.reason.startswith("too_long:")


@pytest.mark.parametrize("died", [1, 2, 3])
def test_a_killed_process_goes_on_from_the_transcript_and_asks_nothing_twice(
    died: int, context_of: Contexts, tmp_path: Path
) -> None:
    says = [READ, f"```try\n{CHANGE}\n```", SUBMIT]
    whole = made(agent(Scripted(*says)), contexts(context_of))
    trials = Trials()
    first = Scripted(*says[: died - 1], KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        made(agent(first, trials, run=tmp_path), contexts(context_of))
    with (tmp_path / "proposals" / "9.jsonl").open("ab") as file:
        file.write(b'{"type": "reply", "te')  # half of a line
    second = Scripted(*says[died - 1 :])
    resumed = made(agent(second, trials, run=tmp_path), contexts(context_of))
    assert resumed == whole
    assert len(first.requests) - 1 + len(second.requests) == 3
    assert len(trials.programs) == 1
    third = Scripted(AssertionError("asked again"))
    assert made(agent(third, trials, run=tmp_path), contexts(context_of)) == whole
    lines = read_transcript(tmp_path, 9)
    assert [line.type for line in lines] == ["beginning", *["reply", "result"] * 3, "end"]
    assert isinstance(lines[-1], Ending)


def test_a_process_killed_in_a_trial_repeats_the_trial_and_no_question(
    context_of: Contexts, tmp_path: Path
) -> None:
    def killed(*_: object) -> Evaluation:
        raise KeyboardInterrupt

    first = Scripted(f"```try\n{CHANGE}\n```")
    mutator = agent(first, run=tmp_path)
    mutator._evaluate = killed
    with pytest.raises(KeyboardInterrupt):
        made(mutator, contexts(context_of))
    trials, second = Trials(), Scripted("```submit\nMESSAGE: As tried\n```")
    outcome = made(agent(second, trials, run=tmp_path), contexts(context_of))
    assert isinstance(outcome, Proposal)
    assert (len(first.requests), len(second.requests), len(trials.programs)) == (1, 1, 1)


def test_a_capped_candidate_is_the_same_when_resumed(context_of: Contexts, tmp_path: Path) -> None:
    outcome = made(agent(Scripted(READ), caps=Caps(steps=2), run=tmp_path), contexts(context_of))
    again = Scripted(AssertionError("asked again"))
    assert made(agent(again, caps=Caps(steps=2), run=tmp_path), contexts(context_of)) == outcome


def test_a_transcript_of_another_situation_is_begun_anew(context_of: Contexts, tmp_path: Path) -> None:
    made(agent(Scripted(READ), caps=Caps(steps=2), run=tmp_path), contexts(context_of))
    model = Scripted(SUBMIT)
    outcome = made(
        agent(model, caps=Caps(steps=2), run=tmp_path), contexts(context_of, hints=("Keep dates.",))
    )
    assert isinstance(outcome, Proposal)
    replies = [line for line in read_transcript(tmp_path, 9) if isinstance(line, Spoken)]
    assert [reply.text for reply in replies] == [SUBMIT]
    assert "Keep dates." in model.requests[0].messages[1]["content"]


def test_frozen_code_stays_and_is_told(context_of: Contexts) -> None:
    model = Scripted(SUBMIT, '```submit\nMESSAGE: Ask otherwise\nINSTRUCTION_QUERY = "Ask for lines."\n```')
    outcome = made(agent(model, settings={"freeze": "code"}), contexts(context_of))
    assert isinstance(outcome, Proposal)
    assert outcome.tries[0].became == "frozen"
    assert "The code must stay as it is" in model.requests[0].messages[1]["content"]
