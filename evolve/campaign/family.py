"""Ancestors, siblings and reference programs of a parent. Pure functions of the population."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evolve.mutation import Reference
from evolve.population import Request
from evolve.population.selection import merit
from evolve.program import MemoryProgram
from evolve.records import Candidate

MOST_REFERENCES = 3


@dataclass(frozen=True)
class Family:
    """See ``evolve.mutation.MutationContext``, whose fields these are."""

    ancestors: tuple[Candidate, ...]
    siblings: tuple[Candidate, ...]
    references: tuple[Reference, ...]


def family(
    request: Request,
    candidates: Sequence[Candidate],
    programs: Mapping[int, MemoryProgram],
    *,
    references: int,
    front: Sequence[Candidate] = (),
) -> Family:
    """The family of ``request.parent``.

    Args:
        request: the candidate to be made.
        candidates: the whole population, by rising number.
        programs: candidate number → program.
        references: most other programs to show: the parent's best offspring, the newest candidate that did
            not fail, those that beat the parent at the most items, and front members.
        front: the non-dominated candidates.
    """
    by_number = {candidate.number: candidate for candidate in candidates}
    line = [request.parent]
    while line[-1].parents and line[-1].parents[0] in by_number:
        line.append(by_number[line[-1].parents[0]])
    siblings = tuple(c for c in candidates if c.parents and c.parents[0] == request.parent.number)
    shown: dict[int, Reference] = {}
    if references:
        for candidate, why in _inspiring(request.parent, siblings, candidates, front):
            shown.setdefault(candidate.number, Reference(candidate, programs[candidate.number], why))
            if len(shown) == references:
                break
    return Family(tuple(reversed(line)), siblings, tuple(shown.values()))


def _inspiring(
    parent: Candidate,
    siblings: Sequence[Candidate],
    candidates: Sequence[Candidate],
    front: Sequence[Candidate],
) -> Iterator[tuple[Candidate, str]]:
    """Yield other programs worth a look, with the reason, the most relevant first."""
    alive = [sibling for sibling in siblings if sibling.complete]
    if alive:
        yield max(alive, key=merit), "the parent's best child so far"
    others = [c for c in candidates if c.complete and c.number != parent.number]
    if others:
        yield others[-1], "the newest candidate"
    wins = {c.number: _wins(c, parent) for c in others}
    for candidate in sorted(others, key=lambda c: (-wins[c.number], -c.number)):
        if wins[candidate.number]:
            yield candidate, f"better than the current program at {wins[candidate.number]} items"
    for candidate in sorted(front, key=merit, reverse=True):
        if candidate.number != parent.number:
            yield candidate, "on the Pareto front"


def _wins(candidate: Candidate, parent: Candidate) -> int:
    """Items at which ``candidate`` scores higher than ``parent``."""
    return sum(
        score > parent.item_scores[item]
        for item, score in candidate.item_scores.items()
        if item in parent.item_scores
    )
