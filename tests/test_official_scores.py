"""Our scorers against cases worked out by hand from the official ones: numbers, unicode, empty, negative."""

from __future__ import annotations

import pytest

from evolve.records import Criterion, Evidence, Task
from evolve.scoring import (
    METRICS,
    episode_recall,
    episode_recall_all,
    episode_recall_any,
    exact_match,
    hotpot_f1,
    locomo_f1,
    rubric_coverage,
    rubric_score,
)


def asked(*answers: str, category: str = "", question: str = "?") -> Task:
    return Task(id="t", question=question, answers=answers, category=category)


@pytest.mark.parametrize(
    ("category", "gold", "answer", "expected"),
    [
        # plain stemmed F1: P = 2/3 ("of" is too much), R = 1
        ("single-hop", "sunset painting", "A painting of the sunset", 0.8),
        ("single-hop", "running", "she runs", 2 / 3),  # run | she run: P = 1/2, R = 1
        ("single-hop", "pottery", "", 0.0),
        ("single-hop", "pottery", "...", 0.0),
        ("single-hop", "3", "3.", 1.0),
        ("single-hop", "3", "three", 0.0),
        ("single-hop", "1,200 dollars", "1200 dollars", 1.0),  # commas go before the words are split
        ("single-hop", "Café Zoë", "café zoë", 1.0),
        ("single-hop", "Café Zoë", "cafe zoe", 0.0),  # accents are kept
        ("single-hop", "its", "it’s", 0.0),  # only ASCII punctuation goes
        ("temporal", "7 May 2023", "May 7, 2023", 1.0),
        ("temporal", "The week before 9 June 2023", "9 June 2023", 0.75),  # P = 1, R = 3/5
        # each gold part takes its best part of the answer
        ("multi-hop", "pottery, camping", "camping", 0.5),
        ("multi-hop", "pottery, camping", "camping, pottery", 1.0),
        ("multi-hop", "beach, mountains", "beaches and the mountain", 2 / 3),
        ("multi-hop", "beach, mountains", "", 0.0),
        # the gold answer counts up to the semicolon, the answer in full
        ("open-domain", "Likely no; she has a job", "likely no", 1.0),
        ("open-domain", "No", "no; yes", 2 / 3),
    ],
)
def test_locomo(category: str, gold: str, answer: str, expected: float) -> None:
    assert locomo_f1(asked(gold, category=category), answer) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("gold", "answer", "f1", "em"),
    [
        ("The Prestige", "prestige.", 1.0, 1),
        ("Christopher Nolan", "Nolan", 2 / 3, 0),
        ("new york", "new new york", 0.8, 0),  # a repeated word counts once
        ("yes", "Yes!", 1.0, 1),
        ("yes", "yes, it is", 0.0, 0),  # yes and no are met whole or not at all
        ("no one", "no", 0.0, 0),
        ("noanswer", "noanswer", 1.0, 1),
        ("1,000", "1000", 1.0, 1),
        ("1986", "in 1986", 2 / 3, 0),
        ("Alû", "alû", 1.0, 1),
        ("Alû", "Alu", 0.0, 0),
        ("a spirit", "", 0.0, 0),
        ("the", "", 0.0, 1),  # both are empty: equal, but they share no word
    ],
)
def test_hotpotqa(gold: str, answer: str, f1: float, em: float) -> None:
    assert hotpot_f1(asked(gold), answer) == pytest.approx(f1)
    assert exact_match(asked(gold), answer) == em


def test_hotpotqa_takes_the_best_accepted_answer() -> None:
    assert hotpot_f1(asked("no", "Nolan"), "nolan") == 1.0


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ([(10, True), (7, False), (-5, True)], 5 / 17),  # the fault is subtracted, not added below the line
        ([(10, True), (7, True), (-5, False)], 1.0),
        ([(3, True), (-10, True)], 0.0),  # −7/3: clipped, where HealthBench clips the mean only
        ([(10.0, False), (4.0, False)], 0.0),
        ([(0.5, True), (1.5, False)], 0.25),
        ([(0, True), (8, True), (2, False)], 0.8),
    ],
)
def test_rubrics(marks: list[tuple[float, bool]], expected: float) -> None:
    assert rubric_score(marks) == pytest.approx(expected)


@pytest.mark.parametrize("marks", [[], [(-5, True)], [(-5, False), (-1, True)], [(0, True)]])
def test_a_rubric_that_nothing_can_be_earned_by_has_no_score(marks: list[tuple[float, bool]]) -> None:
    with pytest.raises(ValueError, match="at least one criterion with positive points"):
        rubric_score(marks)


def of_rubric(*criteria: tuple[str, float], question: str = "?") -> Task:
    rubric = tuple(Criterion(text=text, points=points) for text, points in criteria)
    return Task(id="t", question=question, rubric=rubric)


@pytest.mark.parametrize(
    ("task", "retrieved", "expected"),
    [
        # advises, resting, ankle: one of three, 6 points; drinking, water: both, 2 points
        (of_rubric(("Advises resting the ankle", 6), ("Drinking water", 2)), "water, drinking; ankle", 0.5),
        # what the question says need not be remembered: advises and resting are left
        (of_rubric(("Advises resting the ankle", 6), question="My ankle hurts."), "resting", 0.5),
        (of_rubric(("Rest", 5), ("Scares the patient", -5)), "rest scares patient", 1.0),
        (of_rubric(("Scares the patient", -5)), "scares patient", 0.0),
        (of_rubric(("Rest", 5)), "", 0.0),
        (of_rubric(("Ruhe für den Knöchel", 5)), "RUHE für den KNÖCHEL", 1.0),
    ],
)
def test_how_much_of_a_rubric_is_retrieved(task: Task, retrieved: str, expected: float) -> None:
    assert rubric_coverage(task, retrieved) == pytest.approx(expected)


def test_episode_recall_counts_sessions_and_not_turns() -> None:
    turns = [("s1", "user: I bought a canoe"), ("s1", "user: It is red"), ("s2", "user: I sold the canoe")]
    task = Task(
        id="t",
        question="?",
        answers=("no",),
        evidence=tuple(Evidence(episode=episode, text=text) for episode, text in turns),
    )
    assert episode_recall(task, "user: it is red") == 0.5
    assert episode_recall(task, "user: it is red\nuser: I sold the canoe") == 1.0
    assert episode_recall(task, "a canoe") == 0.0
    assert episode_recall(asked("red canoe"), "the canoe") == 0.5
    for retrieved, some, all_ in (("user: it is red", 1, 0), ("a canoe", 0, 0)):
        assert episode_recall_any(task, retrieved) == some
        assert episode_recall_all(task, retrieved) == all_
    assert episode_recall_all(task, "user: it is red\nuser: I sold the canoe") == 1
    assert episode_recall_any(asked("red canoe"), "the canoe") == 0.5


def test_rubrics_need_no_answer_and_answers_no_rubric() -> None:
    assert METRICS["rubric_coverage"].applies(of_rubric(("Rest", 5)))
    assert not METRICS["f1"].applies(of_rubric(("Rest", 5)))
    assert not METRICS["rubric_coverage"].applies(asked("x"))
