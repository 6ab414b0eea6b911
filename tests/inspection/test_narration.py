"""Events in sentences."""

from __future__ import annotations

import pytest

from evolve.events import Started
from evolve.inspection.history import History
from evolve.inspection.narration import described


@pytest.mark.parametrize(("first", "then", "told"), [("a", "b", True), ("a", "a", False), ("", "b", False)])
def test_going_on_with_another_mutator_is_said(first: str, then: str, told: bool):
    history = History(objectives=("quality",), budget=1)
    for mutator in (first, then):
        event = Started(
            time="t", version="0", isolation="process", conditions="c", resumed=True, mutator=mutator
        )
        history.started.append(event)
    said = described(event, history)
    assert said
    assert ("has changed" in said) == told
