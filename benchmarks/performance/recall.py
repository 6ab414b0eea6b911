"""How fast, and how well, stored texts are recalled: plug-ins beside vector stores, on the same questions.

Prints a Markdown table. What is stored are turns of LoCoMo's conversations, in their order, each with the
date of its session; what is asked are questions whose whole evidence is among them. Every store returns up
to 3,000 characters. The vector stores are given the same vectors: the offline embedder, fitted on the turns
that are stored; that of the plug-ins is not fitted. Plug-ins are the seed programs: one call is a question
to the agent (rules, no model), a fork of the program's process and its ``read``. So their time has the
sandbox in it, and the others' has none.

chromadb, mem0 and langgraph are left out, with a word, where they are not installed. Of mem0 it is the parts
that need no model: texts are stored as they are (``infer=False``), and found by its own scoring over its
default store, qdrant, on disk. Its extraction of facts asks a language model, and its keyword search
downloads an encoder.

    python benchmarks/performance/recall.py --data-dir LOCOMO [--items N] [--questions N] [--sandbox NAME]
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from reference_scores import LIMIT, packed

import evolve
from evolve.benchmark import find
from evolve.models.embeddings import HashingEmbedder
from evolve.plugins.manifest import MANIFEST, PROGRAM, Manifest, Provenance, item_schema, sha256
from evolve.records import Task
from evolve.scoring import METRICS
from evolve.seeds import seed_program
from evolve.statistics import bootstrap_interval

NEAREST = 100  # texts asked of a vector store: more than fit into the limit
Recall = Callable[[str], str]


@dataclass(frozen=True)
class Row:
    """What one store did."""

    name: str
    store_seconds: float
    reopen: str
    milliseconds: Sequence[float]
    recall: str


def turns(data_dir: Path | None, items: int) -> tuple[list[str], list[Task]]:
    """The first ``items`` turns of all conversations, and the questions that can be answered from them."""
    benchmark = find("locomo").load(data_dir)
    texts: list[str] = []
    for episode in benchmark.episodes:
        date, *lines = episode.text.splitlines()
        texts += [f"{date}\n{line}" for line in lines]
    texts = texts[:items]
    stored = {line for text in texts for line in text.splitlines()}
    tasks = [
        task
        for task in (*benchmark.validation, *benchmark.test)
        if task.evidence and all(line in stored for e in task.evidence for line in e.text.splitlines())
    ]
    return texts, tasks


def measured(name: str, tasks: Sequence[Task], recall: Recall, stored: float, reopen: str = "") -> Row:
    """Ask every question once, after one that is not counted."""
    recall(tasks[0].question)
    seconds, scores = [], []
    for task in tasks:
        started = time.perf_counter()
        found = recall(task.question)
        seconds.append(time.perf_counter() - started)
        scores.append(METRICS["evidence_recall"].score(task, "", found))
    return Row(name, stored, reopen, [1000 * s for s in seconds], str(bootstrap_interval(scores)))


def plugin(seed: str, folder: Path) -> Path:
    """The seed program as a plug-in."""
    program = seed_program(seed)
    manifest = Manifest(
        name=seed.replace("_", "-"),
        evolve=evolve.__version__,
        licence="Apache-2.0",
        program=program.id,
        benchmark="none",
        scores=(),
        models=(),
        limits={"read_characters": LIMIT},
        dimension=None,
        item_schema=item_schema(program.parts),
        provenance=Provenance(run="none", number=0, lineage=()),
        files={PROGRAM: sha256(program.source.encode())},
    ).sealed()
    folder.mkdir()
    (folder / PROGRAM).write_text(program.source)
    (folder / MANIFEST).write_text(manifest.model_dump_json())
    return folder


def of_plugin(seed: str, texts: Sequence[str], tasks: Sequence[Task], sandbox: str) -> Row:
    """Store, close, open again (which replays the journal), ask."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, data = plugin(seed, Path(temporary) / "plugin"), Path(temporary) / "data"
        trust = sandbox == "process"
        started = time.perf_counter()
        with evolve.load(folder, path=data, sandbox=sandbox, trust=trust) as memory:
            for text in texts:
                memory.remember(text)
        stored = time.perf_counter() - started
        started = time.perf_counter()
        with evolve.load(folder, path=data, sandbox=sandbox, trust=trust) as memory:
            reopened = time.perf_counter() - started
            name = f"seed `{seed}` as a plug-in ({memory.isolation})"
            return measured(name, tasks, memory.recall, stored, f"{reopened:.1f}")


def of_numpy(texts: list[str], tasks: Sequence[Task], embedder: HashingEmbedder) -> Row:
    """All products: the least that exact vector search can take, in this process."""
    started = time.perf_counter()
    matrix = embedder.embed(texts)
    stored = time.perf_counter() - started

    def recall(question: str) -> str:
        order = np.argsort(-(matrix @ embedder.embed([question])[0]), kind="stable")
        return packed(texts[row] for row in order[:NEAREST])

    return measured("numpy, exact, same vectors", tasks, recall, stored)


@contextmanager
def chroma(embedder: HashingEmbedder) -> Iterator[tuple[Callable[[Sequence[str]], None], Recall]]:
    """A chromadb collection in memory, with our vectors; ImportError where it is not installed."""
    import chromadb  # type: ignore[import-not-found]

    client = chromadb.EphemeralClient(chromadb.Settings(anonymized_telemetry=False))
    collection = client.create_collection("turns", metadata={"hnsw:space": "cosine"}, embedding_function=None)

    def store(texts: Sequence[str]) -> None:
        for start in range(0, len(texts), 1_000):
            block = list(texts[start : start + 1_000])
            ids = [str(start + number) for number in range(len(block))]
            collection.add(ids=ids, documents=block, embeddings=embedder.embed(block))

    def recall(question: str) -> str:
        found = collection.query(query_embeddings=embedder.embed([question]), n_results=NEAREST)
        return packed(found["documents"][0])

    yield store, recall


@contextmanager
def mem0(embedder: HashingEmbedder) -> Iterator[tuple[Callable[[Sequence[str]], None], Recall]]:
    """A mem0 memory without a language model, with our vectors; ImportError where it is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"MEM0_TELEMETRY": "False", "MEM0_DIR": folder}  # it looks at its import
        from mem0 import Memory  # type: ignore[import-not-found]
        from mem0.embeddings.base import EmbeddingBase  # type: ignore[import-not-found]

        class Ours(EmbeddingBase):
            def embed(self, text: str, memory_action: str | None = None) -> list[float]:
                return embedder.embed([text])[0].tolist()

        place = {"path": f"{folder}/qdrant", "embedding_model_dims": embedder.dimension, "on_disk": True}
        unused = {"provider": "openai", "config": {"api_key": "none"}}  # one must be named; none is asked
        config = {
            "vector_store": {"provider": "qdrant", "config": place},
            "history_db_path": f"{folder}/history.db",
            "llm": unused,
            "embedder": unused,
        }
        memory = Memory.from_config(config)
        memory.embedding_model = Ours()

        def store(texts: Sequence[str]) -> None:
            for text in texts:
                memory.add(text, user_id="turns", infer=False)

        def recall(question: str) -> str:
            found = memory.search(question, filters={"user_id": "turns"}, top_k=NEAREST, threshold=0.0)
            return packed(row["memory"] for row in found["results"])

        yield store, recall
        memory.close()


@contextmanager
def langgraph(embedder: HashingEmbedder) -> Iterator[tuple[Callable[[Sequence[str]], None], Recall]]:
    """LangGraph's store in memory, with our vectors; ImportError where it is not installed."""
    from langgraph.store.memory import InMemoryStore

    def embed(texts: Sequence[str]) -> list[list[float]]:
        return embedder.embed(list(texts)).tolist()

    kept = InMemoryStore(index={"dims": embedder.dimension, "embed": embed, "fields": ["text"]})

    def store(texts: Sequence[str]) -> None:
        for number, text in enumerate(texts):
            kept.put(("turns",), str(number), {"text": text})

    def recall(question: str) -> str:
        found = kept.search(("turns",), query=question, limit=NEAREST)
        return packed(item.value["text"] for item in found)

    yield store, recall


def peers(texts: Sequence[str], tasks: Sequence[Task], embedder: HashingEmbedder) -> Iterator[Row]:
    """A row for each peer that is installed."""
    shops = {"chromadb": chroma, "mem0, no model": mem0, "langgraph InMemoryStore": langgraph}
    for name, opened in shops.items():
        try:
            with opened(embedder) as (store, recall):
                started = time.perf_counter()
                store(texts)
                yield measured(f"{name}, same vectors", tasks, recall, time.perf_counter() - started)
        except ImportError as error:
            print(f"{name} is left out: {error}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="the folder of locomo10.json")
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--sandbox", default="auto", help="docker, bwrap, process or auto")
    given = parser.parse_args()
    texts, tasks = turns(given.data_dir, given.items)
    random.Random(0).shuffle(tasks)
    tasks = tasks[: given.questions]
    embedder = HashingEmbedder.fit(texts)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {time.strftime('%d %B %Y')}"
    print(f"{len(texts)} texts, {len(tasks)} questions, {machine}\n")
    print("| store | store all, s | open again, s | recall p50, ms | p95, ms | evidence recall |")
    print("|---|---|---|---|---|---|")
    seeds = (of_plugin(seed, texts, tasks, given.sandbox) for seed in ("lexical", "hybrid"))
    for rows in (seeds, [of_numpy(texts, tasks, embedder)], peers(texts, tasks, embedder)):
        for row in rows:
            p50, p95 = np.percentile(row.milliseconds, [50, 95])
            print(
                f"| {row.name} | {row.store_seconds:.1f} | {row.reopen} | {p50:.1f} | {p95:.1f} "
                f"| {row.recall} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
