"""What a language model adds to a search, and what its reflection on failures is worth.

    python benchmarks/real/campaigns.py --model gguf:PATH --children 60
    python benchmarks/real/campaigns.py --model gguf:PATH --benchmark locomo --data-dir DIR --seeds 0 1 2

runs the same campaign with other sources of candidates: *rules* alone; the *model* alone; *both*, sharing
the candidates by what each has brought; and a *blind* model, which is told to improve the program and shown
none of its failures. The agent is rule-based and quality is evidence recall. Prints the best candidate of
each campaign against each initial program, and the campaigns' best against each other, on test tasks whose
groups the search never saw. Runs are kept under ``--root``: the same command goes on with them.

Intervals are at 95 %, of paired differences with the tasks' groups (``evolve.statistics``).
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from common import add_options, caption, conducted, configuration, interval_text, role

from evolve.benchmark import find
from evolve.campaign import Summary
from evolve.config import CampaignConfig, ModelsConfig, RoleConfig, merged
from evolve.events import Discarded, Proposed
from evolve.journal import RunRecord
from evolve.statistics import paired_interval

ARMS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "rules": {"models.reflector": RoleConfig().model_dump()},
        "model": {"search.mutators": "model"},
        "both": {"search.mutators": "both"},
        "blind": {
            "search.mutators": "model",
            "search.attribution": False,
            "search.failures_shown": 0,
            "search.successes_shown": 0,
            "search.references_shown": 0,
        },
    }
)
"""Name -> what differs from the configuration that all have in common."""


HEADER = (
    "| candidates by | seed | validation | test | best initial program | best minus it | draws |"
    "\n|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Arm:
    """A finished campaign: its name, RNG seed, summary and the test scores of its best candidate."""

    name: str
    seed: int
    summary: Summary
    scores: Mapping[str, float]


def main() -> None:
    """Run the campaigns that are missing and print the tables."""
    arguments = _arguments()
    print(f"{arguments.benchmark}, {arguments.children} candidates; {caption(arguments.model)}\n", flush=True)
    print(HEADER, flush=True)
    arms = [_run(arguments, name, seed) for seed in arguments.seeds for name in arguments.arms]
    print("\n| candidates by | seed | initial program | best minus it on test, paired |\n|---|---|---|---|")
    for arm in arms:
        _print_against_initial(arm)
    groups = _groups(_configuration(arguments, arguments.arms[0], arguments.seeds[0]))
    print("\n| seed | difference | on test, paired |\n|---|---|---|")
    for seed in arguments.seeds:
        _print_differences([arm for arm in arms if arm.seed == seed], groups)


def _run(arguments: argparse.Namespace, name: str, seed: int) -> Arm:
    config = _configuration(arguments, name, seed)
    run = f"{arguments.benchmark}-{name}-{seed}"
    summary = conducted(config, arguments.root, run)
    record = RunRecord.open(arguments.root, run)
    found = record.evaluation(summary.best.program, "test")
    arm = Arm(name, seed, summary, found.item_scores if found else {})
    best_other = max(summary.comparisons, key=lambda compared: summary.tests[compared.other].mean)
    cells = (
        name,
        str(seed),
        f"{summary.best.objectives['quality']:.3f}",
        interval_text(summary.tests[summary.best.number]),
        interval_text(summary.tests[best_other.other]),
        interval_text(best_other.difference, sign=True),
        _draws(record),
    )
    print(f"| {' | '.join(cells)} |", flush=True)
    return arm


def _draws(record: RunRecord) -> str:
    """What became of the model's draws, the commonest first."""
    counts = Counter(
        one.became
        for event in record.events()
        if isinstance(event, Proposed | Discarded)
        for one in event.tries
    )
    return ", ".join(f"{count} {became}" for became, count in counts.most_common()) or "–"


def _configuration(arguments: argparse.Namespace, name: str, seed: int) -> CampaignConfig:
    models = ModelsConfig(reflector=role(arguments))
    config = configuration(
        arguments,
        arguments.benchmark,
        models,
        budget=arguments.children,
        jobs=arguments.concurrency,
        seed=seed,
    )
    return merged(config, ARMS[name])


def _print_against_initial(arm: Arm) -> None:
    for compared in arm.summary.comparisons:
        difference = interval_text(compared.difference, sign=True)
        print(f"| {arm.name} | {arm.seed} | #{compared.other} | {difference} |")


def _print_differences(arms: Sequence[Arm], groups: Mapping[str, str]) -> None:
    for index, first in enumerate(arms):
        for second in arms[index + 1 :]:
            difference = paired_interval(first.scores, second.scores, clusters=groups)
            text = interval_text(difference, sign=True)
            print(f"| {first.seed} | {first.name} minus {second.name} | {text} |")


def _groups(config: CampaignConfig) -> dict[str, str]:
    """Test task -> its group."""
    benchmark = find(config.benchmark).load(config.data_dir, config.benchmark_options)
    return {task.id: task.group for task in benchmark.test}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_options(parser)
    parser.add_argument("--benchmark", default="chronicle")
    parser.add_argument("--children", type=int, default=60, help="candidates to make")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds of the RNG")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    return parser.parse_args()


if __name__ == "__main__":
    main()
