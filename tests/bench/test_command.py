"""``evolve bench`` as a user gives it, on benchmarks of a few lines, in bare processes."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from evolve import api
from evolve.bench import exports
from evolve.bench.filling import Filler
from evolve.errors import UsageError
from evolve.evaluation import Subset
from evolve.evaluation.evaluator import UNKNOWN
from evolve.evaluation_setup import EvaluationSetup
from evolve.program import MemoryProgram
from evolve.records import Evaluation

HERE = ("--sandbox", "process")


def cells(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(cell["program"], cell["benchmark"]): cell for cell in json.loads(text)["cells"]}


def journal(root: Path, name: str = "bench") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / name / "journal.jsonl").read_text().splitlines()]


def test_a_table_of_programs_and_benchmarks(invoke, root: Path, shop: Path, fair: Path, tmp_path: Path):
    files = [tmp_path / f"table.{form}" for form in ("md", "csv")]
    asked = ("bench", "-p", "bm25,no_memory", "-b", f"{shop},{fair}", "--against", "bm25", *HERE)
    code, out, err = invoke(*asked, "--export", files[0], "--export", files[1])
    assert code == 0, err
    assert "fair, no_memory: 0.000 [0.000, 0.602]" in err
    assert err.count("WARNING") == 1, "the isolation is said once, not for each benchmark"
    assert "Isolation: process." in out
    assert "No language model" in out
    text = files[0].read_text()
    assert "| `bm25` | 1.000 [0.398, 1.000] | 1.000 [0.398, 1.000] |" in text
    assert "| `no_memory` | -1.000 [-1.000, +0.331] | -1.000 [-1.000, +0.331] |" in text
    assert "hold together at 95 % (each at 97.50%)" in text, "two comparisons"
    rows = list(csv.DictReader(files[1].read_text().splitlines()))
    assert [(r["program"], r["benchmark"], r["score"], r["tasks"]) for r in rows] == [
        ("bm25", "shop", "1.0", "4"),
        ("bm25", "fair", "1.0", "4"),
        ("no_memory", "shop", "0.0", "4"),
        ("no_memory", "fair", "0.0", "4"),
    ]
    assert float(rows[0]["cost"]) > float(rows[2]["cost"])
    assert len(list((root / "bench" / "evaluations").iterdir())) == 4
    before = journal(root)

    code, out, err = invoke("bench", "--json", "-p", "bm25,no_memory,lexical")
    assert code == 0, "what is left out keeps its recorded value"
    assert len(cells(out)) == 6
    assert "bm25: 1.000" not in err
    assert journal(root)[:4] == before
    assert len(journal(root)) == 6, "nothing that was finished is repeated"


def test_other_tasks_are_other_scores(invoke, root: Path, shop: Path):
    asked = ("bench", "-p", "bm25", "-b", shop, "--split", "static", "--json", *HERE)
    first = cells(invoke(*asked, "--static", "3")[1])["bm25", "shop"]
    second = cells(invoke(*asked, "--static", "2")[1])["bm25", "shop"]
    assert (first["scored"], second["scored"]) == (3, 2)
    assert len({row["conditions"] for row in journal(root)}) == 2


def test_options_stand_with_the_benchmark(invoke, shop: Path):
    code, out, _ = invoke("bench", "-p", "bm25", "-b", f"{shop},{shop}:verb=painted", "--json", *HERE)
    assert code == 0
    assert [c["benchmark"] for c in json.loads(out)["benchmarks"]] == ["shop", "shop:verb=painted"]


def test_missing_data_are_named_and_other_cells_done(invoke, shop: Path, lacking: Path):
    code, out, err = invoke("bench", "-p", "bm25", "-b", f"{lacking},{shop}", *HERE)
    assert code == 1
    assert "lacking: The benchmark 'lacking' needs absent.json" in err
    assert "evolve benchmarks fetch lacking" in err
    assert "--data-dir" in err
    assert "1.000 [0.398, 1.000]" in out
    assert "not scored, which is not 0 (1 of 2)" in out
    code, _, err = invoke("bench", "-p", "bm25", "-b", lacking, "--name", "empty", *HERE)
    assert code == 2
    assert "Nothing could be scored" in err


def test_a_program_that_breaks_has_earned_0_and_is_not_tried_again(
    invoke, root: Path, shop: Path, broken: Path
):
    asked = ("bench", "-p", f"bm25,{broken}", "-b", shop, "--against", "bm25", "--unsafe-local", *HERE)
    code, out, _ = invoke(*asked)
    assert code == 0
    assert "0.000, failed" in out
    assert "shop, broken: failed: exception in read q4: read raised LookupError: no shelf" in out
    found = cells(invoke(*asked, "--json")[1])["broken", "shop"]
    assert (found["status"], found["quality"]["mean"]) == ("failed", 0.0)
    assert len(journal(root)) == 2


@pytest.mark.slow
def test_what_our_machinery_lost_is_no_score_and_is_tried_again(
    invoke, root: Path, shop: Path, monkeypatch: pytest.MonkeyPatch
):
    real = Filler._score

    def losing(self: Filler, column: Any, setup: EvaluationSetup, *rest: Any) -> str:
        def evaluate(program: MemoryProgram, subset: Subset) -> Evaluation:
            return Evaluation(
                program=program.id,
                subset=subset.name,
                conditions=setup.evaluator.conditions,
                isolation="process",
                status="inconclusive",
                metric=setup.metric,
                quality=UNKNOWN,
                reason="the engine is gone",
            )

        monkeypatch.setattr(setup.evaluator, "evaluate", evaluate)
        return real(self, column, setup, *rest)

    asked = ("bench", "-b", shop, "-j", "1", "-p", "bm25,lexical,no_memory,hybrid", *HERE)
    with monkeypatch.context() as context:
        context.setattr(Filler, "_score", losing)
        code, out, err = invoke(*asked)
    assert code == 1
    assert "Stopped after 3 programs in a row without a score: the engine is gone" in err
    assert "0.000" not in out
    assert "not scored, which is not 0 (4 of 4)" in out
    assert [row["status"] for row in journal(root)] == ["inconclusive"] * 3

    code, out, _ = invoke(*asked, "--json")
    assert code == 0
    assert {cell["status"] for cell in cells(out).values()} == {"complete"}
    assert journal(root)[3]["name"] == "hybrid", "what was not tried yet comes first"


@pytest.mark.slow
def test_programs_of_runs_give_the_transfer_matrix(invoke, shop: Path, fair: Path):
    for path in (shop, fair):
        flags = ("--seeds", "bm25,lexical", "--budget", "0", "--static", "3", "--rotating", "1")
        assert invoke("run", "--benchmark", path, *flags, *HERE)[0] == 0
    code, out, err = invoke("bench", "-p", "shop,fair:1", "--json", "--unsafe-local", *HERE)
    assert code == 0, err
    data = json.loads(out)
    assert [(row["name"].partition(":")[0], row["home"]) for row in data["programs"]] == [
        ("shop", "shop"),
        ("fair", "fair"),
    ]
    transfer = {(r["program"].partition(":")[0], r["benchmark"]): r for r in data["transfer"]["rows"]}
    assert set(transfer) == {("shop", "fair"), ("fair", "shop")}
    assert transfer["shop", "fair"]["minus"] == "fair:1"
    assert data["transfer"]["level"] == pytest.approx(0.975)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-p", "bm52"), ("There is no program 'bm52'", "no_memory", "Did you mean bm25?")),
        (("-p", "gone:3"), ("no run called 'gone'",)),
        (("-p", "gone.py"), ("gone.py",)),
        (("-b", "locom"), ("no benchmark called 'locom'", "locomo")),
        (("-b", "chronicle:worlds"), ("NAME:KEY=VALUE", "'worlds'")),
        (("-b", "chronicle:moons=2"), ("no option 'moons'", "worlds")),
        (("--against", "bm52"), ("Did you mean bm25?",)),
        (("--export", "table.pdf"), (".md, .csv, .png, .svg",)),
        (("--export", "nowhere/table.md"), ("no folder",)),
        (("--name", "../x"), ("cannot be the name",)),
    ],
)
def test_what_does_not_exist_is_answered_with_what_there_is(invoke, root: Path, arguments, said):
    code, out, err = invoke("bench", *arguments)
    assert (code, out) == (2, "")
    assert all(part in err for part in said), err
    assert not root.exists(), "nothing is written"


def test_a_picture_without_matplotlib_says_what_to_install(invoke, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exports.importlib.util, "find_spec", lambda name: None)
    code, _, err = invoke("bench", "--export", "table.svg")
    assert code == 2
    assert "pip install 'evolve-memory[plot]'" in err


def test_a_run_is_not_taken_for_a_bench(invoke, root: Path, shop: Path):
    flags = ("--seeds", "bm25", "--budget", "0", "--static", "2", "--rotating", "1")
    assert invoke("run", "--benchmark", shop, *flags, *HERE)[0] == 0
    code, _, err = invoke("bench", "--name", "shop", "-p", "bm25", *HERE)
    assert code == 2
    assert "is a run" in err
    (root / "other").mkdir()
    (root / "other" / "letter.txt").write_text("mine")
    code, _, err = invoke("bench", "--name", "other", "-p", "bm25", *HERE)
    assert code == 2
    assert "is not a bench" in err
    assert [path.name for path in (root / "other").iterdir()] == ["letter.txt"]


@pytest.mark.slow
def test_a_bench_that_is_killed_goes_on_and_repeats_nothing(root: Path, shop: Path, fair: Path):
    asked = ["bench", "-p", "bm25,lexical,hybrid,no_memory", "-b", f"{shop},{fair}", "-j", "1", *HERE]
    command = [sys.executable, "-m", "evolve", *asked, "--root", str(root), "--json"]
    file = root / "bench" / "journal.jsonl"
    known: list[str] = []
    for kills in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while len(known) == 0 or len(lines(file)) <= len(known):
            assert process.poll() is None
            time.sleep(0.005)
            known = known or lines(file)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        after = lines(file)
        assert after[: len(known)] == known
        assert len(after) > kills
        known = after
    with file.open("ab") as torn:
        torn.write(b'{"program": "half a li')
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "was incomplete and is removed" in done.stderr
    assert lines(file)[: len(known)] == known
    assert len(lines(file)) == 8
    assert len({(row["program"], row["benchmark"]) for row in journal(root)}) == 8


def lines(file: Path) -> list[str]:
    """The whole lines of a file that may be being written."""
    return file.read_text().split("\n")[:-1] if file.is_file() else []


def test_a_bench_from_python_is_the_table_of_the_command(invoke, root: Path, shop: Path):
    told: list[tuple[str, str, int, int]] = []
    quick = {"settings": {"sandbox.backend": "process"}, "root": root, "name": "ours"}
    table = api.bench(
        ["bm25", "no_memory"],
        [str(shop)],
        **quick,
        progress=lambda cell, heading, done, due: told.append((cell.name, heading, done, due)),
    )
    assert {(name, heading) for name, heading, _, _ in told} == {("bm25", "shop"), ("no_memory", "shop")}
    assert [(done, due) for _, _, done, due in told] == [(1, 2), (2, 2)], "in the order in which they end"
    code, out, err = invoke("bench", "-n", "ours", "--json")
    assert code == 0, err
    assert json.loads(out)["cells"] == json.loads(json.dumps(table["cells"]))
    assert len(journal(root, "ours")) == 2, "what was scored from Python is not scored again"


def test_a_bench_from_python_does_not_execute_what_nobody_approved(root: Path, shop: Path, tmp_path: Path):
    config = tmp_path / "received.toml"
    config.write_text(f'benchmark = "{shop}"\n')
    with pytest.raises(UsageError, match=r"evolve\.api\.bench\(\.\.\., trust=True\)"):
        api.bench(["bm25"], config=config, root=root)
