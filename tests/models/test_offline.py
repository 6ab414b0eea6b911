from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.models.offline import (
    ExtractiveModel,
    find_question,
    inverse_frequency,
    overlap_scores,
    split_passages,
    stem,
    terms,
    within,
)
from evolve.models.tokens import estimate_tokens, estimate_usage

MEMORY = "Ann lives in Rome.\nBob has a dog.\nAnn and Bob met in 2019.\nThe dog is called Rex."


def ask(content: str, **options) -> str:
    return ExtractiveModel().complete([{"role": "user", "content": content}], options).text


def test_it_quotes_the_passages_that_share_words_with_the_question_in_their_order():
    assert ask(f"{MEMORY}\nQuestion: What is the dog of Bob called?") == "\n".join(MEMORY.splitlines()[1:])


def test_the_question_may_stand_in_a_message_of_its_own():
    messages = [
        {"role": "system", "content": "Summarise what matters. Keep it short?"},
        {"role": "user", "content": MEMORY},
        {"role": "user", "content": "Query: Rome"},
    ]
    assert ExtractiveModel().complete(messages, {}).text == "Ann lives in Rome."


def test_the_leading_passages_are_given_where_none_matches():
    assert ask(f"{MEMORY}\nWhy zebras?") == MEMORY


def test_the_best_passages_are_kept_where_not_all_fit():
    text = "\n".join(f"Ann was in town {i}." for i in range(400)) + "\nAnn saw a comet."
    answer = ask(f"{text}\nWhat comet did Ann see?")
    assert len(answer) <= 1_500
    assert answer.endswith("Ann saw a comet.")
    assert ask(f"{text}\nWhat comet did Ann see?", max_tokens=5) == "Ann saw a comet."


def test_usage_is_an_estimate_of_all_that_was_read_and_written():
    completion = ExtractiveModel().complete([{"role": "user", "content": "Ann is 9.\nHow old is Ann?"}], {})
    assert (completion.usage.calls, completion.usage.tokens_in, completion.usage.tokens_out) == (1, 7, 3)


@given(
    st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": st.text(max_size=200)}), max_size=3)
)
def test_any_messages_are_answered_from_their_own_text_and_within_bounds(messages):
    model = ExtractiveModel(characters=50)
    completion = model.complete(messages, {})
    assert len(completion.text) <= 50
    assert completion == model.complete(messages, {})
    source = " ".join(message["content"] for message in messages)
    assert set(completion.text) <= set(source) | {"\n"}


@pytest.mark.parametrize(
    ("lines", "question"),
    [
        (["Is it?", "It is."], "Is it?"),
        (["Question: the colour of doors", "Answer in a word."], "the colour of doors"),
        (["No question here", "the last line"], "the last line"),
        ([], ""),
    ],
)
def test_the_question_is_found(lines, question):
    assert find_question(["\n".join(lines)]) == question


def test_long_lines_are_cut_into_sentences_and_short_ones_are_not():
    short = "One. Two. Three."
    long = " ".join(f"This is the sentence with the number {i} of many." for i in range(10))
    assert split_passages(f"{short}\n\n{long}") == [short, *(f"{s}." for s in long.rstrip(".").split(". "))]


@pytest.mark.parametrize("word", ["paint", "paints", "painted", "painting"])
def test_endings_do_not_matter(word):
    assert stem(word) == "paint"


def test_doubled_consonants_are_undone():
    assert stem("running") == stem("run") == "run"
    assert stem("class") == "clas"
    assert stem("studies") == stem("studied") == stem("study")
    assert stem("telling") == "tell"


def test_rare_terms_weigh_more():
    weight = inverse_frequency([frozenset({"a", "b"}), frozenset({"a"}), frozenset({"a"})])
    assert weight["b"] > weight["a"] > 0
    assert overlap_scores("tea", ["tea", "milk"])[1] == 0


@given(
    question=st.lists(st.sampled_from(["tea", "milk", "figs", "Ann", "the"])).map(" ".join),
    passages=st.lists(st.lists(st.sampled_from(["tea", "milk", "fig", "Ann", "Bob"])).map(" ".join)),
)
def test_a_term_weighs_what_it_weighs_among_all_terms(question: str, passages: list[str]) -> None:
    documents = [terms(passage) for passage in passages]
    weight = inverse_frequency(documents)
    shared = [sorted(terms(question) & document) for document in documents]
    assert overlap_scores(question, passages) == [sum(weight[term] for term in some) for some in shared]


def test_within_takes_greedily_what_fits_and_counts_the_newlines():
    passages = ["aaaa", "bb", "cccc", "d"]
    assert within(7, [0, 2, 1, 3], passages) == [0, 1]
    assert within(9, [0, 2, 1, 3], passages) == [0, 2]


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2)])
def test_four_characters_are_about_a_token(text, tokens):
    assert estimate_tokens(text) == tokens
    assert estimate_usage([text, text], "abcd").tokens == 2 * tokens + 1
