"""Acceptance of two proposers at equal tokens of the reflector, from their recorded runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from evolve.journal import RunRecord
from evolve.models.calls import Call, recorded_calls
from evolve.records import Candidate
from evolve.runs.history import RunHistory

HEADER = (
    "| proposer | candidates asked for | tokens | programs | complete | better than the parent | "
    "better per 100,000 tokens |\n|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Share:
    """Part of a run within a number of tokens.

    Attributes:
        asked: candidates asked for.
        tokens: tokens of the reflector, for all of them.
        programs: those that became a program.
        complete: those that were evaluated to the end without failing.
        better: those of a higher quality than their parent on the validation tasks.
    """

    asked: int
    tokens: int
    programs: int
    complete: int
    better: int

    def row(self, name: str) -> str:
        """Return the row of a table.

        Example:
            >>> Share(4, 50_000, 3, 2, 1).row("agent")
            '| agent | 4 | 50,000 | 3 (75%) | 2 (50%) | 1 (25%) | 2.0 |'
        """
        shares = [f"{n} ({n / self.asked:.0%})" if self.asked else "–" for n in self._counts]
        rate = f"{self.better / self.tokens * 100_000:.1f}" if self.tokens else "–"
        return f"| {' | '.join([name, str(self.asked), f'{self.tokens:,}', *shares, rate])} |"

    @property
    def _counts(self) -> tuple[int, int, int]:
        return self.programs, self.complete, self.better


def tokens_of(calls: Iterable[Call]) -> dict[int, int]:
    """Return candidate → tokens of the reflector, of cached replies what they took once."""
    found: Counter[int] = Counter()
    for call in calls:
        if call.role == "reflector" and call.candidate is not None:
            found[call.candidate] += call.tokens_in + call.tokens_out
    return dict(found)


def spent(record: RunRecord) -> int:
    """Return the tokens of the reflector in a run."""
    return sum(tokens_of(recorded_calls(record.calls)).values())


def within(record: RunRecord, most: int) -> Share:
    """Return the part of a run up to the last candidate that ``most`` tokens paid for in full."""
    history = RunHistory.read(record)
    return share_of(tokens_of(recorded_calls(record.calls)), history, most)


def share_of(tokens: Mapping[int, int], history: RunHistory, most: int) -> Share:
    """Return the counts of the first candidates, by number, whose tokens are ``most`` together."""
    taken: list[int] = []
    used = 0
    for number in sorted(tokens):
        if used + tokens[number] > most:
            break
        used += tokens[number]
        taken.append(number)
    children = [child for number in taken if (child := history.candidate(number)) is not None]
    return Share(
        asked=len(taken),
        tokens=used,
        programs=sum(history.proposed(number) is not None for number in taken),
        complete=sum(child.complete for child in children),
        better=sum(_better(child, history) for child in children),
    )


def _better(child: Candidate, history: RunHistory) -> bool:
    parent = history.candidate(child.parents[0]) if child.parents else None
    if parent is None or not (child.complete and parent.complete):
        return False
    return child.objectives["quality"] > parent.objectives["quality"]
