"""The measurement of what memory within a task is worth, on a small household."""

from __future__ import annotations

import sys

import pytest


@pytest.mark.slow
def test_the_forms_are_compared_with_the_one_that_is_read_once(load, capsys, monkeypatch):
    script = load("within_task")
    forms = {name: script.programs()[name] for name in (script.READ_ONCE, script.OBSERVING)}
    monkeypatch.setattr(script, "programs", lambda: forms)
    monkeypatch.setattr(sys, "argv", ["within_task", "--worlds", "3", "--homes", "2", "--goals", "2"])
    script.main()
    shown = capsys.readouterr().out
    assert "commit " in shown.split("\n")[0]
    assert "goals changing: 4 tasks in 2 homes, at most 20 steps" in shown
    rows = [line.split(" | ") for line in shown.split("\n") if line.startswith("| hiagent")]
    assert [row[0] for row in rows] == ["| hiagent, read once", "| hiagent"] * 2
    assert [row[2] == "" for row in rows] == [True, False] * 2
