from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.population import SELECTORS, Max, Population, Request, Softmax, objective
from evolve.records import Candidate

Born = Callable[..., Candidate]


def empty(selector: str = "softmax", seed: int = 3) -> Population:
    return Population([objective("quality"), objective("cost")], SELECTORS[selector](), seed)


def seeded(born: Born, *qualities: float | None, selector: str = "softmax", seed: int = 3) -> Population:
    population = empty(selector, seed)
    for number, quality in enumerate(qualities):
        population.add_seed(born(number, quality))
    return population


def child_of(born: Born, request: Request, quality: float | None, cost: float = 100.0) -> Candidate:
    return born(request.number, quality, cost, parents=(request.parent.number,))


def state(population: Population) -> tuple[object, ...]:
    """All that a campaign can see of a population whose requests are settled."""
    return (
        population.pool.candidates,
        population.pool.front,
        population.pool.best,
        population.pool.archive.ranks(),
    )


def next_requests(population: Population, n: int = 5) -> list[Request]:
    return [population.ask() for _ in range(n)]


def test_numbers_continue_after_the_seeds_and_each_is_used_once(born: Born):
    population = seeded(born, 0.1, 0.2, 0.3)
    first, second, third = next_requests(population, 3)
    assert [first.number, second.number, third.number] == [3, 4, 5]
    population.discard(4)
    population.tell(child_of(born, third, 0.4))
    assert population.ask().number == 6
    assert population.ask().number == 7, "3 and 6 are outstanding, 4 and 5 settled"
    assert [c.number for c in population.pool.candidates] == [0, 1, 2, 5]


def test_a_told_child_enters_the_front_or_says_what_keeps_it_out(born: Born):
    population = seeded(born, 0.5)
    worse, better, failed = next_requests(population, 3)
    assert population.tell(child_of(born, worse, 0.4)).dominated_by == 0
    assert population.tell(child_of(born, better, 0.6)).displaced == (0,)
    assert not population.tell(child_of(born, failed, None)).entered
    assert [c.number for c in population.pool.front] == [better.number]


def test_best_is_the_highest_quality_then_the_cheapest_then_the_earliest(born: Born):
    population = empty()
    for candidate in (born(0, 0.5, 10), born(3, 0.7, 50), born(2, 0.7, 50), born(1, 0.7, 90), born(4)):
        population.add_seed(candidate)
    assert population.pool.best == born(2, 0.7, 50)


def test_best_is_the_one_of_two_twins_that_the_front_shows(born: Born):
    population = Population([objective("quality"), objective("latency")], SELECTORS["softmax"](), 3)
    for number, seconds in ((0, 2.0), (1, 0.02)):
        twin = born(number, 0.7)
        population.add_seed(twin.model_copy(update={"objectives": {**twin.objectives, "latency": seconds}}))
    assert population.pool.front == (population.pool.best,)
    assert population.pool.best is not None
    assert population.pool.best.number == 1


def test_the_untimed_front_does_not_depend_on_measured_time(born: Born):
    def fronts(seconds: float) -> list[list[int]]:
        population = Population([objective(n) for n in ("quality", "cost", "latency")], Softmax(), seed=0)
        for number, quality in enumerate((0.4, 0.5, 0.6)):
            candidate = born(number, quality)
            latency = seconds if number == 0 else 0.5
            population.add_seed(
                candidate.model_copy(update={"objectives": {**candidate.objectives, "latency": latency}})
            )
        return [[c.number for c in front] for front in (population.pool.front, population.pool.untimed_front)]

    assert fronts(0.001) == [[0, 2], [2]]
    assert fronts(5.0) == [[2], [2]]


def test_an_empty_population_has_no_best(born: Born):
    population = seeded(born, None)
    assert (population.pool.best, population.pool.front) == (None, ())


@pytest.mark.parametrize("selector", SELECTORS)
def test_the_order_in_which_outstanding_children_are_told_does_not_matter(born: Born, selector: str):
    # With ties: 2, 3 and 5 share one grid point.
    qualities = {2: 0.5, 3: 0.5, 4: None, 5: 0.5, 6: 0.4}
    outcomes = []
    for order in itertools.permutations(qualities):
        population = seeded(born, 0.1, 0.3, selector=selector)
        requests = {request.number: request for request in next_requests(population, 5)}
        for number in order:
            population.tell(child_of(born, requests[number], qualities[number]))
        outcomes.append((state(population), next_requests(population, 3)))
    assert len(outcomes) == math.factorial(5)
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert [c.number for c in outcomes[0][0][1]] == [2]


@given(st.permutations(range(4)))
def test_the_order_in_which_seeds_are_added_does_not_matter(born: Born, order: list[int]):
    seeds = [born(0, 0.3), born(1, 0.5), born(2), born(3, 0.5)]
    population, sorted_population = empty(), empty()
    for number in order:
        population.add_seed(seeds[number])
    for candidate in seeds:
        sorted_population.add_seed(candidate)
    assert state(population) == state(sorted_population)
    assert next_requests(population) == next_requests(sorted_population)


@given(st.data())
def test_asked_and_answered_again_from_a_record_it_is_the_same(born: Born, data: st.DataObject):
    """How a campaign resumes: the same questions in the same order, with the recorded answers."""
    steps = data.draw(st.integers(0, 12))
    rng = random.Random(data.draw(st.integers(0, 1000)))
    population, record = seeded(born, 0.1, 0.3), []
    for _ in range(steps):
        request = population.ask()
        if rng.random() < 0.25:
            population.discard(request.number)
            record.append((request, None))
        else:
            quality = None if rng.random() < 0.2 else rng.choice([0.2, 0.4, 0.6])
            child = child_of(born, request, quality, cost=rng.choice([50, 100, 400]))
            population.tell(child)
            record.append((request, child))
    resumed = seeded(born, 0.1, 0.3)
    for request, child in record:
        assert resumed.ask() == request
        if child is None:
            resumed.discard(request.number)
        else:
            resumed.tell(child)
    assert state(resumed) == state(population)
    assert next_requests(resumed) == next_requests(population)


def test_requests_depend_on_the_seed_and_on_nothing_else(born: Born):
    qualities = [n / 20 for n in range(12)]
    first, again, other = (
        [request.parent.number for request in next_requests(seeded(born, *qualities, seed=seed), 20)]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert len(set(first)) > 3


def test_the_partner_is_chosen_like_a_parent_among_the_others(born: Born):
    population = seeded(born, 0.9, 0.5, None, 0.2, selector="max")
    assert {(r.parent.number, r.partner.number) for r in next_requests(population, 30) if r.partner} == {
        (0, 1)
    }


def test_partners_do_not_depend_on_measured_time(born: Born):
    def partners(seconds: float) -> list[int]:
        population = Population([objective(n) for n in ("quality", "latency")], Softmax(), seed=0)
        for number, quality in enumerate((0.4, 0.5, 0.6)):
            candidate = born(number, quality)
            latency = seconds if number == 0 else 0.5
            population.add_seed(
                candidate.model_copy(update={"objectives": {"quality": quality, "latency": latency}})
            )
        return [r.partner.number for r in next_requests(population, 20) if r.partner]

    assert partners(0.001) == partners(5.0)


def test_a_lone_candidate_has_no_partner(born: Born):
    assert seeded(born, 0.9, None).ask().partner is None


class TestCallsOutOfOrder:
    def test_ask_before_a_seed(self):
        with pytest.raises(RuntimeError, match=r"Expected a seed before an ask, received none.*add_seed"):
            empty().ask()

    def test_a_seed_after_the_first_ask(self, born: Born):
        population = seeded(born, 0.1)
        population.ask()
        with pytest.raises(RuntimeError, match=r"received seed 5 after child 1.*Add all seeds first"):
            population.add_seed(born(5, 0.2))

    @pytest.mark.parametrize("number", [0, -1])
    def test_a_seed_whose_number_cannot_be(self, born: Born, number: int):
        with pytest.raises(ValueError, match=rf"received {number}; taken: 0\. Number the seeds"):
            seeded(born, 0.1).add_seed(born(number, 0.3))

    def test_tell_of_what_was_not_asked(self, born: Born):
        population = seeded(born, 0.1)
        with pytest.raises(
            RuntimeError, match=r"outstanding request \(none\), received number 1, which was never asked"
        ):
            population.tell(born(1, 0.2, parents=(0,)))

    def test_tell_twice(self, born: Born):
        population = seeded(born, 0.1)
        child = child_of(born, population.ask(), 0.2)
        population.tell(child)
        with pytest.raises(RuntimeError, match=r"received number 1, which was settled before"):
            population.tell(child)

    def test_discard_after_tell_and_tell_after_discard(self, born: Born):
        population = seeded(born, 0.1)
        told, dropped = next_requests(population, 2)
        population.tell(child_of(born, told, 0.2))
        population.discard(dropped.number)
        with pytest.raises(RuntimeError, match="settled before"):
            population.discard(told.number)
        with pytest.raises(RuntimeError, match="settled before"):
            population.tell(child_of(born, dropped, 0.2))

    def test_ask_when_every_seed_failed_hands_nothing_out(self, born: Born):
        population = seeded(born, None, None)
        with pytest.raises(ValueError, match="all failed"):
            population.ask()
        population.add_seed(born(2, 0.1))  # the remedy works
        assert population.ask().number == 3


@pytest.mark.parametrize("parents", [(), (7,), (0, 7), (1,)])
def test_a_child_must_name_parents_that_were_told_and_may_be_told_again_corrected(
    born: Born, parents: Iterable[int]
):
    population = seeded(born, 0.1)
    request = population.ask()
    with pytest.raises(ValueError, match="Expected the parents of child 1"):
        population.tell(born(1, 0.2, parents=tuple(parents)))
    population.tell(child_of(born, request, 0.2))


def test_a_child_without_an_objective_is_refused_and_stays_outstanding(born: Born):
    population = seeded(born, 0.1)
    request = population.ask()
    with pytest.raises(ValueError, match="cost"):
        population.tell(child_of(born, request, 0.2).model_copy(update={"objectives": {"quality": 1.0}}))
    assert len(population.pool.candidates) == len(population.pool.archive) == 1
    population.tell(child_of(born, request, 0.2))


def test_quality_must_be_among_the_objectives():
    with pytest.raises(ValueError, match=r"Expected quality among the objectives, found \['cost'\]"):
        Population([objective("cost")], Max(), seed=0)


def test_a_mutating_campaign_improves_and_stays_consistent(born: Born):
    """A whole loop in the small: children drift from their parents, four at a time, told in random order."""
    rng = random.Random(0)
    population = Population([objective("quality"), objective("cost")], Softmax(), seed=5)
    population.add_seed(born(0, 0.2, 100))
    for _ in range(25):
        requests = next_requests(population, 4)
        rng.shuffle(requests)
        for request in requests:
            quality = min(1.0, max(0.0, request.parent.objectives["quality"] + rng.gauss(0, 0.05)))
            population.tell(child_of(born, request, quality, cost=100 * 2 ** rng.gauss(0, 1)))
    assert population.pool.best is not None
    assert population.pool.best.objectives["quality"] > 0.4
    assert [c.number for c in population.pool.candidates] == list(range(101))
    assert population.pool.best in population.pool.front
