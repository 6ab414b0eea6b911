"""Sections of a reflection prompt, one function for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean

from evolve.models.prompts import Prompts
from evolve.mutation.edits import EditName
from evolve.mutation.freezing import Frozen, Part
from evolve.mutation.protocol import MutationContext
from evolve.mutation.reflection.cases import (
    MEANING,
    TextWidth,
    case_text,
    failure_text,
    failures_text,
    indented,
    time_text,
    write_text,
)
from evolve.mutation.reflection.example import slots_of
from evolve.mutation.reflection.family import born_text, quality_text, step_text, strengths_text
from evolve.mutation.reflection.fitting import PromptSection, cut
from evolve.mutation.reflection.ideas import Idea
from evolve.mutation.reflection.sampling import Examples
from evolve.mutation.reflection.texts import TEXTS
from evolve.program import MemoryProgram
from evolve.records import ItemResult
from evolve.scoring import METRICS, evidence_recall

_GENERATIONS, _SIBLINGS = 12, 12


@dataclass(frozen=True)
class PromptContext:
    """Content of a reflection prompt.

    Attributes:
        context: context of the mutation.
        examples: the examples to show.
        frozen: parts that the candidate may not change.
        freeze: the ablation of the campaign, if there is one.
        edit: the form of the answer.
        read_characters: most characters that a read may return.
        attribution: show where the evidence was lost.
        crossing: the candidate has two parents.
        width: of the texts shown.
        blind: nothing is shown of the program's behaviour except for its score.
        ideas: changes to suggest.
        texts: the prompts.
    """

    context: MutationContext
    examples: Examples
    frozen: Frozen
    freeze: Part | None
    edit: EditName
    read_characters: int
    attribution: bool
    crossing: bool
    width: TextWidth
    blind: bool = False
    ideas: tuple[Idea, ...] = ()
    texts: Prompts = field(default_factory=lambda: TEXTS)

    @property
    def items(self) -> list[ItemResult]:
        """The diagnosed items that have a score."""
        return [item for item in self.context.diagnosis.items if item.conclusive]

    def case(self, item: ItemResult) -> str:
        """The conversation about an item."""
        context = self.context
        return case_text(
            item, context.tasks[item.task], self.width, stages=self.attribution, episodes=context.episodes
        )


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


def _breakage(m: PromptContext) -> Iterator[PromptSection]:
    """Yield the section on outright failures; a program that loses what it should keep shows nothing else."""
    diagnosis = m.context.diagnosis
    parts = []
    if diagnosis.failure:
        parts.append(f"The program broke as a whole.\n{failure_text(diagnosis.failure, m.width)}")
    failed_writes = [write.failure for write in diagnosis.writes if write.failure]
    if failed_writes:
        parts.append(failures_text(failed_writes, len(diagnosis.writes), "write", m.width))
    failed_reads = [item.failure for item in diagnosis.items if item.failure]
    if failed_reads:
        parts.append(failures_text(failed_reads, len(diagnosis.items), "read", m.width))
    if parts:
        yield PromptSection("What failed", "\n\n".join(parts), priority=3, share=0.2)


def _attribution(m: PromptContext) -> Iterator[PromptSection]:
    counts = {stage: sum(item.stage == stage for item in m.items) for stage in MEANING}
    if not (m.attribution and any(counts.values())):
        return
    parts = [
        f"{count} of {len(m.items)} items: {stage} ({MEANING[stage]})"
        for stage, count in counts.items()
        if count
    ]
    for stage, item in m.examples.stages.items():
        task = m.context.tasks[item.task]
        right = f"; right answer: {cut(task.answers[0], m.width(300))}" if task.answers else ""
        lost = "".join(
            f"\n{indented(cut(e.text, m.width(400)))}" for e in task.evidence[:2] if stage != "not_used"
        )
        parts.append(f"For {stage}: {cut(task.question, m.width(500))}{right}{lost}")
    yield PromptSection("Where the evidence was lost", "\n".join(parts), priority=4, share=0.2)


def _cases(m: PromptContext) -> Iterator[PromptSection]:
    total = len(m.examples.failures)
    for number, item in enumerate(m.examples.failures, start=1):
        title = f"A case that went badly ({number} of {total})"
        yield PromptSection(title, m.case(item), priority=4 + number, share=0.4 / total)


def _retrieval(m: PromptContext) -> Iterator[PromptSection]:
    items = [item for item in m.items if not item.failure]
    if not items:
        return
    sizes = [len(item.retrieved) for item in items]
    lines = [
        f"Characters returned by read: {fmean(sizes):,.0f} on average, {min(sizes):,} to {max(sizes):,}; at "
        f"most {m.read_characters:,} are allowed.",
        f"Reads that returned nothing: {sum(not item.retrieved.strip() for item in items)} of {len(items)}.",
        f"Time in read: {time_text(fmean(item.seconds for item in items))} on average, 95th percentile "
        f"{time_text(m.context.diagnosis.latency)}.",
    ]
    shares = [
        evidence_recall(task, item.retrieved)
        for item in items
        if (task := m.context.tasks.get(item.task)) and task.evidence
    ]
    if shares:
        lines.insert(
            1,
            f"Share of the evidence that read returned: {fmean(shares):.3f}; all of it in "
            f"{sum(share == 1 for share in shares)} of {len(shares)} items, none in "
            f"{sum(share == 0 for share in shares)}.",
        )
    yield PromptSection("What retrieval did", "\n".join(lines), priority=3)


def _success(m: PromptContext) -> Iterator[PromptSection]:
    if m.examples.success:
        yield PromptSection("A case that went well", m.case(m.examples.success), priority=11, share=0.15)


def _write(m: PromptContext) -> Iterator[PromptSection]:
    write = m.examples.write
    if write:
        text = write_text(write, m.context.episodes[write.episode], m.width)
        yield PromptSection("What write received for one episode", text, priority=10, share=0.15)


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
    _breakage,
    _attribution,
    _cases,
    _retrieval,
    _success,
    _write,
    _lineage,
    _siblings,
    _references,
    _ideas,
    _hints,
    _answer,
)
_BLIND: Sequence[Callable[[PromptContext], Iterator[PromptSection]]] = (
    _task,
    _program,
    _partner,
    _score,
    _ideas,
    _hints,
    _answer,
)


def fenced_source(program: MemoryProgram) -> str:
    """The source between fences that are longer than any in it."""
    fence = "```"
    while fence in program.source:
        fence += "`"
    return f"{fence}python\n{program.source.rstrip()}\n{fence}"
