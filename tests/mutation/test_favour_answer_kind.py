"""The step that favours passages with the kind of answer that is asked for."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest

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
