"""Labels of a memory's questions: read from its journal and usage log, reviewed by a person.

A question is labelled by feedback: the right answer, or an answer that was confirmed. Its evidence are the
remembered texts that have the words of that answer, recalled ones first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field, TypeAdapter

from evolve.errors import UsageError
from evolve.journal.lines import LineFormat, read_lines
from evolve.plugins.folder import FORGETTING, JOURNAL, SPACES, read_journal
from evolve.plugins.records import Remembered
from evolve.plugins.usage import REDACTED, USAGE, FeedbackGiven, RecallUsed, TextCorrected, read_usage
from evolve.records import Record
from evolve.scoring import STOP_WORDS
from evolve.text import words

LONGEST_ANSWER = 300
"""Characters of a recalled text that may be the answer of a question whose recall was confirmed."""


class Labelled(Record):
    """Labelled question; a line for a person to review.

    Example:
        >>> Labelled(id="r1", space="", at="2026-05-01", question="Where?", answer="Oslo", evidence=()).keep
        True
    """

    keep: bool = Field(default=True, description="false: leave it out")
    id: str
    space: str
    at: str = Field(description="when it was asked")
    question: str
    answer: str
    evidence: tuple[str, ...] = Field(description="ids of remembered texts")


REVIEW: LineFormat[Labelled] = LineFormat(
    TypeAdapter(Labelled), noun="a labelled question", otherwise="remove it to have it made again"
)


@dataclass
class Labels:
    """Labelled questions of all memories in a folder.

    Attributes:
        items: the questions, the oldest first.
        left_out: reason → number of questions without a label.
        texts: space → its remembered texts.
    """

    items: list[Labelled] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    texts: dict[str, list[Remembered]] = field(default_factory=dict)


def label(data: Path) -> Labels:
    """Label the questions of the memory in ``data`` and of its spaces. Nothing is changed there.

    Raises:
        UsageError: there is no memory, it has no usage log, a file is damaged, or a removal is not ended.
    """
    if not (data / JOURNAL).is_file() and not (data / SPACES).is_dir():
        raise UsageError(f"{data} is not the folder of a memory: it has no {JOURNAL}.")
    folders = {"": data} | {path.name: path for path in sorted((data / SPACES).glob("[!.]*"))}
    if not any((folder / USAGE).is_file() for folder in folders.values()):
        raise UsageError(
            f"{data} has no usage log. Load the memory with usage_log=True, or serve it with --usage-log, "
            "and give feedback on what it recalls."
        )
    labels = Labels()
    for space, folder in folders.items():
        if (folder / FORGETTING).exists():
            raise UsageError(f"A removal in {folder} was interrupted. Load the memory once: that ends it.")
        labels.texts[space] = read_journal(folder)[1]
        _label_one(space, folder, labels)
    labels.items.sort(key=lambda item: item.at)
    return labels


def read_review(path: Path, labels: Labels) -> Labels:
    """Return ``labels`` with the questions of a reviewed file instead of their own.

    Raises:
        UsageError: a line is not a labelled question, or names a text or space that is not there.
    """
    items, _ = read_lines(path, REVIEW)
    for number, item in enumerate(items, start=1):
        known = {entry.id for entry in labels.texts.get(item.space, ())}
        missing = [ident for ident in item.evidence if ident not in known]
        if item.space not in labels.texts or (missing and item.keep):
            raise UsageError(
                f"Line {number} of {path}: {missing[0] if missing else item.space!r} is not in the memory. "
                "Remove it from the line, or the line from the file."
            )
    left_out = Counter(labels.left_out)
    left_out["not kept in the review"] += len({item.id for item in labels.items} - {i.id for i in items})
    return Labels(sorted(items, key=lambda item: item.at), left_out, labels.texts)


def _label_one(space: str, folder: Path, labels: Labels) -> None:
    lines = read_usage(folder / USAGE)
    verdicts = {line.recall: line for line in lines if isinstance(line, FeedbackGiven)}
    corrected = {line.text: line.at for line in lines if isinstance(line, TextCorrected)}
    newest: dict[str, Labelled] = {}
    for line in lines:
        if not isinstance(line, RecallUsed):
            continue
        made = _labelled(space, line, verdicts.get(line.id), labels.texts[space], corrected)
        if isinstance(made, str):
            labels.left_out[made] += 1
            continue
        same = " ".join(words(made.question))
        labels.left_out["asked again later"] += same in newest
        newest[same] = made
    labels.items += newest.values()


def _labelled(
    space: str,
    asked: RecallUsed,
    feedback: FeedbackGiven | None,
    entries: Sequence[Remembered],
    corrected: dict[str, str],
) -> Labelled | str:
    """Return the question with its label, or the reason why there is none."""
    if feedback is None:
        return "without feedback"
    if feedback.verdict == "wrong":
        return "wrong, and the right answer is not known"
    recalled = [entry for entry in entries if entry.id in asked.texts]
    answer = feedback.answer or asked.answer
    if feedback.verdict == "useful" and asked.kind == "recall":
        if len(recalled) != 1 or len(recalled[0].text) > LONGEST_ANSWER:
            return "a useful recall, and not of one short text that could be the answer"
        answer = recalled[0].text
    if not answer.strip():
        return "the answer is empty"
    if REDACTED in answer or REDACTED in asked.question:
        return "redacted"
    evidence = _evidence(answer, recalled, entries)
    if not evidence and any(corrected.get(entry.id, "") > feedback.at for entry in recalled):
        return "no text has the answer any more, after a correction"
    return Labelled(
        id=asked.id,
        space=space,
        at=asked.at,
        question=asked.question,
        answer=answer,
        evidence=tuple(entry.id for entry in evidence),
    )


def _evidence(answer: str, recalled: Sequence[Remembered], entries: Sequence[Remembered]) -> list[Remembered]:
    """Return the texts that have all content words of ``answer``: recalled ones, else the newest other."""
    needed = set(words(answer)) - STOP_WORDS
    if not needed:
        return []
    found = [entry for entry in recalled if needed <= set(words(entry.text))]
    others = (entry for entry in reversed(entries) if needed <= set(words(entry.text)))
    return found or [entry for entry in [next(others, None)] if entry is not None]
