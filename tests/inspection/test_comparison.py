from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from evolve.cli import app
from evolve.inspection.comparison import comparison_data
from evolve.journal import RunRecord
from evolve.runs.history import RunHistory

WORLD = """
from pathlib import Path
from evolve.benchmark import Benchmark, benchmark
from evolve.records import Episode, Evidence, Task

@benchmark
def houses(data_dir: Path) -> Benchmark:
    "Doors of houses."
    episodes, tasks = [], []
    for g in range(4):
        for d in range(6):
            line = f"In house {g} the colour of door {d} is shade{g}{d}."
            episodes.append(Episode(id=f"e{g}{d}", text="Filler talk.\\\\n" * 40 + line, group=f"g{g}"))
            evidence = (Evidence(episode=f"e{g}{d}", text=line),)
            question = f"Which colour has door {d} of house {g}?"
            answers = (f"shade{g}{d}",)
            tasks.append(
                Task(id=f"t{g}{d}", question=question, answers=answers, group=f"g{g}", evidence=evidence)
            )
    validation, test = [t for t in tasks if t.group < "g2"], [t for t in tasks if t.group >= "g2"]
    return Benchmark("houses", tuple(episodes), tuple(validation), tuple(test), scope="grouped")
"""


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Two small campaigns of one configuration under two seeds, and what the command said."""
    folder = tmp_path_factory.mktemp("repeats")
    (folder / "houses.py").write_text(WORLD)
    words = [
        "run",
        "--benchmark",
        str(folder / "houses.py"),
        "--name",
        "twice",
        "--root",
        str(folder / "runs"),
    ]
    words += [
        "--budget",
        "2",
        "--seeds",
        "no_memory,lexical",
        "--sandbox",
        "process",
        "--unsafe-local",
        "--plain",
    ]
    result = CliRunner().invoke(app, [*words, "--repeats", "2", "--seed", "3"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return folder / "runs", result.output


def test_repeats_run_under_seeds_of_their_own_and_are_compared(repeated: tuple[Path, str]):
    root, said = repeated
    runs = [RunRecord.open(root, name) for name in ("twice-1", "twice-2")]
    assert [run.config.seed for run in runs] == [3, 4]
    assert "(mean, standard deviation)" in said


def test_a_comparison_counts_what_was_asked_and_pairs_what_was_scored(repeated: tuple[Path, str]):
    root, _ = repeated
    runs = [RunRecord.open(root, name) for name in ("twice-1", "twice-2")]
    data = comparison_data(runs)
    first, second = data["runs"]
    assert first["minus_first"] is None
    assert second["minus_first"]["low"] <= second["minus_first"]["mean"] <= second["minus_first"]["high"]
    assert first["items"] >= 3 * 12
    assert first["baseline"] == "lexical"
    tests = RunHistory.read(runs[0]).tests()
    baseline = max(tests[number].mean for number in (0, 1))
    assert first["gain"]["mean"] == pytest.approx(first["test"]["mean"] - baseline)
    assert data["level"] == pytest.approx(1 - 0.05 / 3)
    assert data["summary"]["runs"] == 2
    assert all(row["hypervolume"] >= 0 for row in data["runs"])


def test_one_run_and_a_missing_one(repeated: tuple[Path, str]):
    root, _ = repeated
    one = CliRunner().invoke(app, ["compare", "twice-1", "--root", str(root), "--json"])
    assert one.exit_code == 0
    assert '"summary": null' in one.output
    missing = CliRunner().invoke(app, ["compare", "nowhere", "--root", str(root)])
    assert missing.exit_code == 2
