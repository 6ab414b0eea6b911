"""The step that favours passages with the kind of answer that is asked for."""

from __future__ import annotations

import random
import re
import runpy
from importlib import resources
from types import SimpleNamespace

import pytest

from evolve.mutation.offline.failure_analysis import Cue, diagnose
from evolve.mutation.offline.operators import operators
from tests.program.hosts import memory_of

OPERATORS = {operator.name: operator for operator in operators()}


@pytest.mark.parametrize(
    ("question", "favoured"),
    [
        ("When did Ann move?", {"Ann: I moved yesterday.", "Bob: 7 June was warm."}),
        ("What year did Ann move?", {"Ann: I moved yesterday.", "Bob: 7 June was warm."}),
        ("How many cats has Bob?", {"Bob: I have two cats now.", "Bob: 7 June was warm."}),
        ("Who sold the violin?", {"Ann: it was sold by Cleo.", "Bob: a flat in Lisbon and a garden."}),
        ("Which city is Bob's?", {"Bob: a flat in Lisbon and a garden."}),
        ("Does Ann like whenever?", set()),
        ("What does Ann like?", set()),
    ],
)
def test_passages_with_what_is_asked_for_weigh_more(
    seeds, context_of, question: str, favoured: set[str]
) -> None:
    split = OPERATORS["split_by_turn"].apply(seeds["lexical"], context_of(), random.Random(0))
    assert split is not None
    edit = OPERATORS["favour_answer_kind"].apply(split.source, context_of(), random.Random(0))
    assert edit is not None
    memory = memory_of(edit.source)
    lines = (
        "Ann: I moved yesterday.",
        "Bob: 7 June was warm.",
        "Bob: I have two cats now.",
        "Ann: it was sold by Cleo.",
        "Bob: a flat in Lisbon and a garden.",
        "Ann: nothing of the kind",
    )
    memory.write(None, "\n".join(["Day 1", *lines]))
    texts = {passage["number"]: passage["text"] for passage in memory.passages}
    scores = memory._favour_answer_kind(SimpleNamespace(question=question), dict.fromkeys(texts, 1.0))
    changed = {texts[number] for number, score in scores.items() if score != 1.0}
    assert changed == favoured


def test_the_cue_is_of_the_questions_that_the_step_looks_at(context_of) -> None:
    file = resources.files("evolve.mutation") / "fragments" / "favour_answer_kind.py"
    asked = runpy.run_path(str(file))["ASKED"].values()
    words = ("when", "which month", "what day", "how long", "how many", "how old", "who", "whose", "where")
    for question in (*(f"So {words} is it?" for words in words), "What is it?", "Is it somehow old?"):
        cued = diagnose(context_of(question=question, retrieved="something else"))[Cue.KIND] > 0
        assert cued == any(re.search(pattern, question.lower()) for pattern in asked), question
