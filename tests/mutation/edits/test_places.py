"""Runs of lines, found exactly or moved sideways."""

from __future__ import annotations

import pytest

from evolve.mutation.edits.places import exact_places, shifted_places

LINES = ["def f():", "    a = 1", "", "", "    b = 2"]


@pytest.mark.parametrize("wanted", [[""], ["", ""], ["   "]])
def test_blank_lines_alone_are_no_place_to_move_to(wanted: list[str]):
    assert list(shifted_places(LINES, wanted, ["    c = 3"])) == []


def test_a_run_that_is_indented_otherwise_is_found_and_its_replacement_moved_along():
    assert list(shifted_places(LINES, ["a = 1", "", "", "b = 2"], ["c = 3", "", "d = 4"])) == [
        (1, ("    c = 3", "", "    d = 4"))
    ]


def test_every_exact_place_is_found_overlapping_ones_too():
    assert list(exact_places(["x", "x", "x"], ["x", "x"])) == [0, 1]
