"""Sentences about events, and about the state of a run."""

from __future__ import annotations

from evolve.events import (
    Compared,
    Discarded,
    Evaluated,
    Event,
    Finished,
    Joined,
    Noted,
    Plateau,
    Proposed,
    Started,
    Steered,
)
from evolve.inspection.text import difference, duration, score
from evolve.runs.history import SEED, STATIC, TEST, RunHistory
from evolve.text import changed_parts, one_line

CEILING = 0.98
"""Quality, of at most 1, above which a benchmark leaves little to find."""


def described(event: Event, history: RunHistory) -> str | None:
    """Return ``event`` in a line; None for one of no interest to a person.

    Args:
        history: with ``event`` applied.
    """
    match event:
        case Started():
            verb = "resumes" if event.resumed else "begins"
            changed = ""
            before = history.started[-2].mutator if len(history.started) > 1 else ""
            if before not in ("", event.mutator):
                changed = (
                    " The mutator (rules, model, prompts or settings) has changed since the last start, so "
                    f"earlier children were made differently: {changed_parts(before, event.mutator)}."
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
            return f"{_count(history)} #{event.number} {one_line(event.operator)} discarded: {reason}"
        case Compared():
            return f"#{event.best} minus #{event.other} on the test set: {difference(event.difference)}"
        case Steered():
            return steered_text(event)
        case Noted():
            return _noted(event)
        case Plateau():
            return plateau_text(event)
        case Finished():
            return f"The campaign ended ({event.reason}) after {duration(event.seconds)}."


def steered_text(event: Steered) -> str:
    """Return what was done at a user's request.

    Example:
        >>> steered_text(Steered(request="1f", action="hint", number=7, text="Prefer recent facts."))
        'Hint 1f, from candidate #7 on: Prefer recent facts.'
    """
    match event.action:
        case "add":
            return f"The program {event.program} is added as candidate #{event.number}."
        case "hint":
            return f"Hint {event.request}, from candidate #{event.number} on: {one_line(event.text)}"
        case "withdraw":
            return f"Hint {event.hint} is withdrawn, from candidate #{event.number} on."
        case "pause":
            return (
                f"Paused before candidate #{event.number}: `evolve resume` continues, `evolve stop` ends it."
            )
        case "resume":
            return f"Resumed with candidate #{event.number}."
        case "stop":
            return "Stopped: candidates in flight are finished, then the best is tested."


def plateau_text(event: Plateau) -> str:
    """Return the reaction to a plateau, with the price of going on.

    Example:
        >>> print(plateau_text(Plateau(number=30, rung="stop", stale=27, improvements=3, rate=0.2, noise=0.04,
        ...                            left=10, seconds=90.0, usd=0.5, tokens=None)))
        No improvement by more than the noise (0.040) in 27 candidates: the search stops before #30. The 10
        candidates left would have cost about 0.5 USD and 1 min 30 s of evaluation.
    """
    since = f"No improvement by more than the noise ({event.noise:.3f}) in {event.stale} candidates"
    price = f"{event.usd:.2g} USD and " if event.usd is not None else ""
    price += f"{event.tokens:,.0f} tokens and " if event.tokens else ""
    costs = f"about {price}{duration(event.seconds)} of evaluation"
    match event.rung:
        case "warn":
            return f"{since}. The {event.left} candidates left cost {costs}; `evolve stop` ends the search."
        case "diversify":
            return f"{since}: from #{event.number} on, half of the candidates are made another way."
        case "stop":
            left = f"The {event.left}\ncandidates left would have cost {costs}."
            return f"{since}: the search stops before #{event.number}. {left}"


def _noted(event: Noted) -> str | None:
    if event.source:
        return f"The notes of the run {one_line(event.source)} are shown to the model that makes candidates."
    return f"Notes after #{event.number}, with conclusions of {one_line(event.by)}." if event.text else None


def _evaluated(event: Evaluated) -> str | None:
    if event.status == "inconclusive":
        return f"#{event.number} on {event.subset}: inconclusive, through no fault of the program"
    if event.subset == TEST:
        return f"#{event.number} on the test set: {score(event.quality)}"
    return None


def _joined(event: Joined, history: RunHistory) -> str:
    candidate = event.candidate
    who = f"#{candidate.number} {one_line(candidate.title, 40)}"
    seed = candidate.operator == SEED
    if seed and history.initial:
        who = f"[{len(history.seeds)}/{history.initial} initial programs] {who}"
    elif not seed:
        of = f" of {', '.join(f'#{number}' for number in candidate.parents)}" if candidate.parents else ""
        who = f"{_count(history)} {who}{of}"
    if candidate.failed:
        return f"{who}: failed"
    if candidate.raced:
        return f"{who}: stopped early after {len(candidate.item_scores)} items"
    quality = score(history.quality(candidate.number, STATIC), candidate.objectives.get("quality"))
    last = seed and len(history.seeds) == history.initial
    warning = f"\n{saturation(history)}" if last and saturation(history) else ""
    return f"{who}: {quality}{_place(candidate.number, history)}{warning}"


def _place(number: int, history: RunHistory) -> str:
    if history.best and history.best.number == number:
        return ", the best so far"
    return ", on the front" if any(member.number == number for member in history.front) else ""


def _count(history: RunHistory) -> str:
    return f"[{history.settled}/{history.budget}]"


def saturation(history: RunHistory) -> str:
    """Return why there is little to find, and what to do, once all initial programs are evaluated; else an
    empty text.
    """
    best = history.best_seed
    if best is None or len(history.seeds) < history.initial or best.objectives["quality"] < CEILING:
        return ""
    return (
        f"The initial program #{best.number} {best.title} scores {best.objectives['quality']:.3f} of 1 "
        "on validation: a search can hardly find better. Give harder or more questions, let read return "
        "less (sandbox.read_characters), or search for lower cost."
    )


def under_way(history: RunHistory) -> str:
    """Return the campaign's current activity in a few words; empty when it has ended."""
    if history.finished is not None:
        return ""
    if len(history.seeds) < history.initial:
        return f"initial programs {len(history.seeds)}/{history.initial}"
    if history.requests.paused and not history.in_flight:
        return "paused"
    if history.in_flight:
        shown = ", ".join(f"#{child.number} {child.operator}" for child in history.in_flight[:3])
        more = f" and {len(history.in_flight) - 3} more" if len(history.in_flight) > 3 else ""
        return f"evaluating {shown}{more}"
    if history.settled < history.budget:
        number = history.initial + history.settled
        return f"diagnosing a parent and making candidate #{number}"
    tested = sum(history.evaluated(candidate.number, TEST) is not None for candidate in history.candidates)
    return f"testing the best and the initial programs: {tested} done"
