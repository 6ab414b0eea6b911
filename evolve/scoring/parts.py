"""Answers that are judged in parts: several questions to the judge, answered by numbers, make one score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evolve.records import Task
from evolve.scoring.official.beam import ORDERING, ordering_score
from evolve.scoring.official.halumem import ACCURACY, accuracy_metrics
from evolve.scoring.official.infbench import SUMMARY, summary_score

PARTS_VERSION = "1"
"""Changes with the parts or with the judge's prompts for them: part of the conditions of a score."""


@dataclass(frozen=True)
class JudgedPart:
    """A question to the judge about a text, answered by numbers.

    Attributes:
        rule: name of the section of the judge's prompt that says what the numbers mean.
        reference: what the text is compared with.
        text: the text.
        count: how many numbers are expected; None: any, none included.
        highest: the largest number that makes sense; None: any.
    """

    rule: str
    reference: str
    text: str
    count: int | None = 1
    highest: int | None = None

    def problem(self, numbers: Sequence[int]) -> str:
        """Return what is wrong with the numbers of a reply; empty if nothing is.

        Example:
            >>> JudgedPart("fluency", "", "It rained.", highest=1).problem([7])
            'expected numbers from 0 to 1, found 7'
        """
        if self.count is not None and len(numbers) != self.count:
            return f"expected {self.count} numbers, found {len(numbers)}"
        limit = max(numbers, default=0) if self.highest is None else self.highest
        wrong = next((number for number in numbers if not 0 <= number <= limit), None)
        if wrong is not None:
            return f"expected numbers from 0 to {limit}, found {wrong}"
        if self.rule == "accuracy" and numbers[1] > 1:
            return f"expected 0 or 1 as the second number, found {numbers[1]}"
        if self.rule == "precision" and numbers[0] > numbers[1]:
            return f"expected at most {numbers[1]} supported sentences, found {numbers[0]}"
        return ""


def judged_in_parts(task: Task) -> bool:
    """Return whether the judge is asked for the parts of an answer to ``task``."""
    return task.scorer in (ORDERING, ACCURACY) or task.scorer.startswith(SUMMARY)


def parts_of(task: Task, answer: str) -> list[JudgedPart]:
    """Return the questions about an answer to ``task``, in the order that ``parts_score`` takes them.

    - ``beam_event_ordering``: of each line that is not blank, the numbers of the events that it describes.
    - ``infbench_sum``: whether the summary is fluent, how many key points it holds, and how many of its
      sentences the expert's summary supports, of how many. No answer, no questions.
    - ``halumem_accuracy``: of each line that is not blank, a stored point, how far the talk or the reference
      points support it, and whether the reference points have all its fields.

    Raises:
        ValueError: ``task`` is not judged in parts.
    """
    numbered = "\n".join(f"{number}. {line.text}" for number, line in enumerate(task.rubric, 1))
    if task.scorer == ORDERING:
        highest = len(task.rubric)
        return [
            JudgedPart("event_ordering", numbered, line.strip(), None, highest)
            for line in answer.split("\n")
            if line.strip()
        ]
    if task.scorer == ACCURACY:
        points = "\n".join(f"- {point}" for point in task.answers)
        reference = f"Points:\n{points}\n\nTalk:\n{task.judge_notes}"
        lines = [line.strip() for line in answer.split("\n")]
        return [JudgedPart("accuracy", reference, line, 2, 2) for line in lines if line]
    if not task.scorer.startswith(SUMMARY):
        raise ValueError(f"task {task.id} is not judged in parts: its scorer is {task.scorer!r}")
    if not answer.strip():
        return []
    return [
        JudgedPart("fluency", "", answer, highest=1),
        JudgedPart("recall", numbered, answer, highest=len(task.rubric)),
        JudgedPart("precision", task.answers[0] if task.answers else "", answer, 2),
    ]


def parts_score(task: Task, answer: str, replies: Sequence[Sequence[int]]) -> float:
    """Return the score in [0, 1] of an answer, from the numbers given for each of ``parts_of``.

    Example:
        >>> from evolve.records import Criterion
        >>> events = tuple(Criterion(text=text, points=1) for text in ("rain", "sun"))
        >>> asked = Task(id="q", question="In which order?", rubric=events, scorer="beam_event_ordering")
        >>> parts_score(asked, "It rained.\\nThe sun shone.", [[1], [2]])
        1.0
    """
    if task.scorer == ORDERING:
        given = iter(replies)
        lines = answer.split("\n")
        same = [[number - 1 for number in next(given)] if line.strip() else [] for line in lines]
        return ordering_score([criterion.text for criterion in task.rubric], lines, same)
    if task.scorer == ACCURACY:
        return accuracy_metrics(replies)["halumem"]
    if not replies:
        return 0.0
    (fluent,), (recalled,), (supported, sentences) = replies
    return summary_score(fluent, recalled, len(task.rubric), supported, sentences)
