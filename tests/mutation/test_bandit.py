from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.mutation.bandit import BudgetedThompson, Pull

ARMS = ("a", "b", "c")
PULLS = st.lists(
    st.builds(Pull, st.sampled_from(ARMS), st.floats(-1, 1), st.none() | st.floats(0, 10)), max_size=20
)


def told(pulls) -> BudgetedThompson:
    bandit = BudgetedThompson()
    for number, pull in pulls:
        bandit.reward(number, pull)
    return bandit


def shares(bandit: BudgetedThompson, arms=ARMS, draws: int = 400) -> Counter[str]:
    rng = random.Random(4)
    return Counter(bandit.choose(arms, rng) for _ in range(draws))


def test_without_knowledge_all_arms_are_alike():
    assert all(90 < count < 180 for count in shares(told([])).values())


def test_of_equal_prices_the_better_arm_is_chosen_more_often():
    pulls = [(n, Pull("ab"[n % 2], 0.1 if n % 2 else 0.01, 0.5)) for n in range(60)]
    assert shares(told(pulls), "ab")["b"] > 360


def test_of_equal_gains_the_cheaper_arm_is_chosen_more_often():
    pulls = [(n, Pull("ab"[n % 2], 0.1, 0.1 if n % 2 else 1.0)) for n in range(60)]
    assert shares(told(pulls), "ab")["b"] > 360


def test_an_arm_that_gains_twice_for_ten_times_the_price_loses():
    pulls = [(n, Pull("ab"[n % 2], 0.1 if n % 2 else 0.2, 0.1 if n % 2 else 1.0)) for n in range(60)]
    assert shares(told(pulls), "ab")["b"] > 360


def test_what_has_no_known_price_counts_as_the_dearest_never_as_free():
    unknown = [(n, Pull("ab"[n % 2], 0.1, None if n % 2 else 0.2)) for n in range(40)]
    assert shares(told([*unknown, (99, Pull("c", 0.0, 1.0))]), "ab")["a"] > 360


def test_where_nothing_has_a_price_gain_decides():
    pulls = [(n, Pull("ab"[n % 2], 0.1 if n % 2 else 0.0, None)) for n in range(40)]
    assert shares(told(pulls), "ab")["b"] > 380


def test_a_new_arm_is_tried():
    pulls = [(n, Pull("a", 0.0, 1.0)) for n in range(20)]
    assert shares(told(pulls), "ab")["b"] > 360


@given(PULLS, st.randoms(use_true_random=False), st.integers(0, 25))
def test_the_choice_is_a_function_of_the_outcomes_and_the_generator(pulls, shuffler, upto):
    numbered = list(enumerate(pulls))
    shuffled = list(numbered)
    shuffler.shuffle(shuffled)
    first, again = told(numbered), told([*shuffled, *shuffled])
    earlier = told([(number, pull) for number, pull in numbered if number <= upto])
    for seed in range(5):
        choice = first.choose(ARMS, random.Random(seed))
        assert choice in ARMS
        assert again.choose(ARMS, random.Random(seed)) == choice
        assert first.choose(ARMS, random.Random(seed), upto=upto) == earlier.choose(ARMS, random.Random(seed))


def test_two_outcomes_of_one_pull_are_refused():
    bandit = told([(3, Pull("a", 0.1, 0.2))])
    with pytest.raises(ValueError, match="one outcome for pull 3"):
        bandit.reward(3, Pull("a", 0.2, 0.2))


def test_all_that_had_a_part_in_an_outcome_are_rewarded():
    bandit = BudgetedThompson()
    for number in range(30):
        bandit.reward(number, Pull("a", 0.1, None), Pull("b", 0.1, None))
        bandit.reward(number + 30, Pull("c", 0.0, None))
    found = shares(bandit)
    assert found["c"] < 10
    assert min(found["a"], found["b"]) > 120
