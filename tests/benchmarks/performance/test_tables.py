"""The scripts print a table of what they have measured; the figures are not judged here."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType

import pytest

Script = Callable[[str], ModuleType]


def test_a_table_names_date_machine_and_commit(script: Script) -> None:
    assert re.match(
        r"\d{4}-\d\d-\d\d, \S+, \d+ cores, Python 3\.\S+, load before .*, commit \w+",
        script("machine").circumstances(),
    )
    before = script("machine").cpu_seconds()
    sum(range(2_000_000))
    assert script("machine").cpu_seconds() > before


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
