"""Protocol of an observer of a campaign."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from evolve.events import Event


class Observer(Protocol):
    """Called with each event as it happens, from the campaign's own thread. A context manager around it."""

    def __call__(self, event: Event) -> None:
        """See ``event``, which is on disk already."""
        ...

    def __enter__(self) -> Observer: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
