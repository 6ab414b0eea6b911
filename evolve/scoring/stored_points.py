"""Points that a session gave to a memory: the texts of its item, for benchmarks that judge each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evolve.records import Fields, ItemOutcome, Task, WriteResult
from evolve.scoring.official.halumem import judges_item


def with_item(task: Task, read: ItemOutcome, writes: Sequence[WriteResult]) -> ItemOutcome:
    """Return ``read``; where the task judges what was stored, its text is the points of the episode's item.

    Args:
        task: the task of the read; with ``after``, the episode.
        writes: the writes so far. A failed write, or none, has stored no point.
    """
    if not judges_item(task):
        return read
    stored = [one.item for one in writes if one.episode == task.after and not one.failure]
    return read.filled(retrieved="\n".join(points(stored[-1])) if stored else "")


def points(item: Fields) -> Iterator[str]:
    """Yield each entry of a list, and each line of a text after the name of its field; no number, no blank.

    Example:
        >>> list(points({"facts": ["He rows.", ""], "date": "8 May", "count": 2}))
        ['He rows.', 'date: 8 May']
    """
    for name, value in item.items():
        if isinstance(value, list):
            texts = [" ".join(text.split()) for text in value if isinstance(text, str)]
        elif isinstance(value, str):
            texts = [f"{name}: {line.strip()}" for line in value.split("\n") if line.strip()]
        else:
            texts = []
        yield from filter(None, texts)
