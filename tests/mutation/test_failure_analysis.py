from __future__ import annotations

import pytest

from evolve.mutation.offline.failure_analysis import Cue, diagnose
from evolve.records import ItemResult, Stage

FULL = "x" * 100
"""As long as the longest text that came back: no room for more."""


def item(task: str, retrieved: str, score: float = 1.0) -> ItemResult:
    return ItemResult(
        task=task, score=score, metrics={}, query={}, retrieved=retrieved, answer="", seconds=0.0
    )


def cues(context) -> set[Cue]:
    return {cue for cue, weight in diagnose(context).items() if weight > 0}


@pytest.mark.parametrize(
    ("cue", "with_it", "without_it"),
    [
        (Cue.LOST, {"stage": Stage.LOST_IN_WRITE}, {"stage": Stage.NOT_RETRIEVED}),
        (Cue.UNUSED, {"stage": Stage.NOT_USED}, {"stage": Stage.NOT_RETRIEVED}),
        (Cue.CROWDED, {"retrieved": "y" * 90}, {"retrieved": "y" * 60}),
        (Cue.SLACK, {"retrieved": "y" * 60}, {"retrieved": "y" * 90}),
        (
            Cue.ADJACENT,
            {"retrieved": "Ann: Rome is far, said Cleo."},
            {"retrieved": "3 May 2023"},
        ),
        (
            Cue.SAME_EPISODE,
            {
                "retrieved": "Dan: The fourth line is here.",
                "text": "H\nA: a\nBob: I prefer red wine.\nA: b\nDan: The fourth line is here.",
            },
            {"retrieved": "Somebody: A line of another episode."},
        ),
        (Cue.SPEAKER, {"question": "What does Bob prefer?"}, {"question": "What does Ann prefer?"}),
        (
            Cue.SPEAKER,
            {"question": "What does Mary Ann like?", "evidence": ("Mary Ann de la Cruz: I like wine.",)},
            {"question": "What do de and la like?", "evidence": ("Mary Ann de la Cruz: I like wine.",)},
        ),
        (
            Cue.SPEAKER,
            {"question": "What does Zoë like?", "evidence": ("Zoë Müller-Lüdenscheid: Wine.",)},
            {"question": "What is The door?", "evidence": ("The door code is: 12",)},
        ),
        (Cue.WORDS, {"question": "Which wine?"}, {"question": "Which drink?"}),
        (Cue.KIND, {"question": "In which month was it?"}, {"question": "Which wine was it?"}),
        (Cue.PARAPHRASE, {"question": "Which drink?"}, {"question": "Which wine?"}),
        (Cue.HEADING, {"question": "What happened in May?"}, {"question": "What happened in June?"}),
        (Cue.HEADING, {"question": "What happened in 2023?"}, {"question": "What happened in 2024?"}),
        (Cue.REVISED, {"question": "What is her current job?"}, {"question": "What was her first job?"}),
        (
            Cue.SEVERAL,
            {"evidence": ("Bob: I prefer red wine.", "Cleo: No."), "places": ("e0", "e1")},
            {"evidence": ("Bob: I prefer red wine.", "Cleo: No."), "places": ("e0", "e0")},
        ),
        (Cue.QUESTIONS, {"retrieved": "Why?\nWho?\nHere."}, {"retrieved": "Why?\nThere.\nHere.\nNow."}),
    ],
)
def test_cues(context_of, cue, with_it, without_it):
    others = (item("t1", FULL, score=1.0),)
    assert cue in cues(context_of(**with_it, others=others))
    assert cue not in cues(context_of(**without_it, others=others))


def test_an_item_without_loss_gives_only_that_it_is_wasteful(context_of):
    assert cues(context_of(score=1.0, retrieved="y" * 90, others=(item("t1", FULL),))) == {Cue.WASTEFUL}
    assert cues(context_of(score=1.0, retrieved="", others=(item("t1", ""),))) == set()


def test_evidence_that_came_back_points_at_no_retrieval(context_of):
    found = cues(context_of(retrieved="Bob: I prefer red wine.", stage=Stage.NOT_USED))
    assert found == {Cue.UNUSED}


def test_the_line_beside_is_no_heading(context_of):
    context = context_of(retrieved="3 May 2023", text="3 May 2023\nBob: I prefer red wine.\nAnn: Oh.")
    assert Cue.ADJACENT not in cues(context)


def test_weights_are_shares_of_what_was_lost(context_of):
    others = tuple(item(f"t{n}", "", score=1.0) for n in range(1, 4))
    assert diagnose(context_of(score=0.5, question="Which wine?", others=others))[Cue.WORDS] == 0.5 / 4
    assert diagnose(context_of(score=0.0, question="Which wine?"))[Cue.WORDS] == 1.0


def test_a_cue_counts_once_for_an_item(context_of):
    context = context_of(
        question="Which wine?", evidence=("Bob: I prefer red wine.", "Bob: More wine."), places=("e0", "e0")
    )
    assert diagnose(context)[Cue.WORDS] == 1.0


def test_items_of_unknown_tasks_and_empty_diagnoses(context_of):
    context = context_of()
    nothing = diagnose(type(context)(**{**vars(context), "tasks": {}}))
    assert nothing == dict.fromkeys(Cue, 0.0)


def test_missing_episodes_are_no_error(context_of):
    assert Cue.WORDS in cues(context_of(question="Which wine?", places=("elsewhere",)))
