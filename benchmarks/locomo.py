"""LoCoMo: questions about ten very long conversations (Maharana et al., ACL 2024), from its official file."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evolve.benchmark import Benchmark, Scope, benchmark
from evolve.errors import UsageError
from evolve.records import Episode, Evidence, Task

DATA, ERRATA = "locomo10.json", "errata_joined.json"
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}
ADVERSARIAL = 5

TEST_CONVERSATIONS = frozenset({"conv-26", "conv-41", "conv-44", "conv-48"})
"""Grouped scope tests on these four and searches on the other six. Of the 210 choices of four it is the one
that comes closest to 40 % of each category, by Σ (test − 0.4 · all)² / all: 114 of 282 multi-hop, 130 of 321
temporal, 38 of 96 open-domain and 336 of 841 single-hop questions. Nothing else was looked at."""
POOLED_TEST = 100
"""Test questions in pooled scope, as in the paper M★: 1,440 for validation and 100 for test."""

_TURN_ID = re.compile(r"D:?0*(\d+):0*(\d+)")


@benchmark
def locomo(data_dir: Path, *, scope: Scope = "grouped", exclude_errata: bool = False) -> Benchmark:
    """Ten conversations of two people over months; multi-hop, temporal, open-domain, single-hop questions.

    Each of the 272 sessions is an episode: a line with its date, then a line for each turn. The 1,540
    questions of categories 1–4 are the tasks; category 5, adversarial, is left out as in the paper M★.

    Args:
        data_dir: the folder of ``locomo10.json`` (and of ``errata_joined.json``).
        scope: ``grouped``, one memory for each conversation, tested on conversations that the search never
            sees; or ``pooled``, one memory for all, the paper's 1,440 / 100 questions, drawn by category.
        exclude_errata: leave out the questions whose label is known to be wrong so that scores suffer.

    Raises:
        UsageError: a file is missing, is not JSON, or lacks a field.
    """
    if scope not in ("grouped", "pooled"):
        raise UsageError(f"Option scope={scope!r}: expected grouped or pooled.")
    content = _read(data_dir / DATA)
    episodes: list[Episode] = []
    tasks: list[Task] = []
    for number, record in enumerate(_json(content, data_dir / DATA)):
        conversation = _Conversation(record, f"{DATA}, record {number}")
        episodes.extend(conversation.episodes())
        tasks.extend(conversation.tasks())
    validation, test = _split(tasks, scope)
    version = f"1-{hashlib.sha256(content).hexdigest()[:8]}"
    if exclude_errata:
        wrong = _errata(data_dir / ERRATA, {task.id: task.question for task in tasks})
        validation = [task for task in validation if task.id not in wrong]
        test = [task for task in test if task.id not in wrong]
        version += f"-without-{len(wrong)}-errata"
    return Benchmark(
        name="locomo",
        episodes=tuple(episodes),
        validation=tuple(validation),
        test=tuple(test),
        scope=scope,
        version=version,
        card={
            "source": "https://github.com/snap-research/locomo, data/locomo10.json",
            "licence": "CC BY-NC 4.0",
            "protocol": f"{scope} scope, categories 1-4; official metric locomo_f1, in the paper M★ f1",
            "labels": "as published" if not exclude_errata else "without those known to be wrong",
        },
    )


class _Conversation:
    """One record of the file; every complaint says where in the file it is."""

    def __init__(self, record: Any, where: str):
        self.id: str = _field(record, "sample_id", str, where)
        self.where = f"{where} ({self.id})"
        self.qa = _field(record, "qa", list, self.where)
        self.lines: dict[tuple[int, int], Evidence] = {}
        self._sessions = list(self._read_sessions(_field(record, "conversation", dict, self.where)))

    def episodes(self) -> list[Episode]:
        """One for each session, in the order of time."""
        return [Episode(id=id, text=text, group=self.id) for id, text in self._sessions]

    def tasks(self) -> Iterator[Task]:
        """The questions of categories 1–4, in the order of the file."""
        for index, qa in enumerate(self.qa):
            where = f"{self.where}, question {index}"
            category = _field(qa, "category", int, where)
            if category == ADVERSARIAL:
                continue
            if category not in CATEGORIES:
                raise UsageError(f"{where}: category is {category}; expected 1 to 5.")
            yield Task(
                id=f"{self.id}/q{index}",
                question=_field(qa, "question", str, where),
                answers=(str(_field(qa, "answer", (str, int), where)),),
                group=self.id,
                category=CATEGORIES[category],
                evidence=self._evidence(_field(qa, "evidence", list, where)),
            )

    def _read_sessions(self, conversation: dict[str, Any]) -> Iterator[tuple[str, str]]:
        # One conversation has dates of sessions that do not exist: the sessions decide.
        numbers = sorted(int(key[8:]) for key in conversation if re.fullmatch(r"session_\d+", key))
        for number in numbers:
            where = f"{self.where}, session_{number}"
            date = _field(conversation, f"session_{number}_date_time", str, self.where)
            turns = _field(conversation, f"session_{number}", list, self.where)
            episode, lines = f"{self.id}/session-{number}", [f"Session {number}, {date}"]
            for index, turn in enumerate(turns):
                line = _line(turn, f"{where}, turn {index}")
                lines.append(line)
                for key in _turn_ids(_field(turn, "dia_id", str, f"{where}, turn {index}")):
                    self.lines[key] = Evidence(episode=episode, text=line)
            yield episode, "\n".join(lines)

    def _evidence(self, references: Sequence[Any]) -> tuple[Evidence, ...]:
        """The turns that are referred to, each once.

        Nine references of the published file are malformed: several in one string, ``D:11:26``, ``D30:05``
        are mended; what then names no turn (``D``, ``D10:19``, ``D4:36``) is dropped.
        """
        keys = dict.fromkeys(key for reference in references for key in _turn_ids(str(reference)))
        return tuple(self.lines[key] for key in keys if key in self.lines)


def _turn_ids(reference: str) -> list[tuple[int, int]]:
    """(session, turn) for each ``D3:14`` in ``reference``."""
    return [(int(session), int(turn)) for session, turn in _TURN_ID.findall(reference)]


def _line(turn: Any, where: str) -> str:
    """A turn on one line; some questions cannot be answered without the caption of its image."""
    words = f"{_field(turn, 'speaker', str, where)}: {_field(turn, 'text', str, where)}"
    if turn.get("blip_caption"):
        words += f" [image: {turn['blip_caption']}]"
    return " ".join(words.split())


def _split(tasks: Sequence[Task], scope: Scope) -> tuple[list[Task], list[Task]]:
    if scope == "grouped":
        chosen = {task.id for task in tasks if task.group in TEST_CONVERSATIONS}
    else:
        chosen = _stratified(tasks, POOLED_TEST)
    return [task for task in tasks if task.id not in chosen], [task for task in tasks if task.id in chosen]


def _stratified(tasks: Sequence[Task], size: int) -> set[str]:
    """Ids of ``size`` tasks, each category by its share (largest remainder), always the same ones."""
    ids: dict[str, list[str]] = {}
    for task in tasks:
        ids.setdefault(task.category, []).append(task.id)
    shares = {category: size * len(members) / len(tasks) for category, members in ids.items()}
    seats = {category: int(share) for category, share in shares.items()}
    for category in sorted(shares, key=lambda c: (seats[c] - shares[c], c))[: size - sum(seats.values())]:
        seats[category] += 1
    rng = random.Random("locomo pooled test")
    return {
        id
        for category in sorted(ids)
        for id in rng.sample(ids[category], min(seats[category], len(ids[category])))
    }


def _errata(path: Path, questions: dict[str, str]) -> set[str]:
    """Ids of the tasks whose label corrupts a score."""
    wrong: set[str] = set()
    for number, entry in enumerate(_json(_read(path), path)):
        where = f"{ERRATA}, entry {number}"
        id = f"{_field(entry, 'sample_id', str, where)}/q{_field(entry, 'qa_index', int, where)}"
        if not _field(entry, "score_corrupting", bool, where) or id not in questions:
            continue
        if _field(entry, "question", str, where) != questions[id]:
            raise UsageError(f"{where}: its question is not that of {id} in {DATA}; are both of one version?")
        wrong.add(id)
    return wrong


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        source = (
            "It is data/locomo10.json in the official repository, https://github.com/snap-research/locomo."
            if path.name == DATA
            else "It lists wrong labels by sample_id and qa_index; without it leave exclude_errata off."
        )
        raise UsageError(
            f"LoCoMo needs {path.name}, and there is none in {path.parent}. {source} "
            "Say where it is with --data-dir, or put it in a folder locomo in $EVOLVE_DATA."
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error


def _json(content: bytes, path: Path) -> list[Any]:
    try:
        records = json.loads(content)
    except json.JSONDecodeError as error:
        raise UsageError(
            f"{path} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}."
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text: byte {error.start}.") from error
    if not isinstance(records, list) or not records:
        raise UsageError(f"{path}: expected a list of records, found {type(records).__name__}.")
    return records


def _field(record: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    if not isinstance(record, dict) or key not in record:
        found = (
            f"it has {', '.join(map(str, record))}" if isinstance(record, dict) else f"found {record!r:.60}"
        )
        raise UsageError(f"{where} lacks the field {key!r}: {found:.200}.")
    if not isinstance(record[key], kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        expected = " or ".join(k.__name__ for k in kinds)
        raise UsageError(f"{where}: {key!r} is {record[key]!r:.60}; expected {expected}.")
    return record[key]
