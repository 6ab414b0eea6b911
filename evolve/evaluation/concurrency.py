"""Several waits at the same time, in the context of whoever waits for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


def together(calls: Sequence[Callable[[], T]]) -> list[T]:
    """The results of ``calls``, each made in a thread of its own, in their order.

    All are waited for, so that nothing paid for is lost; then the first exception is raised, if there was
    one. Context variables, such as whom a model call is charged to, are those of the caller.
    """
    if len(calls) < 2:
        return [call() for call in calls]
    with ThreadPoolExecutor(max_workers=len(calls), thread_name_prefix="evolve-together") as threads:
        futures = [threads.submit(copy_context().run, call) for call in calls]
    return [future.result() for future in futures]


def begun(call: Callable[[], T]) -> Future[T]:
    """``call`` under way in a thread of its own, in the context of the caller, who waits for it later."""
    threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="evolve-begun")
    future = threads.submit(copy_context().run, call)
    threads.shutdown(wait=False)  # which ends the thread with the call
    return future
