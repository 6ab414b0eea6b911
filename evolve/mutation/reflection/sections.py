"""Sections of a reflection prompt, one function for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from statistics import fmean

from evolve.mutation.reflection.behaviour import attribution, breakage, cases, retrieval, success, written
from evolve.mutation.reflection.cases import time_text
from evolve.mutation.reflection.context import PromptContext, fenced_source
from evolve.mutation.reflection.example import slots_of
from evolve.mutation.reflection.fitting import PromptSection, cut
from evolve.records import Candidate
from evolve.scoring import METRICS

_ITEMS = 30


def quality_text(candidate: Candidate) -> str:
    """Return the candidate's quality on the items that count, or that it failed."""
    quality = candidate.objectives.get("quality")
    if candidate.raced:
        return f"given up after {len(candidate.item_scores)} items, on which it did clearly worse"
    return "failed" if candidate.failed or quality is None else f"quality {quality:.3f}"


def step_text(child: Candidate, parent: Candidate) -> str:
    """Return a candidate against its parent in a line, with its commit message; a loss is marked."""
    before, after = parent.objectives.get("quality"), child.objectives.get("quality")
    change = ""
    if not child.failed and before is not None and after is not None:
        change = f" ({after - before:+.3f}{', REGRESSION' if after < before else ''})"
    return born_text(child, change)


def born_text(candidate: Candidate, change: str = "") -> str:
    """A candidate in a line: how it was made, its quality and what ``change`` that is, its commit message."""
    message = cut(" ".join(candidate.message.split()), 300)
    said = f": {message}" if message else ""
    made = candidate.operator + (f" {candidate.name}" if candidate.name else "")
    return f"#{candidate.number} ({made}), {quality_text(candidate)}{change}{said}"


def strengths_text(first: Candidate, second: Candidate) -> str:
    """Return which of two candidates wins which of the items that both were scored on."""
    shared = sorted(first.item_scores.keys() & second.item_scores.keys())
    if not shared:
        return f"#{first.number}: {quality_text(first)}; #{second.number}: {quality_text(second)}."
    gaps = {task: first.item_scores[task] - second.item_scores[task] for task in shared}
    equal = sum(gap == 0 for gap in gaps.values())
    return "\n".join(
        (
            f"Both were scored on the same {len(shared)} items, and are equal on {equal}.",
            _wins(first, gaps),
            _wins(second, {task: -gap for task, gap in gaps.items()}),
        )
    )


def _wins(candidate: Candidate, gaps: dict[str, float]) -> str:
    """The items on which ``candidate`` leads, by how much, the clearest first."""
    won = sorted((task for task, gap in gaps.items() if gap > 0), key=lambda task: -gaps[task])
    head = f"#{candidate.number} ({quality_text(candidate)}) wins {len(won)}"
    if not won:
        return f"{head}."
    named = ", ".join(f"{cut(task, 60)} ({gaps[task]:.2f})" for task in won[:_ITEMS])
    more = f" and {len(won) - _ITEMS} more" if len(won) > _ITEMS else ""
    return f"{head}, by {fmean(gaps[task] for task in won):.3f} on average: {named}{more}."


_GENERATIONS, _SIBLINGS = 12, 12


def sections(prompt_context: PromptContext) -> list[PromptSection]:
    """Return all sections, in reading order."""
    makers = _BLIND if prompt_context.blind else _SECTIONS
    return [section for make in makers for section in make(prompt_context)]


def _task(m: PromptContext) -> Iterator[PromptSection]:
    texts, context = m.texts["task"], m.context
    if m.crossing and context.partner:
        parts = [
            texts.say("crossover", parent=str(context.parent.number), partner=str(context.partner.number))
        ]
    else:
        parts = [texts.say("mutate")]
    parts.append(texts.say(context.scope))
    if m.freeze:
        parts.append(texts.say(f"freeze_{m.freeze}"))
    if m.frozen.marks:
        parts.append(texts.say("frozen", pieces=cut(", ".join(m.frozen.marks), 1_200)))
    yield PromptSection("What to do", "\n\n".join(parts), priority=0)


def _program(m: PromptContext) -> Iterator[PromptSection]:
    title = f"The current program, #{m.context.parent.number}"
    yield PromptSection(title, fenced_source(m.context.program), priority=1, share=0.6)


def _partner(m: PromptContext) -> Iterator[PromptSection]:
    context = m.context
    if not (m.crossing and context.partner and context.partner_program):
        return
    yield PromptSection(
        f"The partner, #{context.partner.number}",
        fenced_source(context.partner_program),
        priority=2,
        share=0.5,
    )
    if m.blind:
        return
    yield PromptSection(
        "What each of the two is better at", strengths_text(context.parent, context.partner), priority=3
    )


def _score(m: PromptContext) -> Iterator[PromptSection]:
    context, diagnosis = m.context, m.context.diagnosis
    metric = METRICS.get(diagnosis.metric)
    meaning = f" ({metric.description.rstrip('.')})" if metric else ""
    lines = [
        f"Quality is {diagnosis.metric}{meaning}; higher is better. On the items that count: "
        f"{quality_text(context.parent)}.",
    ]
    if diagnosis.status == "complete" and m.items and not m.blind:
        lines.append(
            f"On the {len(m.items)} items that the cases below are from: {diagnosis.quality}, a mean and its "
            "interval."
        )
    low = [
        f"{name} {time_text(value) if name == 'latency' else format(value, '.4g')}"
        for name, value in context.parent.objectives.items()
        if name != "quality"
    ]
    if low and not m.blind:
        lines.append(f"Lower is better in: {', '.join(low)}.")
    missing = sum(not item.conclusive for item in diagnosis.items)
    if missing and not m.blind:
        lines.append(f"Items that have no score, through no fault of the program: {missing}.")
    yield PromptSection("Score", "\n".join(lines), priority=2)


def _lineage(m: PromptContext) -> Iterator[PromptSection]:
    line = m.context.ancestors
    if len(line) < 2:
        return
    steps = [step_text(child, parent) for parent, child in pairwise(line)]
    skipped = max(len(steps) - _GENERATIONS, 0)
    gap = [f"[... {skipped} generations left out ...]"] if skipped else []
    text = "\n".join((born_text(line[0]), *gap, *steps[skipped:]))
    yield PromptSection("How the current program came about", text, priority=12, share=0.1)


def _siblings(m: PromptContext) -> Iterator[PromptSection]:
    tried = m.context.siblings
    if not tried:
        return
    more = f"[... {len(tried) - _SIBLINGS} earlier ones left out ...]\n" if len(tried) > _SIBLINGS else ""
    text = more + "\n".join(step_text(child, m.context.parent) for child in tried[-_SIBLINGS:])
    yield PromptSection("What was tried on the current program before", text, priority=9, share=0.1)


def _references(m: PromptContext) -> Iterator[PromptSection]:
    for number, reference in enumerate(m.context.references):
        candidate = reference.candidate
        if m.crossing and m.context.partner and candidate.number == m.context.partner.number:
            continue
        title = f"Another program for inspiration, #{candidate.number}: {reference.why}"
        text = f"{born_text(candidate)}\n\n{fenced_source(reference.program)}"
        yield PromptSection(cut(title, 200), text, priority=13 + number, share=0.3)


def _ideas(m: PromptContext) -> Iterator[PromptSection]:
    if m.ideas:
        yield PromptSection("Changes to try", "\n".join(f"- {idea.text}" for idea in m.ideas), priority=4)


def _hints(m: PromptContext) -> Iterator[PromptSection]:
    if m.context.hints:
        text = "\n".join(m.texts["hint"].say("hint", hint=hint) for hint in m.context.hints)
        yield PromptSection("What the user asks for", text, priority=2, share=0.2)


def _plateau(m: PromptContext) -> Iterator[PromptSection]:
    if m.context.stalled:
        text = m.texts["plateau"].say("plateau", stalled=str(m.context.stalled))
        yield PromptSection("A plateau", text, priority=1)


def _notes(m: PromptContext) -> Iterator[PromptSection]:
    texts = m.texts["notes"]
    for notes in m.context.notes:
        if notes.source:
            text = texts.say("other", source=notes.source, notes=notes.text)
            yield PromptSection(f"Notes of another run, {notes.source}", text, priority=16, share=0.1)
        else:
            text = texts.say("own", notes=notes.text)
            yield PromptSection("Notes of this campaign", text, priority=8, share=0.1)


def _answer(m: PromptContext) -> Iterator[PromptSection]:
    yield PromptSection(
        "How to answer",
        m.texts["answer"].say(m.edit, **slots_of(m.edit, m.context.program, m.freeze)),
        priority=0,
    )


_SECTIONS: Sequence[Callable[[PromptContext], Iterator[PromptSection]]] = (
    _task,
    _program,
    _partner,
    _score,
    breakage,
    attribution,
    cases,
    retrieval,
    success,
    written,
    _lineage,
    _siblings,
    _references,
    _notes,
    _ideas,
    _hints,
    _plateau,
    _answer,
)
_BLIND: Sequence[Callable[[PromptContext], Iterator[PromptSection]]] = (
    _task,
    _program,
    _partner,
    _score,
    _ideas,
    _hints,
    _plateau,
    _answer,
)
