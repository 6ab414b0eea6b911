"""Whether a language model answers better from what a better memory program returns.

    python benchmarks/real/reader.py --model gguf:PATH --programs lexical,hybrid,demo:25
    python benchmarks/real/reader.py --model gguf:PATH --benchmark locomo --data-dir DIR --programs ...

Rules fill the fields of items and queries, as in an offline campaign; the model answers from what ``read``
returned. So programs differ in what the model reads, and in nothing else. Prints a table of the programs
with evidence recall, token F1 and exact match on the same test questions; how they go together over
programs and over answers; and F1 by how much of the evidence came back. Intervals are at 95 %: of
differences by ``evolve.statistics.paired_interval`` with the questions' groups, of correlations by a
bootstrap over questions, each drawn with the answers of all programs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np
from common import add_options, caption, configuration, interval_text, role, silent

from evolve.agents.protocol import Conduct, Extraction, Recollection, Response, TaskAgent
from evolve.agents.rules import RuleBasedAgent
from evolve.bench.contenders import find_contenders
from evolve.config import ModelsConfig, RoleConfig
from evolve.environment import Environment
from evolve.evaluation_setup import EvaluationSetup, open_benchmark_setup
from evolve.model_set import open_model_set
from evolve.program import MemoryProgram, Parts
from evolve.records import Episode, Task
from evolve.scoring import METRICS
from evolve.statistics import bootstrap_interval, paired_interval

RECALL, F1, EXACT = "evidence_recall", "f1", "exact_match"
RESAMPLES = 2_000


class RulesAndReader:
    """Task agent whose items and queries are made by rules and whose answers a model gives.

    Args:
        rules: fills the fields.
        reader: answers.
    """

    def __init__(self, rules: TaskAgent, reader: TaskAgent) -> None:
        self._rules = rules
        self._reader = reader

    @property
    def identity(self) -> str:
        """Identity of both."""
        return f"rules-and-reader-1/{self._rules.identity}/{self._reader.identity}"

    def extract(self, parts: Parts, episodes: Sequence[Episode], repeat: int = 0) -> list[Extraction]:
        """See ``TaskAgent``; by rules."""
        return self._rules.extract(parts, episodes, repeat)

    def formulate(self, parts: Parts, tasks: Sequence[Task], repeat: int = 0) -> list[Extraction]:
        """See ``TaskAgent``; by rules."""
        return self._rules.formulate(parts, tasks, repeat)

    def respond(self, parts: Parts, recollections: Sequence[Recollection], repeat: int = 0) -> list[Response]:
        """See ``TaskAgent``; by the model."""
        return self._reader.respond(parts, recollections, repeat)

    def act(
        self,
        parts: Parts,
        recollections: Sequence[Recollection],
        environments: Sequence[Callable[[], Environment]],
        max_steps: int,
        repeat: int = 0,
    ) -> list[Conduct]:
        """See ``TaskAgent``; by the model."""
        return self._reader.act(parts, recollections, environments, max_steps, repeat)


@dataclass(frozen=True)
class Answers:
    """Scores of one program: metric -> task id -> score, over the tasks that have one."""

    name: str
    scores: Mapping[str, Mapping[str, float]]

    def mean(self, metric: str) -> float:
        """Mean of a metric over the tasks."""
        return fmean(self.scores[metric].values())


def main() -> None:
    """Ask what is missing and print the tables."""
    arguments = _arguments()
    models = ModelsConfig(task=role(arguments, temperature=0), reflector=RoleConfig())
    config = configuration(
        arguments, arguments.benchmark, models, evaluation={"test": arguments.tasks, "metric": F1}
    )
    programs = find_contenders(arguments.programs.split(","), arguments.root)
    print(
        f"{arguments.benchmark}, {arguments.tasks} test questions; {caption(arguments.model)}\n", flush=True
    )
    benchmark_setup = open_benchmark_setup(config, unsafe_local=False, trusted=False, notify=silent)
    with open_model_set(
        config, calls=None, cache=arguments.cache, notify=silent, passages=benchmark_setup.passages
    ) as model_set:
        reading = replace(model_set, agent=RulesAndReader(RuleBasedAgent(), model_set.agent))
        with benchmark_setup.with_models(config, reading) as setup:
            groups = {task.id: task.group for task in setup.subsets.test.tasks}
            print(
                "| program | evidence recall | F1 | exact match | answers |\n|---|---|---|---|---|",
                flush=True,
            )
            found = [_answered(setup, one.name, one.program) for one in programs]
    _print_differences(found, groups)
    _print_correlations(found)
    _print_by_recall(found)


def _answered(setup: EvaluationSetup, name: str, program: MemoryProgram) -> Answers:
    subset = setup.subsets.test
    evaluation = setup.evaluator.evaluate(program, subset)
    tasks = {task.id: task for task in subset.tasks}
    items = [item for item in evaluation.items if item.conclusive]
    if not items:
        raise SystemExit(
            f"{name} has no scores: {evaluation.status}, {evaluation.reason or evaluation.failure}"
        )
    answers = Answers(
        name,
        {
            metric: {
                item.task: METRICS[metric].score(tasks[item.task], item.answer, item.retrieved)
                for item in items
            }
            for metric in (RECALL, F1, EXACT)
        },
    )
    f1 = bootstrap_interval(answers.scores[F1].values())
    print(
        f"| `{name}` | {answers.mean(RECALL):.3f} | {interval_text(f1)} | {answers.mean(EXACT):.3f} "
        f"| {len(items)} |",
        flush=True,
    )
    return answers


def _print_differences(found: Sequence[Answers], groups: Mapping[str, str]) -> None:
    """The program of the highest recall minus each other one, in F1."""
    best = max(found, key=lambda answers: answers.mean(RECALL))
    print(f"\n| F1 of `{best.name}` minus that of | difference, paired |\n|---|---|")
    for other in found:
        if other is not best:
            difference = paired_interval(best.scores[F1], other.scores[F1], clusters=groups)
            print(f"| `{other.name}` | {interval_text(difference, sign=True)} |")


def _print_correlations(found: Sequence[Answers]) -> None:
    """Pearson's r of recall and F1, over the programs' means and over all answers."""
    shared = sorted(set.intersection(*(set(answers.scores[F1]) for answers in found)))
    recall, f1 = (
        np.array([[answers.scores[metric][task] for task in shared] for answers in found])
        for metric in (RECALL, F1)
    )
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, len(shared), len(shared)) for _ in range(RESAMPLES)]
    print("\n| evidence recall and F1 | n | Pearson's r |\n|---|---|---|")
    for name, count, of in (
        ("over programs", len(found), _between_programs),
        ("over answers", recall.size, _between_answers),
    ):
        low, high = np.nanquantile([of(recall[:, d], f1[:, d]) for d in drawn], [0.025, 0.975])
        print(f"| {name} | {count} | {of(recall, f1):.2f} [{low:.2f}, {high:.2f}] |")


def _between_programs(recall: np.ndarray, f1: np.ndarray) -> float:
    return float(np.corrcoef(recall.mean(axis=1), f1.mean(axis=1))[0, 1])


def _between_answers(recall: np.ndarray, f1: np.ndarray) -> float:
    return float(np.corrcoef(recall.ravel(), f1.ravel())[0, 1])


def _print_by_recall(found: Sequence[Answers]) -> None:
    """F1 where all, a part, and none of the evidence came back."""
    print("\n| evidence that came back | answers | F1 |\n|---|---|---|")
    pairs = [
        (answers.scores[RECALL][task], score)
        for answers in found
        for task, score in answers.scores[F1].items()
    ]
    for name, holds in (
        ("all", lambda recall: recall == 1),
        ("a part", lambda recall: 0 < recall < 1),
        ("none", lambda recall: recall == 0),
    ):
        scores = [score for recall, score in pairs if holds(recall)]
        print(f"| {name} | {len(scores)} | {fmean(scores):.3f} |" if scores else f"| {name} | 0 | – |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_options(parser)
    parser.add_argument("--benchmark", default="chronicle")
    parser.add_argument("--programs", required=True, help="names, paths or RUN:ID, with commas")
    parser.add_argument("--tasks", type=int, default=48, help="test questions, drawn at random")
    arguments = parser.parse_args()
    arguments.root = Path(arguments.root)
    return arguments


if __name__ == "__main__":
    main()
