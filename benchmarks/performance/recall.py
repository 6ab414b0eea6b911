"""How fast, and how well, stored texts are recalled: plug-ins beside vector stores, on the same questions.

Prints a Markdown table. What is stored are turns of LoCoMo's conversations, in their order, each with the
date of its session; beyond their number, lines of the same lengths made of words of the same turns. What is
asked are questions whose whole evidence is among the turns, one after the other, with a pause before each, as
an agent makes one that asks its model in between. Every store returns up to 3,000 characters. The vector
stores are given the same vectors: the default embedder, fitted on the turns that are stored; that of the
plug-ins is not fitted. Plug-ins are the seed programs: one call is a question to the agent (rules, no model)
and the program's ``read`` in a copy of its process. The same ``read`` without a sandbox, in this process, is
what remains if isolation is given up.

Times are wall time. Where other work keeps the cores busy, they contain waits for a core, of which a plug-in
has several in a recall and a store in this process has none: p10 is what a quiet moment takes. Memory is that
of the program's processes once all texts are stored; a container's are no children of this one, and are not
seen.

chromadb, mem0 and langgraph are left out, with a word, where they are not installed. Of mem0 it is the parts
that need no model: texts are stored as they are (``infer=False``), and found by its own scoring over its
default store, qdrant, on disk. Its extraction of facts asks a language model, and its keyword search
downloads an encoder.

    python benchmarks/performance/recall.py --data-dir LOCOMO [--items N] [--questions N] [--sandbox NAME]
"""

from __future__ import annotations

import argparse
import importlib
import random
import sys
import tempfile
import time
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from unittest.mock import patch

import numpy as np
from machine import circumstances, megabytes_of_descendants
from reference_scores import LIMIT, packed
from vector_stores import NEAREST, Recall, chroma, langgraph, mem0

import evolve
from evolve import resources
from evolve.benchmark import find
from evolve.config.models import default_embedder
from evolve.models.embeddings import Embedder
from evolve.models.static_embeddings import StaticEmbedder
from evolve.plugins.manifest import MANIFEST, PROGRAM, Manifest, Provenance, item_schema, sha256
from evolve.plugins.ready import ReadySession
from evolve.records import Task
from evolve.scoring import METRICS
from evolve.seeds import seed_program
from evolve.statistics import bootstrap_interval

PAUSE_SECONDS = 0.05  # before a question
BATCH = 200  # texts of one call of remember_many
LIMITS = {"memory_mb": 4096}  # 50,000 vectors of 256 numbers are 50 MB


@dataclass(frozen=True)
class Row:
    """What one store did.

    Attributes:
        name: of the store.
        stored: seconds for all texts.
        reopened: seconds until it can be asked after a restart; empty: nothing is kept.
        megabytes: memory of the sandbox's processes, shared pages counted in parts; empty: it has none.
        milliseconds: of each question.
        recall: share of the evidence, with its interval.
    """

    name: str
    stored: float
    milliseconds: Sequence[float]
    recall: str
    reopened: str = ""
    megabytes: str = ""


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
    return texts + list(_distractors(texts, items - len(texts))), tasks


def _distractors(texts: Sequence[str], count: int) -> Iterator[str]:
    """Texts of the same lengths and words as ``texts``, in no order."""
    rng = random.Random(0)
    words = [word for text in texts for word in text.partition("\n")[2].split()]
    for _ in range(count):
        date, _, line = rng.choice(texts).partition("\n")
        yield f"{date}\n{' '.join(rng.choices(words, k=len(line.split())))}"


def measured(name: str, tasks: Sequence[Task], recall: Recall, stored: float, **more: str) -> Row:
    """Ask every question once, after one that is not counted."""
    (times,), score = side_by_side(tasks, [recall])
    return Row(name, stored, times, score, **more)


def side_by_side(tasks: Sequence[Task], recalls: Sequence[Recall]) -> tuple[list[list[float]], str]:
    """Milliseconds of each of ``recalls``, which are asked in turn, and the evidence that the first found."""
    times: list[list[float]] = [[] for _ in recalls]
    scores = []
    for recall in recalls:
        recall(tasks[0].question)
    for task in tasks:
        for recall, taken in zip(recalls, times, strict=True):
            time.sleep(PAUSE_SECONDS)
            started = time.perf_counter()
            found = recall(task.question)
            taken.append(1000 * (time.perf_counter() - started))
            if recall is recalls[0]:
                scores.append(METRICS["evidence_recall"].score(task, "", found))
    return times, str(bootstrap_interval(scores))


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


def of_plugin(seed: str, texts: Sequence[str], tasks: Sequence[Task], sandbox: str) -> Iterator[Row]:
    """Store, close, open again (which replays the journal), ask; ask without branches opened in advance."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, data = plugin(seed, Path(temporary) / "plugin"), Path(temporary) / "data"
        options = {"path": data, "sandbox": sandbox, "trust": sandbox == "process", "limits": LIMITS}
        options["embedding"] = default_embedder()
        started = time.perf_counter()
        with evolve.load(folder, **options) as memory:
            for start in range(0, len(texts), BATCH):
                memory.remember_many(texts[start : start + BATCH])
        stored = time.perf_counter() - started
        started = time.perf_counter()
        before = megabytes_of_descendants()
        with evolve.load(folder, **options) as memory:
            reopened = f"{time.perf_counter() - started:.1f}"
            megabytes = f"{megabytes_of_descendants() - before:.0f}"
            name = f"seed `{seed}` as a plug-in ({memory.isolation})"

            def ahead(question: str) -> str:
                with patch.object(ReadySession, "get_ready", lambda *_, **__: None):  # for the other one
                    return memory.recall(question)

            (first, second), score = side_by_side(tasks, [ahead, memory.recall])
            yield Row(name, stored, first, score, reopened, megabytes)
            yield Row("the same, each branch opened when it is asked", stored, second, score)


def of_program(seed: str, texts: Sequence[str], tasks: Sequence[Task]) -> Row:
    """The program in this process: no sandbox, no journal, no copy for a read."""
    sys.path.insert(0, str(resources.folder("sandbox")))
    toolkit = importlib.import_module("toolkit").Toolkit(None)
    embedder = StaticEmbedder.fit([])
    toolkit.embed = embedder.embed
    module = sys.modules["memory_program"] = types.ModuleType("memory_program")
    exec(seed_program(seed).source, module.__dict__)
    started = time.perf_counter()
    base = module.KnowledgeBase(toolkit)
    for text in texts:
        base.write(module.KnowledgeItem(*("" for _ in fields(module.KnowledgeItem))), text)
    stored = time.perf_counter() - started

    def recall(question: str) -> str:
        return base.read(module.Query(question=question))

    return measured(f"the same `{seed}` without a sandbox", tasks, recall, stored)


def of_numpy(texts: list[str], tasks: Sequence[Task], embedder: Embedder) -> Row:
    """All products: the least that exact vector search can take, in this process."""
    started = time.perf_counter()
    matrix = embedder.embed(texts)
    stored = time.perf_counter() - started

    def recall(question: str) -> str:
        order = np.argsort(-(matrix @ embedder.embed([question])[0]), kind="stable")
        return packed(texts[row] for row in order[:NEAREST])

    return measured("numpy, exact, same vectors", tasks, recall, stored)


def peers(texts: Sequence[str], tasks: Sequence[Task], embedder: Embedder) -> Iterator[Row]:
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
    parser.add_argument("--programs", default="lexical,vector_search,hybrid", help="seed programs")
    parser.add_argument("--no-peers", action="store_true", help="plug-ins only")
    given = parser.parse_args()
    texts, tasks = turns(given.data_dir, given.items)
    random.Random(0).shuffle(tasks)
    tasks = tasks[: given.questions]
    embedder = StaticEmbedder.fit(texts)
    print(f"{len(texts)} texts, {len(tasks)} questions. {circumstances()}\n")
    print("| store | stored a second | open again, s | memory, MB | recall p10, ms | p50 | p95 | evidence |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows(texts, tasks, embedder, given):
        times = " | ".join(f"{value:.1f}" for value in np.percentile(row.milliseconds, [10, 50, 95]))
        rate = len(texts) / row.stored
        print(
            f"| {row.name} | {rate:.0f} | {row.reopened} | {row.megabytes} | {times} | {row.recall} |",
            flush=True,
        )


def rows(
    texts: list[str], tasks: Sequence[Task], embedder: Embedder, given: argparse.Namespace
) -> Iterator[Row]:
    """The rows of the table."""
    for seed in given.programs.split(","):
        yield from of_plugin(seed, texts, tasks, given.sandbox)
        yield of_program(seed, texts, tasks)
    yield of_numpy(texts, tasks, embedder)
    if not given.no_peers:
        yield from peers(texts, tasks, embedder)


if __name__ == "__main__":
    main()
