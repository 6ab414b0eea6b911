"""Whom a model call is charged to: the candidate that it is made for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_CANDIDATE: ContextVar[int | None] = ContextVar("candidate", default=None)


@contextmanager
def charged_to(candidate: int) -> Iterator[None]:
    """Charge the calls made inside, in this thread and in what it starts, to a candidate by its number."""
    token = _CANDIDATE.set(candidate)
    try:
        yield
    finally:
        _CANDIDATE.reset(token)


def charged_candidate() -> int | None:
    """The number of the candidate that calls are charged to here; None outside of any."""
    return _CANDIDATE.get()
