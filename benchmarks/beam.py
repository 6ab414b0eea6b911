"""BEAM: ten abilities, on conversations of up to a million tokens (Tavakoli et al., ICLR 2026)."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from evolve.benchmark import Benchmark, benchmark
from evolve.data import DataFile, Row, fingerprint, groups_apart, locate, rows_of
from evolve.errors import UsageError
from evolve.records import Criterion, Episode, Evidence, Task
from evolve.scoring.official.beam import ORDERING

Size = Literal["100K", "500K", "1M"]
SIZES = ("100K", "500K", "1M")
SOURCE = "https://huggingface.co/datasets/Mohammadta/BEAM/resolve/main/data"
FILES = tuple(
    DataFile(
        f"{size}-00000-of-00001.parquet",
        f"{SOURCE}/{size}-00000-of-00001.parquet",
        needed={"size": (size,)},
    )
    for size in SIZES
)
ABILITIES = (
    "abstention",
    "contradiction_resolution",
    "event_ordering",
    "information_extraction",
    "instruction_following",
    "knowledge_update",
    "multi_session_reasoning",
    "preference_following",
    "summarization",
    "temporal_reasoning",
)
LISTED = "List the events in their order, one on each line, and write nothing else."
ANSWERS = ("ideal_response", "ideal_answer", "ideal_summary", "answer")
TEST_SHARE = 0.4
CARD = {
    "task": "answer probing questions of ten abilities on one long conversation",
    "size": "100 conversations of 100,000 to 10 million tokens with 20 questions each",
    "source": "https://github.com/mohammadtavakoli78/BEAM; data: Mohammadta/BEAM on Hugging Face (Tavakoli "
    "et al., ICLR 2026)",
    "licence": "CC BY-SA 4.0",
    "metric": "rubric: the share of a question's criteria that the judge finds met; for event_ordering "
    "Kendall's tau-b, from 0 to 1, of the order of the answer's lines. Offline: rubric_coverage, a proxy "
    "of words",
    "official metric": "yes, with judge's prompts of our own. The official code drops half points, so that "
    "its score is the share of criteria fully met. For event_ordering it pairs lines with events and reports "
    "tau-b alone: neither what is left out nor what is made up counts but by its rank. The original asks of "
    "each line and event whether they are the same, ours of each line which events are; it asks for no "
    "form, ours for one event a line, as its lines are what is compared. An undefined tau counts 0",
    "splits": "ours: 40 % of the conversations for test; the original has no split and no search",
    "not verified": "the data: none was at hand; columns and nesting are those of loaders that others "
    "publish for the data, the scorer that of the official evaluation.py; tested on a fixture. The 10M "
    "conversations are nested otherwise and are not read",
}


@benchmark(files=FILES, card=CARD, metric="rubric", protocol="grouped")
def beam(data_dir: Path, *, size: Size = "100K", turns: int = 20) -> Benchmark:
    """Coherent conversations of a user with an assistant, up to a million tokens; ten abilities by rubrics.

    A conversation is a memory. Its batches are cut into episodes of a few turns, a line with the time where
    it is known and a line for each turn. The conversations of the test are not those of validation.

    Args:
        data_dir: the folder of the size's file, Parquet, or the same as JSON lines.
        size: tokens of a conversation: ``100K``, ``500K`` or ``1M``.
        turns: most messages of an episode.

    Raises:
        UsageError: the file is missing or malformed, or an option is out of its range.
    """
    if size not in SIZES:
        raise UsageError(f"Option size={size!r}: expected {', '.join(SIZES)}.")
    if turns < 1:
        raise UsageError(f"Option turns={turns}: expected 1 or more.")
    parquet = f"{size}-00000-of-00001.parquet"
    path = locate(data_dir, [parquet, f"data/{parquet}", f"{size}.jsonl"], "beam")
    episodes: list[Episode] = []
    tasks: list[Task] = []
    for row in rows_of(path):
        conversation = _Conversation(row, turns)
        episodes.extend(conversation.episodes)
        tasks.extend(conversation.tasks())
    validation, test = groups_apart(tasks, TEST_SHARE, benchmark="beam", group=lambda task: task.group)
    return Benchmark(
        name="beam",
        episodes=tuple(episodes),
        validation=tuple(validation),
        test=tuple(test),
        scope="grouped",
        metric="rubric",
        retrieval_metric="rubric_coverage",
        version=f"2-{size}-{turns}-{fingerprint([*episodes, *tasks])}",
        card={
            **CARD,
            "protocol": f"one memory for each conversation, told {turns} messages at a time, then asked, "
            "as in the original",
            "here": f"{len({task.group for task in tasks})} conversations, {len(tasks)} questions",
        },
    )


class _Conversation:
    """One record of the file."""

    def __init__(self, row: Row, turns: int) -> None:
        self.id = row.label("conversation_id")
        self._row = Row(f"{row.where} ({self.id})", row.fields)
        self._lines: dict[str, Evidence] = {}
        self.episodes = list(self._read(turns))

    def tasks(self) -> Iterator[Task]:
        """The probing questions, ability by ability."""
        probes = Row(f"{self._row.where}, probing_questions", _parsed(self._row, "probing_questions"))
        for ability in probes.fields:
            if ability not in ABILITIES:
                raise UsageError(
                    f"{probes.where}: {ability!r} is no ability; expected {', '.join(ABILITIES)}."
                )
            for number, probe in enumerate(probes.rows(ability), 1):
                answer = next((probe.label(key) for key in ANSWERS if key in probe), "").strip()
                yield Task(
                    id=f"{self.id}/{ability}-{number}",
                    question=probe.text("question"),
                    answers=(answer,) if answer else (),
                    group=self.id,
                    category=ability,
                    evidence=tuple(self._evidence(probe.fields.get("source_chat_ids"))),
                    rubric=tuple(Criterion(text=text, points=1.0) for text in _rubric(probe)),
                    scorer=ORDERING if ability == "event_ordering" else "",
                    answer_format=LISTED if ability == "event_ordering" else "",
                )

    def _read(self, turns: int) -> Iterator[Episode]:
        for number, batch in enumerate(self._row.value("chat", list), 1):
            name = f"chat {number - 1}"
            messages = list(Row(self._row.where, {name: batch}).rows(name))
            for part, start in enumerate(range(0, len(messages), turns), 1):
                id = f"{self.id}/batch-{number}.{part}"
                lines = [self._line(message, id) for message in messages[start : start + turns]]
                times = (message.text("time_anchor") for message in messages if "time_anchor" in message)
                heading = f"Batch {number}, {next(times, '')}".rstrip(", ")
                yield Episode(id=id, text="\n".join([heading, *lines]), group=self.id)

    def _line(self, message: Row, episode: str) -> str:
        line = " ".join(f"{message.text('role')}: {message.value('content', str)}".split())
        if "id" in message:
            self._lines.setdefault(message.label("id"), Evidence(episode=episode, text=line))
        return line

    def _evidence(self, sources: Any) -> Iterator[Evidence]:
        """The messages that a list of ids names, however it is nested, each once."""
        named = dict.fromkeys(str(id) for id in _leaves(sources))
        return (self._lines[id] for id in named if id in self._lines)


def _leaves(value: Any) -> Iterator[Any]:
    inner = value.values() if isinstance(value, dict) else value
    if isinstance(value, (dict, list)):
        for one in inner:
            yield from _leaves(one)
    elif value is not None:
        yield value


def _rubric(probe: Row) -> list[str]:
    """The criteria, at least one."""
    given = probe.value("rubric", list, str)
    rubric = [given] if isinstance(given, str) else probe.texts("rubric")
    rubric = [text for text in rubric if text.strip()]
    if not rubric:
        raise UsageError(f"{probe.where}: 'rubric' is empty; expected at least one criterion.")
    return rubric


def _parsed(row: Row, key: str) -> dict[str, Any]:
    """An object, or one within a string as JSON or as Python writes it."""
    value = row.value(key, str, dict)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            try:
                value = ast.literal_eval(value)
            except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
                raise UsageError(f"{row.where}: {key!r} is neither JSON nor a Python literal.") from error
    if not isinstance(value, dict):
        raise UsageError(f"{row.where}: {key!r} is {value!r:.60}; expected an object.")
    return value
