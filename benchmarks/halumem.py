"""HaluMem: hallucination by operation of a memory, on long histories of twenty users (arXiv 2511.03506)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from evolve.benchmark import Benchmark, benchmark
from evolve.data import DataFile, Row, fingerprint, groups_apart, locate, rows_of
from evolve.errors import UsageError
from evolve.records import Episode, Task

Variant = Literal["medium", "long"]
Operation = Literal["qa", "update"]
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
    "metric": "judge, right or wrong; the original has a third verdict, omission. Offline: coverage "
    "of the answer's content words",
    "splits": "ours: 40 % of the users for test; the original has no split and no search",
    "protocol": "all is asked after the last session, and says the time it is about; the original "
    "asks after each session. Its first operation, extraction, compares what a system says it "
    "stored: a memory program has no such list, so that it is not scored here. Its update test "
    "searches by the new fact itself, which would give the answer away; here the old fact is named. "
    "Evidence is a paraphrase of the talk, so that recall of passages cannot be measured",
    "not verified": "the data: none was at hand; the format is that of the official README and "
    "evaluation code, tested on a fixture",
}


@benchmark(files=FILES, card=CARD)
def halumem(data_dir: Path, *, variant: Variant = "medium", operation: Operation = "qa") -> Benchmark:
    """Twenty users who talk with an assistant over years; answering and updating are scored apart.

    Each session is an episode, a line with its time and then a line for each turn; each user has a memory.
    The users of the test are not those of validation.

    Args:
        data_dir: the folder of the file of the variant.
        variant: ``medium``, about 160,000 tokens a user; or ``long``, 1,000,000, with talk of no use in it.
        operation: ``qa``, the questions of the data in their six types; or ``update``: each fact that
            replaces another is asked for by what it replaces.

    Raises:
        UsageError: the file is missing, is not JSON lines, or lacks a field; or an option is unknown.
    """
    if variant not in NAMES:
        raise UsageError(f"Option variant={variant!r}: expected medium or long.")
    if operation not in ("qa", "update"):
        raise UsageError(f"Option operation={operation!r}: expected qa or update.")
    path = locate(data_dir, [NAMES[variant]], "halumem")
    episodes: list[Episode] = []
    tasks: list[Task] = []
    for row in rows_of(path):
        user = row.text("uuid")
        for number, session in enumerate(row.rows("sessions"), 1):
            episodes.append(_episode(session, user, number))
            found = _questions(session) if operation == "qa" else _updates(session)
            for index, (question, answer, kind) in enumerate(found, 1):
                tasks.append(
                    Task(
                        id=f"{user}/{number}/{operation}-{index}",
                        question=question,
                        answers=(answer,),
                        group=user,
                        category=kind,
                    )
                )
    validation, test = groups_apart(tasks, TEST_SHARE, benchmark="halumem", group=lambda task: task.group)
    return Benchmark(
        name="halumem",
        episodes=tuple(episodes),
        validation=tuple(validation),
        test=tuple(test),
        scope="grouped",
        metric="judge",
        retrieval_metric="coverage",
        version=f"1-{variant}-{operation}-{fingerprint([*episodes, *tasks])}",
        card=_card(operation),
    )


def _card(operation: str) -> dict[str, str]:
    return {
        **CARD,
        "task": "answer questions on a user's history"
        if operation == "qa"
        else "say what is so now, given what was so before",
    }


def _episode(session: Row, user: str, number: int) -> Episode:
    lines = [f"Session {number}, {session.text('start_time')}"]
    for turn in session.rows("dialogue"):
        lines.append(" ".join(f"{turn.text('role')}: {turn.value('content', str)}".split()))
    return Episode(id=f"{user}/session-{number}", text="\n".join(lines), group=user)


def _questions(session: Row) -> Iterator[tuple[str, str, str]]:
    """Question, answer and type; sessions of filler have none."""
    if "questions" in session:
        for entry in session.rows("questions"):
            question = f"As of {session.text('end_time')}: {entry.text('question')}"
            yield question, entry.label("answer"), entry.text("question_type")


def _updates(session: Row) -> Iterator[tuple[str, str, str]]:
    """For each fact that replaces others: what it replaces as a question, the fact, and its type."""
    if "memory_points" not in session:
        return
    for point in session.rows("memory_points"):
        # The data say "True" and "False" in words.
        if str(point.value("is_update", str, bool)) != "True" or not point.texts("original_memories"):
            continue
        before = " ".join(point.texts("original_memories"))
        question = f"This was so before: {before} What is so as of {session.text('end_time')}?"
        yield question, point.text("memory_content"), point.text("memory_type")
