from __future__ import annotations

import base64
import gzip
import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.config import CampaignConfig
from evolve.inspection.questions import Questions
from evolve.inspection.report import build_report, page
from evolve.inspection.report.items import Load, Texts, pack_items
from evolve.inspection.text import plain
from evolve.journal import RunDirectory, RunRecord
from evolve.program import MemoryProgram
from evolve.records import Evaluation
from evolve.runs.history import RunHistory
from evolve.seeds import seed_program


def clock() -> datetime:
    return datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def unpacked(text: str) -> dict[str, Any]:
    return json.loads(gzip.decompress(base64.b64decode(text)))


def test_what_a_report_holds(run: RunRecord) -> None:
    report = build_report(run, clock)
    main = json.loads(json.dumps(plain(report.main)))
    assert main["meta"]["generated"] == "2026-11-22T12:00:00+00:00"
    assert (main["meta"]["state"], main["meta"]["traced"]) == ("interrupted", [0, 1, 2, 3])
    assert main["meta"]["discarded"][0]["number"] == 4
    assert (main["summary"]["best"], main["summary"]["seed"], main["summary"]["line"]) == (2, 0, [0, 2])
    assert main["summary"]["gain"]["low"] > 0
    child = main["candidates"][2]
    assert (child["front"], child["best"], child["verdict"], child["failed"]) == (True, True, "gain", False)
    assert child["stages"]["not_retrieved"] == 1
    assert child["categories"] == {"name": 5 / 6, "time": 1.0}
    assert [part["part"] for part in child["diff"]] == ["module", "knobs"]
    source = "\n".join(main["lines"][n] for n in child["source"])
    assert source == run.program(child["program"]).source
    broken = main["candidates"][3]
    assert (broken["verdict"], broken["objectives"], broken["failure"]["kind"]) == ("failed", {}, "timeout")
    assert [point["evaluations"] for point in main["progress"]] == [1, 2, 3, 4]
    assert all(len(c["at"]) == 2 for c in main["candidates"])


def test_no_double_backticks_and_no_candidate_without_a_name(recorder: Any) -> None:
    record = recorder()
    source = seed_program("lexical").source.replace('"""Cut the text', '"""Cut ``text``, the text')
    record.join(0, MemoryProgram(source), [1.0, 0.0])
    with record.directory as directory:
        main = build_report(RunRecord(directory.path)).main
    (candidate,) = main["candidates"]
    assert candidate["title"]
    shown = json.dumps([candidate, main["meta"]])
    assert "Cut text, the text" in shown
    assert "``" not in shown


def test_the_items_are_whole(run: RunRecord) -> None:
    packed = unpacked(build_report(run, clock).items)
    (evaluation,) = run.evaluations(RunHistory.read(run).candidates[2].program)
    for item in evaluation.items:
        found = packed["tasks"][item.task]["2"]
        assert "\n".join(packed["lines"][n] for n in found["retrieved"]) == item.retrieved
        assert (found["score"], found["answer"], found.get("stage")) == (item.score, item.answer, item.stage)


def test_equal_runs_give_equal_bytes(run: RunRecord) -> None:
    assert page(build_report(run, clock)) == page(build_report(run, clock))


def test_items_that_do_not_fit_are_left_out(run: RunRecord) -> None:
    history = RunHistory.read(run)
    evaluations = {c.number: run.evaluations(c.program)[0] for c in history.candidates}
    read: list[int] = []

    def load(number: int) -> Evaluation:
        read.append(number)
        return evaluations[number]

    some = Load([2, 0, 1, 3], load)
    whole, numbers = pack_items(some, (), Questions(), 10**6)
    assert numbers == [0, 1, 2, 3]
    text, numbers = pack_items(some, (), Questions(), len(whole) - 40)
    assert 2 in numbers, "the most interesting one stays the longest"
    assert len(numbers) < 4
    assert len(text) <= len(whole) - 40
    assert pack_items(some, (), Questions(), 10)[1] == []
    read.clear()

    def noise(number: int) -> Evaluation:
        texts = base64.b64encode(random.Random(number).randbytes(600)).decode()
        items = tuple(item.model_copy(update={"retrieved": texts}) for item in load(2).items[:1])
        return evaluations[2].model_copy(update={"items": items})

    text, numbers = pack_items(Load(range(10_000), noise), (), Questions(), 20_000)
    assert 0 < len(numbers) < len(read) < 1_000, "what does not fit is not read either"
    assert 10_000 < len(text) <= 20_000


def test_a_run_that_has_only_begun(recorder: Any) -> None:
    with recorder().directory as directory:
        report = build_report(RunRecord(directory.path), clock)
    assert report.main["meta"]["state"] == "running"
    assert (report.main["candidates"], report.main["summary"]["best"]) == ([], None)
    assert "<main" in page(report)


def test_a_run_without_an_event(tmp_path: Any) -> None:
    with RunDirectory.create_or_open(tmp_path, "new", CampaignConfig()) as directory:
        report = build_report(RunRecord(directory.path), clock)
    assert report.main["meta"]["started"] is None


def test_a_program_that_is_lost_does_not_end_the_report(run: RunRecord) -> None:
    program = RunHistory.read(run).candidates[1].program
    (run.path / "programs" / f"{program}.py").unlink()
    lost = build_report(run, clock).main["candidates"][1]
    assert (lost["source"], lost["structure"], lost["at"], lost["lines"]) == (None, None, None, None)


@given(st.lists(st.text()))
def test_interned_texts_come_back(texts: list[str]) -> None:
    table = Texts()
    numbers = [table.add(text) for text in texts]
    assert ["\n".join(table.table[n] for n in entry) for entry in numbers] == texts
    assert len(set(table.table)) == len(table.table)


def test_of_very_many_candidates_some_are_shown_and_the_rest_counted(
    run: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evolve.inspection.report.data.MAX_CANDIDATES", 2)
    main = build_report(run).main
    numbers = {candidate["number"] for candidate in main["candidates"]}
    assert main["meta"]["candidates"] == 4
    assert numbers == {0, 2, 3}, "the line of the best, and the last, at which the curves end"
    assert {point["number"] for point in main["progress"]} == numbers
    assert main["meta"]["failed"] == 1
