"""Sections on the behaviour of a program: its failures, its retrieval, and single cases."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from evolve.mutation.reflection.cases import (
    MEANING,
    failure_text,
    failures_text,
    indented,
    time_text,
    write_text,
)
from evolve.mutation.reflection.context import PromptContext
from evolve.mutation.reflection.fitting import PromptSection, cut
from evolve.scoring import evidence_recall


def breakage(m: PromptContext) -> Iterator[PromptSection]:
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


def attribution(m: PromptContext) -> Iterator[PromptSection]:
    """Yield the section on where the evidence was lost."""
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


def cases(m: PromptContext) -> Iterator[PromptSection]:
    """Yield a section for each failure shown."""
    total = len(m.examples.failures)
    for number, item in enumerate(m.examples.failures, start=1):
        title = f"A case that went badly ({number} of {total})"
        yield PromptSection(title, m.case(item), priority=4 + number, share=0.4 / total)


def retrieval(m: PromptContext) -> Iterator[PromptSection]:
    """Yield the section on what ``read`` returned."""
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
        evidence_recall(task, item.all_retrieved)
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


def success(m: PromptContext) -> Iterator[PromptSection]:
    """Yield the section on a case that went well."""
    if m.examples.success:
        yield PromptSection("A case that went well", m.case(m.examples.success), priority=11, share=0.15)


def written(m: PromptContext) -> Iterator[PromptSection]:
    """Yield the section on the input of ``write``."""
    write = m.examples.write
    if write:
        text = write_text(write, m.context.episodes[write.episode], m.width)
        yield PromptSection("What write received for one episode", text, priority=10, share=0.15)
