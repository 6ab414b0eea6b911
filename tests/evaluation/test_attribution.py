from __future__ import annotations

import pytest

from evolve.evaluation.attribution import MemoryContents, attribute, received_text
from evolve.records import Evidence, Stage, Task

A = "Caroline: I went to Lisbon last week."
B = "Melanie: We adopted a dog called Rex."
BOTH = Task(
    id="t",
    question="?",
    answers=("Lisbon and Rex",),
    evidence=(Evidence(episode="1", text=A), Evidence(episode="2", text=B)),
)
BARE = Task(id="t", question="?", answers=("Lisbon and Rex",))
ALL = {"1": f"Hello.\n{A}", "2": f"{B}\nBye."}


@pytest.mark.parametrize("task", [BOTH, BARE])
@pytest.mark.parametrize(
    ("given", "received", "retrieved", "stage"),
    [
        ({"1": ALL["1"]}, {"1": ALL["1"]}, A, Stage.NOT_GIVEN),
        (ALL, {"1": ALL["1"]}, A + B, Stage.LOST_IN_WRITE),
        (ALL, {}, "", Stage.LOST_IN_WRITE),
        (ALL, ALL, "", Stage.NOT_RETRIEVED),
        (ALL, ALL, A, Stage.NOT_RETRIEVED),  # retrieved in part is not retrieved
        (ALL, ALL, f"{B}\n{A}", Stage.NOT_USED),
    ],
)
def test_the_first_stage_that_lacks_something_is_named(task, given, received, retrieved, stage):
    assert attribute(task, 0.0, memory=MemoryContents(given, received), retrieved=retrieved) is stage


def test_evidence_without_answers_is_looked_for_as_it_stands():
    acted = BOTH.model_copy(update={"answers": ()})
    summed = MemoryContents({}, {}, verbatim=False)
    assert attribute(acted, 0.0, memory=summed, retrieved="") is Stage.NOT_GIVEN
    summed = MemoryContents(ALL, {"1": "went", "2": "dog"}, verbatim=False)
    assert attribute(acted, 0.0, memory=summed, retrieved="") is Stage.LOST_IN_WRITE


@pytest.mark.parametrize(("score", "low", "good"), [(0.5, 0.5, True), (0.49, 0.5, False), (0.49, 0.4, True)])
def test_a_good_score_has_no_stage(score, low, good):
    stage = attribute(BOTH, score, memory=MemoryContents({}, {}), retrieved="", low=low)
    assert (stage is None) is good


def test_words_of_the_answer_stand_for_evidence_only_where_the_agent_worded_what_is_stored():
    items = {"1": '{"fact": "a trip to Lisbon with Rex"}', "2": '{"fact": "Rex saw Lisbon"}'}
    retrieved = "Rex and Lisbon"
    worded = MemoryContents(ALL, items, verbatim=False)
    assert attribute(BOTH, 0.0, memory=worded, retrieved=retrieved) is Stage.NOT_USED
    assert attribute(BOTH, 0.0, memory=worded, retrieved="Rex") is Stage.NOT_RETRIEVED
    assert attribute(BOTH, 0.0, memory=MemoryContents(ALL, items), retrieved=retrieved) is Stage.LOST_IN_WRITE


def test_what_write_received_has_the_raw_text_only_if_it_looks_at_it():
    assert "Zürich" in received_text({"text": "Zürich"}, "raw", verbatim=False)
    assert "raw" not in received_text({"text": "Zürich"}, "raw", verbatim=False)
    assert "raw" in received_text({"text": "Zürich"}, "raw", verbatim=True)
