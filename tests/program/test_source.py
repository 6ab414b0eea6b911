from __future__ import annotations

import ast

import pytest

from evolve.program import MemoryProgram
from evolve.program.source import Source, import_of
from evolve.program.splicing import SpliceError
from evolve.program.syntax import statements
from tests.program.hosts import with_field, with_line, with_method

MULTILINE = '''class KnowledgeBase:
    def __init__(self, toolkit):
        self.sql = """
SELECT 1
        FROM x
"""
        self.text = f"""
{toolkit}
    kept
"""

    def read(self, query):
        return 1
'''


def test_what_is_read(host):
    source = Source(host)
    assert list(source.classes) == ["KnowledgeItem", "Query", "KnowledgeBase"]
    assert list(source.methods) == ["__init__", "write", "read", "_index", "_add_a"]
    assert [source.text_of(node) for node in source.imports] == [
        "import re",
        "from dataclasses import dataclass, field",
    ]
    assert source.knobs == {"size": "(3, 1, 9)"}
    assert list(source.fields("Query")) == ["question"]
    assert list(source.fields("Nothing")) == []
    assert {"KNOBS", "knob", "Query"} <= set(source.definitions)
    assert source.text_of(source.definitions["knob"]) == "def knob(name):\n    return KNOBS[name][0]"


def test_imports_from_the_future_are_no_imports():
    assert Source("from __future__ import annotations\nimport re\n").imports[0].lineno == 2


def test_statements_leave_the_docstring_out(host):
    methods = Source(host).methods
    assert len(statements(methods["read"])) == 4
    assert len(statements(methods["_index"])) == 1
    lone = ast.parse('def f():\n    """Doc."""').body[0]
    assert isinstance(lone, ast.FunctionDef)
    assert len(statements(lone)) == 1


def test_text_of_leaves_strings_alone():
    source = Source(MULTILINE)
    sql, text = (source.text_of(s) for s in statements(source.methods["__init__"]))
    assert sql == 'self.sql = """\nSELECT 1\n        FROM x\n"""'
    assert text == 'self.text = f"""\n{toolkit}\n    kept\n"""'


def test_a_method_with_strings_moves_unharmed(host):
    method = Source(MULTILINE).text_of(Source(MULTILINE).methods["__init__"])
    for text in (with_method(host, "__init__", method), with_method(host, "setup", method)):
        name = "setup" if "def setup" in text else "__init__"
        assert ast.dump(Source(text).methods[name]) == ast.dump(Source(MULTILINE).methods["__init__"])
        assert 'self.sql = """\nSELECT 1\n        FROM x\n"""\n' in text


@pytest.mark.parametrize(
    ("statement", "context"),
    [
        (
            "scores = self._add_b(question, scores)",
            "_add_a(question, scores)\n        scores = self._add_b(question, scores)\n        # the last",
        ),
        (
            "scores = self._sort(scores)",
            "_add_a(question, scores)\n        scores = self._sort(scores)\n        #",
        ),
        (
            "question = self._bare(question)",
            "query.question\n        question = self._bare(question)\n        sc",
        ),
        ("self.count = 1", "scores)\n        self.count = 1\n        # the last word\n        return str"),
        ("return 'nothing'", "        # the last word\n        return 'nothing'\n\n    def _index"),
        (
            "scores = {}",
            "query.question\n        scores = {}\n        scores = self._add_a(question, scores)",
        ),
    ],
)
def test_with_line(host, statement, context):
    text = with_line(host, "read", statement)
    assert context in text
    assert with_line(text, "read", statement) == text


def test_steps_of_one_verb_stay_together(host):
    text = with_line(host, "read", "scores = self._sort(scores)")
    text = with_line(text, "read", "scores = self._add_b(question, scores)")
    lines = [line.strip() for line in text.split("\n") if "scores = self." in line]
    assert [line.split("(")[0] for line in lines] == [
        "scores = self._add_a",
        "scores = self._add_b",
        "scores = self._sort",
    ]


def test_with_line_takes_the_place_of_a_pass():
    text = "class KnowledgeBase:\n    def _index(self, fresh):\n        pass\n"
    assert with_line(text, "_index", "if fresh:\n    self.n = 1") == (
        "class KnowledgeBase:\n    def _index(self, fresh):\n        if fresh:\n            self.n = 1\n"
    )


def test_with_line_keeps_strings_in_the_statement(host):
    text = with_line(host, "__init__", 'self.sql = """\nA\n  B\n"""')
    assert '        self.notes = []\n        self.sql = """\nA\n  B\n"""\n\n    def write' in text


def test_with_line_to_an_unknown_method(host):
    with pytest.raises(KeyError):
        with_line(host, "forget", "x = 1")


@pytest.mark.parametrize("margin", ["  ", "\t", "        "])
def test_other_indentations(host, margin):
    text = host.replace("    ", margin)
    text = with_line(text, "__init__", "if toolkit:\n    self.n = 1")
    text = with_method(text, "_new", "def _new(self):\n    return 1")
    text = with_field(text, "Query", "people", "people: list[str] = field(default_factory=list)")
    program = MemoryProgram(text)
    assert program.problems == ()
    assert "_new" in program.parts.methods
    assert [f.name for f in program.parts.query] == ["question", "people"]
    assert f"\n{margin * 2}if toolkit:\n{margin * 2}    self.n = 1\n" in text


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_other_line_ends(host, newline):
    assert with_line(host.replace("\n", newline), "read", "x = 1") == with_line(host, "read", "x = 1")


def test_statements_that_share_a_line_are_refused(host):
    text = host.replace(
        "self.toolkit = toolkit\n        self.notes = []", "self.toolkit = toolkit; self.notes = []"
    )
    one_line = host.replace(
        "def _index(self, fresh):\n        self.notes", "def _index(self, fresh): self.notes"
    )
    source = Source(text)
    with pytest.raises(SpliceError, match="line 34 holds more than one statement"):
        with_line(text, "__init__", "self.n = 1")
    with pytest.raises(SpliceError):
        source.without(source.methods["__init__"].body[0])
    with pytest.raises(SpliceError):
        with_line(one_line, "_index", "self.n = 1")
    assert "def _index(self, fresh):\n        return" in with_method(
        one_line, "_index", "def _index(self, fresh):\n    return"
    )


def test_with_method(host):
    text = with_method(host, "_new", "def _new(self):\n    return 1")
    assert text == host + "\n    def _new(self):\n        return 1\n"
    replaced = with_method(text, "_new", "@staticmethod\ndef _new():\n    return 2")
    assert replaced == host + "\n    @staticmethod\n    def _new():\n        return 2\n"
    assert with_method(replaced, "_new", "def _new(self):\n    return 1") == text


def test_with_field(host):
    declaration = 'people: list[str] = field(\n    default_factory=list, metadata={"description": "Who"}\n)'
    text = with_field(host, "Query", "people", declaration)
    assert text == host.replace(
        "    question: str\n",
        "    question: str\n    people: list[str] = field(\n        default_factory=list, "
        'metadata={"description": "Who"}\n    )\n',
    )
    assert with_field(text, "Query", "people", "people: str") == text


def test_a_field_without_default_goes_ahead_of_those_with_one(host):
    text = with_field(host, "Query", "a", 'a: str = ""')
    text = with_field(text, "Query", "b", 'b: str = field(metadata={"description": "B"})')
    assert list(Source(text).fields("Query")) == ["question", "b", "a"]
    assert MemoryProgram(text).problems == ()


def test_with_knob(host):
    text = Source(host).with_knobs({"share": "(0.5, 0.0, 1.0)"})
    assert text == host.replace("(3, 1, 9),\n", '(3, 1, 9),\n    "share": (0.5, 0.0, 1.0),\n')
    assert Source(text).with_knobs({"share": "(0.9, 0.0, 1.0)"}) == text
    assert Source(text).without_knobs(["share", "unknown"]) == host
    assert Source(host).without_knobs([]) == host


def test_with_knob_where_there_is_no_table(host):
    bare = host.replace('KNOBS = {\n    "size": (3, 1, 9),\n}\n', "").replace(
        'ALWAYS_ON_KNOWLEDGE = ""\n\n', 'A = ""\n'
    )
    text = Source(bare).with_knobs({"share": "(0.5, 0.0, 1.0)"})
    assert 'A = ""\n\nKNOBS = {\n    "share": (0.5, 0.0, 1.0),\n}\n\n\ndef knob' in text


def test_with_knob_where_the_table_is_computed(host):
    with pytest.raises(SpliceError, match="not written as a table"):
        Source(host.replace("KNOBS = {\n", "KNOBS = dict() or {\n")).with_knobs({"a": "(1, 0, 2)"})


def test_with_definition(host):
    text = Source(host).with_definition("WORDS", "WORDS = frozenset({1})")
    assert text == host.replace("}\n\n\ndef knob", "}\n\nWORDS = frozenset({1})\n\n\ndef knob")
    assert Source(text).with_definition("WORDS", "WORDS = 3") == text
    text = Source(host).with_definition("half", "def half(x):\n    return x / 2")
    assert text == host.replace("def knob", "def half(x):\n    return x / 2\n\n\ndef knob")


def test_a_definition_comes_after_what_it_needs(host):
    text = Source(host).with_definition("SIZE", 'SIZE = knob("size")')
    assert '[0]\n\n\nSIZE = knob("size")\n\n\n@dataclass\nclass KnowledgeItem' in text
    text = Source(text).with_definition("Big", "class Big(Base):\n    size = SIZE")
    exec(text.replace("Base", "object"), {"__name__": __name__})


def test_a_definition_goes_ahead_of_the_comment_on_its_neighbour(host):
    text = Source(host.replace("def knob", "# the default\ndef knob")).with_definition("A", "A = 1")
    assert "}\n\nA = 1\n\n\n# the default\ndef knob" in text


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import re", "import re\nfrom dataclasses import dataclass, field\n"),
        ("import math", "import math\nimport re\nfrom dataclasses import dataclass, field\n"),
        ("import zlib", "import re\nimport zlib\nfrom dataclasses import dataclass, field\n"),
        (
            "from collections import Counter",
            "import re\nfrom collections import Counter\nfrom dataclasses import dataclass, field\n",
        ),
        (
            "from typing import Any",
            "import re\nfrom dataclasses import dataclass, field\nfrom typing import Any\n",
        ),
        ("from dataclasses import field", "import re\nfrom dataclasses import dataclass, field\n"),
        (
            "from dataclasses import asdict as as_dict",
            "import re\nfrom dataclasses import asdict as as_dict, dataclass, field\n",
        ),
    ],
)
def test_with_import(host, statement, expected):
    old = "import re\nfrom dataclasses import dataclass, field\n"
    assert Source(host).with_import(statement) == host.replace(old, expected)


def test_with_import_behind_the_future():
    text = '"""Doc."""\nfrom __future__ import annotations\n\nX = 1\n'
    assert Source(text).with_import("import re") == (
        '"""Doc."""\nfrom __future__ import annotations\n\nimport re\n\nX = 1\n'
    )
    text = "from __future__ import annotations\n\nfrom typing import Any\n"
    assert Source(text).with_import("import re") == (
        "from __future__ import annotations\n\nimport re\nfrom typing import Any\n"
    )


def test_with_import_sees_through_comments_and_layout():
    text = "import re  # patterns\nfrom typing import (\n    Any,\n    Union,\n)\n"
    assert Source(text).with_import("import re") == text
    assert Source(text).with_import("from typing import Any, Union") == text


def test_long_imports_are_wrapped():
    names = [f"a_rather_long_name_{n}" for n in range(6)]
    text = Source(f"from m import {', '.join(names[:5])}\n").with_import(f"from m import {names[5]}")
    assert text == "from m import (\n" + "".join(f"    {name},\n" for name in names) + ")\n"
    assert import_of("m", ["b", "a"]) == "from m import a, b"


def test_without(host):
    source = Source(host)
    assert "def knob" not in source.without(source.definitions["knob"])
    assert source.without(source.methods["_add_a"]) == host[: host.index("\n    def _add_a")]
    body = statements(source.methods["__init__"])
    assert source.without(body[1]) == host.replace("        self.notes = []\n", "")
    assert "toolkit\n\n    def read" in source.without(source.methods["write"]).replace(
        "self.notes = []\n\n", "toolkit\n\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "A story.",
        'Ends in a quote: "x"',
        'Has """three""" of them',
        "A \\d backslash",
        "",
        "Line\n\n- é → ü\n",
    ],
)
def test_with_docstring(host, text):
    changed = Source(host).with_docstring(text)
    read = ast.get_docstring(ast.parse(changed), clean=False)
    assert read == text.replace('"""', "'''")
    assert changed.endswith(host.split('"""', 2)[2])


def test_with_docstring_where_there_is_none():
    assert Source("X = 1\n").with_docstring("New.") == '"""New."""\n\nX = 1\n'
