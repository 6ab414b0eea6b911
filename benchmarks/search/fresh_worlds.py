"""Programs compared on worlds of chronicle that no campaign has seen: held out from search and selection.

    python benchmarks/search/fresh_worlds.py --root runs --programs demo,neighbours,hybrid

A campaign on chronicle compares its best program with the initial ones on four test worlds, and an interval
over four groups is wide. chronicle is generated, so that there are more worlds: this generates it with other
seeds of the data and scores the programs on the test tasks of each. Programs are runs (their best), RUN:ID,
seeds or files. Prints the evidence recall of each program and the paired differences to the last one, with
95 % intervals over the worlds (Student's t); those of the differences hold together (Bonferroni). The wording
comes from the same phrases as that of the worlds that the campaign saw.

No campaign may have run on a seed of ``--data-seeds``; those of this project run on seed 0.
"""

from __future__ import annotations

import argparse
import datetime
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import evolve
from evolve.benchmark import find
from evolve.inspection.text import difference
from evolve.statistics import mean_interval, paired_interval


def main() -> None:
    """Score the programs and print the tables."""
    arguments = _arguments()
    programs = arguments.programs.split(",")
    groups: dict[str, str] = {}
    scores: dict[str, dict[str, float]] = {name: {} for name in programs}
    for seed in arguments.data_seeds:
        tasks = find("chronicle").load(None, {"seed": seed}).test
        groups |= {f"{seed}/{task.id}": f"{seed}/{task.group}" for task in tasks}
        for name in programs:
            found = evolve.evaluate(
                _program(name, arguments.root),
                "chronicle",
                split="test",
                options={"seed": seed},
                root=arguments.root,
                sandbox=arguments.sandbox,
                unsafe_local=arguments.sandbox == "process",
            )
            scores[name] |= {f"{seed}/{task}": score for task, score in found.item_scores.items()}
    _print(scores, groups, arguments.data_seeds)


def _program(name: str, root: Path) -> str:
    """The best candidate of a run as RUN:ID; another name as it is."""
    if (root / name / "journal.jsonl").is_file():
        return f"{name}:{evolve.open_run(root / name).best.number}"
    return name


def _print(
    scores: Mapping[str, Mapping[str, float]], groups: Mapping[str, str], data_seeds: Sequence[int]
) -> None:
    commit = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    worlds = len(set(groups.values()))
    print(
        f"chronicle, data seeds {', '.join(map(str, data_seeds))}: {len(groups)} test tasks in {worlds} "
        f"worlds; {datetime.datetime.now(datetime.UTC).date()}; commit {commit or 'unknown'}\n"
    )
    *others, against = scores
    level = 1 - 0.05 / max(len(others), 1)
    print(f"| program | evidence recall | minus `{against}`, paired |\n|---|---|---|")
    for name, own in scores.items():
        gain = paired_interval(own, scores[against], clusters=groups, level=level)
        text = difference(gain) if name != against else ""
        print(f"| `{name}` | {mean_interval(own, clusters=groups)} | {text} |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--programs", default="demo,hybrid,neighbours", help="with commas; the last is compared with"
    )
    parser.add_argument(
        "--root", type=Path, default=Path("runs"), help="folder of the runs among the programs"
    )
    parser.add_argument("--data-seeds", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--sandbox", default="auto", help="auto, docker, bwrap or process")
    return parser.parse_args()


if __name__ == "__main__":
    main()
