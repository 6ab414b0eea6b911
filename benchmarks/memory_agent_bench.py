"""MemoryAgentBench: long texts told in chunks, then many questions on each (Hu et al., ICLR 2026)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from evolve.benchmark import Benchmark, benchmark
from evolve.data import DataFile, Row, fingerprint, locate, rows_of, validation_and_test
from evolve.errors import UsageError
from evolve.records import Criterion, Episode, Task
from evolve.scoring import memory_agent_bench_rule
from evolve.scoring.official.infbench import SUMMARY

Competency = Literal["conflict", "retrieval", "learning", "understanding"]
SOURCE = "https://huggingface.co/datasets/ai-hyz/MemoryAgentBench/resolve/main/data"
SPLITS = {
    "conflict": "Conflict_Resolution",
    "retrieval": "Accurate_Retrieval",
    "learning": "Test_Time_Learning",
    "understanding": "Long_Range_Understanding",
}
FILES = tuple(
    DataFile(
        f"{split}-00000-of-00001.parquet",
        f"{SOURCE}/{split}-00000-of-00001.parquet",
        needed={"competency": (competency,)},
    )
    for competency, split in SPLITS.items()
)
TEST_SHARE = 0.4
CHATS = "longmemeval"
JUDGED = (CHATS, SUMMARY)
"""Beginnings of the sources that a model judges: each is loaded by itself."""
ABSTENTION = "abstention"
"""Category of the chats' questions whose id has ``_abs``, whatever their type."""
GUIDANCE = {
    "temporal-reasoning": "a number of days, weeks or months that is off by one is right as well.",
    "knowledge-update": "what was true before may be named as well, as long as the answer is what is true "
    "now.",
    "single-session-preference": "the reference says what would suit the user. Right is an answer that "
    "recalls and uses what is known of the user in that way; it need not take up every point.",
    ABSTENTION: "the history does not hold the answer, and the reference says why. Right is what says so.",
}
"""By type of question, what the original's prompts for the chats forgive and ask; in our words."""
ALONE = 'Begin with "Answer:", and give the answer alone on that line.'
WHOLE = "Write the summary alone, at the length that is asked for."
CARD = {
    "task": "answer many questions on one long text that was told in chunks",
    "size": "146 texts; conflict: 8 lists of facts from 6,000 to 262,000 tokens with 100 questions each",
    "source": "https://github.com/HUST-AI-HYZ/MemoryAgentBench; data: ai-hyz/MemoryAgentBench on Hugging "
    "Face (Hu et al., ICLR 2026)",
    "licence": "MIT",
    "metric": "memory_agent_bench: by source, substring match (ruler_qa, factconsolidation), exact match "
    "(detective_qa, icl) or recall of all parts (eventqa), without a model. Offline: coverage of the "
    "answer's content words. With source=longmemeval the judge says yes or no, by type of question; with "
    "source=infbench_sum it is F1 of the key points that a summary holds and of its sentences that an "
    "expert's summary supports, or 0 if it is not fluent",
    "official metric": "yes; where a model judges, which has to be asked for by source, with prompts of our "
    "own. Left out: recsys_redial. Its rule replaces each line of an answer by the nearest of the 31,161 "
    "names of another file, entity2id.json, by edit distance, and takes recall of the films among the first "
    "five. A score here has the question, its gold answers and the answer, and no more; and the original "
    "breaks ties in the order of a Python set, so that its score differs from run to run",
    "splits": "ours: 40 % of the questions of each source for test, of the same texts: with one to eight "
    "texts a source, whole texts cannot be held out. The original has no split and no search",
    "not verified": "the data: none was at hand; columns, sources and splits are those of the dataset card "
    "and of the official evaluation code; tested on a fixture",
}
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


@benchmark(files=FILES, card=CARD, metric="memory_agent_bench", protocol="grouped")
def memory_agent_bench(
    data_dir: Path, *, competency: Competency = "conflict", source: str = "", chunk_words: int = 400
) -> Benchmark:
    """Long texts in chunks, each with many questions: conflicting facts, retrieval, learning, understanding.

    A text is a memory, and its chunks are the episodes: whole lines or sentences, in order. In
    factconsolidation the facts are numbered, and of two that conflict the later one counts.

    Args:
        data_dir: the folder of the competency's file, Parquet, or the same as JSON lines. competency:
        ``conflict``, ``retrieval``, ``learning`` or ``understanding``. source: only the texts whose source
        begins so, such as ``factconsolidation_sh_6k``; empty for all that are scored without a model.
        ``longmemeval`` (retrieval) and ``infbench_sum`` (understanding) are judged. chunk_words: most words
        of a chunk, unless one sentence has more; the original has 512 or 4,096 tokens.

    Raises:
        UsageError: the file is missing or malformed, an option is unknown, or no text is left.
    """
    if competency not in SPLITS:
        raise UsageError(f"Option competency={competency!r}: expected one of {', '.join(SPLITS)}.")
    if chunk_words < 1:
        raise UsageError(f"Option chunk_words={chunk_words}: expected 1 or more.")
    judged = source.startswith(JUDGED)
    split = SPLITS[competency]
    parquet = f"{split}-00000-of-00001.parquet"
    path = locate(data_dir, [parquet, f"data/{parquet}", f"{split}.jsonl"], "memory_agent_bench")
    episodes: list[Episode] = []
    tasks: list[Task] = []
    names: set[str] = set()
    for number, row in enumerate(rows_of(path), 1):
        kind = row.row("metadata").text("source")
        names.add(kind)
        if not kind.startswith(source) or kind.startswith(JUDGED) != judged or not _is_scored(kind):
            continue
        group = f"{kind}/{number}"
        episodes.extend(_episodes(row.text("context"), group, chunk_words))
        tasks.extend(_tasks(row, group, kind))
    if not tasks:
        known = ", ".join(sorted(filter(_is_scored, names))) or "none"
        raise UsageError(f"{path.name} has no text of source={source!r} that is scored; it has {known}.")
    validation, test = validation_and_test(
        tasks, TEST_SHARE, benchmark="memory_agent_bench", key=lambda t: t.id, category=lambda t: t.category
    )
    return Benchmark(
        name="memory_agent_bench",
        episodes=tuple(episodes),
        validation=tuple(validation),
        test=tuple(test),
        scope="grouped",
        metric="judge" if judged else "memory_agent_bench",
        retrieval_metric="coverage",
        guidance=GUIDANCE if source.startswith(CHATS) else {},
        version=f"1-{competency}-{source}-{chunk_words}-{fingerprint([*episodes, *tasks])}",
        card=_card(tasks, chunk_words),
    )


def _card(tasks: list[Task], chunk_words: int) -> dict[str, str]:
    return {
        **CARD,
        "protocol": f"one memory for each text, told in chunks of up to {chunk_words} words, then "
        "asked, as in the original, whose chunks are counted in tokens. Summaries apart, the answering agent "
        'is asked to begin its answer with "Answer:"',
        "here": f"{len({task.group for task in tasks})} texts, {len(tasks)} questions",
    }


def _is_scored(kind: str) -> bool:
    return bool(memory_agent_bench_rule(kind)) or kind.startswith(JUDGED)


def _episodes(text: str, group: str, most: int) -> Iterator[Episode]:
    for number, chunk in enumerate(_chunks(text, most), 1):
        yield Episode(id=f"{group}/chunk-{number}", text=chunk, group=group)


def _chunks(text: str, most: int) -> Iterator[str]:
    """Whole lines, or sentences of a line that is longer, up to ``most`` words together."""
    parts: list[str] = []
    length = 0
    for line in filter(str.strip, text.split("\n")):
        long = len(line.split()) > most
        for part in _SENTENCE.split(line.strip()) if long else [line.strip()]:
            words = len(part.split())
            if parts and length + words > most:
                yield "\n".join(parts)
                parts, length = [], 0
            parts.append(part)
            length += words
    if parts:
        yield "\n".join(parts)


def _tasks(row: Row, group: str, kind: str) -> Iterator[Task]:
    questions, answers = row.texts("questions"), row.value("answers", list)
    if len(questions) != len(answers):
        raise UsageError(
            f"{row.where}: {len(questions)} questions and {len(answers)} answers; expected as many."
        )
    types = _types(row, len(questions)) if kind.startswith(CHATS) else [kind] * len(questions)
    summary = kind.startswith(SUMMARY)
    for number, question in enumerate(questions, 1):
        accepted = Row(row.where, {f"answers {number - 1}": answers[number - 1]}).texts(
            f"answers {number - 1}"
        )
        yield Task(
            id=f"{group}/q{number}",
            question=question,
            answers=tuple(dict.fromkeys(accepted)),
            group=group,
            category=types[number - 1],
            rubric=tuple(_key_points(row)) if summary else (),
            answer_format=WHOLE if summary else ALONE,
            scorer="" if kind.startswith(CHATS) else kind,
        )


def _types(row: Row, count: int) -> list[str]:
    """The types of the questions of chats; abstention is one."""
    metadata = row.row("metadata")
    types, ids = metadata.texts("question_types"), metadata.texts("qa_pair_ids")
    if len(types) != count or len(ids) != count:
        raise UsageError(
            f"{row.where}: {count} questions, {len(types)} question_types and {len(ids)} qa_pair_ids; "
            "expected as many."
        )
    return [ABSTENTION if "_abs" in id else kind for kind, id in zip(types, ids, strict=True)]


def _key_points(row: Row) -> Iterator[Criterion]:
    """The key points that a summary should hold, at least one."""
    points = [text for text in row.row("metadata").texts("keypoints") if text.strip()]
    if not points:
        raise UsageError(f"{row.where}: 'keypoints' is empty; expected at least one.")
    return (Criterion(text=" ".join(text.split()), points=1.0) for text in points)
