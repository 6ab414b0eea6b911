"""Benchmark from use: a folder of episodes and questions, made of the labelled questions of a memory.

Splits follow time: the newest questions are the test set. Each memory makes two groups: ``NAME/early`` holds
what was remembered up to the first test question, and is asked the validation questions; ``NAME/all`` holds
everything.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evolve.data.folder import EPISODES, QUESTIONS, TOML
from evolve.errors import UsageError
from evolve.files.durable import replace_file, said_as_ours
from evolve.journal.lines import to_line
from evolve.plugins.labels import Labelled, Labels

TEST_SHARE = 0.4
LEAST = 4
"""Questions needed for a benchmark: two for each split."""
_TOML = """\
scope = "grouped"

[card]
task = "questions to a memory in use, labelled by feedback"
source = {source}
licence = "private: made from the use of a memory; do not publish"
"""


@dataclass(frozen=True)
class FromLog:
    """A benchmark that was written, and its sizes.

    Attributes:
        folder: the benchmark.
        validation: number of validation questions.
        test: number of test questions.
        episodes: number of episodes; a text may be in two.
        left_out: reason → number of questions that were left out.
    """

    folder: Path
    validation: int
    test: int
    episodes: int
    left_out: dict[str, int]


def write_benchmark(labels: Labels, out: Path, *, source: str, test_share: float = TEST_SHARE) -> FromLog:
    """Write the folder ``out``, which appears with all its files.

    Args:
        labels: labelled questions; those without ``keep`` are left out.
        out: a folder that does not exist, or is empty.
        source: description of the memory, for the card.
        test_share: share of the newest questions that are held out.

    Raises:
        UsageError: there are fewer than four questions, or ``out`` is in use.
        InfrastructureError: the disk does not take it.
    """
    if not 0 < test_share < 1:
        raise UsageError(f"test_share = {test_share}: expected a number between 0 and 1.")
    left_out = Counter(labels.left_out)
    items = [item for item in labels.items if item.keep]
    left_out["not kept in the review"] += len(labels.items) - len(items)
    if len(items) < LEAST:
        listed = "; ".join(f"{count} {reason}" for reason, count in (+left_out).most_common())
        raise UsageError(
            f"{len(items)} questions have a label, and a benchmark needs {LEAST}"
            f"{f' (left out: {listed})' if listed else ''}. Give feedback on more of them: the right answer, "
            "or 'useful' on an answer."
        )
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty: nothing was written. Choose another folder.")
    validation, test, without = _split(items, labels, test_share)
    left_out["asked when nothing of today's texts was there"] += without
    episodes, questions = _rows(labels, validation, test)
    with said_as_ours(out):
        out.mkdir(parents=True, exist_ok=True)
    replace_file(out / TOML, _TOML.format(source=json.dumps(source)).encode())
    for name, rows in ((EPISODES, episodes), (QUESTIONS, questions)):
        replace_file(out / name, b"".join(map(to_line, rows)))
    return FromLog(out, len(validation), len(test), len(episodes), dict(+left_out))


def _split(
    items: Sequence[Labelled], labels: Labels, test_share: float
) -> tuple[list[Labelled], list[Labelled], int]:
    """Return validation and test questions, and the number of those whose memory would be empty."""
    held = min(max(2, round(test_share * len(items))), len(items) - 2)
    cut = items[-held].at
    validation = [
        item for item in items[:-held] if any(entry.stored <= cut for entry in labels.texts[item.space])
    ]
    test = [item for item in items[-held:] if labels.texts[item.space]]
    if not validation or not test:
        raise UsageError("All texts that the questions were about are forgotten. Use the memory for a while.")
    return validation, test, len(items) - len(validation) - len(test)


def _rows(
    labels: Labels, validation: Sequence[Labelled], test: Sequence[Labelled]
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    cut = test[0].at
    episodes: list[dict[str, object]] = []
    questions: list[dict[str, object]] = []
    for part, items in (("early", validation), ("all", test)):
        spaces = {item.space for item in items}
        for space in sorted(spaces):
            kept = [entry for entry in labels.texts[space] if part == "all" or entry.stored <= cut]
            for entry in kept:
                ident = _episode(space, part, entry.id)
                episodes.append({"id": ident, "text": entry.text, "group": _group(space, part)})
        questions += [_question(item, part, labels, cut) for item in items]
    return episodes, questions


def _question(item: Labelled, part: str, labels: Labels, cut: str) -> dict[str, object]:
    texts = {
        entry.id: entry.text for entry in labels.texts[item.space] if part == "all" or entry.stored <= cut
    }
    evidence = [
        {"episode": _episode(item.space, part, ident), "text": texts[ident]}
        for ident in item.evidence
        if ident in texts
    ]
    row: dict[str, object] = {
        "id": item.id,
        "question": item.question,
        "answer": item.answer,
        "group": _group(item.space, part),
        "split": "test" if part == "all" else "validation",
    }
    if evidence:
        row["evidence"] = evidence
    return row


def _group(space: str, part: str) -> str:
    return f"{space or 'memory'}/{part}"


def _episode(space: str, part: str, ident: str) -> str:
    return f"{_group(space, part)}/{ident}"


def sentences(made: FromLog) -> Iterator[str]:
    """Say what was written and left out, a sentence for each."""
    asked = f"{made.validation} validation and {made.test} test questions"
    yield f"{made.folder}: {asked}, {made.episodes} episodes."
    for reason, count in sorted(made.left_out.items(), key=lambda entry: -entry[1]):
        yield f"Left out: {count} {reason}."
