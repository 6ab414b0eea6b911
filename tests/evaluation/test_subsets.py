from __future__ import annotations

from typing import Any

import pytest

from evolve.errors import UsageError
from evolve.evaluation import Subset, Subsets
from evolve.records import Task


def subsets(benchmark: Any, letters: Any, **changes: Any) -> Subsets:
    given = {"static": 4, "rotating": 2, "episode_ratio": None, "rotating_groups": 1, "seed": 0}
    return Subsets(benchmark, letters, **(given | changes))


def ids(tasks: tuple[Task, ...]) -> list[str]:
    return [task.id for task in tasks]


def groups_of(subset: Subset) -> frozenset[str]:
    return frozenset(task.group for task in subset.tasks)


def test_the_same_arguments_draw_the_same_subsets_whatever_the_order(make_benchmark, letters):
    one, other = (subsets(make_benchmark(), letters) for _ in range(2))
    first = [one.static, one.rotating(1), one.rotating(2), one.test, one.smoke]
    second = [other.smoke, other.test, other.rotating(2), other.rotating(1), other.static]
    assert first == second[::-1]


def test_without_rotating_tasks_the_static_ones_are_learnt_from(make_benchmark, letters):
    drawn = subsets(make_benchmark(), letters, rotating=0)
    assert drawn.rotating(1) == drawn.rotating(2) == drawn.static


def test_of_the_test_set_as_many_as_are_wanted_are_drawn_the_same_for_every_search(make_benchmark, letters):
    benchmark = make_benchmark(groups=8)
    drawn = subsets(benchmark, letters, test=3).test
    every = ids(benchmark.test)
    assert len(drawn.tasks) == 3
    assert ids(drawn.tasks) == sorted(set(ids(drawn.tasks)), key=every.index)
    assert {episode.group for episode in drawn.episodes} == groups_of(drawn)
    assert drawn == subsets(benchmark, letters, test=3, static=2, rotating=1).test
    assert ids(subsets(benchmark, letters, test=len(every) + 1).test.tasks) == every
    assert subsets(benchmark, letters, test=0).test.tasks == ()


def test_sizes_are_exact_also_for_duplicated_questions(make_benchmark, letters):
    benchmark = make_benchmark()
    same = tuple(task.model_copy(update={"question": "Same?"}) for task in benchmark.validation)
    object.__setattr__(benchmark, "validation", same)
    drawn = subsets(benchmark, letters, static=5)
    assert len(set(ids(drawn.static.tasks))) == 5
    assert len(set(ids(drawn.rotating(1).tasks))) == 2


def test_rotating_is_disjoint_from_static_and_changes_with_the_number(make_benchmark, letters):
    drawn = subsets(make_benchmark(groups=8), letters, static=6)
    static = set(ids(drawn.static.tasks))
    rotations = [frozenset(ids(drawn.rotating(number).tasks)) for number in range(8)]
    assert all(not static & rotation for rotation in rotations)
    assert len(set(rotations)) > 1
    assert drawn.rotating(3).name == "rotating-3"


def test_rotating_draws_from_all_of_validation_where_too_few_are_left(make_benchmark, letters):
    drawn = subsets(make_benchmark(), letters, static=9, rotating_groups=3)
    assert len(drawn.static.tasks) == 9
    assert len(drawn.rotating(1).tasks) == 2


def test_in_grouped_scope_rotating_asks_about_few_groups(make_benchmark, letters):
    drawn = subsets(make_benchmark(groups=8), letters, static=2)
    groups = [groups_of(drawn.rotating(number)) for number in range(12)]
    assert max(map(len, groups)) <= 2  # one group, or two where one has too few tasks left
    assert len(set(groups)) > 1
    subset = drawn.rotating(0)
    assert {episode.group for episode in subset.episodes} == groups_of(subset)


def test_more_groups_are_drawn_where_these_have_too_few_tasks(make_benchmark, letters):
    drawn = subsets(make_benchmark(groups=4), letters, static=1, rotating=8)
    assert len(drawn.rotating(0).tasks) == 8


def test_the_ratio_sets_the_number_of_episodes(make_benchmark, letters):
    pooled = subsets(make_benchmark("pooled"), letters, episode_ratio=1.5).static
    assert (len(pooled.tasks), len(pooled.episodes)) == (4, 6)
    order = [episode.id for episode in make_benchmark("pooled").episodes]
    assert [e.id for e in pooled.episodes] == sorted((e.id for e in pooled.episodes), key=order.index)
    grouped = subsets(make_benchmark(), letters, episode_ratio=1.0).static
    for group in groups_of(grouped):
        asked = sum(task.group == group for task in grouped.tasks)
        assert sum(episode.group == group for episode in grouped.episodes) == min(3, asked)


def test_without_a_ratio_every_episode_of_the_scope_is_given(make_benchmark, letters):
    assert len(subsets(make_benchmark("pooled"), letters).static.episodes) == 9
    grouped = subsets(make_benchmark(), letters, static=1).static
    assert {episode.group for episode in grouped.episodes} == {grouped.tasks[0].group}
    assert len(grouped.episodes) == 3


def test_test_has_all_its_tasks_and_episodes_whatever_the_ratio(make_benchmark, letters):
    drawn = subsets(make_benchmark(), letters, episode_ratio=0.5)
    assert ids(drawn.test.tasks) == ["g0q3", "g1q3", "g2q3"]
    assert len(drawn.test.episodes) == 9


@pytest.mark.parametrize("scope", ["pooled", "grouped"])
def test_smoke_is_small_and_of_one_group(make_benchmark, letters, scope):
    smoke = subsets(make_benchmark(scope), letters).smoke
    assert 1 <= len(smoke.tasks) <= 2
    assert len(smoke.episodes) == 2
    if scope == "grouped":
        assert {smoke.tasks[0].group} == {entry.group for entry in (*smoke.tasks, *smoke.episodes)}


@pytest.mark.parametrize("scope", ["pooled", "grouped"])
def test_smoke_is_of_one_group_only_where_groups_have_memories_of_their_own(make_benchmark, letters, scope):
    benchmark = make_benchmark(scope)
    by_turns = sorted(benchmark.validation, key=lambda task: task.id[::-1])
    object.__setattr__(benchmark, "validation", tuple(by_turns))
    found = subsets(benchmark, letters, static=9).smoke
    assert ids(found.tasks) == (["g0q0", "g1q0"] if scope == "pooled" else ["g0q0", "g0q1"])


@pytest.mark.parametrize(
    "changes",
    [{"static": 0}, {"rotating": -1}, {"rotating_groups": 0}, {"kmeans_starts": 0}, {"episode_ratio": 0.0}],
)
def test_sizes_that_make_no_sense_are_refused(make_benchmark, letters, changes):
    with pytest.raises(UsageError, match=next(iter(changes))):
        subsets(make_benchmark(), letters, **changes)
