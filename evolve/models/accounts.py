"""Candidate that a model call is charged to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_CANDIDATE: ContextVar[int | None] = ContextVar("candidate", default=None)
_TEST: ContextVar[bool] = ContextVar("test", default=False)


@contextmanager
def charged_to(candidate: int, *, test: bool = False) -> Iterator[None]:
    """Charge the calls made inside, in this thread and those it starts, to a candidate by its number.

    Args:
        test: the calls score it on the test set, which is not part of the search.
    """
    tokens = _CANDIDATE.set(candidate), _TEST.set(test)
    try:
        yield
    finally:
        _CANDIDATE.reset(tokens[0])
        _TEST.reset(tokens[1])


def charged_candidate() -> int | None:
    """Return the number of the candidate that calls are charged to here; None if there is none."""
    return _CANDIDATE.get()


def charged_to_test() -> bool:
    """Return whether the calls made here are part of the final test."""
    return _TEST.get()
