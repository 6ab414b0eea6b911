"""Steps that keep an index at write time score passages as their definitions do, which look at each text."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from evolve.mutation.offline.operators import operators
from tests.program.hosts import EPISODES, QUESTION, memory_of

OPERATORS = {operator.name: operator for operator in operators()}
QUESTIONS = (QUESTION, "Does Cleo know what Bob Lee drank on 7 June, 2023?", "who?", "")
WRITTEN = (
    *EPISODES,
    "[8 June, 2023]\nBob Lee: corked?\nDr. Ann: Blue tea is a pity, Bob.\nWhat now?  ",
    "[9 June, 2023]\n" + "\n".join(f"Cleo: bottle number {n}" for n in range(9)),
)
PEOPLE = ["Bob", "", "Ann"]
Scores = Mapping[int, float]
Passages = list[dict[str, Any]]


def by_factor(factor: float, favoured: Callable[[dict[str, Any], str], bool]) -> Callable[..., Scores]:
    def scored(passages: Passages, scores: Scores, question: str) -> Scores:
        return {n: s * (factor if favoured(passages[n], question) else 1.0) for n, s in scores.items()}

    return scored


def speaks(passage: dict[str, Any], question: str) -> bool:
    pattern = r"^([^\W\d_][\w.'’-]*(?: [^\W\d_][\w.'’-]*){0,3}):"
    names = re.findall(pattern, passage["text"], flags=re.MULTILINE)
    words = {word for name in names for word in re.findall(r"\w+", name)}
    return bool(words & set(re.findall(r"[A-Z]\w+", question)))


def names_somebody(passage: dict[str, Any], question: str) -> bool:
    return any(name in passage["text"] for name in PEOPLE if name)


def asks(passage: dict[str, Any], question: str) -> bool:
    return passage["text"].rstrip().endswith("?")


def is_headed(passage: dict[str, Any], question: str) -> bool:
    marks = set(re.findall(r"\b(?:[A-Z][a-z]+|\d+)\b", question))
    return bool(marks & set(re.findall(r"\w+", passage["heading"])))


def spread(passages: Passages, scores: Scores, question: str) -> Scores:
    found = dict(scores)
    for number, score in scores.items():
        for other in (number - 1, number + 1):
            if 0 <= other < len(passages) and passages[other]["episode"] == passages[number]["episode"]:
                found[other] = found.get(other, 0.0) + 0.3 * score
    return found


def recent(passages: Passages, scores: Scores, question: str) -> Scores:
    last = max(passage["episode"] for passage in passages) or 1
    return {n: s * (1.0 + 0.2 * passages[n]["episode"] / last) for n, s in scores.items()}


def capped(passages: Passages, scores: Scores, question: str) -> Scores:
    kept: dict[int, float] = {}
    for number in sorted(scores, key=lambda n: (-scores[n], n)):
        if sum(passages[n]["episode"] == passages[number]["episode"] for n in kept) < 6:
            kept[number] = scores[number]
    return kept


def fed_back(passages: Passages, scores: Scores, question: str) -> Scores:
    words = {n: set(re.findall(r"[a-z]{5,}", passages[n]["text"].lower())) for n in scores}
    best = sorted(scores, key=lambda n: (-scores[n], n))[:3]
    seen = Counter(word for n in scores for word in words[n])
    chosen = set(sorted({w for n in best for w in words[n]}, key=lambda w: (seen[w], w))[:6])
    most = max((len(chosen & words[n]) for n in scores), default=0)
    return {n: s + (0.3 * len(chosen & words[n]) / most if most else 0.0) for n, s in scores.items()}


DEFINITIONS: Mapping[str, tuple[str, Callable[..., Scores]]] = {
    "favour_speaker": ("_favour_speaker", by_factor(1.3, speaks)),
    "favour_heading": ("_favour_heading", by_factor(1.4, is_headed)),
    "favour_people": ("_favour_people", by_factor(1.2, names_somebody)),
    "demote_questions": ("_demote_questions", by_factor(0.8, asks)),
    "spread_to_neighbours": ("_spread", spread),
    "favour_recent": ("_favour_recent", recent),
    "cap_per_episode": ("_cap_per_episode", capped),
    "feed_back": ("_feed_back", fed_back),
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_step_scores_as_it_is_defined(seeds, context_of, name: str) -> None:
    split = OPERATORS["split_by_turn"].apply(seeds["lexical"], context_of(), random.Random(0))
    assert split is not None
    edit = OPERATORS[name].apply(split.source, context_of(), random.Random(0))
    assert edit is not None
    memory, (method, definition) = memory_of(edit.source), DEFINITIONS[name]
    for text in WRITTEN:
        memory.write(None, text)
    rng, changed = random.Random(1), False
    for question in QUESTIONS:
        numbers = rng.sample(range(len(memory.passages)), k=rng.randrange(12, len(memory.passages)))
        scores = {n: rng.choice((0.25, 0.5, rng.random())) for n in numbers}
        given = {"_favour_people": (PEOPLE,), "_favour_speaker": (question,), "_favour_heading": (question,)}
        found = getattr(memory, method)(*given.get(method, ()), dict(scores))
        expected = definition(memory.passages, scores, question)
        assert found == expected
        assert list(found) == list(expected)
        changed = changed or found != scores
    assert changed


def test_a_passage_is_indexed_with_the_words_of_those_around_it(seeds) -> None:
    memory = memory_of(seeds["neighbours"].replace('context_reach": (1,', 'context_reach": (2,'))
    for text in WRITTEN:
        memory.write(None, text)
    texts = {p["number"]: (p["episode"], p["text"]) for p in memory.passages}
    words = memory.toolkit.words
    for number, indexed in memory.toolkit.db.execute("SELECT rowid, text FROM surroundings"):
        episode, _ = texts[number]
        near = (texts[n] for n in range(number - 2, number + 3) if n in texts)
        assert indexed == " ".join(words("\n".join(text for e, text in near if e == episode)))
