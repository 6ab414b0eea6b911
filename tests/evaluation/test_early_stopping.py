from __future__ import annotations

import math
import random
import threading
from statistics import NormalDist, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.evaluation import Subset
from evolve.evaluation.early_stopping import (
    FLOOR,
    EarlyStopper,
    FrontMember,
    chance_of_groups,
    chance_to_draw_level,
)
from evolve.records import ItemResult

scores = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=20, max_size=60)


def items(values: list[float]) -> list[ItemResult]:
    return [
        ItemResult(task=str(n), score=value, metrics={}, query={}, retrieved="", answer="", seconds=0.0)
        for n, value in enumerate(values)
    ]


def member(values: list[float], cost: float | None = None) -> FrontMember:
    return FrontMember(1, {str(n): value for n, value in enumerate(values)}, cost)


def test_a_child_that_is_as_good_is_never_given_up():
    assert chance_to_draw_level([0.0] * 30, 60) == 1.0
    assert chance_to_draw_level([0.0, 0.1] * 15, 60) == 1.0


def test_a_clear_loser_is_given_up_and_too_few_items_say_nothing():
    assert chance_to_draw_level([-1.0] * 20, 60) < 1e-6
    assert chance_to_draw_level([-1.0] * 7, 60) == 1.0
    assert chance_to_draw_level([-1.0] * 60, 60) == 1.0  # nothing is left to predict


def test_the_chance_falls_with_the_evidence():
    loss = [-0.5, 0.0, 0.0, -0.5] * 8
    chances = [chance_to_draw_level(loss[:n], 200) for n in (8, 16, 32)]
    assert chances == sorted(chances, reverse=True)
    assert chance_to_draw_level(loss, 40) < chance_to_draw_level(loss, 400)  # less is left to make up


@given(scores, st.floats(0.001, 0.4))
def test_against_itself_nobody_is_given_up(values: list[float], risk: float):
    early_stopper = EarlyStopper([member(values)], risk=risk)
    assert early_stopper.should_stop(items(values)[:10], 1.0, total=len(values), interim_analyses=5) == ""


def test_a_cheaper_child_is_not_given_up_for_its_quality():
    losing, winning = items([0.0] * 20), [1.0] * 60
    costly = EarlyStopper([member(winning, cost=100.0)], risk=0.05)
    assert costly.should_stop(losing, 99.0, total=60, interim_analyses=5) == ""
    assert "against #1 on 20 of 60 items" in costly.should_stop(losing, 101.0, total=60, interim_analyses=5)
    assert EarlyStopper([member(winning)], risk=0.05).should_stop(losing, 1.0, total=60, interim_analyses=5)


def test_of_children_that_would_have_made_it_few_are_given_up():
    """Children a little better and worse than the front member, in random orders, looked at five times."""
    rng = random.Random(7)
    good = lost = 0
    for _ in range(2_000):
        old = [float(rng.random() < 0.55) for _ in range(60)]
        new = [value if rng.random() < 0.6 else float(rng.random() < 0.5) for value in old]
        if sum(new) < sum(old):
            continue
        good += 1
        early_stopper = EarlyStopper([member(old)], risk=0.05)
        lost += any(
            early_stopper.should_stop(items(new)[:n], 1.0, total=60, interim_analyses=5) != ""
            for n in range(10, 60, 10)
        )
    assert good > 400
    assert lost / good < 0.05


def test_a_risk_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"between 0 and 0\.5"):
        EarlyStopper([], risk=0.0)


@pytest.mark.parametrize("scope", ["grouped", "pooled"])
def test_an_evaluation_ends_where_it_is_stopped_early(make_world, make_program, scope):
    world = make_world(scope, groups=8)
    subset = Subset("static", world.benchmark.validation, world.benchmark.episodes)
    whole = world.make().evaluate(make_program(), subset)
    front = FrontMember(0, {item.task: item.score for item in whole.items})
    empty = make_program(read='return "nothing"')
    raced = world.make().evaluate(empty, subset, early_stopper=EarlyStopper([front], risk=0.05))
    assert raced.status == "raced"
    assert 8 <= len(raced.items) < len(subset.tasks)
    assert raced.quality.mean != raced.quality.mean  # partial scores are no score
    assert "against #0" in raced.reason
    if scope == "grouped":
        assert len(raced.writes) < len(subset.episodes)  # what is not asked is not remembered either
    kept = world.make().evaluate(make_program(), subset, early_stopper=EarlyStopper([front], risk=0.05))
    assert (kept.status, kept.quality, kept.items) == ("complete", whole.quality, whole.items)


def test_queries_of_the_next_block_are_asked_for_while_this_one_is_answered(make_world, make_program):
    world = make_world("pooled", groups=8)
    asked: set[str] = set()
    answered: list[int] = []
    more = threading.Condition()
    formulate, respond = world.agent.formulate, world.agent.respond

    def noting(parts, tasks, repeat=0):
        with more:
            asked.update(task.id for task in tasks)
            more.notify_all()
        return formulate(parts, tasks, repeat)

    def waiting(parts, recollections, repeat=0):
        answered.append(len(recollections))
        with more:
            awaited = min(sum(answered) + 1, len(world.benchmark.validation))
            assert more.wait_for(lambda: len(asked) >= awaited, timeout=60)
        return respond(parts, recollections, repeat)

    world.agent.formulate, world.agent.respond = noting, waiting
    subset = Subset("static", world.benchmark.validation, world.benchmark.episodes)
    member = FrontMember(0, dict.fromkeys((task.id for task in subset.tasks), 0.0))
    evaluator = world.make(metric="f1", interim_analyses=2)
    kept = evaluator.evaluate(make_program(), subset, early_stopper=EarlyStopper([member], risk=0.05))
    assert kept.status == "complete"
    assert (len(answered), sum(answered)) == (3, len(subset.tasks))


@pytest.mark.parametrize("raced", [True, False])
def test_queries_that_were_formulated_ahead_are_not_asked_for_again(make_world, make_program, raced):
    world = make_world("pooled", groups=8)
    asked: list[str] = []
    formulate = world.agent.formulate

    def noting(parts, tasks, repeat=0):
        asked.extend(task.id for task in tasks)
        return formulate(parts, tasks, repeat)

    world.agent.formulate = noting
    validation = world.benchmark.validation
    subset = Subset("static", validation, world.benchmark.episodes)
    evaluator, program = world.make(metric="f1", interim_analyses=2), make_program()
    ahead = evaluator.first_tasks(subset, raced=raced)
    assert len(ahead) == (len(validation) / 3 if raced else len(validation))
    reads = evaluator.try_reads(program, Subset("probe", validation[:1], world.benchmark.episodes), ahead)
    assert set(reads.texts) == {validation[0].id}
    member = FrontMember(0, dict.fromkeys((task.id for task in subset.tasks), 0.0))
    stopper = EarlyStopper([member], risk=0.05) if raced else None
    assert evaluator.evaluate(program, subset, early_stopper=stopper).status == "complete"
    assert sorted(asked) == sorted(task.id for task in validation)


def test_the_chance_is_that_of_the_formula():
    """n = 9 of 36, mean −0.1, sample deviation 0.3: the error is √(8/6) · 0.3 · √(27 / (9 · 36))."""
    seen = [-0.1 + 0.3 * x for x in (-1.5, -1.0, -0.5, 0.0, 0.0, 0.0, 0.5, 1.0, 1.5)]
    spread = stdev(seen)
    error = math.sqrt(8 / 6) * spread * math.sqrt(27 / (9 * 36))
    assert chance_to_draw_level(seen, 36) == pytest.approx(NormalDist().cdf(-0.1 / error))


def test_equal_losses_are_taken_to_spread_by_the_floor():
    error = math.sqrt(9 / 7) * FLOOR * math.sqrt(90 / (10 * 100))
    assert chance_to_draw_level([-0.02] * 10, 100) == pytest.approx(NormalDist().cdf(-0.02 / error))


def test_groups_of_one_item_each_are_the_plain_prediction_but_for_the_tail():
    seen = [-0.1 + 0.3 * x for x in (-1.5, -1.0, -0.5, 0.0, 0.0, 0.0, 0.5, 1.0, 1.5)]
    by_groups = chance_of_groups([[value] for value in seen], 36, 36)
    assert by_groups == pytest.approx(chance_to_draw_level(seen, 36), abs=0.02)


def test_losses_of_few_groups_that_differ_do_not_give_a_child_up():
    losses = [[-0.6] * 10, [0.1] * 10, [-0.5] * 10, [0.1] * 10, [-0.4] * 10]
    flat = [value for group in losses for value in group]
    assert chance_to_draw_level(flat, 100) < 0.001
    assert chance_of_groups(losses, 100, 10) > 0.01  # the risk of 5 %, shared out over five interim analyses
    assert chance_of_groups(losses[:3], 100, 10) == 1.0, "three groups say nothing"
    assert chance_of_groups(losses, 50, 5) == 1.0, "nothing is left to predict"


def test_groups_count_where_they_are_given():
    losses = [-0.6] * 10 + [0.1] * 10 + [-0.5] * 10 + [0.1] * 10 + [-0.4] * 10
    known = {str(n): 0.6 for n in range(100)}
    child = items([0.6 + loss for loss in losses])
    groups = {str(n): f"g{n // 10}" for n in range(100)}
    assert EarlyStopper([FrontMember(1, known)], risk=0.05).should_stop(
        child, 1.0, total=100, interim_analyses=5
    )
    assert not EarlyStopper([FrontMember(1, known)], risk=0.05, groups=groups).should_stop(
        child, 1.0, total=100, interim_analyses=5
    )
    lost = items([0.0] * 50)
    said = EarlyStopper([FrontMember(1, known)], risk=0.05, groups=groups).should_stop(
        lost, 1.0, total=100, interim_analyses=5
    )
    assert "on 50 of 100 items (5 of 10 groups)" in said


def test_children_of_groups_that_are_alike_are_seldom_given_up_wrongly():
    """Of children whose whole evaluation draws level, at most about the risk are given up on the way."""
    rng = random.Random(0)
    wrong = {True: 0, False: 0}
    level = 0
    while level < 300:
        effects = [rng.gauss(0, 0.3) for _ in range(10)]
        values = [max(-1.0, min(1.0, effect + rng.gauss(0, 0.3))) for effect in effects for _ in range(10)]
        if sum(values) < 0:
            continue
        level += 1
        groups = {str(n): f"g{n // 10}" for n in range(100)}
        for grouped in wrong:
            early_stopper = EarlyStopper(
                [FrontMember(1, dict.fromkeys(groups, 0.0))], risk=0.05, groups=groups if grouped else {}
            )
            interim_analyses = (
                early_stopper.should_stop(items(values[:n]), 1.0, total=100, interim_analyses=4)
                for n in (20, 40, 60, 80)
            )
            wrong[grouped] += any(interim_analyses)
    assert wrong[True] <= 0.05 * level < wrong[False]
