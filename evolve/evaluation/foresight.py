"""Ask a model at once what many writes will ask it, though each write must see what the one before it stored.

Most programs that ask a model in ``write`` show it the episode and nothing of what is stored, so that the
request is known before the turn of the write has come. Writes are tried in branches that are thrown away,
only to see what they ask. Whether that is what they ask when their turn comes is tested on the second write,
tried before the first was made: if it is not, no more was wasted than what one write asks, and the rest are
made one after the other.

Where answers are kept of an earlier program that wrote alike, nothing is tried: the writes are made, until
one asks for what is not kept. From there on it is as above.
"""

from __future__ import annotations

from collections.abc import Sequence

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
        rounds: how often a write may ask for something that depends on the answer before.
    """

    def __init__(self, session: Session, services: DeferringServices, *, rounds: int) -> None:
        self._session = session
        self._services = services
        self._rounds = rounds
        self._unforeseen = -1  # at the last look; before the first one, less than there can be
        self._sampled: int | None = None  # where the sample begins, while there is one
        self._looking = True

    def before(self, place: int, episodes: _Episodes) -> None:
        """To be called before the write at ``place``: asks what it and later writes will want, if it may."""
        if not self._looking or len(episodes) <= SAMPLE:
            return
        missed = self._services.unforeseen > self._unforeseen
        if self._sampled is None and missed:
            self._sample(place, episodes)
        elif self._sampled is not None and place == self._sampled + SAMPLE:
            # The second of the sample was tried in a state that the first has changed since.
            self._looking = False
            if not missed:
                self._foresee(self._asking(episodes[place:]))

    def _sample(self, place: int, episodes: _Episodes) -> None:
        """See what the write at ``place`` asks, and the next one, if the first asks for what is not kept."""
        self._unforeseen, answered = self._services.unforeseen, self._services.answered
        first = self._asking(episodes[place : place + 1])
        if first:
            self._sampled = place
            others = episodes[place + 1 : place + SAMPLE]
            self._rounds = self._foresee([*first, *self._asking(others)])
        elif self._services.answered == answered:
            self._looking = False  # one that asks nothing is taken at its word

    def _foresee(self, asking: _Episodes) -> int:
        """Ask until none of ``asking`` wants anything; how often that was, no more than ``rounds``."""
        for done in range(1, self._rounds + 1):
            self._services.ask()
            if done < self._rounds:
                asking = self._asking(asking)
            if not asking:
                return done
        return self._rounds

    def _asking(self, episodes: _Episodes) -> _Episodes:
        """Those of ``episodes`` whose write asks for what is not known; ``services`` remember what."""
        return [episode for episode in episodes if self._asks(*episode)]

    def _asks(self, episode: Episode, extraction: Extraction | None) -> bool:
        if extraction is None or not extraction.usable:
            return False
        try:
            with self._session.branch(), self._services.deferring():
                self._session.write(extraction.fields, episode.text)
        except Deferred:
            return True
        except ProgramError:  # what goes wrong here goes wrong again when it counts
            return False
        return False
