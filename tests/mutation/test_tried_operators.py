"""What was tried on a parent without replacing it is drawn less often there."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from evolve.mutation.offline import RuleBasedMutator
from evolve.mutation.offline import mutator as module
from evolve.mutation.offline.operators import Crossover, Fragment, Knobs, less_of_the_tried
from evolve.records import Candidate

SOME = (Fragment("feed_back", {}), Fragment("prefer_short", {}), Knobs(), Crossover())


def made_by(operator: str) -> Candidate:
    return Candidate(number=9, program="b", parents=(0,), operator=operator, objectives={})


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        ((), (1.0, 2.0, 3.0, 4.0)),
        (("feed_back",), (0.5, 2.0, 3.0, 4.0)),
        (("feed_back", "feed_back"), (0.25, 2.0, 3.0, 4.0)),
        (("feed_back+prefer_short",) * 2, (0.5, 1.0, 3.0, 4.0)),
        (("knobs",), (1.0, 2.0, 2.4, 4.0)),
        (("reflection", "crossover"), (1.0, 2.0, 3.0, 3.2)),
    ],
)
def test_chances_shrink_by_what_was_tried(tried: tuple[str, ...], expected: tuple[float, ...]) -> None:
    found = less_of_the_tried(SOME, [1.0, 2.0, 3.0, 4.0], [made_by(name) for name in tried])
    assert found == pytest.approx(expected)


def test_the_mutator_draws_by_these_chances(context_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "operators", lambda: (Knobs(), SOME[0]))
    context = replace(context_of(), siblings=(made_by("knobs"),) * 400)
    made = [RuleBasedMutator(attribution=False).mutate(context, random.Random(seed)) for seed in range(3)]
    assert all("knobs" not in one.operator for one in made)
