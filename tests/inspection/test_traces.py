from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from evolve.errors import UsageError
from evolve.inspection.explain import explain_data, explain_view
from evolve.inspection.questions import Questions
from evolve.inspection.traces import find_item, trace_data, trace_view
from evolve.journal import RunRecord
from evolve.records import Episode, Evaluation, Evidence, Interval, ItemResult, Stage, Step, Task, WriteResult
from evolve.runs.history import RunHistory

PASSAGE = "Ann bought a blue bicycle in the old town"
TASK = Task(
    id="w/q1",
    question="What did Ann buy?",
    answers=("a bicycle",),
    evidence=(
        Evidence(episode="e1", text=PASSAGE),
        Evidence(episode="e2", text="Ben sold his piano last week"),
    ),
)
QUESTIONS = Questions({"w/q1": TASK}, {"e1": Episode(id="e1", text=f"Monday\n{PASSAGE}\x1b[31m")})


def item(task: str, **more: object) -> ItemResult:
    values = {
        "task": task,
        "score": 0.0,
        "metrics": {"f1": 0.25},
        "query": {"question": "What?", "tags": ["a", "b"]},
        "retrieved": f"Monday: {PASSAGE}.",
        "answer": "a car",
        "stage": Stage.NOT_RETRIEVED,
        "seconds": 0.004,
        "logs": ("looked [here]",),
    }
    return ItemResult.model_validate(values | more)


def evaluation(subset: str, *items: ItemResult) -> Evaluation:
    writes = [WriteResult(episode=e, item={"summary": f"of {e}"}, seconds=0.1) for e in ("e1", "e2", "e3")]
    return Evaluation(
        program="0" * 12,
        subset=subset,
        conditions="c",
        isolation="process",
        status="complete",
        metric="f1",
        quality=Interval(mean=0.5, low=0.4, high=0.6),
        items=items,
        writes=tuple(writes),
    )


def rendered(view: object) -> str:
    console = Console(file=io.StringIO(), width=120, highlight=False)
    console.print(view)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_find_item() -> None:
    rotating, static = (
        evaluation("rotating-3", item("w/q1"), item("v/q12")),
        evaluation("static", item("w/q1")),
    )
    assert find_item([rotating, static], "w/q1") == (static, static.items[0]), (
        "static before the rotating ones"
    )
    assert find_item([rotating, static], "w/q1", "rotating-3")[0] is rotating
    assert find_item([rotating, static], "q12")[1].task == "v/q12"
    assert find_item([rotating, static], "q1")[1].task == "w/q1", "the end of an id counts more"
    with pytest.raises(UsageError, match="fits 2 items"):
        find_item([rotating], "q")
    with pytest.raises(UsageError, match="was not asked 'q9'"):
        find_item([rotating], "q9")
    with pytest.raises(UsageError, match="no evaluation on test; it has: static"):
        find_item([static], "w/q1", "test")
    with pytest.raises(UsageError, match="it has: none"):
        find_item([], "w/q1")


def test_trace(run: RunRecord) -> None:
    candidate = RunHistory.read(run).candidates[2]
    entry = evaluation("static", item("w/q1"))
    data = trace_data(run, candidate, entry, entry.items[0], QUESTIONS)
    assert [passage["retrieved"] for passage in data["evidence"]] == [True, False]
    assert [write["episode"] for write in data["writes"]] == ["e1", "e2"], "those with the evidence"
    text = rendered(trace_view(data))
    assert "\x1b" not in text
    for part in (
        "w/q1 as #2 met it on static: 0.000 (f1)",
        "What did Ann buy?",
        "a bicycle",
        "missing    e2  Ben sold his piano",
        "summary: of e1",
        'tags: ["a", "b"]',
        "a car",
        "looked [here]",
        "not_retrieved: the evidence was written",
        "4.0 ms",
    ):
        assert part in text


def test_a_trace_says_when_and_in_which_form_it_was_asked(run: RunRecord) -> None:
    candidate = RunHistory.read(run).candidates[2]
    entry = evaluation("static", item("w/q1"))
    asked = QUESTIONS.tasks["w/q1"].model_copy(
        update={"after": "e1", "answer_format": "Choose (a) or (b).", "judge_notes": "Ann rides."}
    )
    questions = replace(QUESTIONS, tasks={"w/q1": asked})
    text = rendered(trace_view(trace_data(run, candidate, entry, entry.items[0], questions)))
    for part in ("question (asked after e1)", "Choose (a) or (b).", "for the judge", "Ann rides."):
        assert part in text


def test_a_trace_without_the_benchmark(run: RunRecord) -> None:
    candidate = RunHistory.read(run).candidates[2]
    entry = evaluation(
        "static", item("w/q1", score=float("nan"), stage=None, inconclusive="The judge was away.")
    )
    data = trace_data(run, candidate, entry, entry.items[0], Questions(missing="no data in DIR"))
    assert (data["question"], data["evidence"], data["writes"]) == (None, [], [])
    text = rendered(trace_view(data))
    for part in (
        "The questions are not here: no data in DIR",
        "inconclusive",
        "The judge was away.",
        "a car",
    ):
        assert part in text


def test_explain(run: RunRecord) -> None:
    history = RunHistory.read(run)
    data = explain_data(run, history.candidates[2], QUESTIONS)
    assert any("full-text index" in store for store in data["structure"]["stores"])
    assert data["structure"]["knobs"]["chunk_characters"][0] == 300
    behaviour = data["behaviour"]
    assert (behaviour["tasks"], behaviour["empty"], behaviour["evidence"]) == (3, 1.0, None)
    text = rendered(explain_view(data))
    for part in (
        "What it stores",
        "For each episode, write",
        "For each question, read",
        "bm25",
        "nothing to 100% of 3",
    ):
        assert part in text


def test_explain_a_failed_one(run: RunRecord) -> None:
    data = explain_data(run, RunHistory.read(run).candidates[3], QUESTIONS)
    assert data["behaviour"] is None
    assert "What it stores" in rendered(explain_view(data))


def test_what_was_retrieved_between_the_steps_is_shown_and_counts_as_retrieved(run: RunRecord) -> None:
    later = "Ben sold his piano last week."
    steps = (
        Step(command="look", observation="A hall.", retrieved=later),
        Step(command="wait", observation="Noon."),
    )
    entry = evaluation("static", item("w/q1", steps=steps))
    data = trace_data(run, RunHistory.read(run).candidates[2], entry, entry.items[0], QUESTIONS)
    assert [passage["retrieved"] for passage in data["evidence"]] == [True, True]
    text = rendered(trace_view(data))
    assert text.count("retrieved then (") == 1
    assert text.index("did: look") < text.index("retrieved then (29 characters)") < text.index("did: wait")
