from __future__ import annotations

import pytest

from evolve.errors import ProgramError
from evolve.program import FieldSpec, Knob, MemoryProgram, Parts


def item_fields(text: str) -> tuple[FieldSpec, ...]:
    return MemoryProgram(text).parts.item


@pytest.mark.parametrize(
    ("annotation", "base", "optional"),
    [
        ("str", "str", False),
        ("int", "int", False),
        ("float", "float", False),
        ("bool", "bool", False),
        ("list", "list[str]", False),
        ("List", "list[str]", False),
        ("list[str]", "list[str]", False),
        ("List[ int ]", "list[int]", False),
        ("typing.List[float]", "list[float]", False),
        ("Optional[str]", "str", True),
        ("typing.Optional[list[str]]", "list[str]", True),
        ("Optional[List[bool]]", "list[bool]", True),
        ("Union[str, None]", "str", True),
        ("Union[None, list[int]]", "list[int]", True),
        ("str | None", "str", True),
        ("None | list[str]", "list[str]", True),
        ('"str"', "str", False),
        ('"Optional[int]"', "int", True),
        ('Optional["str"]', "str", True),
    ],
)
def test_types_are_read_as_written(fields_of, annotation, base, optional):
    (spec,) = item_fields(fields_of(f"value: {annotation}"))
    assert (spec.base, spec.optional) == (base, optional)


@pytest.mark.parametrize(
    ("value", "description", "required"),
    [
        ("", "", True),
        (" = 'x'", "", False),
        (" = field()", "", True),
        (" = field(default='')", "", False),
        (" = field(default_factory=str)", "", False),
        (" = dataclasses.field(default='', metadata={'description': 'D'})", "D", False),
        (" = field(metadata={'description': 'one ' 'two'})", "one two", True),
        (" = field(metadata={'description': 'one ' + 'two', 'unit': UNIT})", "one two", True),
        (" = field(metadata=dict(description=' padded '.strip()))", "padded", True),
        (" = field(metadata={'description': TEXT})", "", True),
        (" = field(metadata=METADATA)", "", True),
        (" = field(metadata={**MORE, 'note': 'n'})", "", True),
    ],
)
def test_descriptions_and_defaults(fields_of, value, description, required):
    (spec,) = item_fields(fields_of(f"value: str{value}"))
    assert (spec.name, spec.description, spec.required) == ("value", description, required)


def test_only_what_the_constructor_takes_is_a_field(fields_of):
    text = fields_of(
        "kind: ClassVar[str] = 'x'\nshelf: typing.ClassVar = 1\n_: KW_ONLY\n"
        "size: int = field(init=False, default=0)\nplain = 3\ntext: str"
    )
    assert [spec.name for spec in item_fields(text)] == ["text"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('"plain"', "plain"),
        ('"one " "two"', "one two"),
        ('"one " + "two" + " three"', "one two three"),
        ('("a\\n"\n    "b")', "a\nb"),
        ('"""\n  kept\n""".strip()', "kept"),
        ('" x ".lstrip() + "y".rstrip()', "x y"),
        ("r'\\d'", "\\d"),
    ],
)
def test_instructions_are_literals(edited, expression, value):
    text = edited(('INSTRUCTION_QUERY = "Ask."', f"INSTRUCTION_QUERY: str = {expression}"))
    assert MemoryProgram(text).parts.instructions["INSTRUCTION_QUERY"] == value


@pytest.mark.parametrize("expression", ['"x" * 2', "make()", 'f"{x}"', '"a".join(["b"])', '"a".strip("a")'])
def test_what_is_no_literal_is_left_out(edited, expression):
    text = edited(('INSTRUCTION_QUERY = "Ask."', f"INSTRUCTION_QUERY = {expression}"))
    assert "INSTRUCTION_QUERY" not in MemoryProgram(text).parts.instructions


@pytest.mark.parametrize(
    ("addition", "value"),
    [
        ('INSTRUCTION_QUERY = "Later."', "Later."),
        ("INSTRUCTION_QUERY = later()", None),
        ('INSTRUCTION_QUERY += "More."', None),
    ],
)
def test_the_last_assignment_counts(edited, addition, value):
    text = edited(('INSTRUCTION_RESPONSE = "Answer."', f'{addition}\nINSTRUCTION_RESPONSE = "Answer."'))
    assert MemoryProgram(text).parts.instructions.get("INSTRUCTION_QUERY") == value


def test_knobs(source):
    knobs = MemoryProgram(source).parts.knobs
    assert knobs == {"top_k": Knob(5, 1, 20), "decay": Knob(0.9, 0.5, 1.0)}
    assert (knobs["top_k"].integer, knobs["decay"].integer) == (True, False)


def test_a_knob_with_one_float_is_no_integer(edited):
    text = edited(("(5, 1, 20)", "(5, 1.0, 20)"))
    assert not MemoryProgram(text).parts.knobs["top_k"].integer


def test_methods_are_dedented_with_their_decorators(edited):
    text = edited(
        (
            "    def write(",
            '    @staticmethod\n    def _sql():\n        return """\nSELECT 1\n  FROM x\n"""\n\n'
            "    def write(",
        )
    )
    methods = MemoryProgram(text).parts.methods
    assert list(methods) == ["__init__", "_sql", "write", "read"]
    assert methods["_sql"] == '@staticmethod\ndef _sql():\n    return """\nSELECT 1\n  FROM x\n"""'
    assert methods["write"] == "def write(self, item, raw_text):\n    self.notes.append(raw_text)"


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_line_ends_make_no_difference(source, newline):
    assert MemoryProgram(source.replace("\n", newline)).parts == MemoryProgram(source).parts


def test_parts_of_a_program_that_does_not_parse():
    with pytest.raises(ProgramError, match="does not parse"):
        _ = MemoryProgram("def f(:\n").parts


def test_the_styles_are_read(style):
    parts = MemoryProgram(style).parts
    assert len(parts.instructions) == 3
    assert all(text == text.strip() for text in parts.instructions.values())
    assert {"__init__", "write", "read"} <= set(parts.methods)
    assert parts.item
    assert parts.query


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        ("    def write(self, item, raw_text):\n        self.db.add(item.text)", False),
        ("    def write(self, item, raw_text):\n        self.db.add(raw_text)", True),
        ("    def write(self, item, episode):\n        self.db.add(episode[:9])", True),
        ("    def write(self, *arguments):\n        self.db.add(arguments)", True),
        ("", True),
    ],
)
def test_a_write_that_never_mentions_the_raw_text_is_told_by_its_syntax(write, expected):
    assert Parts(methods={"write": write}).reads_raw_text is expected
