"""How often racing gives up a child that a whole evaluation would have put on the front, on recorded scores.

    python benchmarks/search/racing.py RUN... [--root runs] [--orders 20]

replays whole evaluations of campaigns (run with ``--no-racing``) item by item, in random orders of the groups
(of the items in pooled scope), each child against the front as it was when the child was born.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from campaigns import circumstances

from evolve.benchmark import find
from evolve.evaluation.early_stopping import EarlyStopper, FrontMember
from evolve.events import Joined
from evolve.journal import RunRecord
from evolve.population import ParetoArchive, objective
from evolve.records import Candidate, ItemResult

BLOCKS = 6
"""Interim analyses in pooled scope, where any item can be the next."""


@dataclass
class Count:
    """What racing would have done."""

    children: int = 0
    good: int = 0
    given_up: int = 0
    wrongly: int = 0
    items: int = 0
    of_items: int = 0


def main() -> None:
    """Print a row for each run, and one for all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--root", type=Path, default=Path("runs"))
    parser.add_argument("--orders", type=int, default=20, help="random orders of the items")
    parser.add_argument("--risk", type=float, default=0.05)
    arguments = parser.parse_args()
    print(f"risk {arguments.risk:g}, {circumstances()}\n")
    print("| run | children × orders | given up | of those wrongly | lost of the front | items asked |")
    print("|---|---|---|---|---|---|")
    total = Count()
    for name in arguments.runs:
        count = Count()
        _replay(RunRecord.open(arguments.root, name), arguments.orders, arguments.risk, count)
        _replay(RunRecord.open(arguments.root, name), arguments.orders, arguments.risk, total)
        print(_row(name, count))
    print(_row("all", total))


def _row(name: str, count: Count) -> str:
    lost = f"{count.wrongly / count.good:.1%}" if count.good else "–"
    wrong = f"{count.wrongly} ({count.wrongly / count.given_up:.1%})" if count.given_up else "0"
    return (
        f"| {name} | {count.children} | {count.given_up} ({count.given_up / count.children:.0%}) | {wrong} "
        f"| {lost} of {count.good} | {count.items / count.of_items:.0%} |"
    )


def _replay(run: RunRecord, orders: int, risk: float, count: Count) -> None:
    config = run.config
    loaded = find(config.benchmark).load(config.data_dir, config.benchmark_options)
    group = {task.id: task.group if loaded.scope == "grouped" else "" for task in loaded.validation}
    candidates = [event.candidate for event in run.events() if isinstance(event, Joined)]
    items = {c.number: _items(run, c) for c in candidates if c.complete}
    for order in range(orders):
        rng = random.Random(order)
        archive = ParetoArchive([objective("quality"), objective("cost")])
        for child in sorted((c for c in candidates if c.complete), key=lambda c: c.number):
            values = {name: child.objectives[name] for name in ("quality", "cost")}
            front = [c for c in candidates if c.number in archive.front]
            archive.add(child.number, values)
            if not child.parents:
                continue
            seen = _raced(items[child.number], front, values["cost"], group, risk, rng)
            whole = len(items[child.number])
            on_front = child.number in archive.front
            count.children += 1
            count.good += on_front
            count.given_up += seen < whole
            count.wrongly += seen < whole and on_front
            count.items += seen
            count.of_items += whole


def _items(run: RunRecord, candidate: Candidate) -> Sequence[ItemResult]:
    return next(e.items for e in run.evaluations(candidate.program) if e.subset == "static")


def _raced(
    items: Sequence[ItemResult],
    front: Sequence[Candidate],
    cost: float,
    group: dict[str, str],
    risk: float,
    rng: random.Random,
) -> int:
    """Items asked until the child was given up; all of them if it was not."""
    blocks = list(_blocks(items, group, rng))
    front_members = [FrontMember(c.number, c.item_scores, c.objectives["cost"]) for c in front]
    early_stopper = EarlyStopper(
        front_members, risk=risk, groups={item.task: group[item.task] for item in items}
    )
    seen: list[ItemResult] = []
    for block in blocks[:-1]:
        seen += block
        if early_stopper.should_stop(seen, cost, total=len(items), interim_analyses=len(blocks) - 1):
            return len(seen)
    return len(items)


def _blocks(
    items: Sequence[ItemResult], group: dict[str, str], rng: random.Random
) -> Iterator[list[ItemResult]]:
    names = sorted({group[item.task] for item in items})
    rng.shuffle(names)
    if len(names) > 1:
        for name in names:
            yield [item for item in items if group[item.task] == name]
        return
    shuffled = rng.sample(list(items), len(items))
    for block in range(BLOCKS):
        yield shuffled[block::BLOCKS]


if __name__ == "__main__":
    main()
