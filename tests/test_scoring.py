"""Metrics on cases worked out by hand, and what must hold for any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.records import Evidence, Task
from evolve.scoring import (
    METRICS,
    contains_passage,
    content_words,
    coverage,
    evidence_recall,
    exact_match,
    f1,
    locomo_f1,
    normalise,
    rubric_score,
)
from evolve.text import words

PASSAGE = "Dana: I finally adopted a scruffy terrier from the shelter on Mill Road last Friday."


def task(*answers: str, category: str = "", evidence: tuple[str, ...] = ()) -> Task:
    passages = tuple(Evidence(episode="e", text=text) for text in evidence)
    return Task(id="t", question="?", answers=answers, category=category, evidence=passages)


def test_normalise_drops_case_punctuation_and_articles() -> None:
    assert normalise("  The cat's  an A-Team, the end. ") == "cats ateam end"


def test_content_words_keep_order_repeats_and_negation() -> None:
    assert content_words("What did Tim's dog, the dog, NOT eat?") == ["tim", "dog", "dog", "not", "eat"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("a golden retriever", 1.0),
        ("golden", 2 / 3),
        ("It is golden retriever", 2 / 3),
        ("cat", 0.0),
        ("", 0.0),
    ],
)
def test_f1_by_hand(answer: str, expected: float) -> None:
    assert f1(task("Golden retriever."), answer) == pytest.approx(expected)


def test_f1_takes_the_best_accepted_answer() -> None:
    assert f1(task("two", "2 dogs"), "2 dogs") == 1.0


def test_f1_counts_repeats() -> None:
    # 2 shared tokens of 3 found and 2 wanted: precision 2/3, recall 1
    assert f1(task("dog dog"), "dog dog dog") == pytest.approx(0.8)


def test_f1_of_answers_that_normalise_to_nothing() -> None:
    assert f1(task("The"), "a") == 1.0
    assert f1(task("The"), "dog") == 0.0


def test_exact_match_ignores_only_normalisation() -> None:
    assert exact_match(task("The Lake"), "lake!") == 1.0
    assert exact_match(task("The Lake"), "big lake") == 0.0


def test_coverage_counts_distinct_content_words_of_the_first_answer() -> None:
    asked = task("a scruffy terrier from Mill Road", "nothing")
    assert coverage(asked, "Terrier, terrier: on the ROAD") == pytest.approx(2 / 4)
    assert coverage(task("It was me"), "me and it") == pytest.approx(2 / 3)


def test_the_passage_is_found_whatever_its_layout() -> None:
    shouted = PASSAGE.upper().replace(" ", "\n  ").replace(":", " -")
    assert contains_passage(f"[3] {shouted} (score 0.3)", PASSAGE)


def test_the_passage_is_found_when_it_is_cut_a_little_but_not_by_half() -> None:
    words = PASSAGE.split()
    assert contains_passage(" ".join(words[:-2]), PASSAGE)
    assert not contains_passage(" ".join(words[: len(words) // 2]), PASSAGE)


def test_a_bag_of_its_words_is_not_the_passage() -> None:
    assert not contains_passage(" ".join(sorted(PASSAGE.split())), PASSAGE)
    assert not contains_passage(" ".join(reversed(PASSAGE.split())), PASSAGE)


def test_a_short_passage_must_stand_there_as_whole_words() -> None:
    assert contains_passage("he said: I did, yes", "I did")
    assert not contains_passage("he said: I didnt, yes", "I did")
    assert not contains_passage("I never did", "I did")


def test_a_passage_without_words_is_compared_as_it_stands() -> None:
    assert contains_passage("so happy :-)", ":-)")
    assert not contains_passage("so happy", ":-)")


def test_evidence_recall_is_the_share_of_passages() -> None:
    asked = task("x", evidence=(PASSAGE, "Lee: no"))
    assert evidence_recall(asked, PASSAGE) == 0.5
    assert evidence_recall(asked, f"{PASSAGE}\nLee: no") == 1.0
    assert evidence_recall(asked, "") == 0.0


def test_evidence_recall_without_evidence_is_coverage() -> None:
    assert evidence_recall(task("scruffy cat"), PASSAGE) == 0.5


def test_locomo_f1_stems() -> None:
    assert locomo_f1(task("running races", category="single-hop"), "she runs a race") == pytest.approx(0.8)


def test_locomo_f1_splits_multi_hop_answers_at_commas() -> None:
    asked = task("pottery, camping, painting", category="multi-hop")
    assert locomo_f1(asked, "camping, pottery") == pytest.approx(2 / 3)
    single = task("pottery, camping, painting", category="single-hop")
    assert locomo_f1(single, "camping, pottery") == pytest.approx(0.8)


def test_locomo_f1_of_open_domain_reads_up_to_the_semicolon() -> None:
    assert locomo_f1(task("Likely no; she has a job", category="open-domain"), "likely no") == 1.0
    assert locomo_f1(task("Likely no; she has a job", category="temporal"), "likely no") < 1.0


def test_locomo_f1_drops_and_with_the_articles() -> None:
    assert locomo_f1(task("cats and dogs", category="single-hop"), "the cats, dogs") == 1.0


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(5.0, True), (5.0, False)], 0.5),
        ([(5.0, True), (-3.0, True)], 0.4),
        ([(5.0, False), (-3.0, True)], 0.0),
        ([(5.0, True), (-3.0, False)], 1.0),
    ],
)
def test_rubric_score_by_hand(points: list[tuple[float, bool]], expected: float) -> None:
    assert rubric_score(points) == pytest.approx(expected)


def test_a_rubric_without_positive_points_is_refused() -> None:
    with pytest.raises(ValueError, match="positive points"):
        rubric_score([(-1.0, False)])


TEXT = st.text(alphabet="abc ,.;'A1-\n", max_size=60)


@given(gold=TEXT, answer=TEXT, retrieved=TEXT, category=st.sampled_from(["", "multi-hop", "open-domain"]))
def test_every_metric_stays_in_the_unit_interval(
    gold: str, answer: str, retrieved: str, category: str
) -> None:
    for evidence in ((), (gold,)):
        asked = task(gold, category=category, evidence=evidence)
        for name, metric in METRICS.items():
            assert metric.name == name
            if metric.applies(asked):
                assert 0.0 <= metric.score(asked, answer, retrieved) <= 1.0


@given(gold=TEXT)
def test_the_gold_answer_scores_one(gold: str) -> None:
    assert f1(task(gold), gold) == exact_match(task(gold), gold) == coverage(task(gold), gold) == 1.0


@given(before=TEXT, passage=TEXT, after=TEXT)
def test_a_passage_is_found_in_any_text_that_holds_it(before: str, passage: str, after: str) -> None:
    assert contains_passage(f"{before} {passage} {after}", passage)


@given(retrieved=TEXT, more=TEXT, passage=TEXT)
def test_retrieving_more_never_loses_a_passage(retrieved: str, more: str, passage: str) -> None:
    asked = task("x", evidence=(passage,))
    assert evidence_recall(asked, f"{retrieved}\n{more}") >= evidence_recall(asked, retrieved)


def _with_an_insertion(length: int) -> tuple[str, str]:
    """A passage of ``length`` different words, and a text that has one more in the middle."""
    words = [f"w{n}" for n in range(length)]
    return " ".join(words), " ".join([*words[: length // 2], "inserted", *words[length // 2 :]])


def test_a_passage_is_compared_by_runs_of_five_words():
    # An insertion breaks 4 of the n − 4 runs of five words: 17 of 21 are .81, and 12 of 16 are .75.
    assert contains_passage(*reversed(_with_an_insertion(25)))
    assert not contains_passage(*reversed(_with_an_insertion(20)))


FEW_WORDS = st.lists(st.sampled_from(["fig", "tree", "Ann", "e", "x1"]), max_size=30).map(" ".join)


@given(retrieved=FEW_WORDS, passage=FEW_WORDS)
def test_a_passage_is_found_as_it_is_by_sets_of_runs(retrieved: str, passage: str) -> None:
    whole, part = words(retrieved), words(passage)
    runs, wanted = ({tuple(text[n : n + 5]) for n in range(len(text) - 4)} for text in (whole, part))
    if wanted:
        assert contains_passage(retrieved, passage) == (len(wanted & runs) >= 0.8 * len(wanted))
