"""The LAFS of a run on LongMemEval-V2."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolve.config import CampaignConfig
from evolve.events import Joined
from evolve.inspection.remarks import lafs_line
from evolve.journal import RunDirectory
from evolve.program import MemoryProgram
from evolve.records import Candidate, Evaluation, Interval, ItemOutcome
from evolve.runs.history import RunHistory

SOURCE = "# a program\n"


def scored(program: str, metric: str, accuracy: float, *seconds: float) -> Evaluation:
    items = tuple(
        ItemOutcome(task=f"q{n}", query={}, retrieved="", score=accuracy, seconds=took)
        for n, took in enumerate(seconds)
    )
    quality = Interval(mean=accuracy, low=0.0, high=1.0)
    return Evaluation(
        program=program,
        subset="test",
        conditions="c",
        isolation="process",
        status="complete",
        metric=metric,
        quality=quality,
        items=items,
    )


@pytest.mark.parametrize(
    ("benchmark", "metric", "said"),
    [
        # 60 % within every budget: 60.0; published: 51 up to 26.9 s, 58.6 up to 108.3 s
        ("longmemeval_v2", "longmemeval_v2", "LAFS of the 1 tested programs: 60.0; gain over the published"),
        ("longmemeval_v2", "coverage", ""),
        ("chronicle", "longmemeval_v2", ""),
    ],
)
def test_lafs_is_reported_for_the_official_metric(
    tmp_path: Path, benchmark: str, metric: str, said: str
) -> None:
    config = CampaignConfig(benchmark=benchmark)
    with RunDirectory.create_or_open(tmp_path, "one", config) as run:
        program = MemoryProgram(SOURCE)
        run.save_program(program)
        run.save_evaluation(scored(program.id, metric, 0.6, 0.2, 0.4))
        run.append(Joined(candidate=Candidate(number=0, program=program.id, objectives={"quality": 0.6})))
        line = lafs_line(run, RunHistory.read(run))
    assert line.startswith(said)
    assert bool(line) == bool(said)
