"""Facts of a campaign for its notes: changes and their outcomes. Computed, never told by a model."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evolve.events import Noted
from evolve.journal import RunRecord
from evolve.records import Candidate, Interval
from evolve.runs.history import SEED, RunHistory
from evolve.text import one_line, printable

FACTS_CHARACTERS = 3_000
"""Most characters of the facts."""
CONCLUSIONS_CHARACTERS = 1_500
"""Most characters of a model's conclusions."""
CARRIED_CHARACTERS = 3_000
"""Most characters of notes of another run."""
_LISTED, _UNCLEAR, _KINDS, _OPERATORS, _REASONS = 6, 12, 3, 6, 3
_MESSAGE, _NAME = 120, 40
_CANDIDATE = re.compile(r"#(\d+)")
_FIGURE = re.compile(r"\d+(?:[.,]\d+)+|\d+")

Outcome = Literal["better", "worse", "unclear", "failed", "stopped early"]
"""Result of a candidate against its parent: the interval of the difference is above 0, below 0, or contains
it; or there is no difference.
"""


@dataclass(frozen=True)
class KindChange:
    """Numbers of items of one kind, and of those on which a candidate is better or worse than its parent."""

    kind: str
    better: int
    worse: int
    items: int


@dataclass(frozen=True)
class CandidateFact:
    """A candidate against its main parent.

    Attributes:
        candidate: the candidate.
        parent: number of its main parent.
        outcome: result of the comparison.
        change: its quality less that of the parent, paired over the items; None without both scores.
        kinds: the kinds of items that changed, those with the most changes first.
    """

    candidate: Candidate
    parent: int
    outcome: Outcome
    change: Interval | None
    kinds: tuple[KindChange, ...]


class CampaignFacts:
    """Facts of a campaign, up to date with its history.

    Args:
        history: state of the run; it may grow.
        kinds: task → its kind, such as a category; tasks without one may be missing.

    Example:
        >>> from evolve.config import CampaignConfig
        >>> CampaignFacts(RunHistory.of(CampaignConfig()), {}).text()
        'No candidate was made yet.'
    """

    def __init__(self, history: RunHistory, kinds: Mapping[str, str]) -> None:
        self._history = history
        self._kinds = kinds
        self._facts: dict[int, CandidateFact] = {}

    @property
    def all(self) -> tuple[CandidateFact, ...]:
        """Facts of all candidates that have a parent in the run, by rising number."""
        for candidate in self._history.candidates:
            known = self._facts.get(candidate.number)
            if candidate.parents and (known is None or known.candidate is not candidate):
                self._facts[candidate.number] = self._fact(candidate)
        return tuple(self._facts[number] for number in sorted(self._facts))

    def text(self) -> str:
        """Return the facts as lines of at most ``FACTS_CHARACTERS`` characters in all."""
        facts = self.all
        if not facts and not self._history.discarded:
            return "No candidate was made yet."
        lines, room = [], FACTS_CHARACTERS
        for line in self._lines(facts):
            if len(line) + 1 > room:
                break
            lines.append(line)
            room -= len(line) + 1
        return "\n".join(lines)

    def _fact(self, candidate: Candidate) -> CandidateFact:
        number, parent = candidate.parents[0], self._history.candidate(candidate.parents[0])
        change = self._history.change(candidate)
        outcome: Outcome = "unclear"
        if candidate.failed or candidate.raced:
            outcome = "failed" if candidate.failed else "stopped early"
        elif change is not None:
            outcome = "better" if change.low > 0 else "worse" if change.high < 0 else "unclear"
        kinds = () if parent is None or candidate.failed else self._changes(candidate, parent)
        return CandidateFact(candidate, number, outcome, change, kinds)

    def _changes(self, candidate: Candidate, parent: Candidate) -> tuple[KindChange, ...]:
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for task, score in candidate.item_scores.items():
            if task in parent.item_scores:
                before = parent.item_scores[task]
                change = "better" if score > before else "worse" if score < before else "same"
                counts[self._kinds.get(task, "")][change] += 1
        found = [
            KindChange(kind, count["better"], count["worse"], count.total())
            for kind, count in counts.items()
            if count["better"] or count["worse"]
        ]
        return tuple(sorted(found, key=lambda one: (-one.better - one.worse, one.kind)))

    def _lines(self, facts: Sequence[CandidateFact]) -> Iterator[str]:
        """Yield the lines, the most important ones first."""
        history = self._history
        yield f"{len(facts)} candidates were scored, {len(history.discarded)} numbers gave none."
        best, first = history.best, history.best_seed
        if best is not None:
            initial = f"; the best initial program, {_scored(first)}" if first and first is not best else ""
            yield f"Best: {_scored(best)}{initial}."
        gains = sorted(facts, key=lambda fact: -fact.change.mean if fact.change else 0.0)
        yield from _listed("Better than the parent:", [f for f in gains if f.outcome == "better"])
        yield from _listed("Worse than the parent:", [f for f in reversed(gains) if f.outcome == "worse"])
        yield from _operators(facts)
        yield from _named(
            "No significant difference to the parent", [f for f in facts if f.outcome == "unclear"]
        )
        yield from _named("Failed", [f for f in facts if f.outcome == "failed"])
        yield from _named("Stopped early, clearly worse", [f for f in facts if f.outcome == "stopped early"])
        reasons = Counter(one_line(event.reason, 80) for event in history.discarded.values())
        if reasons:
            said = "; ".join(f"{count} × {reason}" for reason, count in reasons.most_common(_REASONS))
            yield f"Numbers without a program: {said}."


def _listed(head: str, facts: Sequence[CandidateFact]) -> Iterator[str]:
    if facts:
        yield head
    for fact in facts[:_LISTED]:
        candidate, change = fact.candidate, fact.change
        gain = "" if change is None else f" {change.mean:+.3f} [{change.low:+.3f}, {change.high:+.3f}]"
        message = one_line(candidate.message, _MESSAGE)
        said = f" — {message}" if message else ""
        operator = one_line(candidate.operator, _NAME)
        yield f"- #{candidate.number} of #{fact.parent} ({operator}){gain}{_kinds_text(fact)}{said}"
    if len(facts) > _LISTED:
        yield f"- and {len(facts) - _LISTED} more"


def _kinds_text(fact: CandidateFact) -> str:
    shown = [
        f"{one_line(kind.kind, _NAME) or 'items'}: {kind.better} better, {kind.worse} worse of {kind.items}"
        for kind in fact.kinds[:_KINDS]
    ]
    return f"; {'; '.join(shown)}" if shown else ""


def _operators(facts: Sequence[CandidateFact]) -> Iterator[str]:
    """Yield a line with the outcomes of each operator, the most frequent first."""
    counts: defaultdict[str, Counter[Outcome]] = defaultdict(Counter)
    for fact in facts:
        counts[one_line(fact.candidate.operator, _NAME)][fact.outcome] += 1
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1].total(), pair[0]))[:_OPERATORS]
    if ordered:
        parts = [
            f"{name} {count.total()} made, {count['better']} better, {count['worse']} worse"
            for name, count in ordered
        ]
        yield f"By operator: {'; '.join(parts)}."


def _named(head: str, facts: Sequence[CandidateFact]) -> Iterator[str]:
    if facts:
        latest = facts[-_UNCLEAR:]
        earlier = f", and {len(facts) - len(latest)} earlier" if len(facts) > len(latest) else ""
        yield f"{head}: {', '.join(f'#{fact.candidate.number}' for fact in latest)}{earlier}."


def _scored(candidate: Candidate) -> str:
    name = "" if candidate.operator != SEED else f" {one_line(candidate.title, _NAME)}"
    return f"#{candidate.number}{name} with {candidate.objectives['quality']:.3f}"


def checked_conclusions(text: str, facts: str) -> str:
    """Return a model's conclusions, without the lines that claim what is not in ``facts``.

    A line is deleted if it names a candidate or gives a figure of more than one digit, or with a fraction,
    that the facts do not have.

    Args:
        text: the model's reply.
        facts: what it was shown.

    Example:
        >>> checked_conclusions("- #3 helps by 0.041.\\n- #9 helps by 0.500.", "#3 of #0 +0.041")
        '- #3 helps by 0.041.'
    """
    numbers, figures = set(_CANDIDATE.findall(facts)), set(_FIGURE.findall(facts))
    kept, room = [], CONCLUSIONS_CHARACTERS
    for line in printable(text).splitlines():
        line = one_line(line, 300)
        invented = set(_CANDIDATE.findall(line)) - numbers
        told = _FIGURE.findall(_CANDIDATE.sub("", line))
        invented |= {figure for figure in told if len(figure) > 1 and figure not in figures}
        if line and not invented and len(line) + 1 <= room:
            kept.append(line)
            room -= len(line) + 1
    return "\n".join(kept)


def facts_of(record: RunRecord, history: RunHistory) -> str:
    """Return the facts of a recorded run."""
    recorded = record.tasks()
    kinds = {task.id: task.category for task in recorded.tasks} if recorded else {}
    return CampaignFacts(history, kinds).text()


def carried_over(record: RunRecord) -> Noted:
    """Return the notes of another run, for one that begins: bounded, printable, marked with their source.

    Raises:
        UsageError: its record is damaged.
    """
    history = RunHistory.read(record)
    own = next((note for note in reversed(history.noted) if not note.source), None)
    text = "" if own is None else own.text
    head = f"Benchmark {one_line(record.config.benchmark.rpartition('/')[2], 60)}."
    facts = f"{head}\n{facts_of(record, history)}"
    room = CARRIED_CHARACTERS - min(len(text), CONCLUSIONS_CHARACTERS)
    return Noted(
        number=-1,
        facts=printable(facts)[:room],
        text=printable(text)[:CONCLUSIONS_CHARACTERS],
        by="rules" if own is None else one_line(own.by, 60),
        source=record.name,
    )
