"""What a reflection shows, and that it never shows more than it may."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolve.config import CampaignConfig
from evolve.models.tokens import estimate_tokens
from evolve.mutation import MutationContext, Reference
from evolve.mutation.reflection import ReflectionMutator
from evolve.program import MemoryProgram
from evolve.records import (
    Candidate,
    Criterion,
    Episode,
    Failure,
    Interval,
    ItemResult,
    Stage,
    Step,
    Task,
    WriteResult,
)
from evolve.sandboxes.protocol import Limits


def born(number: int, quality: float | None, message: str = "", **more) -> Candidate:
    objectives = {} if quality is None else {"quality": quality, "cost": 120.5}
    return Candidate(
        number=number, program="p", objectives=objectives, failed=quality is None, message=message, **more
    )


def shown(chat, context: MutationContext, **settings: Any) -> str:
    model = chat("no")
    given: dict[str, Any] = {"repairs": 0, **settings}
    ReflectionMutator(model, try_out=lambda program: None, **given).mutate(context, random.Random(0))
    return "\n".join(message["content"] for message in model.requests[0].messages)


def with_diagnosis(context: MutationContext, **values) -> MutationContext:
    return replace(context, diagnosis=context.diagnosis.model_copy(update=values))


def test_the_contract_is_told_with_the_limits_of_the_campaign(chat, context_of):
    limits = Limits(read_characters=1_234, call_seconds=7.5, model_calls=0, memory_mb=300)
    text = shown(chat, context_of(), limits=limits, about="Conversations of friends.")
    for part in (
        "at most 1,234 characters",
        "at most 7.5 seconds",
        "At most 0 calls",
        "300 MB",
        "numpy",
        "friends.",
    ):
        assert part in text


def test_the_program_its_score_and_the_form_of_the_answer_are_shown(chat, context_of, host):
    context = with_diagnosis(context_of(), quality=Interval(mean=0.25, low=0.1, high=0.4))
    context = replace(context, parent=born(7, 0.512))
    text = shown(chat, context, edit="blocks")
    assert f"## The current program, #7\n\n```python\n{host.rstrip()}\n```" in text
    assert "Quality is f1 (token F1 of the answer" in text
    assert "On the items that count: quality 0.512." in text
    assert "0.250 [0.100, 0.400]" in text
    assert "Lower is better in: cost 120.5." in text
    assert "<<<<<<< SEARCH" in text


def test_a_program_with_fences_is_fenced_by_longer_ones(chat, context_of, host):
    assert "````python\n" in shown(chat, context_of(host.replace('"Ask."', '"Ask ```."')))


def test_a_case_shows_the_full_conversation(chat, context_of):
    context = context_of(
        retrieved="Ann: I like blue cheese",
        score=0.25,
        stage=Stage.NOT_RETRIEVED,
        logs=("looked at 3 notes",),
        failure=Failure(kind="exception", where="read t0", message="read raised KeyError", detail="line 40"),
    )
    item = context.diagnosis.items[0].model_copy(update={"query": {"question": "Bob?"}, "answer": "tea"})
    text = shown(chat, with_diagnosis(context, items=(item,)))
    case = text.partition("## A case that went badly (1 of 1)")[2].partition("\n## ")[0]
    for part in (
        "Score 0.250",
        "Task: What does Bob prefer?",
        '"question": "Bob?"',
        "What read returned (23 characters, under 1 s): Ann: I like blue cheese",
        "Failure (exception) in read t0: read raised KeyError\n    line 40",
        "The agent's answer: tea",
        "Right answer: red wine",
        "Evidence (not returned): Bob: I prefer red wine.",
        "Where it was lost: not_retrieved",
        "Notes of toolkit.logger: looked at 3 notes",
    ):
        assert part in case


def test_acted_and_graded_tasks_are_shown_too(chat, context_of):
    context = context_of()
    steps = tuple(Step(command=f"go {n}", observation=f"room {n}") for n in range(30))
    task = Task(id="t0", question="Put it away.", rubric=(Criterion(text="names the risk", points=-2.5),))
    steps = (steps[0].model_copy(update={"retrieved": "Room 7 has it."}), *steps[1:])
    item = context.diagnosis.items[0].model_copy(update={"steps": steps})
    text = shown(chat, replace(with_diagnosis(context, items=(item,)), tasks={"t0": task}))
    assert "> go 0\n    room 0" in text
    assert "room 0\n    [read returned then: Room 7 has it.]\n    > go 1\n" in text
    assert "> go 29\n    room 29" in text
    assert "[... 18 steps left out ...]" in text
    assert "go 15" not in text
    assert "-2.5: names the risk" in text


def test_attribution_is_counted_with_an_example_and_can_be_left_out(chat, context_of):
    context = context_of(stage=Stage.LOST_IN_WRITE)
    with_it, without = shown(chat, context), shown(chat, context, attribution=False)
    assert "1 of 1 items: lost_in_write (given, but not in what write received to keep)" in with_it
    assert "For lost_in_write: What does Bob prefer?; right answer: red wine\n    Bob: I prefer" in with_it
    assert "lost_in_write" not in without
    assert "Where the evidence was lost" not in without


def test_writes_that_raise_are_counted_and_shown_with_their_error(chat, context_of):
    failures = [
        Failure(
            kind="exception", where=f"write e{n}", message="write raised KeyError: 'x'", detail="in line 37"
        )
        for n in range(63)
    ] + [Failure(kind="timeout", where="write e63", message="write took more than 60 s")]
    writes = tuple(
        WriteResult(episode=f"e{n}", item={"text": "x"}, seconds=0.0, failure=f)
        for n, f in enumerate(failures)
    )
    text = shown(chat, with_diagnosis(context_of(), writes=writes))
    assert "64 of 64 calls of write failed." in text
    assert "63 times: Failure (exception) in write e0: write raised KeyError: 'x'\n    in line 37" in text
    assert "1 time: Failure (timeout) in write e63" in text


def test_a_program_that_broke_is_shown_with_what_broke_it(chat, context_of):
    failure = Failure(kind="memory", where="load", message="no memory left", detail="line 3")
    text = shown(chat, with_diagnosis(context_of(), status="failed", failure=failure, items=()))
    assert "The program broke as a whole.\nFailure (memory) in load: no memory left\n    line 3" in text


def test_a_write_and_a_success_are_shown(chat, context_of):
    good = ItemResult(
        task="t1", score=1.0, metrics={}, query={}, retrieved="red wine", answer="the red one", seconds=0.0
    )
    write = WriteResult(episode="e0", item={"text": "what Ann said"}, seconds=0.0)
    text = shown(chat, with_diagnosis(context_of(others=(good,)), writes=(write,)))
    assert "the red one" in text.partition("## A case that went well")[2]
    received = text.partition("## What write received for one episode")[2]
    assert "    Ann: I like blue cheese, do you know?" in received
    assert '"text": "what Ann said"' in received


def test_retrieval_is_summed_up(chat, context_of):
    empty = ItemResult(task="t1", score=0.0, metrics={}, query={}, retrieved="", answer="", seconds=0.5)
    text = shown(chat, context_of(retrieved="Bob: I prefer red wine.", score=1.0, others=(empty,)))
    assert "Characters returned by read: 12 on average, 0 to 23; at most 3,000 are allowed." in text
    assert "Share of the evidence that read returned: 0.500; all of it in 1 of 2 items, none in 1." in text
    assert "Reads that returned nothing: 1 of 2." in text
    assert "Time in read: under 1 s on average" in text


def test_lineage_siblings_and_references_are_shown_with_regressions_marked(chat, context_of, host):
    parent = born(3, 0.45, "Cut less.", operator="reflect/read", parents=(0,))
    other = MemoryProgram(host.replace("Extract.", "Extract all."))
    context = replace(
        context_of(),
        parent=parent,
        ancestors=(born(0, 0.5, name="lexical"), parent),
        siblings=(
            born(4, 0.6, "Weigh names.", operator="reflect"),
            born(5, None, "Index.", operator="reflect"),
        ),
        references=(Reference(born(6, 0.7, "Fuse.", operator="reflect"), other, "the newest candidate"),),
    )
    text = shown(chat, context)
    assert (
        "#0 (seed lexical), quality 0.500\n#3 (reflect/read), quality 0.450 (-0.050, REGRESSION): Cut less."
        in text
    )
    assert "#4 (reflect), quality 0.600 (+0.150): Weigh names.\n#5 (reflect), failed: Index." in text
    assert "## Another program for inspiration, #6: the newest candidate" in text
    assert "Extract all." in text
    long = tuple(born(n, 0.5, f"Step {n}.") for n in range(30))
    text = shown(chat, replace(context, ancestors=long, siblings=long))
    assert "[... 17 generations left out ...]\n#18" in text
    assert "[... 18 earlier ones left out ...]\n#18" in text


def test_items_without_a_score_are_no_failures(chat, context_of):
    text = shown(chat, context_of(score=float("nan"), inconclusive="the judge gave no verdict"))
    assert "A case that went badly" not in text
    assert "Items that have no score, through no fault of the program: 1." in text


def test_what_is_cut_is_said(chat, context_of):
    text = shown(chat, context_of(retrieved="long " * 2_000))
    assert "What read returned (10,000 characters, under 1 s):" in text
    assert "characters left out ...]" in text


SIZE = st.sampled_from([0, 1, 300, 5_000, 40_000])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    tokens=st.integers(4_000, 40_000),
    sizes=st.fixed_dictionaries(
        dict.fromkeys(("text", "program", "message", "attempt", "error", "about"), SIZE)
    ),
    letter=st.sampled_from(["a ", "\n", "é", "\ud800", "`", "$x"]),
    crossed=st.booleans(),
    count=st.integers(1, 40),
    edit=st.sampled_from(["blocks", "patch", "whole"]),
)
def test_no_round_is_ever_above_the_bound(
    chat, context_of, host, tokens, sizes, letter, crossed, count, edit
):
    def much(name: str) -> str:
        return (letter * sizes[name])[: sizes[name]]

    source = host.replace('"""A host."""', '"""' + "A host.\n" * (sizes["program"] // 8) + '"""')
    failure = Failure(
        kind="exception", where="write e0", message=much("error") or "bad", detail=much("error")
    )
    case: dict[str, Any] = {"logs": (much("text"),) * count, "failure": failure, "stage": Stage.NOT_USED}
    item = ItemResult(
        task="t0",
        score=0.1,
        metrics={},
        query={"question": much("text")},
        retrieved=much("text"),
        answer=much("text"),
        seconds=0.0,
        **case,
    )
    candidates = tuple(born(n, n / 50, much("message"), item_scores={"t" * 90: n / 50}) for n in range(count))
    context = with_diagnosis(
        context_of(source, question=much("text"), evidence=(much("text"),) * 3, places=("e0",) * 3),
        items=(item,) * count,
        writes=(WriteResult(episode="e0", item={"text": much("text")}, seconds=0.0, failure=failure),)
        * count,
    )
    if crossed:
        context = replace(context, partner=candidates[0], partner_program=MemoryProgram(source))
    context = replace(
        context,
        episodes={"e0": Episode(id="e0", text=much("text"))},
        ancestors=candidates,
        siblings=candidates,
        references=tuple(Reference(c, MemoryProgram(source), much("message")) for c in candidates[:3]),
    )
    model = chat(f"MESSAGE: x\n{much('attempt')}", "MESSAGE: y\nno")
    mutator = ReflectionMutator(
        model,
        try_out=lambda program: failure,
        edit=edit,
        repairs=1,
        prompt_tokens=tokens,
        about=much("about"),
    )
    mutator.mutate(context, random.Random(count))
    assert len(model.requests) == 2
    for request in model.requests:
        assert sum(estimate_tokens(message["content"]) for message in request.messages) <= tokens
        "".join(message["content"] for message in request.messages).encode()


@pytest.mark.parametrize("tokens", [4_000, 60_000])
def test_what_matters_most_is_shown_in_the_smallest_prompt_too(chat, context_of, seeds, tokens):
    text = shown(chat, context_of(seeds["lexical"], retrieved="long " * 9_000), prompt_tokens=tokens)
    for part in (
        "## What to do",
        "def read(self, query)",
        "## Score",
        "## A case that went badly",
        "## How to answer",
    ):
        assert part in text


@pytest.mark.parametrize("style", ["full", "compact"])
@pytest.mark.parametrize("blind", [False, True])
def test_hints_of_the_user_are_shown_in_every_prompt(chat, context_of, style: str, blind: bool):
    hints = ("Prefer recent facts.", "Keep dates.")
    nothing: dict[str, Any] = {"attribution": False, "failures_shown": 0, "successes_shown": 0}
    settings = {"style": style, **(nothing if blind else {})}
    text = shown(chat, replace(context_of(), hints=hints), **settings)
    for hint in hints:
        assert f"The person who runs this search asks for this: {hint}" in text
    assert "The person who runs" not in shown(chat, context_of(), **settings)


def test_long_hints_leave_room_for_the_form_of_the_answer(chat, context_of):
    text = shown(chat, replace(context_of(), hints=("word " * 400,) * 2), style="compact")
    assert "MESSAGE:" in text
    assert "word word" in text


def test_by_default_a_prompt_has_at_most_12_000_tokens_and_an_ordinary_one_is_whole(chat, context_of, seeds):
    ordinary = context_of(seeds["hybrid"])
    assert shown(chat, ordinary) == shown(chat, ordinary, prompt_tokens=60_000)
    long = context_of(seeds["hybrid"], retrieved="word " * 100_000, question="why " * 50_000)
    assert estimate_tokens(shown(chat, long)) <= CampaignConfig().search.prompt_tokens == 12_000
