"""LongMemEval: questions about long histories of chats with an assistant (Wu et al., ICLR 2025)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from evolve.benchmark import Benchmark, benchmark
from evolve.data import DataFile, Row, locate, rows_of, validation_and_test
from evolve.data.splitting import draw
from evolve.errors import UsageError
from evolve.records import Episode, Evidence, Task

Variant = Literal["oracle", "s"]
SOURCE = "https://huggingface.co/datasets/xiaowu0162/longmemeval-cleaned/resolve/main"
FILES = (
    DataFile("longmemeval_oracle.json", f"{SOURCE}/longmemeval_oracle.json", needed={"variant": ("oracle",)}),
    DataFile(
        "longmemeval_s_cleaned.json", f"{SOURCE}/longmemeval_s_cleaned.json", needed={"variant": ("s",)}
    ),
)
NAMES = {
    "oracle": ("longmemeval_oracle.json", "longmemeval_oracle", "longmemeval_oracle_subset*.json"),
    "s": (
        "longmemeval_s_cleaned.json",
        "longmemeval_s.json",
        "longmemeval_s",
        "longmemeval_s_subset*.json",
    ),
}
ABILITIES = {
    "single-session-user": "information-extraction",
    "single-session-assistant": "information-extraction",
    "single-session-preference": "information-extraction",
    "multi-session": "multi-session-reasoning",
    "temporal-reasoning": "temporal-reasoning",
    "knowledge-update": "knowledge-update",
}
ABSTENTION = "abstention"
"""The ability of the questions whose id ends in ``_abs``, whatever their type."""
GUIDANCE = {
    "temporal-reasoning": "a number of days, weeks or months that is off by one is right as well.",
    "knowledge-update": "what was true before may be named beside it, as long as the answer given is what is "
    "true now.",
    "information-extraction": "where the reference says what the user would like, right is an answer that "
    "draws on what is known of the user in that way; it need not take up every point.",
    "abstention": "the history does not hold the answer: right is what says so, or says that the question "
    "assumes something that was never said.",
}
"""By ability, what the original's prompts for its types of questions forgive and ask; in our words."""
SESSION_METRICS = ("longmemeval_recall_any", "longmemeval_session_recall_all")
TURN_METRICS = ("longmemeval_turn_recall_all",)
QUESTIONS = 500
TEST_SHARE = 0.4
CARD = {
    "task": "answer a question after a history of dated chats of a user with an assistant",
    "size": "500 questions, 30 of them abstention; s: about 48 sessions and 115,000 tokens for each",
    "source": "https://github.com/xiaowu0162/LongMemEval; data: xiaowu0162/longmemeval-cleaned on "
    "Hugging Face (Wu et al., ICLR 2025)",
    "licence": "MIT",
    "metric": "judge, yes or no; offline: episode_recall of the evidence sessions, which the "
    "original does not count for abstention. Reported beside them: longmemeval_recall_any, "
    "longmemeval_session_recall_all and, where the data mark turns, longmemeval_turn_recall_all",
    "official metric": "differs: the judge has our prompt. recall_any and recall_all are the official ones, "
    "of sessions and of turns, without abstention and over users' turns, except for k: the length limit of "
    "read takes its place, and a session is found with an evidence turn of it. A session of which no turn "
    "is marked counts by all turns of its speaker. ndcg needs a ranking, which a memory does not return",
    "splits": "ours: 40 % of each ability for test; the original has no split and no search",
    "protocol": "one memory for each question, as in the original; the question says its date, as there; "
    "ours: sessions are put in order of time, and none is dropped, also where it is dated later than the "
    "question, for in some questions the evidence is; a chat that is filler may occur in several histories; "
    "our judge has one prompt and a sentence for each ability, the original one for each type",
    "not verified": "checksums: no full copy was at hand to compute them from",
}


@benchmark(files=FILES, card=CARD, metric="judge", protocol="grouped")
def longmemeval(data_dir: Path, *, variant: Variant = "oracle", questions: int = 0) -> Benchmark:
    """Five abilities of a chat assistant's memory, one history for each question; abstention is one of them.

    Each question has its own memory, which holds the sessions of its own history, in the order of time. A
    session is an episode: a line with its date, then a line for each turn.

    Args:
        data_dir: the folder of the file of the variant.
        variant: ``oracle``, only the sessions that hold the evidence; or ``s``, about 48 sessions and 115,000
            tokens for each question.
        questions: take only so many, each ability by its share; 0 for all.

    Raises:
        UsageError: the file is missing, is not JSON, or lacks a field; or an option is out of its range.
    """
    if variant not in NAMES:
        raise UsageError(f"Option variant={variant!r}: expected oracle or s.")
    path = locate(data_dir, NAMES[variant], "longmemeval")
    instances = [_Instance(row) for row in rows_of(path)]
    found = len(instances)
    if questions < 0 or questions == 1 or questions > found:
        raise UsageError(f"Option questions={questions}: expected 0 for all, or 2 to {found}.")
    if questions:
        instances, _ = draw(
            instances, questions, key=lambda i: i.id, category=lambda i: i.ability, salt="longmemeval taken"
        )
    tasks = [instance.task() for instance in instances]
    validation, test = validation_and_test(
        tasks, TEST_SHARE, benchmark="longmemeval", key=lambda t: t.id, category=lambda t: t.category
    )
    digest = hashlib.sha256("\n".join(instance.digest for instance in instances).encode()).hexdigest()[:8]
    return Benchmark(
        name="longmemeval",
        episodes=tuple(episode for instance in instances for episode in instance.episodes),
        validation=tuple(validation),
        test=tuple(test),
        scope="grouped",
        metric="judge",
        retrieval_metric="episode_recall",
        also=SESSION_METRICS + (TURN_METRICS if any(one.marked for one in instances) else ()),
        guidance=GUIDANCE,
        version=f"1-{variant}-{digest}",
        card={
            **CARD,
            "here": f"{len(tasks)} questions of {found} in {path.name}"
            + ("" if found == QUESTIONS else ", a sample: not to be compared with published scores"),
        },
    )


class _Instance:
    """One record of the file: a question with its history.

    Attributes:
        marked: a turn is marked as holding the answer.
    """

    def __init__(self, row: Row):
        self.id = row.text("question_id")
        self._row = row = Row(f"{row.where} ({self.id})", row.fields)
        self._kind = row.text("question_type")
        if not self.abstains and self._kind not in ABILITIES:
            raise UsageError(
                f"{row.where}: question_type is {self._kind!r}; expected one of {', '.join(ABILITIES)}."
            )
        self.episodes: list[Episode] = []
        self._evidence: list[Evidence] = []
        self.marked = False
        for date, session, turns in self._sessions():
            self._add(date, session, turns)
        digest = hashlib.sha256(self.task().model_dump_json().encode())
        for episode in self.episodes:
            digest.update(episode.text.encode())
        self.digest = digest.hexdigest()

    @property
    def abstains(self) -> bool:
        """The history does not hold the answer."""
        return self.id.endswith("_abs")

    @property
    def ability(self) -> str:
        """Which of the five."""
        return ABSTENTION if self.abstains else ABILITIES[self._kind]

    def task(self) -> Task:
        """The question."""
        date = self._row.text("question_date")
        return Task(
            id=self.id,
            question=f"Asked on {date}: {self._row.text('question')}",
            answers=(self._row.label("answer"),),
            group=self.id,
            category=self.ability,
            evidence=tuple(self._evidence),
        )

    def _sessions(self) -> Iterator[tuple[str, str, list[Row]]]:
        """Date, id and turns of each session, by time."""
        row = self._row
        dates, ids = row.texts("haystack_dates"), row.texts("haystack_session_ids")
        sessions = row.value("haystack_sessions", list)
        if not len(dates) == len(ids) == len(sessions):
            raise UsageError(
                f"{row.where}: {len(dates)} haystack_dates, {len(ids)} haystack_session_ids and "
                f"{len(sessions)} haystack_sessions; expected as many of each."
            )
        for index in sorted(range(len(ids)), key=lambda index: _time(dates[index])):
            held = Row(row.where, {f"haystack_sessions {index}": sessions[index]})
            yield dates[index], ids[index], list(held.rows(f"haystack_sessions {index}"))

    def _add(self, date: str, session: str, turns: list[Row]) -> None:
        """Make the session an episode, and its evidence turns evidence."""
        wanted = session in self._row.texts("answer_session_ids")
        id = f"{self.id}/{session}"
        if any(episode.id == id for episode in self.episodes):  # one history has a session twice
            id += f"-{len(self.episodes)}"
        lines = [" ".join(f"{turn.text('role')}: {turn.value('content', str)}".split()) for turn in turns]
        self.episodes.append(Episode(id=id, text="\n".join([f"Session on {date}", *lines]), group=self.id))
        if wanted:
            marked = [turn.fields.get("has_answer") is True for turn in turns]
            self.marked = self.marked or any(marked)
            if not any(marked):  # the sessions are known, but not the turns: those that can hold it
                speaker = "assistant" if self._kind == "single-session-assistant" else "user"
                marked = [turn.fields["role"] == speaker for turn in turns]
            for line, holds in zip(lines, marked, strict=True):
                if holds:
                    self._evidence.append(Evidence(episode=id, text=line))


def _time(date: str) -> str:
    """``2023/5/25 (Thu) 9:20`` without the day of the week, its numbers padded so that they sort as text."""
    return re.sub(r"\d+", lambda number: number[0].zfill(4), re.sub(r"\(\w+\)\s*", "", date))
