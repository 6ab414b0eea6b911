"""Which ideas are drawn for a diagnosis, and the methods that they go with."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.models.prompts import Prompt
from evolve.mutation.offline.failure_analysis import Cue
from evolve.mutation.reflection.context import TEXTS
from evolve.mutation.reflection.ideas import Idea, definitions_at, ideas_for, ideas_of
from evolve.program import MemoryProgram
from evolve.seeds import seed_names

OURS = TEXTS["ideas"]
TWO = Prompt("ideas", "# general\n- rank: anything\n# words\n- rank: compare stems\n# lost\n- write: keep it")


def names(methods: tuple[str, ...]) -> list[str]:
    return [text.partition("(")[0].removeprefix("def ") for text in methods]


def test_every_cue_has_ideas_and_every_line_is_one() -> None:
    assert set(OURS.slots) == {"general", *(cue.name.lower() for cue in Cue)}
    for section in OURS.slots:
        assert len(ideas_of(OURS, section)) == len(OURS.say(section).splitlines()) > 0


def test_ideas_follow_the_diagnosis(context_of) -> None:
    context = context_of(retrieved="something else")
    drawn = Counter(ideas_for(context, TWO, random.Random(seed))[0].text for seed in range(200))
    assert drawn["compare stems"] > 3 * drawn["anything"] > 0, "the missing line shares a word"
    assert not drawn["keep it"], "the evidence was not lost in write"


def test_ideas_keep_to_the_scope(context_of) -> None:
    for scope, places in (
        ("read", {"rank", "output", "numbers"}),
        ("write", {"write", "numbers"}),
        ("response", {"answer"}),
        ("query", {"query"}),
        ("extraction", {"record"}),
    ):
        context = replace(context_of(retrieved="something else"), scope=scope)
        found = {
            idea.place for seed in range(50) for idea in ideas_for(context, OURS, random.Random(seed), 3)
        }
        assert found == places


def test_a_blind_draw_does_not_look_at_the_diagnosis(context_of) -> None:
    context = context_of(retrieved="something else")
    drawn = Counter(ideas_for(context, TWO, random.Random(seed), blind=True)[0].text for seed in range(300))
    assert min(drawn[text] for text in ("anything", "compare stems", "keep it")) > 60


def test_several_ideas_differ(context_of) -> None:
    found = ideas_for(context_of(retrieved="x"), TWO, random.Random(0), 5)
    assert len(found) == len(set(found)) == 2


@pytest.mark.parametrize(
    ("place", "expected"),
    [("write", ["_split"]), ("rank", ["read", "_add_words", "_fuse"]), ("output", ["_pack"])],
)
def test_the_methods_of_a_place(seeds, place, expected) -> None:
    assert names(definitions_at(MemoryProgram(seeds["lexical"]), place)) == expected


def test_numbers_are_changed_where_the_program_has_some(context_of, seeds) -> None:
    context = replace(context_of(retrieved="something else"), scope="everything")
    only = Prompt("ideas", "# general\n- numbers: another proportion")
    (drawn,) = ideas_for(context, only, random.Random(0))
    assert drawn.definition.startswith("KNOBS = {")
    assert drawn.definition in context.program.source
    without = context.program.source.replace("KNOBS", "TABLE")
    assert ideas_for(replace(context, program=MemoryProgram(without)), only, random.Random(0)) == ()


@pytest.mark.parametrize(
    ("freeze", "scope", "places"),
    [
        ("code", "everything", {"record", "query", "answer"}),
        ("code", "query", {"query"}),
        ("instructions", "everything", {"write", "rank", "output", "numbers"}),
        ("instructions", "response", set()),
    ],
)
def test_ideas_leave_the_frozen_part_alone(context_of, freeze, scope, places) -> None:
    context = replace(context_of(retrieved="something else"), scope=scope)
    found = {
        idea.place
        for seed in range(80)
        for idea in ideas_for(context, OURS, random.Random(seed), 3, freeze=freeze)
    }
    assert found == places


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("record", "INSTRUCTION_KNOWLEDGE_ITEM"),
        ("query", "INSTRUCTION_QUERY"),
        ("answer", "INSTRUCTION_RESPONSE"),
    ],
)
def test_an_instruction_is_shown_whole(seeds, place, name) -> None:
    (text,) = definitions_at(MemoryProgram(seeds["lexical"]), place)
    assert text.startswith(f"{name} = ")
    assert text in seeds["lexical"]


@pytest.mark.parametrize("name", seed_names())
def test_every_seed_has_definitions_at_every_place(seeds, name) -> None:
    program = MemoryProgram(seeds[name])
    for place in ("write", "rank", "output"):
        assert all(text.startswith("def ") for text in definitions_at(program, place))
        assert definitions_at(program, place)


@given(st.text())
def test_any_text_is_a_program_without_definitions_at_worst(source: str) -> None:
    assert isinstance(definitions_at(MemoryProgram(source), "rank"), tuple)


@given(st.text(alphabet="- :rankwriteoutput\nx", max_size=80))
def test_lines_that_are_no_ideas_are_passed_over(text: str) -> None:
    found = ideas_of(Prompt("ideas", f"# general\n{text}"), "general")
    assert all(isinstance(idea, Idea) and idea.text for idea in found)
