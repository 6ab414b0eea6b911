"""Protocol of an observer of a campaign."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from evolve.events import Event


class Observer(Protocol):
    """Observer, called with each event from the campaign's own thread. A context manager around the
    campaign.
    """

    def __call__(self, event: Event) -> None:
        """Observe ``event``, which is on disk already."""
        ...

    def __enter__(self) -> Observer: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
