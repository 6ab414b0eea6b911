"""Each rule alone: what one step adds to a seed program on validation tasks.

    python benchmarks/search/operators.py --data-dir DIR --benchmarks chronicle locomo hotpotqa

merges every step that rules can add into ``--seed``, one at a time, scores the programs on all validation
tasks, and prints the difference to the seed on each benchmark, paired, with its 95 % interval; the intervals
of the table hold together. Rules that move numbers, drop steps or cross programs depend on chance and are
left out, as are steps that the seed has. ``--data-dir`` holds a folder for each benchmark. Programs and
scores are kept under ``--runs``: the same command goes on with them.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from campaigns import circumstances

from evolve import api, resources
from evolve.errors import EvolveError
from evolve.inspection.text import difference
from evolve.mutation.offline.operators import Fragment, operators
from evolve.mutation.protocol import MutationContext
from evolve.records import Interval

EVERY = 100_000  # validation tasks: all that there are


def main() -> None:
    """Score the programs, and print a row for each step."""
    given = _arguments()
    seed = (resources.folder("seeds") / f"{given.seed}.py").read_text("utf-8")
    given.runs.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, source in programs(seed):
        path = given.runs / f"{name}.py"
        path.write_text(source, encoding="utf-8")
        paths.append(str(path))
    settings = {"sandbox.backend": given.sandbox, "jobs": given.jobs, "evaluation.static": EVERY}
    try:
        found = api.bench(
            [given.seed, *paths],
            given.benchmarks,
            name="operators",
            split="static",
            against=given.seed,
            data_dir=given.data_dir,
            settings=settings,
            root=given.runs,
            unsafe_local=given.sandbox == "process",
            progress=lambda cell, column, done, due: print(column, cell.program, done, due, file=sys.stderr),
        )
    except EvolveError as error:
        sys.exit(str(error))
    print(f"{circumstances()}\n\n{table(found)}")


def programs(seed: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each step that the seed lacks, and the seed with it."""
    unused = cast("MutationContext", None)  # a step is merged without looking at failures
    for operator in operators():
        if isinstance(operator, Fragment):
            edit = operator.apply(seed, unused, random.Random(0))
            if edit is not None:
                yield operator.name, edit.source


def table(found: Mapping[str, Any]) -> str:
    """Return the differences of a bench in Markdown: a row for each program, a column for each benchmark."""
    columns = [column["benchmark"] for column in found["benchmarks"]]
    rows = [f"| step | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    cells = {(row["program"], row["benchmark"]): row["difference"] for row in found["against"]["rows"]}
    for program in dict.fromkeys(program for program, _ in cells):
        shown = (cells.get((program, column)) for column in columns)
        texts = (difference(Interval.model_validate(cell)) if cell else "–" for cell in shown)
        rows.append(f"| `{program}` | {' | '.join(texts)} |")
    return "\n".join(rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", default="hybrid_neighbours", help="name of a seed program")
    parser.add_argument("--benchmarks", nargs="+", default=["chronicle"], metavar="NAME")
    parser.add_argument("--data-dir", type=Path, help="a folder for each benchmark that needs data")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--runs", type=Path, default=Path("runs/operators"), help="where they are kept")
    return parser.parse_args()


if __name__ == "__main__":
    main()
