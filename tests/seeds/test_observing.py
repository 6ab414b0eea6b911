"""The optional method ``observe`` leaves the programs without it, or with an idle one, as they are."""

from __future__ import annotations

from typing import Any

import pytest

import evolve
from evolve.records import Evaluation
from evolve.seeds import seed_names, seed_program

IN_EVERY_RUN = ("lexical",)
NOTHING = "\n    def observe(self, step):\n        return None\n"
RAISES = "\n    def observe(self, step):\n        raise ValueError('nothing is acted')\n"
SMALL: dict[str, Any] = {
    "household": {"homes": 2, "visits": 4, "goals": 3},
    "chronicle": {"worlds": 2, "sessions": 8},
}
MEASURED = ("seconds", "wall_seconds", "cpu_seconds", "clock")


def evaluated(source: str, benchmark: str) -> Evaluation:
    found = evolve.evaluate(
        source,
        benchmark,
        sandbox="process",
        unsafe_local=True,
        options=SMALL[benchmark],
        settings={"evaluation.static": 3},
    )
    assert found.status == "complete", (found.failure, found.reason)
    return found


def without_times(found: Evaluation) -> list[dict[str, Any]]:
    return [item.model_dump(mode="json", exclude=set(MEASURED)) for item in found.items]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in IN_EVERY_RUN else pytest.mark.slow) for n in seed_names()]
)
def test_a_program_without_observe_does_as_one_that_observes_nothing(name):
    program = seed_program(name)
    if program.parts.observes:
        return
    plain = evaluated(program.source, "household")
    observing = evaluated(program.source + NOTHING, "household")
    assert without_times(observing) == without_times(plain)
    assert (observing.quality, observing.cost) == (plain.quality, plain.cost)
    asked = evaluated(program.source, "chronicle")
    unused = evaluated(program.source + RAISES, "chronicle")
    assert without_times(unused) == without_times(asked)
