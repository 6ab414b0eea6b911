"""What plain retrieval scores on the benchmarks that come with evolve: the scale for a campaign's scores.

Prints a Markdown table. Every ranker sees the memory of a task's group, in pooled scope all of it, and fills
3,000 characters with the best passages in the order of their rank. BM25 and TF-IDF have textbook
settings. The weights and dimension of the hashing embedder were chosen on all of LoCoMo, test questions
included: its LoCoMo rows are not held out. Chronicle's phrases were reworded once after these rankers had
been measured on it, test worlds included, because nearly nothing could be found by its words.
The seed programs run in a bare process (they are this project's own); their F1 is the rule-based agent's.

    python benchmarks/performance/reference_scores.py [--data-dir LOCOMO] [--split test] [--categories]
"""

from __future__ import annotations

import argparse
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from evolve.benchmark import Benchmark, find
from evolve.config import DEFAULT_SEEDS, CampaignConfig, SandboxConfig
from evolve.errors import UsageError
from evolve.evaluation import Subset
from evolve.evaluation_setup import build_evaluator, seed_programs
from evolve.models.embeddings import HashingEmbedder
from evolve.models.static_embeddings import StaticEmbedder
from evolve.records import Task
from evolve.scoring import METRICS
from evolve.statistics import bootstrap_interval

LIMIT = 3_000  # characters that read may return
CHUNK = 500
SEEDS = DEFAULT_SEEDS
Ranker = Callable[[Sequence[str]], Callable[[str], np.ndarray]]
"""Passages → (question → a score for each passage)."""


def turns(texts: Iterable[str]) -> list[str]:
    """Every line but the heading with the date."""
    return [line for text in texts for line in text.splitlines()[1:]]


def chunks(texts: Iterable[str]) -> list[str]:
    """Whole lines packed into up to ``CHUNK`` characters, never across episodes."""
    packed: list[str] = []
    for text in texts:
        current = ""
        for line in text.splitlines():
            if current and len(current) + 1 + len(line) > CHUNK:
                packed.append(current)
                current = ""
            current = f"{current}\n{line}" if current else line
        packed.append(current)
    return packed


def bm25(passages: Sequence[str], k1: float = 1.2, b: float = 0.75) -> Callable[[str], np.ndarray]:
    """Okapi BM25 over words (Robertson & Zaragoza, 2009), with the IDF of Lucene."""
    bags = [Counter(_words(passage)) for passage in passages]
    lengths = np.array([sum(bag.values()) for bag in bags], dtype=float)
    norm = k1 * (1 - b + b * lengths / lengths.mean())
    postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row, bag in enumerate(bags):
        for word, count in bag.items():
            postings[word].append((row, count))

    def score(question: str) -> np.ndarray:
        total = np.zeros(len(bags))
        for word in set(_words(question)):
            hits = postings.get(word, ())
            idf = math.log(1 + (len(bags) - len(hits) + 0.5) / (len(hits) + 0.5))
            for row, count in hits:
                total[row] += idf * count * (k1 + 1) / (count + norm[row])
        return total

    return score


def tfidf_characters(passages: Sequence[str]) -> Callable[[str], np.ndarray]:
    """Cosine of character 3- to 5-grams within words, sublinear TF, smooth IDF."""
    bags = [_grams(passage) for passage in passages]
    df = Counter(gram for bag in bags for gram in bag)
    column = {gram: n for n, gram in enumerate(df)}
    idf = np.array([math.log((1 + len(bags)) / (1 + count)) + 1 for count in df.values()])
    matrix = np.zeros((len(bags), len(column)), dtype=np.float32)

    def fill(row: np.ndarray, bag: Counter[str]) -> None:
        known = [gram for gram in bag if gram in column]
        columns = [column[gram] for gram in known]
        row[columns] = [1 + math.log(bag[gram]) for gram in known] * idf[columns]
        row /= np.linalg.norm(row) or 1.0

    for row, bag in zip(matrix, bags, strict=True):
        fill(row, bag)

    def score(question: str) -> np.ndarray:
        query = np.zeros(len(column), dtype=np.float32)
        fill(query, _grams(question))
        return matrix @ query

    return score


def hashing(passages: Sequence[str]) -> Callable[[str], np.ndarray]:
    """Cosine of hashed words, fitted on the passages."""
    embedder = HashingEmbedder.fit(passages)
    matrix = embedder.embed(passages)
    return lambda question: matrix @ embedder.embed([question])[0]


def static(passages: Sequence[str]) -> Callable[[str], np.ndarray]:
    """Cosine of wordllama's static vectors, fitted on the passages."""
    embedder = StaticEmbedder.fit(passages)
    matrix = embedder.embed(passages)
    return lambda question: matrix @ embedder.embed([question])[0]


def latest(passages: Sequence[str]) -> Callable[[str], np.ndarray]:
    """The last passages, whatever is asked: what the budget alone is worth."""
    order = np.arange(len(passages), dtype=float)
    return lambda _: order


ROWS: tuple[tuple[str, Callable[[Iterable[str]], list[str]], Ranker], ...] = (
    ("the latest turns, whatever is asked", turns, latest),
    ("BM25 over 500-character chunks", chunks, bm25),
    ("BM25 over turns", turns, bm25),
    ("TF-IDF of characters 3–5 over turns", turns, tfidf_characters),
    ("hashed words over turns", turns, hashing),
    ("static vectors over turns", turns, static),
)


def retrieve(
    benchmark: Benchmark, tasks: Sequence[Task], cut: Callable[[Iterable[str]], list[str]], ranker: Ranker
) -> list[str]:
    """What ``ranker`` returns for each task."""
    asked: dict[str, list[int]] = defaultdict(list)
    for number, task in enumerate(tasks):
        asked[task.group if benchmark.scope == "grouped" else ""].append(number)
    found = [""] * len(tasks)
    for group, numbers in asked.items():
        passages = cut(episode.text for episode in benchmark.of_groups([group]))
        score = ranker(passages)
        for number in numbers:
            order = np.argsort(-score(tasks[number].question), kind="stable")
            found[number] = packed([passages[row] for row in order[: LIMIT // 10]])
    return found


def recalled_by_seeds(
    config: CampaignConfig, tasks: Sequence[Task]
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Name of each seed program with what it returned and what the rule-based agent answered."""
    with build_evaluator(config, unsafe_local=False, trusted=True, notify=lambda _: None) as setup:
        episodes = setup.benchmark.of_groups({task.group for task in tasks})
        subset = Subset("reference", tuple(tasks), episodes)
        for program in seed_programs(SEEDS):
            items = setup.evaluator.evaluate(program, subset).items
            yield program.name, [item.retrieved for item in items], [item.answer for item in items]


def table(benchmark: Benchmark, tasks: Sequence[Task], config: CampaignConfig, by_category: bool) -> str:
    """Evidence recall with its interval, coverage and F1, one row for each ranker and seed program."""
    categories = sorted({task.category for task in tasks}) if by_category else []
    head = ["", "evidence recall", "coverage", "F1", *categories]
    gold = ["\n".join(passage.text for passage in task.evidence) for task in tasks]
    rows = [_row("a perfect reader", tasks, gold, [task.answers[0] for task in tasks], categories)]
    for name, cut, ranker in ROWS:
        rows.append(_row(name, tasks, retrieve(benchmark, tasks, cut, ranker), None, categories))
    for name, retrieved, answers in recalled_by_seeds(config, tasks):
        rows.append(_row(f"seed program `{name}`", tasks, retrieved, answers, categories))
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def _row(
    name: str,
    tasks: Sequence[Task],
    retrieved: Sequence[str],
    answers: Sequence[str] | None,
    categories: Sequence[str],
) -> list[str]:
    def scores(metric: str) -> list[float]:
        given = answers or [""] * len(tasks)
        return [METRICS[metric].score(*each) for each in zip(tasks, given, retrieved, strict=True)]

    recall = scores("evidence_recall")
    f1 = f"{np.mean(scores('f1')):.3f}" if answers else ""
    means = [
        f"{np.mean([s for s, task in zip(recall, tasks, strict=True) if task.category == category]):.3f}"
        for category in categories
    ]
    return [name, str(bootstrap_interval(recall)), f"{np.mean(scores('coverage')):.3f}", f1, *means]


def packed(passages: Iterable[str]) -> str:
    """Passages in the given order up to the first that does not fit."""
    kept: list[str] = []
    room = LIMIT
    for passage in passages:
        if len(passage) + 1 > room:
            break
        kept.append(passage)
        room -= len(passage) + 1
    return "\n".join(kept)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _grams(text: str) -> Counter[str]:
    padded = [f" {word} " for word in _words(text)]
    return Counter(word[at : at + n] for word in padded for n in (3, 4, 5) for at in range(len(word) - n + 1))


def main() -> None:
    """Print the tables of every benchmark whose data are there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, help="the folder of locomo10.json")
    parser.add_argument("--split", choices=("validation", "test", "both"), default="both")
    parser.add_argument("--categories", action="store_true", help="evidence recall by category too")
    given = parser.parse_args()
    for name in ("chronicle", "locomo"):
        try:
            benchmark = find(name).load(given.data_dir)
        except UsageError as error:
            print(f"\n{name} is left out: {error}")
            continue
        tasks = {
            "validation": benchmark.validation,
            "test": benchmark.test,
            "both": benchmark.validation + benchmark.test,
        }[given.split]
        print(
            f"\n### {name} ({benchmark.scope}, {given.split}: {len(tasks)} questions, {LIMIT} characters)\n"
        )
        config = CampaignConfig(
            benchmark=name, data_dir=given.data_dir, sandbox=SandboxConfig(backend="process")
        )
        print(table(benchmark, tasks, config, given.categories))


if __name__ == "__main__":
    main()
