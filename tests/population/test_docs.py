from __future__ import annotations

import doctest

import evolve.population


def test_the_loop_in_the_docstring_runs_as_shown():
    results = doctest.testmod(evolve.population)
    assert results.attempted >= 4
    assert results.failed == 0
