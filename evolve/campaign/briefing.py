"""What is known of a parent's family when a child of it is asked for. Pure functions of the population."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evolve.mutation import Reference
from evolve.population import Request
from evolve.population.selection import merit
from evolve.program import MemoryProgram
from evolve.records import Candidate


@dataclass(frozen=True)
class Family:
    """See ``evolve.mutation.Brief``, whose fields these are."""

    ancestors: tuple[Candidate, ...]
    siblings: tuple[Candidate, ...]
    references: tuple[Reference, ...]


def family(
    request: Request,
    candidates: Sequence[Candidate],
    programs: Mapping[int, MemoryProgram],
    *,
    references: bool,
) -> Family:
    """The family of ``request.parent``.

    Args:
        request: a child to be made.
        candidates: everyone in the population, by rising number.
        programs: candidate number → program.
        references: other programs are to be shown: the best of the parent's children, and the newest
            candidate that did not fail.
    """
    by_number = {candidate.number: candidate for candidate in candidates}
    line = [request.parent]
    while line[-1].parents and line[-1].parents[0] in by_number:
        line.append(by_number[line[-1].parents[0]])
    siblings = tuple(c for c in candidates if c.parents and c.parents[0] == request.parent.number)
    shown: dict[int, Reference] = {}
    if references:
        alive = [sibling for sibling in siblings if sibling.complete]
        if alive:
            best = max(alive, key=merit)
            shown[best.number] = Reference(best, programs[best.number], "the parent's best child so far")
        newest = next((c for c in reversed(candidates) if c.complete), request.parent)
        if newest.number != request.parent.number:
            shown.setdefault(
                newest.number, Reference(newest, programs[newest.number], "the newest candidate")
            )
    return Family(tuple(reversed(line)), siblings, tuple(shown.values()))
