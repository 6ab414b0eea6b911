"""An event in a sentence."""

from __future__ import annotations

from evolve.events import Compared, Discarded, Evaluated, Event, Finished, Joined, Proposed, Started
from evolve.inspection.history import STATIC, TEST, History, title
from evolve.inspection.text import difference, duration, one_line, score


def described(event: Event, history: History) -> str | None:
    """``event`` in a line; None for one that says nothing to a person.

    Args:
        history: with ``event`` applied.
    """
    match event:
        case Started():
            verb = "goes on" if event.resumed else "begins"
            changed = ""
            if len(history.started) > 1 and history.started[-2].mutator not in ("", event.mutator):
                changed = (
                    " What makes children (rules, model, prompts or settings) has changed since it last ran: "
                    "earlier children were made otherwise."
                )
            return f"The campaign {verb}; isolation: {event.isolation}.{changed}"
        case Proposed():
            return None
        case Evaluated():
            return _evaluated(event)
        case Joined():
            return _joined(event, history)
        case Discarded():
            reason = one_line(event.reason)
            return f"{_count(history)} #{event.number} {one_line(event.operator)} given up: {reason}"
        case Compared():
            return f"#{event.best} minus #{event.other} on the test set: {difference(event.difference)}"
        case Finished():
            return f"The campaign ended ({event.reason}) after {duration(event.seconds)}."


def _evaluated(event: Evaluated) -> str | None:
    if event.status == "inconclusive":
        return f"#{event.number} on {event.subset}: inconclusive, for no fault of the program"
    if event.subset == TEST:
        return f"#{event.number} on the test set: {score(event.quality)}"
    return None


def _joined(event: Joined, history: History) -> str:
    candidate = event.candidate
    who = f"#{candidate.number} {one_line(title(candidate), 40)}"
    if not candidate.parents and history.initial:
        who = f"[{len(history.seeds)}/{history.initial} initial programs] {who}"
    elif candidate.parents:
        who = f"{_count(history)} {who} of {', '.join(f'#{number}' for number in candidate.parents)}"
    if candidate.failed:
        return f"{who}: failed"
    if candidate.raced:
        return f"{who}: given up after {len(candidate.item_scores)} items"
    quality = score(history.quality(candidate.number, STATIC), candidate.objectives.get("quality"))
    last = not candidate.parents and len(history.seeds) == history.initial
    warning = f"\n{history.saturation}" if last and history.saturation else ""
    return f"{who}: {quality}{_place(candidate.number, history)}{warning}"


def _place(number: int, history: History) -> str:
    if history.best and history.best.number == number:
        return ", the best so far"
    return ", on the front" if any(member.number == number for member in history.front) else ""


def _count(history: History) -> str:
    return f"[{history.settled}/{history.budget}]"
