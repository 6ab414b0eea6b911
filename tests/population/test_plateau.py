"""When a search has come to a plateau, by the noise of its scores and its rate of improvements so far."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from evolve.population import PlateauLadder, objective
from evolve.population.plateau import RUNGS, Rung, patience
from evolve.records import Candidate

AXES = [objective("quality"), objective("cost"), objective("latency", tolerance=2.0)]
Born = Callable[..., Candidate]


def ladder_from(born: Born, quality: float = 0.4, highest: Rung = "stop") -> PlateauLadder:
    ladder = PlateauLadder(AXES, highest)
    ladder.start([timed(born(0, quality))])
    return ladder


def timed(candidate: Candidate, latency: float = 0.1) -> Candidate:
    return candidate.model_copy(update={"objectives": {**candidate.objectives, "latency": latency}})


def test_patience_is_the_run_that_is_too_unlikely_at_the_rate_so_far() -> None:
    for rate in (0.05, 0.1, 0.2, 0.4):
        for rung, level in (("warn", 0.2), ("diversify", 0.05), ("stop", 0.0025)):
            needed = patience(rate, rung)  # type: ignore[arg-type]
            assert (1 - rate) ** needed <= level < (1 - rate) ** (needed - 1)


def test_without_an_improvement_the_rungs_are_climbed_in_order(born: Born) -> None:
    ladder = ladder_from(born)
    reached: dict[str, int] = {}
    for number in range(1, 40):
        ladder.settle(None)
        if ladder.rung:
            reached.setdefault(ladder.rung, number)
    assert reached == {"warn": 8, "diversify": 14, "stop": 27}


@pytest.mark.parametrize("highest", RUNGS)
def test_no_rung_above_the_highest_is_reached(born: Born, highest: Rung) -> None:
    ladder = ladder_from(born, highest=highest)
    for _ in range(60):
        ladder.settle(None)
    assert ladder.rung == highest


def test_an_improvement_begins_again_with_the_rate_until_then(born: Born) -> None:
    ladder = ladder_from(born)
    for _ in range(19):
        ladder.settle(None)
    assert ladder.rung == "diversify"
    ladder.settle(timed(born(20, 0.6, parents=(0,))), 0.05)
    assert (ladder.rung, ladder.stale, ladder.improvements) == (None, 0, 1)
    assert ladder.rate == pytest.approx(3 / 30)


def test_a_gain_within_the_noise_is_no_improvement_and_gains_that_add_up_are_one(born: Born) -> None:
    ladder = ladder_from(born, 0.40)
    improved = []
    for number in range(1, 21):
        before = ladder.improvements
        ladder.settle(timed(born(number, 0.40 + number / 100, parents=(0,))), 0.1)
        improved.append(ladder.improvements > before)
    assert ladder.resolution == pytest.approx(0.1)
    assert sum(improved[4:]) == 2, "0.4 to 0.6 in steps of 0.01 is twice the noise of 0.1"


def test_a_cheaper_program_of_the_same_quality_is_an_improvement_and_a_faster_one_is_not(born: Born) -> None:
    ladder = ladder_from(born)
    ladder.settle(timed(born(1, 0.4, 100.0, (0,)), latency=0.001), 0.05)
    assert ladder.improvements == 0
    ladder.settle(timed(born(2, 0.4, 25.0, (0,))), 0.05)
    assert ladder.improvements == 1


@pytest.mark.parametrize("rung", RUNGS)
def test_noisier_scores_give_more_patience(born: Born, rung: Rung) -> None:
    """The same gains, of which the noise hides some: fewer improvements, a lower rate, longer patience."""
    rates = []
    for noise in (0.01, 0.05, 0.2):
        ladder = ladder_from(born, 0.0)
        for number in range(1, 31):
            gain = 0.03 * (number // 3)
            ladder.settle(timed(born(number, gain, parents=(0,))) if number % 3 == 0 else None, noise)
        rates.append(ladder.rate)
    needed = [patience(rate, rung) for rate in rates]
    assert needed == sorted(needed)
    assert needed[0] < needed[-1]


def test_a_search_that_goes_on_improving_is_seldom_taken_for_one_on_a_plateau(born: Born) -> None:
    """1,000 runs at a constant rate: the share that reaches a rung before their next improvement."""
    rng = random.Random(0)
    rate, reached = 0.2, dict.fromkeys(RUNGS, 0)
    for _ in range(1_000):
        stale = 0
        while rng.random() >= rate:
            stale += 1
        for rung in RUNGS:
            reached[rung] += stale >= patience(rate, rung)
    assert 150 <= reached["warn"] <= 220  # (1 − 0.2)^8 = 0.168
    assert 25 <= reached["diversify"] <= 65  # 0.044
    assert reached["stop"] <= 10  # 0.0024


def test_the_state_depends_on_what_was_settled_alone(born: Born) -> None:
    rng = random.Random(1)
    past = [
        timed(born(n, rng.random(), rng.choice((50.0, 100.0)), (0,))) if rng.random() < 0.8 else None
        for n in range(1, 60)
    ]
    states = []
    for _ in range(2):
        ladder = ladder_from(born)
        for candidate in past:
            ladder.settle(candidate, 0.05)
        states.append((ladder.settled, ladder.improvements, ladder.stale, ladder.rate, ladder.rung))
    assert states[0] == states[1]
