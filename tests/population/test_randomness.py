from __future__ import annotations

import subprocess
import sys

from evolve.population import rng_for


def test_equal_arguments_give_equal_draws_and_any_difference_gives_others():
    cases = [(1, "parent", 2), (1, "parent", 3), (2, "parent", 2), (1, "mutation", 2), (12, "parent", 2)]
    draws = {case: rng_for(*case).random() for case in cases}
    assert len(set(draws.values())) == len(draws)
    assert all(rng_for(*case).random() == draw for case, draw in draws.items())


def test_draws_are_the_same_in_every_process():
    code = "from evolve.population.randomness import rng_for; print(rng_for(1, 'parent', 2).random())"
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": salt},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for salt in ("1", "2")
    }
    assert seen == {repr(rng_for(1, "parent", 2).random())}
