from __future__ import annotations

import re

import pytest

from evolve import resources
from evolve.inspection.diff import diff_data, diff_view, sections
from evolve.program import MemoryProgram, with_knobs
from evolve.seeds import seed_names

LEXICAL = MemoryProgram.from_file(resources.folder("seeds") / "lexical.py")


@pytest.mark.parametrize("name", seed_names())
def test_the_parts_are_the_whole_program(name: str) -> None:
    program = MemoryProgram.from_file(resources.folder("seeds") / f"{name}.py")
    lines = sorted(line for line in program.source.splitlines() if line.strip())
    parts = sections(program)
    assert sorted(line for text in parts.values() for line in text.splitlines() if line.strip()) == lines
    assert ("knobs" in parts) == bool(program.parts.knobs)
    assert {"schema: KnowledgeItem", "schema: Query", "logic: KnowledgeBase.read", "imports"} <= set(parts)


def changed(before: MemoryProgram, after: MemoryProgram) -> dict[str, str]:
    return {change["part"]: change["diff"] for change in diff_data(before, after)}


def test_a_knob() -> None:
    changes = changed(LEXICAL, MemoryProgram(with_knobs(LEXICAL.source, {"chunk_characters": 300})))
    assert list(changes) == ["knobs"]
    assert '-    "chunk_characters": (500, 150, 1500),' in changes["knobs"]
    assert '+    "chunk_characters": (300, 150, 1500),' in changes["knobs"]


def test_each_part_on_its_own() -> None:
    source = LEXICAL.source.replace("from dataclasses", "import math\nfrom dataclasses", 1)
    source = source.replace("def read(self, query):", "def read(self, query):\n        # now", 1)
    source = source.replace("The question to answer, in full", "The question", 1)
    source += "\n\n# a helper\n@staticmethod\ndef added():\n    return 1\n"
    changes = changed(LEXICAL, MemoryProgram(source))
    assert set(changes) == {"imports", "schema: Query", "logic: KnowledgeBase.read", "logic: added"}
    assert re.findall(r"^\+.*", changes["logic: added"], re.M) == [
        "+# a helper",
        "+@staticmethod",
        "+def added():",
        "+    return 1",
    ]


def test_same_program() -> None:
    assert diff_data(LEXICAL, MemoryProgram(LEXICAL.source, name="twin")) == []
    assert "the same program" in str(diff_view([], "#1 a", "#2 b"))


def test_a_source_that_does_not_parse() -> None:
    changes = changed(MemoryProgram("def f(:\n"), MemoryProgram("x = 1\n"))
    assert changes["source"].splitlines()[-1] == "-def f(:"
    assert changes["logic: x"].splitlines()[-1] == "+x = 1"
