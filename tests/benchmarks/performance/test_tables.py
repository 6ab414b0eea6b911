"""The scripts print a table of what they have measured; the figures are not judged here."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType

import pytest

from evolve.config import CampaignConfig
from evolve.records import Candidate

Script = Callable[[str], ModuleType]


def found(number: int, program: str, quality: float, latency: float) -> Candidate:
    values = {"quality": quality, "cost": 120.4, "latency": latency}
    return Candidate(number=number, program=program, parents=(0,), operator="knobs", objectives=values)


def test_a_table_names_date_machine_and_commit(script: Script) -> None:
    assert re.match(
        r"\d{4}-\d\d-\d\d, \S+, \d+ cores, Python 3\.\S+, load before .*, commit \w+",
        script("machine").circumstances(),
    )
    before = script("machine").cpu_seconds()
    sum(range(2_000_000))
    assert script("machine").cpu_seconds() > before


def test_busy_processes_end_with_the_block(script: Script) -> None:
    with script("front_under_load").busy(2) as processes:
        assert [process.poll() for process in processes] == [None, None]
    assert all(process.returncode for process in processes)


def test_a_front_is_told_with_what_it_was_measured_beside(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    module = script("front_under_load")
    member = found(3, "a" * 12, 0.5, 0.0123)
    module.show(module.Found((member,), (member,), load=2.5, cpu=7.0), "beside 2 busy processes")
    said = capsys.readouterr().out
    assert "Load 2.5, beside 2 busy processes; 7 s of CPU" in said
    assert "| 3 | knobs | `aaaaaaaaaaaa` | 0.500 | 120 | 12.3 |" in said


def test_fronts_are_compared_with_and_without_the_tolerance(script: Script) -> None:
    module = script("front_under_load")
    alone, beside = (
        module.Found((found(0, "quick", 0.5, quick), found(1, "good", 0.6, good)), (), load=1.0, cpu=1.0)
        for quick, good in ((0.002, 0.0025), (0.003, 0.00625))
    )
    assert (module.in_steps(alone), module.in_steps(beside)) == (["good"], ["good", "quick"])
    assert module.compared(["good"], ["good"]) == "both fronts have the same members: 1."
    assert "0 are on that without the other work only, 1 on that beside it only" in module.compared(
        ["good"], ["good", "quick"]
    )
    assert "of 2 programs" in module.longer(alone, beside)
    assert module.longer(alone, beside).endswith("1.5 to 2.5, median 2.0.")


def test_members_that_differ_end_it_with_status_one(
    script: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = script("front_under_load")
    both = found(0, "quick", 0.5, 0.1), found(1, "good", 0.6, 0.3)
    fronts = {"alone": both, "beside": both[1:]}
    configs = []

    def campaign(config: CampaignConfig, root: object, name: str) -> object:
        configs.append(config)
        return module.Found(both, fronts[name], load=1.0, cpu=1.0)

    monkeypatch.setattr(module, "campaign", campaign)
    assert module.main(["--busy", "0", "--budget", "3", "--tolerance", "2.5", "--margin", "0"]) == 1
    assert [(c.budget, c.search.latency_tolerance, c.search.latency_margin) for c in configs] == 2 * [
        (3, 2.5, 0.0)
    ]
    said = capsys.readouterr().out
    assert "latencies within a factor of 2.5 or 0 ms are equal" in said
    assert "In steps of factors of two, both fronts have the same members: 2." in said
    assert "With the tolerance, the fronts do not have the same members" in said
    fronts["beside"] = both
    assert module.main(["--busy", "0"]) == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_of_any_size_is_measured_command_by_command(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    script("scale").main(["--candidates", "12", "--tasks", "4"])
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [row[0].strip() for row in rows[1:]] == list(script("scale").COMMANDS)
    assert all(float(row[1]) > 0 for row in rows[1:])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_reads_are_compared_with_a_bare_fork(script: Script) -> None:
    module = script("reads")
    least, ours = module.pair(module.ProcessSandbox(), module.PROGRAMS["plain"], 200)
    assert 0 < least < ours
