"""Ask a model at once what many writes will ask it, though each write must see what the one before it stored.

Most programs that ask a model in ``write`` show it the episode and nothing of what is stored, so that the
request is known before the turn of the write has come. Writes are tried in branches that are thrown away,
only to see what they ask. Whether that is what they ask when their turn comes is tested on two writes first:
where it is not, no more than one call was wasted, and the rest are made one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from evolve.agents.protocol import Extraction
from evolve.errors import ProgramError
from evolve.evaluation.deferral import DeferringServices
from evolve.records import Episode
from evolve.sandboxes.protocol import Deferred, Session

_Episodes = Sequence[tuple[Episode, Extraction | None]]
SAMPLE = 2
"""Writes that the assumption is tested on."""


class Foresight:
    """Looks ahead over the writes of one memory.

    Args:
        session: with the memory's branch entered.
        services: the session's.
    """

    def __init__(self, session: Session, services: DeferringServices) -> None:
        self._session = session
        self._services = services
        self._asked_before = services.unforeseen
        self._trusted = True

    def before(self, place: int, episodes: _Episodes) -> None:
        """To be called before the write at ``place``: asks what it and later writes will want, if it may."""
        if not self._trusted or len(episodes) <= SAMPLE:
            return
        if place == 1:
            # The first write was made without foresight: one that asked nothing is taken at its word.
            if self._services.unforeseen == self._asked_before:
                self._trusted = False
                return
            self._look(episodes[1 : 1 + SAMPLE])
            self._asked_before = self._services.unforeseen
        elif place == 1 + SAMPLE:
            # The second of the sample was looked at from a state that the first has changed since.
            self._trusted = self._services.unforeseen == self._asked_before
            if self._trusted:
                self._look(episodes[place:])

    def _look(self, episodes: _Episodes) -> None:
        for episode, extraction in episodes:
            if extraction is None or not extraction.usable:
                continue
            # What goes wrong here goes wrong again when it counts.
            with suppress(Deferred, ProgramError), self._session.branch(), self._services.deferring():
                self._session.write(extraction.fields, episode.text)
        self._services.ask()
