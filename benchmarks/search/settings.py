"""What a setting of the search is worth: the same campaign under each of its values, at equal children.

    python benchmarks/search/settings.py search.tune 0 0.2
    python benchmarks/search/settings.py search.operators attribution random bandit --seeds 0 1 2

prints a Markdown table with a row for each value and seed of the RNG. Item evaluations are the tasks that
were scored, of seeds and children, on the static and the rotating subsets; reads that tuning rehearses ask no
model and are not among them. Runs are kept under ``--root``; the same command goes on with them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean

from campaigns import as_it_went, circumstances, conducted

from evolve.campaign import Summary
from evolve.config import CampaignConfig, merged
from evolve.journal import RunRecord

HEADER = "| {} | seed | validation | test | item evaluations | front |\n|---|---|---|---|---|---|"


def main() -> None:
    """Run the campaigns that are missing and print the table."""
    arguments = _arguments()
    print(f"{arguments.benchmark}, {arguments.budget} children, {circumstances()}\n")
    print(HEADER.format(arguments.key), flush=True)
    for value in arguments.values:
        rows = []
        for seed in arguments.seeds:
            summary, items = _campaign(arguments, value, seed)
            test = summary.tests[summary.best.number]
            rows.append((summary.best.objectives["quality"], test.mean, items))
            print(
                f"| {value} | {seed} | {rows[-1][0]:.3f} | {test} | {items:,} | {len(summary.front)} |",
                flush=True,
            )
        quality, tested, items = (mean(column) for column in zip(*rows, strict=True))
        print(f"| {value} | mean | {quality:.3f} | **{tested:.3f}** | {items:,.0f} | |", flush=True)


def _campaign(arguments: argparse.Namespace, value: str, seed: int) -> tuple[Summary, int]:
    """Run one campaign, or take what is recorded of it; the items that it scored, those of the test aside."""
    config = merged(
        CampaignConfig(),
        {
            "benchmark": arguments.benchmark,
            "data_dir": arguments.data_dir,
            "seed": seed,
            "budget": arguments.budget,
            "jobs": arguments.jobs,
            "evaluation.static": arguments.static,
            "sandbox.backend": arguments.sandbox,
            arguments.key: value,
        },
    )
    name = f"{arguments.benchmark}-{arguments.key.replace('.', '-')}-{value}-{seed}".replace(".", "_")
    summary = conducted(config, arguments.root, name)
    *_, (_, items) = as_it_went(RunRecord.open(arguments.root, name))
    return summary, items


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("key", help="of the configuration, such as search.tune")
    parser.add_argument("values", nargs="+", help="of the key, as in a configuration")
    parser.add_argument("--benchmark", default="chronicle")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--static", type=int)
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--root", type=Path, default=Path("runs"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
