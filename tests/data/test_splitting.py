"""Splits: the published sizes, the same draw every time, and never a test set that validation has."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.data.splitting import draw, groups_apart, seats, three_parts, validation_and_test
from evolve.errors import UsageError

Entry = tuple[str, str]
"""Id and category."""


def entries(**sizes: int) -> list[Entry]:
    return [(f"{category}-{n}", category) for category, size in sizes.items() for n in range(size)]


def identity(entry: Entry) -> str:
    return entry[0]


def kind(entry: Entry) -> str:
    return entry[1]


@pytest.mark.parametrize(
    ("total", "episode_share", "test_share", "most", "sizes"),
    [
        (477, 0.54, 5 / 11, 100, (257, 120, 100)),  # HealthBench data tasks in the paper
        (482, 0.54, 5 / 11, 100, (260, 122, 100)),  # HealthBench emergency referrals
        (250, 0.4, 1 / 3, 50, (100, 100, 50)),  # PRBench legal
        (300, 0.4, 1 / 3, 50, (120, 130, 50)),  # PRBench finance
        (37, 0.4, 1 / 3, 50, (14, 16, 7)),  # a sample: in proportion
    ],
)
def test_the_papers_splits(
    total: int, episode_share: float, test_share: float, most: int, sizes: tuple
) -> None:
    parts = three_parts(
        entries(a=total),
        episode_share=episode_share,
        test_share=test_share,
        most_test=most,
        benchmark="b",
        key=identity,
        category=kind,
    )
    assert tuple(map(len, parts)) == sizes
    assert len(set().union(*parts)) == total


@given(
    st.dictionaries(st.sampled_from("abcde"), st.integers(1, 40), min_size=1),
    st.floats(0, 1),
)
def test_seats_follow_the_shares(sizes: dict[str, int], share: float) -> None:
    total = int(share * sum(sizes.values()))
    given_seats = seats(sizes, total)
    assert sum(given_seats.values()) == total
    for category, size in sizes.items():
        assert abs(given_seats[category] - total * size / sum(sizes.values())) < 1
        assert given_seats[category] <= size


def test_a_draw_depends_on_the_keys_and_not_on_the_order() -> None:
    some = entries(a=30, b=10)
    drawn, rest = draw(some, 8, key=identity, category=kind, salt="s")
    again, _ = draw(some[::-1], 8, key=identity, category=kind, salt="s")
    other, _ = draw(some, 8, key=identity, category=kind, salt="t")
    assert Counter(map(kind, drawn)) == {"a": 6, "b": 2}
    assert (set(drawn), drawn) == (set(again), [e for e in some if e in drawn])
    assert set(drawn) != set(other)
    assert set(drawn).isdisjoint(rest)
    with pytest.raises(ValueError, match="cannot draw 41 of 40"):
        draw(some, 41, key=identity, category=kind, salt="s")


@pytest.mark.parametrize(("total", "sizes"), [(2, (1, 1)), (3, (2, 1)), (10, (6, 4))])
def test_validation_and_test_are_never_empty_nor_the_same(total: int, sizes: tuple[int, int]) -> None:
    validation, test = validation_and_test(entries(a=total), 0.4, benchmark="b", key=identity, category=kind)
    assert (len(validation), len(test)) == sizes
    assert set(validation).isdisjoint(test)


def test_too_few_are_refused_rather_than_copied() -> None:
    with pytest.raises(UsageError, match="1 tasks with these data"):
        validation_and_test(entries(a=1), 0.4, benchmark="b", key=identity, category=kind)
    with pytest.raises(UsageError, match="1 groups of tasks"):
        groups_apart(entries(a=5), 0.4, benchmark="b", group=kind)
    with pytest.raises(UsageError, match="3 records with these data and options: too few"):
        three_parts(
            entries(a=3),
            episode_share=0.54,
            test_share=5 / 11,
            most_test=100,
            benchmark="b",
            key=identity,
            category=kind,
        )


def test_groups_stay_whole() -> None:
    validation, test = groups_apart(entries(a=3, b=3, c=3, d=3, e=3), 0.4, benchmark="b", group=kind)
    assert len(set(map(kind, test))) == 2
    assert set(map(kind, validation)).isdisjoint(map(kind, test))
