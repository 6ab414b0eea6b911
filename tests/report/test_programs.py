from __future__ import annotations

import ast
import gc
from typing import Any

import pytest

from evolve.inspection.diff import diff_data
from evolve.inspection.explain import structure_data
from evolve.inspection.report.programs import program_data
from evolve.program import MemoryProgram, with_knobs
from evolve.seeds import seed_program


def test_what_is_shown_of_a_program(recorder: Any) -> None:
    parent = seed_program("lexical")
    child = MemoryProgram(with_knobs(parent.source, {"chunk_characters": 700}))
    broken = MemoryProgram("def")
    with recorder().directory as run:
        for program in (parent, child, broken):
            run.save_program(program)
        before, after, unread = (program_data(run, p.id) for p in (parent, child, broken))
        assert program_data(run, "0" * 12) is None
    assert before is not None
    assert after is not None
    assert unread is not None
    assert after.changes(before) == diff_data(parent, child)
    assert (after.source, after.lines) == (child.source, child.lines)
    assert after.structure == structure_data(child)
    assert (unread.structure, unread.features, list(unread.sections)) == (None, None, ["source"])


@pytest.mark.slow
def test_syntax_trees_are_let_go(recorder: Any) -> None:
    """Each is a hundred times as large as its source, and a report has a thousand."""

    def trees() -> int:
        gc.collect()
        return sum(isinstance(thing, ast.Module) for thing in gc.get_objects())

    source = seed_program("lexical").source
    with recorder().directory as run:
        kept, before = [], 0
        for number in range(110):
            if number == 70:  # by now the cache of the latest trees is full, whatever ran before
                before = trees()
            program = MemoryProgram(f"{source}\n# {number}\n")
            run.save_program(program)
            kept.append(program_data(run, program.id))
        assert all(data and data.structure for data in kept)
        assert trees() - before <= 10
