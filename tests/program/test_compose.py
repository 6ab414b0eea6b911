from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.errors import ProgramError
from evolve.program import MemoryProgram, freeze_code, freeze_instructions, with_instructions, with_knobs

KNOBS = """# ünïcode — before
TITLE = "日本語"; KNOBS = {
    'top_k': (5, 1, 20), "décay": (0.9, 0.5, 1.0),  # naïve
    "shift": ((-3), -10, -1),
}
AFTER = '''
multi
  line'''  # é
"""
constant = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40).filter(str.strip)


def program(instructions: tuple[str, str, str, str], tail: str = "x = 1", newline: str = "\n") -> str:
    names = ("INSTRUCTION_KNOWLEDGE_ITEM", "INSTRUCTION_QUERY", "INSTRUCTION_RESPONSE", "ALWAYS_ON_KNOWLEDGE")
    lines = [f"{n} = {t!r}  # é {i}" for i, (n, t) in enumerate(zip(names, instructions, strict=True))]
    return newline.join([*lines, tail, ""])


def constants(source: str) -> tuple[str, ...]:
    parts = MemoryProgram(source).parts
    return (*parts.instructions.values(), parts.always_on)


@given(
    st.integers(1, 20),
    st.floats(0.5, 1.0),
    st.integers(-10, -1),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_knobs_are_read_back_as_they_were_set(top_k, decay, shift, newline):
    source = KNOBS.replace("\n", newline)
    values = {"top_k": top_k, "décay": decay, "shift": shift}
    changed = with_knobs(source, values)
    before, after = MemoryProgram(source).parts.knobs, MemoryProgram(changed).parts.knobs
    assert {name: knob.default for name, knob in after.items()} == values
    assert {n: (k.low, k.high, k.integer) for n, k in after.items()} == {
        n: (k.low, k.high, k.integer) for n, k in before.items()
    }
    defaults = {name: knob.default for name, knob in before.items()}
    assert with_knobs(changed, defaults) == with_knobs(source, defaults)
    assert changed.split(newline)[0] == "# ünïcode — before"
    assert changed.endswith(newline.join(["AFTER = '''", "multi", "  line'''  # é", ""]))


def test_with_knobs_leaves_everything_else_to_the_character():
    assert with_knobs(KNOBS, {"décay": 0.75, "top_k": 7}) == KNOBS.replace("(5,", "(7,").replace(
        "0.9", "0.75"
    )
    assert with_knobs(KNOBS, {}) == KNOBS
    assert with_knobs("x = 1\n", {}) == "x = 1\n"


def test_with_knobs_writes_the_type_of_the_knob():
    assert '"décay": (1.0,' in with_knobs(KNOBS, {"décay": 1})
    assert "'top_k': (3," in with_knobs(KNOBS, {"top_k": 3.0})


def test_with_knobs_changes_the_table_that_counts():
    source = "KNOBS = {'a': (1, 0, 9)}\nKNOBS = {'a': (2, 0, 9)}\n"
    assert with_knobs(source, {"a": 5}) == "KNOBS = {'a': (1, 0, 9)}\nKNOBS = {'a': (5, 0, 9)}\n"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"topk": 3}, "unknown knob 'topk'; the program has top_k, décay, shift"),
        ({"top_k": 21}, r"'top_k' = 21 is outside \[1, 20\]"),
        ({"top_k": float("nan")}, "is outside"),
        ({"top_k": 3.5}, "is not a whole number"),
    ],
)
def test_with_knobs_refuses(values, message):
    with pytest.raises(ValueError, match=message):
        with_knobs(KNOBS, values)


def test_with_knobs_of_a_program_without():
    with pytest.raises(ValueError, match="the program has none"):
        with_knobs("x = 1\n", {"a": 1})


FOUR = st.tuples(constant, constant, constant, constant)


@given(FOUR, FOUR, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["\n", "\r\n"]))
def test_freezing(parent_texts, child_texts, parent_newline, child_newline):
    parent = program(parent_texts, "x = 'parent ü'", parent_newline)
    child = program(child_texts, "x = 'child ü'", child_newline)
    for frozen, tail in (
        (freeze_instructions(parent, child), "x = 'child ü'"),
        (freeze_code(child, parent), "x = 'child ü'"),
    ):
        assert constants(frozen) == parent_texts
        assert frozen.rstrip().endswith(tail)
        assert MemoryProgram(frozen).fingerprint == MemoryProgram(program(parent_texts, tail)).fingerprint
    once = freeze_instructions(parent, child)
    assert freeze_instructions(parent, once) == once
    assert freeze_instructions(child, once) == freeze_instructions(child, child) == child


def test_frozen_instructions_keep_the_childs_comments_and_the_parents_layout(edited):
    parent = edited(('"Ask."', '(\n    "Ask "  # two\n    "twice."\n)'))
    child = edited(("self.notes = []", "self.notes = [0]  # ünten"), ("KNOBS", "# tuned\nKNOBS"))
    frozen = freeze_instructions(parent, child)
    assert '(\n    "Ask "  # two\n    "twice."\n)' in frozen
    assert "self.notes = [0]  # ünten" in frozen
    assert frozen == child.replace('"Ask."', '(\n    "Ask "  # two\n    "twice."\n)')


def test_frozen_code_with_multi_line_instructions(source, edited):
    text = '"""\n  Ask — twice.\n\n"""'
    assert freeze_code(source, edited(('"Ask."', text), ("self.notes = []", "pass"))) == source.replace(
        '"Ask."', text
    )


def test_freezing_the_styles(source, style):
    frozen = freeze_instructions(style, source)
    assert constants(frozen) == constants(style)
    assert MemoryProgram(frozen).problems == ()
    back = freeze_code(style, source)
    assert constants(back) == constants(source)
    assert [ast.dump(n) for n in ast.parse(back).body[-3:]] == [
        ast.dump(n) for n in ast.parse(style).body[-3:]
    ]


def test_freezing_refuses_what_it_cannot_read(source, edited):
    with pytest.raises(ProgramError, match="INSTRUCTION_QUERY are missing"):
        freeze_instructions(source, edited(('INSTRUCTION_QUERY = "Ask."\n', "")))
    for broken in ("def f(:", "x = '\0'"):
        with pytest.raises(ProgramError, match="does not parse"):
            freeze_code(source, broken)


@given(st.tuples(constant, constant, constant, constant), st.tuples(*[st.text(max_size=60)] * 4))
def test_instructions_are_read_back_as_they_were_set(before, after):
    names = ("INSTRUCTION_KNOWLEDGE_ITEM", "INSTRUCTION_QUERY", "INSTRUCTION_RESPONSE", "ALWAYS_ON_KNOWLEDGE")
    source = program(before)
    changed = with_instructions(source, dict(zip(names, after, strict=True)))
    assert constants(changed) == after
    assert changed.endswith("x = 1\n")
    assert freeze_instructions(source, changed) == source


def test_new_instructions_stand_line_by_line_and_what_is_equal_stays():
    source = program(("a", "b", "c", "d"))
    changed = with_instructions(source, {"INSTRUCTION_QUERY": "b", "INSTRUCTION_RESPONSE": "one\ntwo"})
    new = "INSTRUCTION_RESPONSE = (\n    'one\\n'\n    'two'\n)"
    assert changed == source.replace("INSTRUCTION_RESPONSE = 'c'", new)
    with pytest.raises(ProgramError, match="no constants TITLE"):
        with_instructions(source, {"TITLE": "x"})
