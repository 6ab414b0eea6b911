"""What a search is worth beside simpler ones: quality at equal cost, and cost at equal quality.

    python benchmarks/search/strategies.py --data-dir DIR
    python benchmarks/search/strategies.py --compare selectors --benchmarks chronicle
    python benchmarks/search/strategies.py --compare features --benchmarks chronicle

runs every strategy under several seeds of the RNG, offline, until each campaign has made as many item
evaluations as ``--children`` children take that are asked every item (20 are what the paper's loop makes);
prints Markdown tables, draws a plot. ``--data-dir`` is where LoCoMo lies. Runs are kept under ``--runs``: the
same command goes on with them. Needs ``pip install 'evolve-memory[benchmarks]'``.

Cost is item evaluations: tasks put to programs on validation, those of the seed programs, of children that
were given up, and those for diagnosis too. All strategies are scored on the same tasks. Intervals are at
95 %, Student's t over the seeds of the RNG; differences are paired by seed.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from campaigns import begun_with, circumstances, conducted
from curves import Curve, Curves
from strategy_tables import tables

from evolve.config import PRESETS, CampaignConfig, merged
from evolve.errors import EvolveError
from evolve.journal import RunRecord
from evolve.runs.history import RunHistory

Settings = Mapping[str, object]
"""Dotted key of the configuration → value; the others have their defaults."""

PAPER: Settings = {
    key: value
    for key, value in PRESETS["paper"].items()
    if key == "window" or (key.startswith("search.") and key != "search.objectives")
} | {"evaluation.rotating": PRESETS["paper"]["evaluation.rotating"]}
"""The paper's loop: softmax, one child after another, each evaluated to the end, no attribution. It is scored
on as many tasks as the others."""
UNINFORMED: Settings = PAPER | {"evaluation.rotating": 1}
"""Nothing is learnt from failures, so that none need be looked for."""


@dataclass(frozen=True)
class Comparison:
    """Strategies to run beside each other.

    Attributes:
        strategies: name → settings.
        reference: of these, what the others are measured by.
    """

    strategies: Mapping[str, Settings]
    reference: str

    def only(self, names: Collection[str]) -> Comparison:
        """The same of the strategies ``names`` and the reference."""
        kept = {name: s for name, s in self.strategies.items() if name in {*names, self.reference}}
        return Comparison(kept, self.reference)


COMPARISONS: Mapping[str, Comparison] = MappingProxyType(
    {
        "strategies": Comparison(
            {
                "random": UNINFORMED | {"search.selection": "uniform"},
                "hill-climb": UNINFORMED | {"search.selection": "max"},
                "paper": PAPER,
                "ours": {},
            },
            reference="paper",
        ),
        "selectors": Comparison(
            {
                "max": {},
                **{
                    f"softmax-{temperature}": {
                        "search.selection": "softmax",
                        "search.temperature": temperature,
                    }
                    for temperature in (0.15, 0.05, 0.02)
                },
                **{name: {"search.selection": name} for name in ("per_item", "pareto", "recency", "uniform")},
            },
            reference="max",
        ),
        "features": Comparison(
            {
                "ours": {},
                "window-2": {"window": 2},
                "window-4": {"window": 4},
                "no-racing": {"search.racing": False},
                "no-attribution": {"search.attribution": False},
                "rotating-40": {"evaluation.rotating": 40},
            },
            reference="ours",
        ),
        # No arm stops early: all are given the same number of item evaluations.
        "plateau": Comparison(
            {
                "off": {"search.plateau": "off", "search.novelty": False},
                "ladder": {"search.plateau": "diversify", "search.novelty": False},
                "novelty": {"search.plateau": "off", "search.novelty": True},
                "ladder-novelty": {"search.plateau": "diversify", "search.novelty": True},
            },
            reference="off",
        ),
    }
)


def main() -> None:
    """Run the campaigns that are missing, and print what came of all."""
    arguments = _arguments()
    comparison = COMPARISONS[arguments.compare]
    if arguments.only:
        comparison = comparison.only(arguments.only)
    missing = [name for name in ("matplotlib", "scipy") if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(f"{' and '.join(missing)} is missing. Install: pip install 'evolve-memory[benchmarks]'")
    try:
        found = {benchmark: _curves(arguments, benchmark, comparison) for benchmark in arguments.benchmarks}
    except EvolveError as error:
        sys.exit(str(error))
    print(f"sandbox {arguments.sandbox}, {circumstances()}")
    for benchmark, curves in found.items():
        print(f"\n{benchmark}\n\n{tables(curves, comparison.reference)}")
    if arguments.plot:
        from strategy_plot import draw

        draw(found, arguments.plot)


def _curves(arguments: argparse.Namespace, benchmark: str, comparison: Comparison) -> Curves:
    """Strategy → a curve for each seed of the RNG."""
    from joblib import Parallel, delayed

    base = merged(
        CampaignConfig(),
        {
            "benchmark": benchmark,
            "data_dir": arguments.data_dir,
            "jobs": 1,  # so that a journal is written in the order of the children; and the window with it
            "sandbox.backend": arguments.sandbox,
            "sandbox.pool": 1,
            **({"evaluation.static": arguments.static} if arguments.static else {}),
        },
    )
    root: Path = arguments.runs
    goal = base.static * (len(base.seeds) + arguments.children)
    known = _seeds(base, root)
    # All strategies of a seed before the next one, so that what there is can be compared at any time.
    todo = [(name, seed) for seed in arguments.seeds for name in comparison.strategies]
    configs = [merged(base, {**comparison.strategies[name], "seed": seed}) for name, seed in todo]
    jobs = [
        delayed(_campaign)(config, root, name, known, goal)
        for config, (name, _) in zip(configs, todo, strict=True)
    ]
    curves: dict[str, list[Curve]] = {name: [] for name in comparison.strategies}
    for (name, seed), curve in zip(todo, Parallel(arguments.jobs, return_as="generator")(jobs), strict=True):
        assert curve is not None  # none is, whatever joblib's types say
        curves[name].append(curve)
        print(f"{benchmark} {name} {seed}: test {curve.test:.3f}", file=sys.stderr, flush=True)
    return curves


def _seeds(base: CampaignConfig, root: Path) -> RunRecord:
    """The seed programs, scored once for all campaigns, in each of which they count."""
    name = f"{Path(base.benchmark).stem}-seeds"
    if not (root / name).is_dir() or RunHistory.read(RunRecord.open(root, name)).finished is None:
        conducted(merged(base, {"budget": 0}), root, name)
    return RunRecord.open(root, name)


def _campaign(config: CampaignConfig, root: Path, strategy: str, known: RunRecord, goal: int) -> Curve:
    """A campaign that is given more children until ``goal`` item evaluations were made."""
    name = f"{Path(config.benchmark).stem}-{strategy}-{config.seed}"
    children = goal // config.static - len(config.seeds)
    begun_with(known, merged(config, {"budget": children}), root, name)
    while True:
        record = RunRecord.open(root, name)
        children = max(children, record.config.budget)
        history = RunHistory.read(record)
        if history.finished is None or history.settled < children:
            conducted(merged(config, {"budget": children}), root, name)
        curve = Curve.read(record)
        missing = goal - curve.items
        if missing <= 0:
            return curve
        each = (curve.items - config.static * len(config.seeds)) / children
        # A little less than it seems to take, so that little is made in vain.
        children += max(1, int(0.9 * missing / each))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--compare", choices=COMPARISONS, default="strategies")
    parser.add_argument("--only", nargs="+", metavar="STRATEGY", help="of the comparison; its reference too")
    parser.add_argument("--benchmarks", nargs="+", default=["chronicle", "locomo"], metavar="NAME")
    parser.add_argument("--data-dir", type=Path, help="of the benchmarks that need data")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], metavar="N")
    parser.add_argument("--static", type=int, help="validation tasks that give fitness; default: 200")
    parser.add_argument("--children", type=int, default=20, help="that are asked every item")
    parser.add_argument("--jobs", type=int, default=2, help="campaigns at the same time")
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--runs", type=Path, default=Path("runs/strategies"), help="where they are kept")
    parser.add_argument("--plot", type=Path, help="an SVG or PNG to draw")
    arguments = parser.parse_args()
    known = COMPARISONS[arguments.compare].strategies
    unknown = [name for name in arguments.only or () if name not in known]
    if unknown:
        parser.error(f"--only {' '.join(unknown)}: {arguments.compare} has {', '.join(known)}")
    return arguments


if __name__ == "__main__":
    main()
