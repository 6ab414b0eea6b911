"""Requests of users that a campaign has carried out."""

from __future__ import annotations

from dataclasses import dataclass, field

from evolve.events import Steered


@dataclass
class CarriedOutRequests:
    """Requests of users that were carried out, folded from their events.

    Attributes:
        events: all of them, in order.
        added: number → the request by which a user added the program of that number.
        paused: the process was asked to begin no candidate, and waits.
    """

    events: list[Steered] = field(default_factory=list)
    added: dict[int, Steered] = field(default_factory=dict)
    paused: bool = False

    def add(self, event: Steered) -> None:
        """Apply the next event."""
        self.events.append(event)
        if event.action in ("pause", "resume", "stop"):
            self.paused = event.action == "pause"
        if event.action == "add":
            self.added[event.number] = event

    def hints(self, number: int | None = None) -> tuple[Steered, ...]:
        """Return the hints that candidate ``number`` is made with; None: those in force now."""

        def holds(event: Steered) -> bool:
            return number is None or event.number <= number

        withdrawn = {e.hint for e in self.events if e.action == "withdraw" and holds(e)}
        return tuple(e for e in self.events if e.action == "hint" and holds(e) and e.request not in withdrawn)
