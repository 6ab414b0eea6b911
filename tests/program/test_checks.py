from __future__ import annotations

import warnings

import pytest

from evolve.errors import ProgramError
from evolve.program import MemoryProgram
from evolve.program.checks import MAX_CHARACTERS


def problems(text: str) -> list[str]:
    return [str(problem) for problem in MemoryProgram(text).problems]


def only(text: str) -> str:
    found = problems(text)
    assert len(found) == 1, found
    return found[0]


def test_a_valid_program_has_no_problem(source):
    assert problems(source) == []
    MemoryProgram(source).check()


def test_the_styles_have_no_problem(style):
    assert problems(style) == []


def test_a_program_of_a_thousand_lines(source):
    helpers = "\n".join(f"    def _h{n}(self, x):\n        return x + {n}\n" for n in range(400))
    program = MemoryProgram(f"{source}\n{helpers}")
    assert program.lines > 800
    assert program.problems == ()


def test_check_lists_every_breach(edited):
    text = edited(('INSTRUCTION_QUERY = "Ask."\n', ""), ("@dataclass\nclass Query", "class Query"))
    with pytest.raises(ProgramError) as caught:
        MemoryProgram(text).check()
    assert caught.value.kind == "contract"
    assert "INSTRUCTION_QUERY is missing" in caught.value.message
    assert "Query must be decorated with @dataclass" in caught.value.message


def test_syntax_errors_name_line_and_text(edited):
    text = edited(('return "\\n".join(self.notes)[:3000]', "return ("))
    assert only(text) == "line 34: syntax error: '(' was never closed in `return (`"


def test_what_only_the_compiler_refuses(source):
    assert "syntax error: 'return' outside function" in only(f"{source}\nreturn 1\n")


@pytest.mark.parametrize("text", ["x = 1\0", "x = '\ud800'", "(" * 500, "-" * 20_000 + "1"])
def test_unparsable_text_is_a_problem_and_no_crash(text):
    assert len(problems(text)) == 1
    with pytest.raises(ProgramError):
        _ = MemoryProgram(text).fingerprint


def test_a_flood_of_source_is_not_even_parsed():
    assert only("x" * (MAX_CHARACTERS + 1)) == "the source has 200,001 characters; at most 200,000 are taken"


def test_deep_but_lawful_expressions_are_taken(edited):
    text = edited(('ALWAYS_ON_KNOWLEDGE = ""', 'ALWAYS_ON_KNOWLEDGE = ""\nX = ' + " + ".join("1" * 300)))
    assert problems(text) == []
    assert MemoryProgram(text).fingerprint


def test_remarks_of_the_compiler_stay_inside(edited):
    text = edited(('ALWAYS_ON_KNOWLEDGE = ""', 'ALWAYS_ON_KNOWLEDGE = ""\nX = "\\d" is "\\s"'))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert problems(text) == []
        assert MemoryProgram(text).parts.knobs


@pytest.mark.parametrize(
    ("statement", "module"),
    [
        ("import os", "os"),
        ("import re, subprocess", "subprocess"),
        ("import os.path as p", "os.path"),
        ("from urllib.request import urlopen", "urllib.request"),
        ("from pathlib import Path", "pathlib"),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_forbidden_imports(edited, statement, module, nested):
    place = "        self.notes = []" if nested else 'ALWAYS_ON_KNOWLEDGE = ""'
    text = edited((place, f"{place}\n{'        ' if nested else ''}{statement}"))
    line = 29 if nested else 9
    assert only(text).startswith(
        f"line {line}: import of {module!r} is not allowed; use the standard library"
    )


@pytest.mark.parametrize("statement", ["from . import x", "from .x import y", "from ..x import y"])
def test_relative_imports(edited, statement):
    text = edited(('ALWAYS_ON_KNOWLEDGE = ""', f'ALWAYS_ON_KNOWLEDGE = ""\n{statement}'))
    assert only(text) == "line 9: relative imports are not possible: a program is a single file"


@pytest.mark.parametrize(
    "statement", ["import chromadb", "import numpy as np", "from collections.abc import Set"]
)
def test_allowed_imports(edited, statement):
    assert problems(edited(('ALWAYS_ON_KNOWLEDGE = ""', f'ALWAYS_ON_KNOWLEDGE = ""\n{statement}'))) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'INSTRUCTION_QUERY = "Ask."\n',
            "",
            'the constant INSTRUCTION_QUERY is missing; add INSTRUCTION_QUERY = "',
        ),
        ('ALWAYS_ON_KNOWLEDGE = ""\n', "", "the constant ALWAYS_ON_KNOWLEDGE is missing"),
        ('INSTRUCTION_QUERY = "Ask."', "INSTRUCTION_QUERY: str", "the constant INSTRUCTION_QUERY is missing"),
        ('"Ask."', '"  "', "line 6: INSTRUCTION_QUERY is empty; say what the agent shall do"),
        ('"Ask."', "make()", "line 6: INSTRUCTION_QUERY must be one plain string literal"),
        ('"Ask."', "3", "line 6: INSTRUCTION_QUERY must be one plain string literal"),
        ('"Ask."', '"Ask."\nINSTRUCTION_QUERY += "x"', "line 6: INSTRUCTION_QUERY must be one plain string"),
    ],
)
def test_constants(edited, old, new, message):
    assert only(edited((old, new))).startswith(message)


def test_always_on_knowledge_may_be_empty_or_not(edited):
    assert problems(edited(('ALWAYS_ON_KNOWLEDGE = ""', 'ALWAYS_ON_KNOWLEDGE = "x"'))) == []


@pytest.mark.parametrize("name", ["KnowledgeItem", "Query", "KnowledgeBase"])
def test_missing_classes(edited, name):
    found = only(edited((f"class {name}", f"class Other{name}")))
    assert found == f"the class {name} is missing; define it at the top level"


@pytest.mark.parametrize("name", ["KnowledgeItem", "Query"])
def test_missing_decorators(edited, name):
    found = only(edited((f"@dataclass\nclass {name}", f"class {name}")))
    assert f"{name} must be decorated with @dataclass" in found


@pytest.mark.parametrize(
    "decorator", ["@dataclass()", "@dataclasses.dataclass", "@dataclass(frozen=True)\n@final"]
)
def test_forms_of_the_decorator(edited, decorator):
    assert problems(edited(("@dataclass\nclass Query", f"{decorator}\nclass Query"))) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "def read(self, query)",
            "def recall(self, query)",
            "line 26: KnowledgeBase.read is missing; write def read(",
        ),
        (
            "def __init__(self, toolkit)",
            "def setup(self, toolkit)",
            "line 26: KnowledgeBase.__init__ is missing; write def __init__(self, toolkit)",
        ),
        (
            "def write(self, item, raw_text)",
            "async def write(self, item, raw_text)",
            "line 30: KnowledgeBase.write must not be async; write def write(self, item, raw_text)",
        ),
        (
            "def write(self, item, raw_text)",
            "def write(self, item)",
            "line 30: KnowledgeBase.write must be callable with 2 arguments; write def write(self, ",
        ),
        (
            "def read(self, query)",
            "def read(self)",
            "line 33: KnowledgeBase.read must be callable with 1 argument;",
        ),
        (
            "def read(self, query)",
            "def read(self, query, limit)",
            "line 33: KnowledgeBase.read must be callable",
        ),
        (
            "def read(self, query)",
            "def read(self, query, *, limit)",
            "line 33: KnowledgeBase.read must be callable",
        ),
    ],
)
def test_methods(edited, old, new, message):
    assert only(edited((old, new))).startswith(message)


@pytest.mark.parametrize(
    "signature",
    [
        "def read(self, query, limit=3)",
        "def read(self, *query)",
        "def read(self, q, /)",
        "def read(self, q, *, n=1)",
    ],
)
def test_other_lawful_signatures(edited, signature):
    assert problems(edited(("def read(self, query)", signature))) == []


@pytest.mark.parametrize(
    "annotation", ["dict", "dict[str, str]", "list[dict]", "datetime", "set[str]", "Any"]
)
def test_field_types(fields_of, annotation):
    found = only(fields_of(f"value: {annotation}"))
    assert found.startswith(
        f"line 18: KnowledgeItem.value has type {annotation}; the agent fills fields as JSON"
    )
    assert found.endswith("use one of str, int, float, bool, list[str] or Optional of one")


def test_a_schema_without_fields(edited):
    assert only(edited(("    text: str\n", "    pass\n"))) == (
        "line 22: Query has no fields; give it at least one, such as `text: str`"
    )


@pytest.mark.parametrize("default", ["[]", "list()", "{}", "field(default=[])", "[x for x in 'ab']"])
def test_mutable_defaults_which_dataclass_refuses(fields_of, default):
    found = only(fields_of(f"tags: list[str] = {default}"))
    assert found == "line 18: KnowledgeItem.tags has a mutable default; write field(default_factory=list)"


def test_the_order_of_fields_which_dataclass_refuses(fields_of):
    assert only(fields_of("tag: str = ''\ntext: str")) == (
        "line 19: KnowledgeItem.text has no default but comes after tag, which has one; "
        "move it up or give it a default"
    )
    assert problems(fields_of("tag: str = ''\n_: KW_ONLY\ntext: str")) == []


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("make()", 'line 10: KNOBS must be a literal such as {"top_k": (5, 1, 20)}'),
        ("[1]", "line 10: KNOBS must be a literal such as"),
        ("{'a': 3}", "line 10: KNOBS['a'] is 3; expected three numbers (default, low, high)"),
        ("{'a': (1, 2)}", "line 10: KNOBS['a'] is (1, 2)"),
        ("{'a': (9, 1, 5)}", "line 10: KNOBS['a'] is (9, 1, 5)"),
        ("{'a': (1, 1, 1)}", "line 10: KNOBS['a'] is (1, 1, 1)"),
        ("{'a': (True, 0, 2)}", "line 10: KNOBS['a'] is (True, 0, 2)"),
        ("{'a': ('1', 0, 2)}", "line 10: KNOBS['a'] is ('1', 0, 2)"),
        ("{'a': (1.0, 0.0, 1e999)}", "line 10: KNOBS['a'] is (1.0, 0.0, inf)"),
        ("{1: (1, 0, 2)}", "line 10: KNOBS[1] is (1, 0, 2)"),
        (f"{{'a': (1, 0, 1{'0' * 300})}}", f"line 10: KNOBS['a'] is (1, 0, 1{'0' * 72}…; expected three"),
        ("{'a': (0.0, -1e308, 1e308)}", "line 10: KNOBS['a'] is (0.0, -1e+308, 1e+308)"),
        ("{'a': (0, 0, 1000000000001)}", "line 10: KNOBS['a'] is (0, 0, 1000000000001)"),
    ],
)
def test_knobs(edited, table, message):
    text = edited(
        ('{\n    "top_k": (5, 1, 20),  # passages\n    "decay": (0.9, 0.5, 1.0),\n}', table),
    )
    assert only(text).startswith(message)


def test_knobs_are_optional(edited):
    text = edited(('KNOBS = {\n    "top_k": (5, 1, 20),  # passages\n    "decay": (0.9, 0.5, 1.0),\n}', ""))
    assert problems(text) == []


OBSERVING = "\n    def observe(self, step):\n        "


def test_observe_is_optional_and_takes_a_step(source):
    assert problems(source + OBSERVING + "return True\n") == []
    wrong = source + OBSERVING.replace("step", "step, reward") + "pass\n"
    assert "KnowledgeBase.observe must be callable with 1 argument; write def observe(self, step)" in only(
        wrong
    )


def test_a_program_without_observe_has_none(source):
    assert not MemoryProgram(source).parts.observes
    assert MemoryProgram(source + OBSERVING + "pass\n").parts.observes
