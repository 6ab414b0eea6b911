"""Scores of answers that are judged in parts, on cases worked out by hand from the official code."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.agents.rules import RuleBasedJudge
from evolve.records import Criterion, Task
from evolve.scoring import JudgedPart, judged_in_parts, parts_of, parts_score
from evolve.scoring.official.beam import kendall_tau_b, ordering_score
from evolve.scoring.official.halumem import ACCURACY, accuracy_metrics
from evolve.scoring.official.infbench import summary_score


def asked(scorer: str, *criteria: str, answer: str = "") -> Task:
    rubric = tuple(Criterion(text=text, points=1.0) for text in criteria)
    return Task(id="t", question="?", rubric=rubric, scorer=scorer, answers=(answer,) if answer else ())


@pytest.mark.parametrize(
    ("x", "y", "tau"),
    [
        ([1, 2, 3], [1, 2, 3], 1.0),
        ([1, 2, 3], [3, 2, 1], -1.0),
        ([1, 2, 3], [1, 3, 2], 1 / 3),  # two pairs agree, one does not
        ([1, 2, 2], [1, 2, 3], 2 / math.sqrt(2 * 3)),  # one pair is tied on the left
        ([1, 1, 2], [1, 1, 2], 1.0),
        ([1, 1], [1, 2], math.nan),  # constant
        ([1], [1], math.nan),
        ([], [], math.nan),
    ],
)
def test_kendall_tau_b(x: list[float], y: list[float], tau: float) -> None:
    assert kendall_tau_b(x, y) == pytest.approx(tau, nan_ok=True)


@pytest.mark.parametrize(
    ("events", "same", "tau"),
    [
        ("AB", [[0], [1]], 1.0),
        ("AB", [[1], [0]], -1.0),
        ("ABC", [[0], [2], [1]], 1 / 3),
        # A alone of five. Ranks 1 2 3 4 5 and 1 6 6 6 6: 4 pairs agree, 6 are tied on the right.
        ("ABCDE", [[0]], 4 / math.sqrt(10 * 4)),
        # Nothing of A, B but two other lines. Ranks 1 2 5 5 and 5 5 1 2: 4 pairs disagree, one is tied on
        # each side.
        ("AB", [[], []], -4 / 5),
        # An empty answer is one line. Ranks 1 2 3 5 and 5 5 5 1: 3 disagree, 3 are tied on the right.
        ("ABC", [[]], -3 / math.sqrt(6 * 3)),
        # A line takes the first event that is free: lines A or B, A, so A, line 2. Ranks 1 2 4 and 1 4 2.
        ("AB", [[0, 1], [0]], 1 / 3),
        # Of lines A or B, B or A, both are placed.
        ("AB", [[0, 1], [0, 1]], 1.0),
        # A made-up line between. Ranks 1 2 4 and 1 3 2: AB agrees, A and the line agree, B and it do not.
        ("AB", [[0], [], [1]], 1 / 3),
    ],
)
def test_beam_event_ordering(events: str, same: list[list[int]], tau: float) -> None:
    lines = [f"line {number}" for number, _ in enumerate(same)]
    assert ordering_score(list(events), lines, same) == pytest.approx((tau + 1) / 2)


def test_beam_takes_the_last_of_equal_lines() -> None:
    # Lines A, x, B, x: x has rank 4. Ranks 1 2 4 and 1 3 4: all three pairs agree.
    assert ordering_score(["A", "B"], ["a", "x", "b", "x"], [[0], [], [1], []]) == 1.0


def test_an_undefined_tau_counts_nothing() -> None:
    assert ordering_score(["A"], ["a"], [[0]]) == 0.0


@pytest.mark.parametrize(
    ("counts", "score"),
    [
        ((1, 4, 4, 5, 5), 1.0),
        ((1, 2, 4, 5, 5), 2 / 3),  # recall 1/2, precision 1
        ((1, 3, 4, 1, 2), 0.6),
        ((0, 4, 4, 5, 5), 0.0),  # not fluent
        ((1, 0, 4, 0, 5), 0.0),
        ((1, 4, 4, 0, 0), 0.0),  # no sentence: precision 0
        ((1, 1, 0, 2, 2), 0.0),  # no key point: recall 0
    ],
)
def test_infbench_summary(counts: tuple[int, int, int, int, int], score: float) -> None:
    assert summary_score(*counts) == pytest.approx(score)


@pytest.mark.parametrize(
    ("replies", "score", "weighted", "target"),
    [
        # (accuracy, whether the reference has its fields) of each point.
        ([(2, 1)], 1.0, (1, 1.0), (1, 1.0)),
        ([(1, 1), (1, 0)], 0.5, (2, 1.0), (1, 0.5)),  # half counts half, in both ratios
        ([(2, 1), (0, 1), (2, 0)], 2 / 3, (3, 2.0), (2, 1.0)),  # invented: 0 of 1, in both
        ([(2, 0), (2, 0)], 1.0, (2, 2.0), (0, 0.0)),  # true, but not among the reference points
        ([(0, 0)], 0.0, (1, 0.0), (0, 0.0)),
        ([], 0.0, (0, 0.0), (0, 0.0)),  # nothing stored: no point counts
    ],
)
def test_halumem_accuracy_of_stored_points(
    replies: list[tuple[int, int]], score: float, weighted: tuple[int, float], target: tuple[int, float]
) -> None:
    found = accuracy_metrics(replies)
    assert found["halumem"] == pytest.approx(score)
    assert (found["halumem_points"], found["halumem_point_score"]) == weighted
    assert (found["halumem_target_points"], found["halumem_target_score"]) == target


def test_each_stored_point_is_judged_by_the_talk_and_the_reference_points() -> None:
    task = Task(
        id="t", question="?", answers=("He rows.", "He is 40."), scorer=ACCURACY, judge_notes="[1]user: Hi"
    )
    parts = parts_of(task, "He rows.\n\n He likes tea. ")
    assert [(part.rule, part.text, part.count, part.highest) for part in parts] == [
        ("accuracy", "He rows.", 2, 2),
        ("accuracy", "He likes tea.", 2, 2),
    ]
    assert parts[0].reference == "Points:\n- He rows.\n- He is 40.\n\nTalk:\n[1]user: Hi"
    assert parts_score(task, "He rows.\nHe likes tea.", [[2, 1], [0, 0]]) == 0.5
    assert judged_in_parts(task)
    assert parts_of(task, " \n") == []
    assert parts_score(task, "", []) == 0.0


def test_the_rule_based_judge_finds_points_by_their_words() -> None:
    task = Task(
        id="t",
        question="?",
        answers=("Martin stopped rowing in May",),
        scorer=ACCURACY,
        judge_notes="[1]user: I bought a green kayak.",
    )
    stored = "Martin stopped rowing\nbought green kayak\nbought yellow kayak\nZebras sing"
    (grade,) = RuleBasedJudge().grade([task], [stored])
    assert grade.numbers == ((2, 1), (2, 0), (1, 0), (0, 0))
    assert grade.score == 5 / 8


def test_the_lines_of_an_ordering_are_its_parts_and_blank_ones_count() -> None:
    task = asked("beam_event_ordering", "It rained.", "The sun shone.")
    answer = "1. Sun\n\n2. Rain"
    parts = parts_of(task, answer)
    assert [part.text for part in parts] == ["1. Sun", "2. Rain"]
    assert parts[0].reference == "1. It rained.\n2. The sun shone."
    # Rain, sun, "": ranks 1 2 4 and 3 1 2: sun and "" agree, the others do not.
    assert parts_score(task, answer, [[2], [1]]) == pytest.approx((-1 / 3 + 1) / 2)
    assert parts_of(task, "") == []
    assert parts_score(task, "", []) == pytest.approx((-2 / math.sqrt(3 * 2) + 1) / 2)


def test_a_summary_has_three_parts_and_an_empty_one_none() -> None:
    task = asked("infbench_sum_eng_shots2", "Ann wins.", "Bob leaves.", answer="Ann wins; Bob leaves.")
    assert [part.rule for part in parts_of(task, "Ann won.")] == ["fluency", "recall", "precision"]
    assert parts_score(task, "Ann won.", [[1], [1], [1, 1]]) == pytest.approx(2 / 3)
    assert parts_score(task, " ", [[] for _ in parts_of(task, " ")]) == 0.0


@pytest.mark.parametrize(
    ("part", "numbers", "said"),
    [
        (JudgedPart("recall", "", "", highest=3), [4], "from 0 to 3, found 4"),
        (JudgedPart("recall", "", "", highest=3), [], "expected 1 numbers, found 0"),
        (JudgedPart("precision", "", "", 2), [3, 2], "at most 2 supported sentences"),
        (JudgedPart("accuracy", "", "", 2, 2), [3, 1], "from 0 to 2, found 3"),
        (JudgedPart("accuracy", "", "", 2, 2), [1, 2], "expected 0 or 1 as the second number, found 2"),
        (JudgedPart("accuracy", "", "", 2, 2), [2], "expected 2 numbers, found 1"),
        (JudgedPart("accuracy", "", "", 2, 2), [2, 1], ""),
        (JudgedPart("precision", "", "", 2), [-1, 2], "found -1"),
        (JudgedPart("event_ordering", "", "", None, 2), [1, 3], "found 3"),
        (JudgedPart("event_ordering", "", "", None, 2), [], ""),
    ],
)
def test_numbers_that_make_no_sense_are_refused(part: JudgedPart, numbers: list[int], said: str) -> None:
    problem = part.problem(numbers)
    assert said in problem if said else not problem


def test_other_tasks_have_no_parts() -> None:
    assert not judged_in_parts(asked("", "x"))
    with pytest.raises(ValueError, match="is not judged in parts"):
        parts_of(asked("halumem_qa", "x"), "y")


def test_the_rule_based_judge_orders_by_shared_words() -> None:
    task = asked("beam_event_ordering", "Ann planted roses", "Bob sold the violin")
    right, wrong = "Ann planted red roses\nBob sold a violin", "Bob sold a violin\nAnn planted red roses"
    grades = RuleBasedJudge().grade([task, task], [right, wrong])
    assert [grade.score for grade in grades] == [1.0, 0.0]


@given(st.lists(st.integers(0, 5), min_size=2, max_size=8))
def test_a_ranking_agrees_with_itself_and_disagrees_with_its_reverse(ranks: list[int]) -> None:
    tau, reverse = kendall_tau_b(ranks, ranks), kendall_tau_b(ranks, [-rank for rank in ranks])
    if len(set(ranks)) == 1:
        assert math.isnan(tau)
    else:
        assert (tau, reverse) == (pytest.approx(1.0), pytest.approx(-1.0))


@given(st.permutations("ABCDE"), st.data())
def test_an_order_told_in_full_scores_best(order: list[str], data: st.DataObject) -> None:
    same = data.draw(st.lists(st.sets(st.integers(0, 4)), max_size=6))
    lines = [f"line {number}" for number, _ in enumerate(same)]
    score = ordering_score(order, lines, same)
    assert 0.0 <= score <= ordering_score(order, order, [[place] for place in range(5)]) == 1.0
