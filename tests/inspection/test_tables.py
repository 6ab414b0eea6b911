from __future__ import annotations

import io
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from evolve.config import CampaignConfig
from evolve.inspection.plot import front_plot
from evolve.inspection.summary import closing_view
from evolve.inspection.tables import (
    evaluation_data,
    evaluation_view,
    front_data,
    front_view,
    show_data,
    show_view,
)
from evolve.inspection.text import amount, duration, score, to_json
from evolve.journal import RunDirectory, RunRecord
from evolve.records import Evaluation, Interval
from evolve.runs.history import RunHistory
from evolve.text import one_line, printable

UNKNOWN_METHOD = {"unit": "", "units": 0}


def rendered(view: RenderableType, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(view)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "\x1b" not in text, "nothing is a terminal here, whatever the programs say"
    return text


def test_front(run: RunRecord) -> None:
    data = json.loads(to_json(front_data("demo", RunHistory.read(run))))
    assert [row["number"] for row in data["front"]] == [2, 0, 1]
    assert data["front"][0]["best"]
    assert data["front"][0]["quality"] == {"mean": 0.6, "low": 0.5, "high": 0.7} | UNKNOWN_METHOD
    assert data["candidates"] == 4
    text = rendered(front_view(data))
    assert "3 of 4 candidates" in text
    for cell in ("knobs", "0.600 [0.500, 0.700]", "0.550 [0.450, 0.650]", "200 tokens", "10.0 ms", "lexical"):
        assert cell in text


def test_a_drawn_front(run: RunRecord) -> None:
    text = rendered(front_view(front_data("demo", RunHistory.read(run)), plot_width=80))
    drawing, _, table = text.partition("Front of demo")
    for mark in ("#0", "#1", "#2", "tokens per task", "(quality)"):
        assert mark in drawing
    assert "Outliers" not in drawing
    assert "0.600 [0.500, 0.700]" in table
    assert max(map(len, drawing.splitlines())) <= 80


def test_one_bad_program_does_not_squeeze_the_drawing() -> None:
    def row(number: int, quality: float, cost: float) -> dict[str, object]:
        return {"number": number, "objectives": {"quality": quality, "cost": cost}}

    crowd = [row(n, 0.5 + n / 100, 1000 + n) for n in range(10)]
    front = [row(20, 0.7, 1001.0), row(21, 0.65, 300.0), row(22, 0.01, 100.0)]
    data = {"objectives": ["quality", "cost"], "front": front, "dominated": [*crowd, row(11, 0.4, 9000.0)]}
    drawing = str(front_plot(data, 80))
    assert "#20" in drawing
    assert "#21" in drawing, "good members of the front are drawn, however cheap"
    assert "Outliers, not drawn: #22 of the front, 1 others." in drawing
    assert front_plot({"objectives": ["quality"], "front": front, "dominated": []}, 80) is None
    assert front_plot({"objectives": ["quality", "cost"], "front": front[:1], "dominated": []}, 80) is None


def test_an_empty_front(tmp_path: Path) -> None:
    with RunDirectory.create_or_open(tmp_path, "new", CampaignConfig()) as run:
        history = RunHistory.read(run)
    assert "no candidate with a score" in rendered(front_view(front_data("new", history)))


def test_show(run: RunRecord) -> None:
    history = RunHistory.read(run)
    data = json.loads(to_json(show_data(run, history, history.candidates[2])))
    assert data["path"] == str(run.path / "programs" / f"{data['program']}.py")
    assert Path(data["path"]).is_file()
    assert (data["parents"], data["children"], data["on_front"]) == ([0], [], True)
    assert data["parts"]["knobs"]["chunk_characters"][0] == 300
    (evaluation,) = data["evaluations"]
    assert evaluation["categories"] == {"name": 0.5, "time": 0.5}
    lost = {"not_given": 0, "lost_in_write": 0, "not_maintained": 0, "not_retrieved": 1, "not_used": 1}
    assert evaluation["stages"] == lost
    assert "items" not in evaluation
    text = rendered(show_view(data))
    assert [item["task"] for item in evaluation["worst"]] == ["b", "c"], "a scored 1.00"
    assert [item["task"] for item in evaluation["finest"]] == ["a", "c"], "a score of 0 is not fine"
    assert "0.00 b (time), not_retrieved: 0 characters retrieved" in text
    for part in ("Smaller [bold]chunks", "on the front, the best", "#0", "coverage 0.700", "not_retrieved 1"):
        assert part in text
    parent = show_data(run, history, history.candidates[0])
    assert parent["children"] == [2, 4]


def test_show_a_failed_one(run: RunRecord) -> None:
    history = RunHistory.read(run)
    data = show_data(run, history, history.candidates[3])
    assert data["failed"]
    text = rendered(show_view(data))
    assert "KnowledgeBase.read is missing" in text
    assert "timeout in read a: read took�[31m too long" in text


def test_an_inconclusive_evaluation_has_no_number(run: RunRecord) -> None:
    (complete,) = run.evaluations(RunHistory.read(run).candidates[2].program)
    nan = Interval(mean=math.nan, low=math.nan, high=math.nan)
    values = complete.model_dump() | {
        "status": "inconclusive",
        "reason": "no engine",
        "quality": nan,
        "items": (),
    }
    data = evaluation_data(Evaluation.model_validate(values))
    assert json.loads(to_json(data))["quality"] == {"mean": None, "low": None, "high": None} | UNKNOWN_METHOD
    text = rendered(evaluation_view(data))
    assert "no engine" in text
    assert "nan" not in text


def test_closing_view(run: RunRecord) -> None:
    text = rendered(closing_view(run, RunHistory.read(run)))
    assert "Test set: #2 knobs 0.550 [0.450, 0.650]" in text
    better = next(line for line in text.splitlines() if "#0 lexical" in line and "+0.200" in line)
    assert "+0.200 [+0.100, +0.300]" in better
    assert "better" in better
    assert "no significant difference" in next(
        line for line in text.splitlines() if "#1 hybrid" in line and "+" in line
    )
    root = run.path.parent
    for command in (
        f"evolve front demo --root {root}",
        f"evolve show demo 2 --root {root}",
        f"evolve diff demo 0 2 --root {root}",
        f"evolve run --name demo --budget 6 --root {root}",
        str(run.path / "programs"),
    ):
        assert command in text


def test_closing_view_of_an_unfinished_run(tmp_path: Path) -> None:
    with RunDirectory.create_or_open(tmp_path, "new", CampaignConfig()) as run:
        text = rendered(closing_view(run, RunHistory.read(run)))
    assert f"evolve run --name new --root {tmp_path}" in text
    assert "best program" not in text


@given(st.text())
def test_foreign_text_cannot_steer_a_terminal(text: str) -> None:
    shown = printable(text)
    assert not any(ord(c) < 32 and c not in "\n\t" for c in shown)
    assert not any(127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 for c in shown)
    assert printable(shown) == shown
    line = one_line(text, 20)
    assert "\n" not in line
    assert len(line) <= 20


def test_ordinary_text_is_left_alone() -> None:
    assert printable("naïve\tcafé ≥ 3\n日本") == "naïve\tcafé ≥ 3\n日本"
    assert printable("a\r\nb") == "a\nb"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_numbers() -> None:
    assert amount("latency", 0.0123) == "12.3 ms"
    assert amount("cost", 1234.4) == "1,234 tokens"
    assert amount("size", 80.0) == "80 lines"
    assert amount("cost", None) == "–"
    assert score(None) == "–"
    assert score(None, 0.5) == "0.500"
    assert score(Interval(mean=math.nan, low=math.nan, high=math.nan)) == "–"
    assert (
        to_json({"a": [math.inf, (1, "é")]})
        == '{\n  "a": [\n    null,\n    [\n      1,\n      "é"\n    ]\n  ]\n}'
    )
