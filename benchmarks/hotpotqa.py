"""HotpotQA: questions that need two paragraphs of Wikipedia (Yang et al., EMNLP 2018), as a memory task."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from evolve.benchmark import Benchmark, Scope, benchmark
from evolve.data import DataFile, Row, fingerprint, locate, rows_of, validation_and_test
from evolve.data.splitting import draw
from evolve.errors import UsageError
from evolve.records import Episode, Evidence, Task

DATA = "hotpot_dev_distractor_v1.json"
FILES = (DataFile(DATA, f"http://curtis.ml.cmu.edu/datasets/hotpot/{DATA}"),)
NAMES = (DATA, "hotpot_train_v1.1.json", "hotpotqa_train.json")
QUESTIONS = 200
TEST_SHARE = 0.4
CARD = {
    "task": "answer a question that needs two paragraphs of Wikipedia",
    "size": "7,405 questions for development, 90,447 for training, ten paragraphs each",
    "source": "https://hotpotqa.github.io (Yang et al., EMNLP 2018)",
    "licence": "CC BY-SA 4.0",
    "metric": "hotpot_f1, the official answer F1; --metric exact_match is the official EM. "
    "Supporting facts are not asked for, so that the official joint scores do not exist here",
    "official metric": "yes: answer F1, and EM with --metric exact_match, by hotpot_evaluate_v1.py",
    "splits": "ours: 40 % of each type for test, of the development set; the official test set is not public",
    "not verified": "checksum: no full copy was at hand to compute it from",
}


@benchmark(files=FILES, card=CARD, metric="hotpot_f1", protocol="pooled")
def hotpotqa(data_dir: Path, *, scope: Scope = "pooled", questions: int = QUESTIONS) -> Benchmark:
    """Questions that need two paragraphs, which stand among the distractors of all questions.

    Each paragraph is an episode, a line with its title and then its sentences; the supporting facts are the
    evidence.

    Args:
        data_dir: the folder of ``hotpot_dev_distractor_v1.json``, or of a training file.
        scope: ``pooled``, one memory of the paragraphs of all questions; or ``grouped``, one memory for each
            question with its own ten paragraphs, the original's distractor setting.
        questions: take at most so many, each type by its share; 0 for all.

    Raises:
        UsageError: the file is missing, is not JSON, or lacks a field; or an option is out of its range.
    """
    if scope not in ("grouped", "pooled"):
        raise UsageError(f"Option scope={scope!r}: expected grouped or pooled.")
    if questions < 0 or questions == 1:
        raise UsageError(f"Option questions={questions}: expected 0 for all, or 2 or more.")
    path = locate(data_dir, NAMES, "hotpotqa")
    rows = list(rows_of(path))
    taken = _taken(rows, questions)
    episodes: dict[str, Episode] = {}
    tasks = [_task(row, scope, episodes) for row in taken]
    validation, test = validation_and_test(
        tasks, TEST_SHARE, benchmark="hotpotqa", key=lambda t: t.id, category=lambda t: t.category
    )
    return Benchmark(
        name="hotpotqa",
        episodes=tuple(episodes.values()),
        validation=tuple(validation),
        test=tuple(test),
        scope=scope,
        metric="hotpot_f1",
        retrieval_metric="evidence_recall",
        version=f"1-{scope}-{fingerprint([*episodes.values(), *tasks])}",
        card={
            **CARD,
            "here": f"{len(taken)} of {len(rows)} questions in {path.name}, {len(episodes)} paragraphs",
            "protocol": f"{scope} scope. Paragraphs are written to a memory one by one and the question "
            "comes after; the original reads ten at once. In pooled scope validation and test share "
            "the memory",
        },
    )


def _taken(rows: Sequence[Row], questions: int) -> list[Row]:
    if not questions or questions >= len(rows):
        return list(rows)
    taken, _ = draw(
        rows,
        questions,
        key=lambda row: row.text("_id"),
        category=lambda row: row.text("type"),
        salt="hotpotqa taken",
    )
    return taken


def _task(row: Row, scope: Scope, episodes: dict[str, Episode]) -> Task:
    """The question; its paragraphs are put among ``episodes``, each once."""
    id = row.text("_id")
    row = Row(f"{row.where} ({id})", row.fields)
    group = id if scope == "grouped" else ""
    sentences: dict[str, tuple[str, list[str]]] = {}
    for title, said in _paragraphs(row):
        body = " ".join(" ".join(said).split())
        # The same title may have another text in another question: the text is part of the name.
        mark = hashlib.sha256(body.encode()).hexdigest()[:6]
        episode = f"{group}/{title}" if group else f"{title}/{mark}"
        sentences[title] = (episode, said)
        episodes.setdefault(episode, Episode(id=episode, text=f"{title}\n{body}", group=group))
    return Task(
        id=id,
        question=row.text("question"),
        answers=(row.text("answer"),),
        group=group,
        category=row.text("type"),
        evidence=tuple(_evidence(row, sentences)),
    )


def _paragraphs(row: Row) -> list[tuple[str, list[str]]]:
    """Title and sentences of each."""
    found = []
    for index, entry in enumerate(row.value("context", list)):
        match entry:
            case [str(title), list(said)] if said and all(isinstance(sentence, str) for sentence in said):
                found.append((title, said))
            case _:
                raise UsageError(f"{row.where}, context {index}: expected a title and its sentences.")
    return found


def _evidence(row: Row, sentences: dict[str, tuple[str, list[str]]]) -> list[Evidence]:
    """The supporting facts; the published data have a few that point past the end: they are dropped."""
    found = []
    for index, entry in enumerate(row.value("supporting_facts", list)):
        match entry:
            case [str(title), int(number)] if title in sentences:
                episode, said = sentences[title]
                if number < len(said) and said[number].strip():
                    found.append(Evidence(episode=episode, text=" ".join(said[number].split())))
            case _:
                raise UsageError(
                    f"{row.where}, supporting_facts {index}: expected a title of its context and a number."
                )
    return list(dict.fromkeys(found))
