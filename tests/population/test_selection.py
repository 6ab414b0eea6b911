from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from evolve.population import (
    SELECTORS,
    Latest,
    Max,
    ParentSelector,
    ParetoArchive,
    ParetoRank,
    PerItem,
    Recency,
    Softmax,
    Uniform,
    objective,
)
from evolve.records import Candidate

Born = Callable[..., Candidate]
DRAWS = 20_000


def archive_of(candidates: Sequence[Candidate]) -> ParetoArchive:
    archive = ParetoArchive([objective("quality"), objective("cost")])
    for candidate in candidates:
        if candidate.complete:
            archive.add(candidate.number, candidate.objectives)
    return archive


def drawn(selector: ParentSelector, candidates: Sequence[Candidate]) -> Counter[int]:
    rng, archive = random.Random(7), archive_of(candidates)
    return Counter(selector.select(candidates, archive, rng).number for _ in range(DRAWS))


def assert_fits(counts: Counter[int], expected: dict[int, float]) -> None:
    """Pearson's chi-square below its 0.1 % critical value (18.5 at 4 degrees of freedom, fewer need less)."""
    assert set(counts) <= {number for number, p in expected.items() if p > 0}
    cells = [(counts[number], DRAWS * p) for number, p in expected.items() if p > 0]
    assert len(cells) <= 5
    assert sum((found - wanted) ** 2 / wanted for found, wanted in cells) < 18.5


@pytest.mark.parametrize("temperature", [0.05, 0.15, 1.0])
def test_softmax_draws_in_proportion_to_the_exponential_of_quality(born: Born, temperature: float):
    qualities = {0: 0.2, 1: 0.35, 2: 0.5, 4: 0.45}
    candidates = [*(born(n, q) for n, q in qualities.items()), born(5)]
    total = sum(math.exp(q / temperature) for q in qualities.values())
    expected = {n: math.exp(q / temperature) / total for n, q in qualities.items()} | {5: 0.0}
    assert_fits(drawn(Softmax(temperature), candidates), expected)


def test_softmax_defaults_to_the_temperature_of_the_paper():
    assert Softmax() == Softmax(temperature=0.15)


def test_softmax_is_stable_at_extreme_qualities(born: Born):
    candidates = [born(0, 1e6), born(1, 1e6 - 0.15), born(2, -1e6)]
    share = math.e / (1 + math.e)
    assert_fits(drawn(Softmax(), candidates), {0: share, 1: 1 - share, 2: 0.0})
    assert drawn(Softmax(), [born(0, -1e6)]) == {0: DRAWS}


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_a_temperature_that_cannot_be_is_refused(temperature: float):
    with pytest.raises(ValueError, match=r"temperature above 0, found"):
        Softmax(temperature)


def test_pareto_prefers_the_lower_rank(born: Born):
    # One line of rising quality at one cost: the rank of a candidate is its place in it.
    candidates = [born(n, n / 10) for n in range(4)]
    # The best of two out of four: 3 in 3 of 6 pairs, 2 in 2, 1 in 1.
    assert_fits(drawn(ParetoRank(), candidates), {0: 0.0, 1: 1 / 6, 2: 2 / 6, 3: 3 / 6})


def test_pareto_prefers_the_less_crowded_within_a_rank(born: Born):
    # All on one front; 0 and 4 are its ends, 2 and 3 sit close together with 3 the lonelier of them.
    candidates = [born(0, 0.1, 2), born(1, 0.3, 8), born(2, 0.32, 16), born(3, 0.4, 32), born(4, 0.9, 64)]
    archive = archive_of(candidates)
    assert archive.front == (0, 1, 2, 3, 4)
    distance = archive.crowding(archive.front)
    assert distance[3] > distance[1] > distance[2]
    # Of ten pairs: the ends win all theirs and share the one between them; then 3, then 1; 2 never wins.
    expected = {0: 3.5 / 10, 4: 3.5 / 10, 3: 2 / 10, 1: 1 / 10, 2: 0.0}
    assert_fits(drawn(ParetoRank(), candidates), expected)


def test_per_item_shares_each_item_among_its_best(born: Born):
    scores = {0: {"a": 1.0, "b": 0.2, "c": 0.0}, 1: {"a": 1.0, "b": 0.5, "c": 0.0}, 2: {"a": 0.9, "b": 0.4}}
    candidates = [born(n, 0.5).model_copy(update={"item_scores": items}) for n, items in scores.items()]
    # "a" is halved between 0 and 1, "b" is 1's alone, nobody earned anything on "c"; 2 is best on none.
    assert_fits(drawn(PerItem(), candidates), {0: 1 / 4, 1: 3 / 4, 2: 0.0})


def test_per_item_keeps_a_chance_for_a_specialist(born: Born):
    everyday = {f"item {n}": 1.0 for n in range(9)}
    scores = {0: {**everyday, "hard": 0.0}, 1: {**dict.fromkeys(everyday, 0.0), "hard": 0.5}}
    candidates = [born(n, 0.5).model_copy(update={"item_scores": items}) for n, items in scores.items()]
    assert_fits(drawn(PerItem(), candidates), {0: 9 / 10, 1: 1 / 10})


def test_per_item_ignores_what_a_raced_child_scored(born: Born):
    raced = born(1, 0.9).model_copy(update={"raced": True, "objectives": {}, "item_scores": {"a": 1.0}})
    whole = born(0, 0.5).model_copy(update={"item_scores": {"a": 0.5}})
    assert drawn(PerItem(), [whole, raced]) == {0: DRAWS}


def test_per_item_without_any_score_draws_evenly(born: Born):
    candidates = [born(0, 0.9), born(1, 0.1).model_copy(update={"item_scores": {"a": 0.0}})]
    assert_fits(drawn(PerItem(), candidates), {0: 1 / 2, 1: 1 / 2})


def test_recency_counts_children_and_prefers_who_had_few(born: Born):
    raced = born(4, parents=(0,)).model_copy(update={"raced": True, "failed": False})
    candidates = [born(0, 0.5), born(1, 0.5), born(2, 0.4, parents=(0,)), born(3, parents=(0, 1)), raced]
    values = {0: 0.5 + 0.2 / 4, 1: 0.5 + 0.2, 2: 0.4 + 0.2}
    total = sum(math.exp(value / 0.1) for value in values.values())
    expected = {n: math.exp(value / 0.1) / total for n, value in values.items()}
    assert_fits(drawn(Recency(temperature=0.1, bonus=0.2), candidates), expected)


def test_recency_without_a_bonus_is_softmax(born: Born):
    candidates = [born(0, 0.5), born(1, 0.3, parents=(0,)), born(2, 0.6, parents=(0,)), born(3)]
    assert drawn(Recency(bonus=0.0), candidates) == drawn(Softmax(), candidates)


@pytest.mark.parametrize("bonus", [-0.1, math.nan, math.inf])
def test_a_bonus_that_cannot_be_is_refused(bonus: float):
    with pytest.raises(ValueError, match="bonus of 0 or more, found"):
        Recency(bonus=bonus)


def test_max_takes_the_best_and_on_a_tie_the_cheaper_then_the_earlier(born: Born):
    candidates = [born(0, 0.4), born(1, 0.6, 90), born(2, 0.6, 50), born(3, 0.6, 50), born(4)]
    assert Max().select(candidates, archive_of(candidates), random.Random(0)).number == 2


def test_latest_takes_the_newest_that_did_not_fail_however_good(born: Born):
    candidates = [born(0, 0.4), born(1, 0.9), born(4, 0.1, 80), born(6)]
    assert Latest().select(candidates, archive_of(candidates), random.Random(0)).number == 4


def test_uniform_has_no_regard_for_quality(born: Born):
    candidates = [born(0, 0.1), born(1, 0.9), born(2), born(3, 0.5)]
    assert_fits(drawn(Uniform(), candidates), {0: 1 / 3, 1: 1 / 3, 3: 1 / 3})


@pytest.mark.parametrize("name", SELECTORS)
def test_failed_candidates_are_never_selected(name: str, born: Born):
    candidates = [born(0), born(1, 0.0), born(2), born(3)]
    assert drawn(SELECTORS[name](), candidates) == {1: DRAWS}


@pytest.mark.parametrize("name", SELECTORS)
def test_without_an_unfailed_candidate_the_error_says_so(name: str, born: Born):
    with pytest.raises(ValueError, match=r"did not fail, found 2 of which all failed.*Add a seed"):
        SELECTORS[name]().select([born(0), born(1)], archive_of([]), random.Random(0))


@pytest.mark.parametrize("name", SELECTORS)
def test_an_equal_generator_gives_an_equal_choice(name: str, born: Born):
    candidates = [born(n, n / 7, 2.0**n) for n in range(8)]
    archive, selector = archive_of(candidates), SELECTORS[name]()
    choices = [[selector.select(candidates, archive, random.Random(s)) for s in range(20)] for _ in range(2)]
    assert choices[0] == choices[1]
