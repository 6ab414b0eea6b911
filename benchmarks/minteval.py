"""MINTEval: facts that are revised again and again, in four domains (arXiv 2605.18565)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from evolve.benchmark import Benchmark, benchmark
from evolve.data import DataFile, Row, fingerprint, groups_apart, locate, rows_of
from evolve.errors import UsageError
from evolve.records import Episode, Task

Domain = Literal["state_tracking", "multi_turn_dialogue", "wiki_revisions", "github_commits"]
SOURCE = "https://huggingface.co/datasets/dinobby/MINTEval/resolve/main/data"
SESSIONS = {"state_tracking": 99, "multi_turn_dialogue": 100, "wiki_revisions": 196, "github_commits": 200}
FILES = tuple(
    DataFile(
        f"{domain}-00000-of-00001.parquet",
        f"{SOURCE}/{domain}-00000-of-00001.parquet",
        needed={"domain": (domain,)},
    )
    for domain in SESSIONS
)
SINGLE_TARGET = frozenset({"simple", "history"})
MULTI_TARGET = frozenset({"ordering", "counting", "multi-hop"})
TEST_SHARE = 0.4
CARD = {
    "task": "answer questions on a history in which later facts interfere with earlier ones",
    "source": "https://github.com/amy-hyunji/MINTEval; data: dinobby/MINTEval on Hugging Face",
    "licence": "CC BY 4.0",
    "metric": "minteval_match, accuracy without a judge: the last \\boxed{}, or the whole answer without "
    "one, equals the gold one after normalisation. Offline: coverage of the answer's content words, which "
    "says little of counting and ordering, whose answers stand nowhere",
    "official metric": "yes: exact match by the rules of common.py. Its F1 is not reported",
    "splits": "ours: 40 % of the histories for test; the original has no split and no search",
    "protocol": "one memory for each history, as in the original. Categories are the data's question types, "
    "after single-target or multi-target where the dataset card says which. The answering agent, not the "
    "memory, is given the candidates and the form of the answer, as in the original, whose prompts demand a "
    "boxed answer; questions without an answer are left out, as there",
    "not verified": "the data: none was at hand; columns, sizes, types and splits are those of the dataset "
    "card and of the official loader; tested on a fixture",
}


@benchmark(files=FILES, card=CARD, metric="minteval_match", protocol="grouped")
def minteval(data_dir: Path, *, domain: Domain = "state_tracking") -> Benchmark:
    """Long histories in which facts are revised: recall of one, of an earlier one, or of several together.

    A history is a group with a memory of its own. Each of its contexts (an event, a dialogue, a revision, a
    commit) is an episode. The histories of the test are not those of validation.

    Args:
        data_dir: the folder of the domain's file, Parquet, or the same as JSON lines.
        domain: which of the four; they differ in length from a few thousand to 1.8 million tokens.

    Raises:
        UsageError: the file is missing or malformed, or the domain is unknown.
    """
    if domain not in SESSIONS:
        raise UsageError(f"Option domain={domain!r}: expected one of {', '.join(SESSIONS)}.")
    parquet = f"{domain}-00000-of-00001.parquet"
    path = locate(data_dir, [parquet, f"data/{parquet}", f"{domain}.jsonl"], "minteval")
    episodes: list[Episode] = []
    tasks: list[Task] = []
    for row in rows_of(path):
        group = f"{domain}/{row.label('id')}"
        episodes.extend(_episodes(row, group))
        tasks.extend(_tasks(row, group))
    validation, test = groups_apart(tasks, TEST_SHARE, benchmark="minteval", group=lambda task: task.group)
    return Benchmark(
        name="minteval",
        episodes=tuple(episodes),
        validation=tuple(validation),
        test=tuple(test),
        scope="grouped",
        metric="minteval_match",
        retrieval_metric="coverage",
        version=f"2-{domain}-{fingerprint([*episodes, *tasks])}",
        card={
            **CARD,
            "size": f"595 histories and 15.6k questions; {domain}: {SESSIONS[domain]} histories",
            "here": f"{len({task.group for task in tasks})} histories, {len(tasks)} questions",
        },
    )


def _episodes(row: Row, group: str) -> Iterator[Episode]:
    for number, context in enumerate(row.rows("contexts"), 1):
        time = context.value("timestamp", str) if "timestamp" in context else ""
        text = context.text("content")
        yield Episode(
            id=f"{group}/context-{number}", text=f"At {time}\n{text}" if time.strip() else text, group=group
        )


def _tasks(row: Row, group: str) -> Iterator[Task]:
    for number, entry in enumerate(row.rows("questions"), 1):
        if "answer" not in entry:
            continue
        kind = entry.text("question_type") if "question_type" in entry else "default"
        yield Task(
            id=f"{group}/q{number}",
            question=entry.text("question"),
            answers=(entry.label("answer"),),
            group=group,
            category=_category(kind),
            answer_format=_answer_format(_candidates(entry), kind),
        )


def _category(kind: str) -> str:
    """The question type, after what the dataset card says of it, if it does."""
    targets = {"single-target": SINGLE_TARGET, "multi-target": MULTI_TARGET}
    return next((f"{name}: {kind}" for name, kinds in targets.items() if kind in kinds), kind)


def _answer_format(candidates: Sequence[str], kind: str) -> str:
    lines = []
    if candidates:
        listed = "\n".join(f"- {candidate}" for candidate in candidates)
        lines.append(f"The answer is one of these, word for word, without quotes:\n{listed}")
    if kind == "ordering":
        lines.append("The answer is a comma-separated list.")
    lines.append("Only an exact match counts. End with the answer alone, inside \\boxed{...}.")
    return "\n".join(lines)


def _candidates(entry: Row) -> list[str]:
    """The answers to choose from, where there are any; the metadata are JSON within a string."""
    if "metadata" not in entry:
        return []
    metadata = entry.value("metadata", str, dict)
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata or "{}")
        except json.JSONDecodeError as error:
            raise UsageError(f"{entry.where}: 'metadata' is no JSON: {error.msg}.") from error
    found = metadata.get("candidates") if isinstance(metadata, dict) else None
    return [str(candidate) for candidate in found] if isinstance(found, list) else []
