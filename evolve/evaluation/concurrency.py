"""A wait in the background, in the context of whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


def begun(call: Callable[[], T]) -> Future[T]:
    """``call`` under way in a thread of its own, in the context of the caller, who waits for it later."""
    threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="evolve-begun")
    future = threads.submit(copy_context().run, call)
    threads.shutdown(wait=False)  # which ends the thread with the call
    return future
