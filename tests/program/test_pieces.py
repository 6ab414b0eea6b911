from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolve.errors import ProgramError
from evolve.program import MemoryProgram
from evolve.program.pieces import HEAD, OTHER, Pieces


def of(source: str) -> Pieces:
    return Pieces.of(MemoryProgram(source))


def test_every_name_is_a_piece(host):
    pieces = of(host + "\nif True:\n    x = 1\n")
    assert list(pieces.nodes) == [
        "re",
        "dataclass",
        "field",
        "INSTRUCTION_KNOWLEDGE_ITEM",
        "INSTRUCTION_QUERY",
        "INSTRUCTION_RESPONSE",
        "ALWAYS_ON_KNOWLEDGE",
        "KNOBS['size']",
        "knob",
        "KnowledgeItem",
        "Query",
        HEAD,
        *(f"KnowledgeBase.{name}" for name in ("__init__", "write", "read", "_index", "_add_a")),
        OTHER,
    ]


def test_what_binds_a_name_twice_is_one_piece(host):
    twice = of(host + '\nINSTRUCTION_QUERY = "Ask!"\n')
    assert len(twice.nodes["INSTRUCTION_QUERY"]) == 2
    assert twice.marks["INSTRUCTION_QUERY"] != of(host).marks["INSTRUCTION_QUERY"]


def test_use_is_followed_through_methods_functions_imports_and_knobs(host):
    pieces = of(host)
    assert pieces.reached(["KnowledgeBase.read"]) == {
        "KnowledgeBase.read",
        "KnowledgeBase._add_a",
        "knob",
        "KNOBS['size']",
    }
    assert pieces.reached(["KnowledgeBase.write"]) == {"KnowledgeBase.write", "KnowledgeBase._index", "re"}
    assert pieces.reached(["KnowledgeBase.write"], past=["KnowledgeBase._index"]) == {
        "KnowledgeBase.write",
        "re",
    }
    assert pieces.reached(["nothing"]) == frozenset()


@pytest.mark.parametrize("table", ["{**OTHER}", "{1: (1, 0, 2)}", "dict(size=(3, 1, 9))"])
def test_a_table_of_knobs_of_any_form_is_taken_apart_or_whole(host, table):
    source = host.replace('{\n    "size": (3, 1, 9),\n}', table)
    assert source != host
    assert any(name.startswith("KNOBS") for name in of(source).nodes)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 40), st.sampled_from(["# a remark", "", "    # further in", '"""Text."""']))
def test_remarks_and_layout_change_no_piece(host, number, remark):
    lines = host.split("\n")
    if remark.startswith('"') and lines[number].startswith(" "):
        return
    changed = "\n".join([*lines[:number], remark, *lines[number:]])
    program = MemoryProgram(changed)
    if not program.problems:
        assert {k: v for k, v in of(changed).marks.items() if k != OTHER} == of(host).marks


def test_what_does_not_parse_is_the_programs_fault():
    with pytest.raises(ProgramError, match="does not parse"):
        of("def f(:")
