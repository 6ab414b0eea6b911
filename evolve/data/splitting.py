"""Cut records into episodes, validation and test: always in the same way, each category by its share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from evolve.errors import UsageError

T = TypeVar("T")
C = TypeVar("C", bound=Hashable)


def shuffled(entries: Iterable[T], key: Callable[[T], str], salt: str) -> list[T]:
    """``entries`` in an order that depends on their keys and ``salt`` only, not on the order they came in."""
    return sorted(entries, key=lambda entry: hashlib.sha256(f"{salt}\0{key(entry)}".encode()).digest())


def seats(sizes: Mapping[C, int], total: int) -> dict[C, int]:
    """Divide ``total`` among the categories in proportion to their sizes, by largest remainder.

    Args:
        sizes: category → how many there are; ties go to the category that comes first.
        total: at most the sum of the sizes.
    """
    everything = sum(sizes.values())
    shares = {category: total * size / everything for category, size in sizes.items()}
    given = {category: int(share) for category, share in shares.items()}
    by_remainder = sorted(shares, key=lambda category: given[category] - shares[category])
    for category in by_remainder[: total - sum(given.values())]:
        given[category] += 1
    return given


def draw(
    entries: Sequence[T],
    total: int,
    *,
    key: Callable[[T], str],
    category: Callable[[T], Hashable],
    salt: str,
) -> tuple[list[T], list[T]]:
    """Draw ``total`` of ``entries``, each category by its share; the drawn ones, and the others.

    Both keep the order of ``entries``. The same ids are always drawn, and they are drawn alike on every
    machine, for the draw is a hash of the keys.

    Raises:
        ValueError: there are fewer than ``total`` entries.
    """
    if total > len(entries):
        raise ValueError(f"cannot draw {total} of {len(entries)} entries")
    pools: dict[Hashable, list[T]] = {}
    for entry in entries:
        pools.setdefault(category(entry), []).append(entry)
    given = seats({name: len(pool) for name, pool in pools.items()}, total) if entries else {}
    chosen = {
        key(entry) for name, pool in pools.items() for entry in shuffled(pool, key, salt)[: given[name]]
    }
    return [e for e in entries if key(e) in chosen], [e for e in entries if key(e) not in chosen]


def validation_and_test(
    tasks: Sequence[T],
    test_share: float,
    *,
    benchmark: str,
    key: Callable[[T], str],
    category: Callable[[T], Hashable],
) -> tuple[list[T], list[T]]:
    """Cut ``tasks`` in two, ``test_share`` of each category for test; neither part is empty.

    Raises:
        UsageError: fewer than two tasks, of which a test set would be a copy of the validation set.
    """
    if len(tasks) < 2:
        raise UsageError(
            f"The benchmark {benchmark!r} has {len(tasks)} tasks with these data and options; expected at "
            "least 2, one for validation and one for test. Take more data, or other options."
        )
    total = min(len(tasks) - 1, max(1, round(test_share * len(tasks))))
    test, validation = draw(tasks, total, key=key, category=category, salt=f"{benchmark} test")
    return validation, test


def groups_apart(
    tasks: Sequence[T], test_share: float, *, benchmark: str, group: Callable[[T], str]
) -> tuple[list[T], list[T]]:
    """Cut ``tasks`` in two by group, ``test_share`` of the groups for test: no group is in both.

    Raises:
        UsageError: fewer than two groups.
    """
    groups = list(dict.fromkeys(map(group, tasks)))
    if len(groups) < 2:
        raise UsageError(
            f"The benchmark {benchmark!r} has {len(groups)} groups of tasks with these data and options; "
            "expected at least 2, so that the test is about groups that the search has not seen. "
            "Take more data, or other options."
        )
    total = min(len(groups) - 1, max(1, round(test_share * len(groups))))
    held_out = set(shuffled(groups, str, f"{benchmark} test")[:total])
    return [t for t in tasks if group(t) not in held_out], [t for t in tasks if group(t) in held_out]


def three_parts(
    entries: Sequence[T],
    *,
    episode_share: float,
    test_share: float,
    most_test: int,
    benchmark: str,
    key: Callable[[T], str],
    category: Callable[[T], Hashable],
) -> tuple[list[T], list[T], list[T]]:
    """Cut ``entries`` into episodes, validation and test.

    ⌊``episode_share`` · n⌋ of them become episodes; of the rest, ⌊``test_share`` · rest⌋ but no more than
    ``most_test`` are held out; what remains is validation. So are the splits of the paper M★ made from the
    published sizes, and fewer entries are cut in the same proportions.

    Raises:
        UsageError: fewer entries than give each part one.
    """
    episodes_total = int(episode_share * len(entries))
    rest_total = len(entries) - episodes_total
    test_total = min(most_test, int(test_share * rest_total))
    if episodes_total < 1 or test_total < 1 or rest_total - test_total < 1:
        raise UsageError(
            f"The benchmark {benchmark!r} has {len(entries)} records with these data and options: too few to "
            "be cut into episodes, validation and test. Take more data, or other options."
        )
    episodes, rest = draw(entries, episodes_total, key=key, category=category, salt=f"{benchmark} episodes")
    test, validation = draw(rest, test_total, key=key, category=category, salt=f"{benchmark} test")
    return episodes, validation, test
