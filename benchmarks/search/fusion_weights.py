"""What weights learnt by regression are worth beside those of a program: recall, fitted and held out.

    python benchmarks/search/fusion_weights.py [--programs hybrid_neighbours PATH ...] [--benchmarks NAME ...]

A program that adds signals in ``_fuse`` (the seeds, and what rules make of them) gives each signal a weight.
Here the weights are fitted by conditional logistic regression (McFadden, 1974): of the passages that any
signal found for a question, the evidence is to be chosen, by the sum of the weighted signals. Each
signal is scaled by its best passage, as the program does, and the first keeps its weight. The weights are
fitted on every second group of validation tasks (every second task where there are no groups), and the
program is read with its own and with the fitted weights: on these, on the other validation tasks, and on the
test tasks. Scores are of the benchmark's metric of retrieval. Whatever else the program does to scores stays
as it is. Programs run in this process: give only your own.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from campaigns import circumstances

from evolve import resources
from evolve.benchmark import Benchmark, find
from evolve.models.static_embeddings import StaticEmbedder
from evolve.records import Task
from evolve.scoring import METRICS
from evolve.seeds import seed_program
from evolve.statistics import paired_interval

Weights = Mapping[str, float]
"""Name of the method that adds a signal → factor by which its weight is multiplied."""
RIDGE = 0.01
PARTS = ("fitted", "held out", "test")


@dataclass(frozen=True)
class Example:
    """One question: ``signals``, shape (passages, signals); ``evidence``, shape (passages,), of booleans."""

    signals: np.ndarray
    evidence: np.ndarray


class Memories:
    """A program's memories of a benchmark, one for each group, whose signals are listened to.

    Args:
        source: the program.
        benchmark: what it remembers.

    Attributes:
        weights: factors that are used from now on.
        found: method → passage → scaled score, of the last read.
    """

    def __init__(self, source: str, benchmark: Benchmark) -> None:
        sys.path.insert(0, str(resources.folder("sandbox")))
        toolkit = importlib.import_module("toolkit")
        embedder = StaticEmbedder.fit([])
        self._module = sys.modules["memory_program"] = types.ModuleType("memory_program")
        exec(source, self._module.__dict__)
        self.weights: Weights = {}
        self.found: dict[str, dict[int, float]] = {}
        self._fuse = self._module.KnowledgeBase._fuse
        self._module.KnowledgeBase._fuse = lambda *given: self._listening(*given)
        self._bases: dict[str, Any] = {}
        for episode in benchmark.episodes:
            if episode.group not in self._bases:
                kit = toolkit.Toolkit(None)
                kit.embed = embedder.embed
                self._bases[episode.group] = self._module.KnowledgeBase(kit)
            item = self._module.KnowledgeItem(*("" for _ in fields(self._module.KnowledgeItem)))
            self._bases[episode.group].write(item, episode.text)

    def _listening(self, base: Any, scores: dict[int, float], found: dict[int, float], weight: float) -> Any:
        name = sys._getframe(2).f_code.co_name
        best = max(found.values(), default=0.0)
        if best > 0:
            self.found[name] = {number: weight * score / best for number, score in found.items()}
        return self._fuse(base, scores, found, weight * self.weights.get(name, 1.0))

    def read(self, task: Task) -> str:
        """The text for ``task``."""
        self.found = {}
        return self._base(task).read(self._module.Query(question=task.question))

    def example(self, task: Task) -> tuple[dict[int, dict[str, float]], set[int]]:
        """Passage → signal → score, of those that a signal found; and which of them are evidence."""
        self.read(task)
        signals: dict[int, dict[str, float]] = {}
        for name, scores in self.found.items():
            for number, score in scores.items():
                signals.setdefault(number, {})[name] = score
        passages = self._base(task).passages
        lines = {line for evidence in task.evidence for line in evidence.text.splitlines()}
        return signals, {number for number in signals if lines & set(passages[number]["text"].splitlines())}

    def _base(self, task: Task) -> Any:
        return self._bases[task.group if task.group in self._bases else ""]


def fitted(memories: Memories, tasks: Sequence[Task]) -> Weights:
    """Factors for the weights of all signals, the first being 1."""
    from scipy.optimize import minimize

    found = [memories.example(task) for task in tasks]
    names = sorted({name for signals, _ in found for scores in signals.values() for name in scores})
    names.sort(key=lambda name: name != "_add_context" and name != "_add_words")
    examples = [
        Example(
            np.array([[scores.get(name, 0.0) for name in names] for scores in signals.values()]),
            np.array([number in evidence for number in signals]),
        )
        for signals, evidence in found
        if evidence
    ]

    def loss(logs: np.ndarray) -> float:
        weights, total = np.exp(logs), 0.0
        for example in examples:
            chances = example.signals @ weights
            chances -= chances.max()
            total += np.log(np.exp(chances).sum()) - chances[example.evidence].mean()
        return total / len(examples) + RIDGE * float(((logs - logs.mean()) ** 2).sum())

    best = np.exp(minimize(loss, np.full(len(names), 1.5), method="Nelder-Mead", options={"maxiter": 2000}).x)
    return {name: float(weight / best[0]) for name, weight in zip(names, best, strict=True)}


def halves(tasks: Sequence[Task]) -> tuple[list[Task], list[Task]]:
    """Two parts that have no group in common."""
    groups = sorted({task.group for task in tasks})
    if len(groups) > 1:
        first = set(groups[::2])
        return [t for t in tasks if t.group in first], [t for t in tasks if t.group not in first]
    return list(tasks[::2]), list(tasks[1::2])


def table(source: str, benchmark: Benchmark, most: int) -> str:
    """Markdown: the weights, and the recall of each part with both."""
    memories = Memories(source, benchmark)
    known = [task for task in benchmark.validation if task.evidence]
    fit, held = halves(known)
    weights = fitted(memories, fit[:most])
    lines = [", ".join(f"`{name}` x {value:.2f}" for name, value in weights.items()), ""]
    lines += ["| tasks | number | own weights | fitted | difference |", "|---|---|---|---|---|"]
    test = [task for task in benchmark.test if task.evidence]
    metric = METRICS[benchmark.retrieval_metric]
    for part, tasks in zip(PARTS, (fit[:most], held[:most], test[:most]), strict=True):
        scores = []
        for used in ({}, weights):
            memories.weights = used
            scores.append({t.id: metric.score(t, "", memories.read(t)) for t in tasks})
        memories.weights = {}
        own, other = scores
        apart = paired_interval(other, own, clusters={task.id: task.group for task in tasks})
        cells = [part, f"{len(tasks)}", *(f"{np.mean(list(values.values())):.3f}" for values in scores)]
        lines.append(f"| {' | '.join(cells)} | {apart.mean:+.3f} [{apart.low:+.3f}, {apart.high:+.3f}] |")
    return "\n".join(lines)


def main() -> None:
    """Print a table for each program and benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--programs", nargs="+", default=["hybrid_neighbours"], help="seeds or files")
    parser.add_argument("--benchmarks", nargs="+", default=["chronicle", "locomo", "longmemeval"])
    parser.add_argument("--tasks", type=int, default=200, help="of each part, at most")
    given = parser.parse_args()
    print(circumstances(), flush=True)
    for name in given.benchmarks:
        benchmark = find(name).load(None)
        for program in given.programs:
            read = seed_program(program)
            print(f"\n**{name}, {read.name}**: {table(read.source, benchmark, given.tasks)}", flush=True)


if __name__ == "__main__":
    main()
