"""Scripts that measure or calculate how a campaign grows; the figures are not judged here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.campaign.actors import MODELS, line_with
from tests.server.scripts import Asked

Script = Callable[[str], ModuleType]


def rows(said: str) -> list[list[str]]:
    """The cells of the tables in ``said``, heads left out."""
    lines = [line for line in said.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line[2].isdigit()]


def test_one_worker_waits_for_nobody(script: Script) -> None:
    rate = script("workers").throughput(1, 2.0, {"deciding": 0.5, "recording": 0.25})
    assert rate == pytest.approx(1 / 2.75)


def test_many_workers_are_held_up_by_the_slowest_station(script: Script) -> None:
    rate = script("workers").throughput(1000, 2.0, {"deciding": 0.5, "recording": 0.25})
    assert rate == pytest.approx(1 / 0.5, rel=0.01)


def test_two_workers_at_one_station_without_any_other_work(script: Script) -> None:
    assert script("workers").throughput(2, 0.0, {"deciding": 0.5}) == pytest.approx(2.0)


def test_a_table_says_what_saturates(script: Script) -> None:
    module = script("workers")
    told = rows(module.table(2.0, {"deciding": 0.1, "recording": 0.01}, caching=0.5))
    assert [row[0] for row in told] == ["1", "10", "30", "100", "300", "1,000"]
    assert told[0][2] == "100 %"
    assert told[-1][3:5] == ["100 %", "10 %"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_service_times_are_measured(script: Script) -> None:
    service, size = script("workers").of_campaign(8)
    assert service["deciding"] > 0
    assert service["recording"] > 0
    assert size > 1000


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_campaign_of_any_size_is_measured_at_each_eighth(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    script("campaign_scale").main(["--candidates", "8", "--tasks", "60", "--static", "20"])
    told = rows(capsys.readouterr().out)
    assert [int(row[0]) for row in told][:8] == list(range(1, 9))
    assert all(float(row[1]) > 0 for row in told)


def test_a_program_that_is_not_run_answers_by_chance(script: Script) -> None:
    module = script("campaign_scale")
    session = module.UnrunSandbox(500).open("x = 1", None, None)
    asked = module.lines(Path(), tasks=500).validation
    found = sum(task.evidence[0].text in session.read({"q": task.question}).text for task in asked)
    assert 0.2 * len(asked) < found < 0.95 * len(asked)


def test_a_candidate_changes_all_its_prompts(script: Script, tmp_path: Path) -> None:
    engine = script("engine")
    sources = [Path(path).read_text() for path in engine.seeds(tmp_path)]
    for name in engine.INSTRUCTIONS:
        assert len({line_with(source, f"{name} = ") for source in sources}) == len(sources)
    prompt = f"A program:\n```python\n{sources[0]}```\n"
    said = engine.rewrite(Asked(MODELS["reflector"], {"messages": [{}, {"content": prompt}]}, 0, 0))
    for name in engine.INSTRUCTIONS:
        assert said.count(f"\n{line_with(sources[0], f'{name} = ')}\n") == 1
