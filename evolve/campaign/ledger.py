"""The record of a campaign as it is used while it runs: what was, and one place to say what happens."""

from __future__ import annotations

from collections.abc import Callable

from evolve.events import Compared, Discarded, Evaluated, Event, Joined, Proposed, Started
from evolve.journal import RunDirectory
from evolve.records import Candidate, Try


def _nobody(event: Event) -> None:
    """Watch nothing."""


class Ledger:
    """What the journal holds, by candidate number, and its only writer. Not thread-safe.

    Attributes:
        joined: candidates that were told to the population.
        proposed: children that were made.
        discarded: children that did not come to be, with the reason.
        mutations: by which operator, at which price in USD, and after which attempts of a model.
        spent: USD that the evaluation for fitness of a candidate took for each item; none where another unit
            is counted.
        conditions: what scores of this run were taken under; None for a new run.
        prompts: digest of the user's own prompt files that the run was begun with; None for a new run.
    """

    def __init__(self, run: RunDirectory):
        self._run = run
        self._observer: Callable[[Event], None] = _nobody
        self._evaluated: set[tuple[int, str]] = set()
        self._compared: set[tuple[int, int]] = set()
        self.joined: dict[int, Candidate] = {}
        self.proposed: dict[int, Proposed] = {}
        self.discarded: dict[int, str] = {}
        self.mutations: dict[int, tuple[str, float | None, tuple[Try, ...]]] = {}
        self.spent: dict[int, float] = {}
        self.conditions: str | None = None
        self.prompts: str | None = None

    def settled(self, number: int) -> bool:
        """Whether it is recorded what became of a candidate."""
        return number in self.joined or number in self.discarded

    def open(self, observer: Callable[[Event], None]) -> None:
        """Read what was recorded, telling it to ``observer``, who is told all that follows too."""
        self._observer = observer
        for event in self._run.events():
            self._take(event)
            observer(event)

    def emit(self, event: Event) -> None:
        """Record an event, then tell it. What an earlier process recorded is not said twice."""
        if isinstance(event, Evaluated) and (event.number, event.subset) in self._evaluated:
            return
        if isinstance(event, Compared) and (event.best, event.other) in self._compared:
            return
        self._run.append(event)
        self._take(event)
        self._observer(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, Started):
            self.prompts = event.prompts if self.conditions is None else self.prompts
            self.conditions = self.conditions or event.conditions
        elif isinstance(event, Joined):
            self.joined[event.candidate.number] = event.candidate
        elif isinstance(event, Proposed):
            self.proposed[event.number] = event
            self.mutations[event.number] = (event.operator, event.usd, event.tries)
        elif isinstance(event, Discarded):
            self.discarded[event.number] = event.reason
            self.mutations[event.number] = (event.operator, event.usd, event.tries)
        elif isinstance(event, Evaluated):
            self._evaluated.add((event.number, event.subset))
            if event.subset == "static" and event.cost_unit == "usd":
                self.spent[event.number] = event.cost
        elif isinstance(event, Compared):
            self._compared.add((event.best, event.other))
