"""What a campaign finds, and what attribution is worth: the same campaign with operators picked evenly.

    python benchmarks/search/attribution.py --benchmark chronicle
    python benchmarks/search/attribution.py --benchmark locomo --data-dir DIR --budget 60

prints a Markdown table with a row for each seed of the RNG, with attribution and without. Runs are kept under
``--root``; the same command goes on with them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean

from campaigns import circumstances, conducted

from evolve.campaign import Summary
from evolve.config import CampaignConfig, SearchConfig
from evolve.events import Finished
from evolve.inspection.text import difference
from evolve.journal import RunRecord

HEADER = (
    "| operators | seed | validation | test | best seed program | paired difference | s |"
    "\n|---|---|---|---|---|---|---|"
)


def main() -> None:
    """Run the campaigns that are missing and print the table."""
    arguments = _arguments()
    print(f"{arguments.benchmark}, {arguments.budget} children, {circumstances()}\n")
    print(HEADER, flush=True)
    for attribution in (True, False):
        found = []
        for seed in arguments.seeds:
            summary, seconds = _campaign(arguments, seed, attribution=attribution)
            found.append(summary.tests[summary.best.number].mean)
            print(_row(attribution, seed, summary, seconds), flush=True)
        print(f"| {_how(attribution)} | mean | | **{mean(found):.3f}** | | | |", flush=True)


def _campaign(arguments: argparse.Namespace, seed: int, *, attribution: bool) -> tuple[Summary, float]:
    """Run one campaign, or take what is recorded of it; its wall time over all processes."""
    config = CampaignConfig(
        benchmark=arguments.benchmark,
        data_dir=arguments.data_dir,
        seed=seed,
        budget=arguments.budget,
        jobs=arguments.jobs,
        search=SearchConfig(attribution=attribution),
    )
    name = f"{arguments.benchmark}-{_how(attribution)}-{seed}"
    summary = conducted(config, arguments.root, name)
    events = RunRecord.open(arguments.root, name).events()
    return summary, max(event.seconds for event in events if isinstance(event, Finished))


def _row(attribution: bool, seed: int, summary: Summary, seconds: float) -> str:
    best = summary.best
    best_other = max(summary.comparisons, key=lambda comparison: summary.tests[comparison.other].mean)
    cells = (
        _how(attribution),
        str(seed),
        f"{best.objectives['quality']:.3f}",
        str(summary.tests[best.number]),
        str(summary.tests[best_other.other]),
        difference(best_other.difference),
        f"{seconds:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def _how(attribution: bool) -> str:
    return "attribution" if attribution else "random"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--benchmark", default="chronicle")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--root", type=Path, default=Path("runs"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
