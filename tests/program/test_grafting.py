from __future__ import annotations

import ast

import pytest

from evolve.program import MemoryProgram
from evolve.program.grafting import Graft, apply, parse_graft
from evolve.program.source import Source
from evolve.program.splicing import SpliceError

FRAGMENT = '''"""Count twice."""

import math
from collections import Counter

KNOBS = {"share": (0.5, 0.0, 1.0)}
HALF = 0.5


class Query:
    people: list[str] = field(default_factory=list)


class KnowledgeBase:
    def __init__(self, toolkit):
        """Not part of it."""
        self.counts = Counter()

    def _index(self, fresh):
        self.counts.update(fresh)

    def read(self, query):
        scores = self._add_counts(query.people, scores)

    def _add_counts(self, people, scores):
        """Add."""
        return {n: math.floor(s * HALF * knob("share")) for n, s in scores.items()}
'''


def test_parse_graft():
    graft = parse_graft(FRAGMENT)
    assert graft == Graft(
        imports=("import math", "from collections import Counter"),
        definitions={"HALF": "HALF = 0.5"},
        knobs={"share": "(0.5, 0.0, 1.0)"},
        fields={"Query": {"people": "people: list[str] = field(default_factory=list)"}},
        methods={
            "_add_counts": 'def _add_counts(self, people, scores):\n    """Add."""\n    return '
            '{n: math.floor(s * HALF * knob("share")) for n, s in scores.items()}'
        },
        lines={
            "__init__": ("self.counts = Counter()",),
            "_index": ("self.counts.update(fresh)",),
            "read": ("scores = self._add_counts(query.people, scores)",),
        },
    )


def test_woven_methods_may_replace():
    graft = parse_graft(FRAGMENT, replacing=("read",))
    assert graft.methods["read"] == (
        "def read(self, query):\n    scores = self._add_counts(query.people, scores)"
    )
    assert "read" not in graft.lines


def test_apply_merges_each_part_where_it_belongs(host, run):
    child = apply(host, parse_graft(FRAGMENT))
    expected = host
    for old, new in (
        ("import re\nfrom data", "import math\nimport re\nfrom collections import Counter\nfrom data"),
        ("(3, 1, 9),\n}\n", '(3, 1, 9),\n    "share": (0.5, 0.0, 1.0),\n}\n\nHALF = 0.5\n'),
        ("    question: str\n", "    question: str\n    people: list[str] = field(default_factory=list)\n"),
        ("        self.notes = []\n", "        self.notes = []\n        self.counts = Counter()\n"),
        (
            "_add_a(question, scores)\n        #",
            "_add_a(question, scores)\n        scores = self._add_counts(query.people, scores)\n        #",
        ),
        (
            "        self.notes.extend(fresh)\n",
            "        self.notes.extend(fresh)\n        self.counts.update(fresh)\n",
        ),
    ):
        assert old in expected
        expected = expected.replace(old, new)
    method = FRAGMENT[FRAGMENT.index("    def _add_counts") :]
    assert child == f"{expected}\n{method}"
    assert MemoryProgram(child).problems == ()
    run(child)


def test_apply_twice_is_apply_once(host):
    graft = parse_graft(FRAGMENT)
    once = apply(host, graft)
    assert apply(once, graft) == once


def test_tuned_numbers_and_own_definitions_survive(host):
    tuned = Source(Source(host).with_knobs({"share": "(0.9, 0.0, 1.0)"})).with_definition(
        "HALF", "HALF = 0.25"
    )
    child = Source(apply(tuned, parse_graft(FRAGMENT)))
    assert child.knobs["share"] == "(0.9, 0.0, 1.0)"
    assert child.text_of(child.definitions["HALF"]) == "HALF = 0.25"


def test_methods_that_the_host_lacks_are_made(host):
    bare = host.replace("    def _index(self, fresh):\n        self.notes.extend(fresh)\n\n", "")
    child = apply(bare, parse_graft(FRAGMENT))
    assert "    def _index(self, fresh):\n        self.counts.update(fresh)\n" in child


def test_strings_of_a_graft_come_through(host):
    fragment = '''class KnowledgeBase:
    def __init__(self, toolkit):
        self.sql = """
SELECT 1
    FROM x
"""

    def _text(self):
        return """
a
        b
"""
'''
    child = Source(apply(host, parse_graft(fragment)))
    made, given = child.methods, Source(fragment).methods
    assert ast.dump(made["_text"]) == ast.dump(given["_text"])
    assert ast.dump(made["__init__"].body[-1]) == ast.dump(given["__init__"].body[0])


def test_strings_in_a_method_that_has_to_be_made(host):
    bare = host.replace("    def _index(self, fresh):\n        self.notes.extend(fresh)\n\n", "")
    graft = Graft(lines={"_index": ('self.notes.append("""\nx\n""")',)})
    assert '    def _index(self, fresh):\n        self.notes.append("""\nx\n""")\n' in apply(bare, graft)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ({"read": ("scores = self._sort(ranks, scores)",)}, "read has no ranks, which"),
        ({"_index": ("self.n = len(vectors)",)}, "_index has no vectors"),
    ],
)
def test_lines_that_name_what_is_not_there_are_refused(host, lines, message):
    with pytest.raises(SpliceError, match=message):
        apply(host, Graft(lines=lines))


def test_other_names_of_parameters_are_refused(host):
    with pytest.raises(SpliceError, match="__init__ has no toolkit"):
        apply(
            host.replace("toolkit):\n        self.toolkit = toolkit", "tk):\n        self.toolkit = tk"),
            Graft(lines={"__init__": ("self.db = toolkit.db",)}),
        )


def test_names_bound_in_the_line_itself_are_fine(host):
    lines = (
        "self.n = [x for x in fresh]",
        "for key, value in fresh:\n    self.n = sorted(key, key=lambda y: y)",
    )
    assert "for key, value in fresh" in apply(host, Graft(lines={"_index": lines}))


def test_a_table_is_not_made_twice(host):
    line = 'toolkit.db.execute("CREATE VIRTUAL TABLE words USING fts5(text)")'
    once = apply(host, Graft(lines={"__init__": (line,)}))
    assert apply(once, Graft(lines={"__init__": (line,)})) == once
    with pytest.raises(SpliceError, match="has a table words already"):
        apply(once, Graft(lines={"__init__": (line.replace("text)", "body)"),)}))
