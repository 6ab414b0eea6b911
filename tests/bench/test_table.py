"""Which cells count, what is compared with what, and how it is drawn."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from evolve.bench.columns import Column, find_columns, spelled, split_spelling
from evolve.bench.config import BenchConfig, adjusted, read_config
from evolve.bench.contenders import Contender, find_contenders
from evolve.bench.directory import BenchDirectory, Cell
from evolve.bench.exports import comma_separated, markdown
from evolve.bench.filling import Filled
from evolve.bench.table import bench_data, current
from evolve.config import CampaignConfig
from evolve.errors import UsageError
from evolve.program import MemoryProgram
from evolve.records import Interval
from evolve.seeds import seed_program

NAMES = ("bm25", "lexical", "no_memory")
CONTENDERS = [Contender(name, seed_program(name), is_own=True) for name in NAMES]
ID = {contender.name: contender.program.id for contender in CONTENDERS}


@pytest.fixture
def columns() -> list[Column]:
    found = find_columns(["chronicle", "household"], CampaignConfig(), None, {})
    assert [column.key for column in found] == ["chronicle", "household"]
    return found


def cell(name: str, benchmark: str, scores: list[float], **values: Any) -> Cell:
    mean = sum(scores) / len(scores) if scores else 0.0
    known = {
        "program": ID[name],
        "name": name,
        "benchmark": benchmark,
        "time": "2026-11-22T10:00:00+00:00",
        "version": "0.1.0",
        "subset": "test",
        "conditions": "c1",
        "isolation": "docker",
        "status": "complete",
        "metric": "f1",
        "quality": Interval(mean=mean, low=mean, high=mean),
        "cost": 12.0,
        "cost_unit": "tokens",
        "latency": 0.001,
        "seconds": 1.0,
        "tasks": len(scores),
        "scores": {f"q{number}": score for number, score in enumerate(scores)},
    }
    return Cell.model_validate(known | values)


def data(cells: list[Cell], columns: list[Column], **filled: Filled) -> dict[str, Any]:
    state = {column.key: filled.get(column.key, Filled("c1")) for column in columns}
    counted = current(cells, columns, state, "test")
    return bench_data("b", BenchConfig(), CONTENDERS, columns, state, counted, CONTENDERS[0])


def test_scores_under_other_conditions_or_of_other_tasks_do_not_count(columns: list[Column]):
    cells = [
        cell("bm25", "chronicle", [1.0], conditions="c0"),
        cell("bm25", "chronicle", [0.5]),
        cell("lexical", "chronicle", [0.1], subset="static"),
        cell("lexical", "chronicle", [0.2], conditions="c0"),
    ]
    found = {(c["program"], c["benchmark"]): c for c in data(cells, columns)["cells"]}
    assert found["bm25", "chronicle"]["quality"]["mean"] == 0.5
    assert found["lexical", "chronicle"]["status"] == "missing"
    assert found["lexical", "chronicle"]["quality"] is None


def test_a_column_that_cannot_be_opened_shows_its_last_scores(columns: list[Column]):
    cells = [cell("bm25", "chronicle", [1.0], conditions="c0"), cell("bm25", "chronicle", [0.5])]
    shown = data(cells, columns, chronicle=Filled(problem="no data"))
    assert shown["cells"][0]["quality"]["mean"] == 0.5
    assert "- chronicle: no data" in markdown(shown)


def test_an_inconclusive_cell_has_no_number_anywhere(columns: list[Column]):
    quality = Interval(mean=math.nan, low=math.nan, high=math.nan)
    lost = cell("bm25", "chronicle", [], status="inconclusive", quality=quality, reason="engine gone")
    shown = data([lost, cell("lexical", "chronicle", [0.5])], columns)
    text = markdown(shown)
    assert "| `bm25` | – | – |" in text
    assert "- chronicle, bm25: inconclusive: engine gone" in text
    assert shown["against"]["rows"] == []
    row = comma_separated(shown).splitlines()[1].split(",")
    assert row[5] == "inconclusive"
    assert row[8:12] == ["", "", "", ""]


def test_a_failed_program_has_earned_0_and_is_compared_with_nobody(columns: list[Column]):
    failed = cell("lexical", "chronicle", [], status="failed", reason="timeout in read")
    shown = data([cell("bm25", "chronicle", [0.5, 0.5]), failed], columns)
    assert "| `lexical` | 0.000, failed | – |" in markdown(shown)
    assert shown["against"]["rows"] == []


def test_more_comparisons_make_wider_intervals(columns: list[Column]):
    some, others = [0.0, 1.0] * 20, [1.0, 1.0, 0.0] * 13 + [1.0]
    one = data([cell("bm25", "chronicle", some), cell("lexical", "chronicle", others)], columns)
    four = data(
        [
            cell(name, benchmark, some if name == "bm25" else others)
            for name in NAMES
            for benchmark in ("chronicle", "household")
        ],
        columns,
    )
    assert (one["against"]["level"], four["against"]["level"]) == (0.95, pytest.approx(0.9875))
    narrow, wide = (found["against"]["rows"][0]["difference"] for found in (one, four))
    assert narrow["mean"] == wide["mean"]
    assert wide["low"] < narrow["low"] < narrow["mean"] < narrow["high"] < wide["high"]


def test_spellings_are_taken_apart_as_they_were_put_together():
    assert split_spelling(spelled("locomo", {"scope": "pooled", "labels": "original"})) == (
        "locomo",
        {"scope": "pooled", "labels": "original"},
    )
    assert spelled("chronicle", {}) == "chronicle"


def test_two_benchmarks_of_one_name_are_refused(shop: Path, tmp_path: Path):
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "shop.py"
    other.write_text(shop.read_text())
    with pytest.raises(UsageError, match="called 'shop'"):
        find_columns([str(shop), str(other)], CampaignConfig(), None, {})


def test_what_was_asked_for_is_read_back(root: Path, tmp_path: Path):
    asked = adjusted(
        BenchConfig(), {"programs": ("bm25",), "benchmarks": ("locomo:scope=pooled",), "data_dir": tmp_path}
    )
    asked = adjusted(asked, {"campaign": CampaignConfig(jobs=3, max_usd=2.5), "split": None})
    with BenchDirectory(root, "b", asked):
        pass
    assert read_config(root / "b" / "bench.toml") == asked
    (root / "b" / "bench.toml").write_text("programs = 3")
    with pytest.raises(UsageError, match="programs"):
        read_config(root / "b" / "bench.toml")


def test_one_process_writes(root: Path):
    with BenchDirectory(root, "b", BenchConfig()), pytest.raises(UsageError, match="another process"):
        BenchDirectory(root, "b", BenchConfig())


def test_a_damaged_journal_is_said(root: Path):
    with BenchDirectory(root, "b", BenchConfig()):
        pass
    (root / "b" / "journal.jsonl").write_text('{"program": 3}\n{}\n')
    with pytest.raises(UsageError, match=r"Line 1 of .* is not a cell of a bench"):
        BenchDirectory(root, "b", BenchConfig())


@pytest.mark.slow
def test_a_picture_is_the_same_each_time_and_names_everything(columns: list[Column]):
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    from evolve.bench.picture import picture

    quality = Interval(mean=math.nan, low=math.nan, high=math.nan)
    cells = [
        cell("bm25", "chronicle", [0.5, 1.0]),
        cell("lexical", "chronicle", [], status="inconclusive", quality=quality),
    ]
    shown = data(cells, columns)
    text = picture(shown, "svg").decode()
    assert text == picture(shown, "svg").decode()
    assert all(name in text for name in (*NAMES, "chronicle", "household"))
    assert picture(shown, "png").startswith(b"\x89PNG")
    import matplotlib as mpl

    with mpl.rc_context({"text.usetex": True, "font.size": 20}):  # as by a file in the current folder
        assert picture(shown, "svg").decode() == text
    shown["programs"][0]["name"] = "$\\frac"  # no formula
    assert "$\\frac" in picture(shown, "svg").decode()


def test_each_program_is_taken_once(root: Path, broken: Path):
    found = find_contenders([str(broken), "bm25", "bm25"], root)
    assert [(c.name, c.is_own) for c in found] == [("broken", False), ("bm25", True)]
    assert found[0].program == MemoryProgram.from_file(broken)
