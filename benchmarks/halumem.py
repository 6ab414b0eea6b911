"""HaluMem: hallucination by operation of a memory, on long histories of twenty users (arXiv 2511.03506)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from evolve.benchmark import Benchmark, benchmark
from evolve.data import DataFile, Row, fingerprint, groups_apart, locate, rows_of
from evolve.errors import UsageError
from evolve.records import Episode, Task
from evolve.scoring import ACCURACY

Variant = Literal["medium", "long"]
Operation = Literal["qa", "update", "extraction", "accuracy"]
SOURCE = "https://huggingface.co/datasets/IAAR-Shanghai/HaluMem/resolve/main"
NAMES = {"medium": "HaluMem-Medium.jsonl", "long": "HaluMem-Long.jsonl"}
FILES = tuple(
    DataFile(name, f"{SOURCE}/{name}", needed={"variant": (variant,)}) for variant, name in NAMES.items()
)
TEST_SHARE = 0.4
CARD = {
    "size": "20 users; 14,948 memory points and 3,467 questions; sessions a user: about 70 (medium), "
    "120 (long)",
    "source": "https://github.com/MemTensor/HaluMem; data: IAAR-Shanghai/HaluMem on Hugging Face",
    "licence": "CC BY-NC-ND 4.0",
    "metric": "halumem: the judge's verdict, and the share of each verdict. qa: correct, hallucination or "
    "omission of an answer. update: correct, hallucination, omission or other, of what the memory returns "
    "for the new fact. extraction: complete, partial or missing, of what it returns for each memory point; "
    "of a false point told to distract, missing is right. accuracy: half of 0, 1 or 2 for each point that a "
    "session gave to the memory, by how far the talk and the reference points support it; the counts of "
    "points, and of those that the reference points have, are reported beside it. Offline: coverage of the "
    "answer's content words",
    "official metric": "yes in verdicts and what counts as right (recall of complete points, ratios of "
    "verdicts, accuracy of points); differs in the judge's prompts, which are ours, and in five points. "
    "Extraction is judged by what read returns for the point, where the original takes the list that a "
    "system says it stored. Accuracy takes the texts of the item that a session's extraction gave to write, "
    "an entry of a list or a line of a text as a point: a program that stores something else is not seen. "
    "The score is the mean over sessions, 0 for one without a point, where the original counts points and "
    "passes such sessions over; its weighted_accuracy and target_accuracy are ratios of the counts, and F1 "
    "is target_accuracy with the recall of extraction. Points that update others are all asked for by "
    "update, also where nothing is returned. Weighting by importance is left out",
    "splits": "ours: 40 % of the users for test; the original has no split and no search",
    "protocol": "interleaved, as in the original: asked after each session, and later sessions are not yet "
    "known. Sessions of filler are read and not asked about. Evidence is a paraphrase of the talk, so that "
    "recall of passages cannot be measured",
    "not verified": "the data: none was at hand; the format is that of the official README and "
    "evaluation code, tested on a fixture",
}


@benchmark(files=FILES, card=CARD, metric="halumem", protocol="grouped, interleaved")
def halumem(data_dir: Path, *, variant: Variant = "medium", operation: Operation = "qa") -> Benchmark:
    """Twenty users who talk with an assistant over years; answering, updating, extracting are scored apart.

    Each session is an episode, a line with its time and then a line for each turn; each user has a memory.
    The users of the test are not those of validation.

    Args:
        data_dir: the folder of the file of the variant. variant: ``medium``, about 160,000 tokens a user; or
        ``long``, 1,000,000, with talk of no use in it. operation: ``qa``, the questions of the data in their
        six types; ``update``: the memory is read for each
            fact that replaces another; ``extraction``: it is read for each other memory point; or
            ``accuracy``: the points that each session's item gives to the memory are judged.

    Raises:
        UsageError: the file is missing, is not JSON lines, or lacks a field; or an option is unknown.
    """
    if variant not in NAMES:
        raise UsageError(f"Option variant={variant!r}: expected medium or long.")
    if operation not in _TASKS:
        raise UsageError(f"Option operation={operation!r}: expected {', '.join(_TASKS)}.")
    path = locate(data_dir, [NAMES[variant]], "halumem")
    episodes: list[Episode] = []
    tasks: list[Task] = []
    for row in rows_of(path):
        user = row.text("uuid")
        for number, session in enumerate(row.rows("sessions"), 1):
            episodes.append(_episode(session, user, number))
            if session.fields.get("is_generated_qa_session") is True:
                continue
            for index, task in enumerate(_TASKS[operation](session), 1):
                id = f"{user}/{number}/{operation}-{index}"
                tasks.append(task.model_copy(update={"id": id, "group": user, "after": episodes[-1].id}))
    validation, test = groups_apart(tasks, TEST_SHARE, benchmark="halumem", group=lambda task: task.group)
    return Benchmark(
        name="halumem",
        episodes=tuple(episodes),
        validation=tuple(validation),
        test=tuple(test),
        scope="grouped",
        metric="halumem",
        retrieval_metric="coverage",
        version=f"2-{variant}-{operation}-{fingerprint([*episodes, *tasks])}",
        card=_card(operation),
    )


def _card(operation: str) -> dict[str, str]:
    task = {
        "qa": "answer questions on a user's history so far",
        "update": "return a new fact that has replaced an old one",
        "extraction": "return each point that a session has told",
        "accuracy": "store no point that a session has not told",
    }
    return {**CARD, "task": task[operation]}


def _episode(session: Row, user: str, number: int) -> Episode:
    lines = [f"Session {number}, {session.text('start_time')}"]
    for turn in session.rows("dialogue"):
        lines.append(" ".join(f"{turn.text('role')}: {turn.value('content', str)}".split()))
    return Episode(id=f"{user}/session-{number}", text="\n".join(lines), group=user)


def _questions(session: Row) -> Iterator[Task]:
    """The questions of a session; some have none."""
    for entry in session.rows("questions") if "questions" in session else ():
        points = (
            [point.text("memory_content") for point in entry.rows("evidence")] if "evidence" in entry else ()
        )
        yield Task(
            id="",
            question=entry.text("question"),
            answers=(entry.label("answer"),),
            category=entry.text("question_type"),
            judge_notes="\n".join(points),
            scorer="halumem_qa",
        )


def _updates(session: Row) -> Iterator[Task]:
    """The points of a session that replace others, each read for by itself, as in the original."""
    for point in _points(session):
        if _replaces(point):
            old = "\n".join(point.texts("original_memories"))
            yield _point_task(point, "halumem_update").model_copy(update={"judge_notes": old})


def _extractions(session: Row) -> Iterator[Task]:
    """The points of a session that replace none; those told to distract should not be remembered."""
    for point in _points(session):
        if not _replaces(point):
            yield _point_task(point, "halumem_interference" if _is_false(point) else "halumem_integrity")


def _accuracies(session: Row) -> Iterator[Task]:
    """One task for a session with points to be remembered: each point that was stored of it is judged.

    The judge is given the talk in the original's form: the time before each turn, a blank line after each
    answer of the assistant.
    """
    points = [point.text("memory_content") for point in _points(session) if not _is_false(point)]
    if not points:
        return
    lines = []
    for turn in session.rows("dialogue"):
        role = turn.text("role")
        time = turn.text("timestamp") if "timestamp" in turn else session.text("start_time")
        lines.append(f"[{time}]{role}: {turn.value('content', str)}")
        lines += [""] * (role == "assistant")
    yield Task(
        id="",
        question=f"What is known from the talk of {session.text('start_time')}?",
        answers=tuple(dict.fromkeys(points)),
        category="stored points",
        judge_notes="\n".join(lines),
        scorer=ACCURACY,
    )


def _is_false(point: Row) -> bool:
    """Return whether a point is untrue and was told to distract."""
    return "memory_source" in point and point.text("memory_source") == "interference"


def _points(session: Row) -> Iterator[Row]:
    yield from session.rows("memory_points") if "memory_points" in session else ()


def _replaces(point: Row) -> bool:
    # The data say "True" and "False" in words.
    return str(point.value("is_update", str, bool)) == "True" and bool(point.texts("original_memories"))


def _point_task(point: Row, scorer: str) -> Task:
    content = point.text("memory_content")
    return Task(
        id="", question=content, answers=(content,), category=point.text("memory_type"), scorer=scorer
    )


_TASKS = {"qa": _questions, "update": _updates, "extraction": _extractions, "accuracy": _accuracies}
