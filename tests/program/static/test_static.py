"""Faults that are found on the source, and programs in which none may be."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolve import resources
from evolve.mutation.offline.operators import operators
from evolve.program import MemoryProgram
from evolve.program.static import static_problems

PAPER = Path(__file__).parents[2] / "sandboxes" / "paper_programs"
SEEDS = {path.stem: path.read_text("utf-8") for path in sorted(resources.folder("seeds").glob("*.py"))}
PROGRAMS = {**SEEDS, **{path.stem: path.read_text("utf-8") for path in sorted(PAPER.glob("*.py"))}}

PROGRAM = """import re
from dataclasses import dataclass, field

KNOBS = {"top_k": (5, 1, 60)}


def knob(name):
    return KNOBS[name][0]


@dataclass
class KnowledgeItem:
    text: str
    tags: list[str] = field(default_factory=list)


@dataclass
class Query:
    question: str


class Index:
    def __init__(self, size, *, deep=False):
        self.size = size

    def find(self, text, k=3):
        return [text] * k


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.index = Index(3)
        self.rows = []
        self.notes = toolkit.chroma.get_or_create_collection("notes")

    def write(self, item, raw_text):
        self.rows.append(raw_text)

    def read(self, query):
        {body}

    def helper(self, a, b=2):
        return a
"""
LINE = PROGRAM[: PROGRAM.index("{body}")].count("\n") + 1


def problems(body: str) -> list[str]:
    """The messages on a program whose ``read`` has this body."""
    source = PROGRAM.replace("{body}", body.replace("\n", "\n        "))
    assert "syntax" not in str(MemoryProgram(source).problems)
    found = static_problems(source)
    assert all(LINE <= problem.line <= LINE + body.count("\n") for problem in found)
    return [problem.message for problem in found]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return row", "did you mean"),
        ("return helper(1)", "write `self.helper`"),
        ("return json.dumps({})", "or import it"),
        ("return [x for x in self.rows if y in x]", "the name `y` is not defined"),
        ("return [x for x in self.rows] + x", "the name `x` is not defined"),
        ("print(total)\ntotal = 1", "`total` is used before it is assigned"),
        ("for r in self.rows:\n    total += 1\nreturn ''", "`total` is used before it is assigned"),
        ("if query.question:\n    out = 1\nreturn out", "`out` may be unbound here"),
        (
            "for r in self.rows:\n    if r > 'a':\n        out.add(r)\n    else:\n        out = {r}",
            "`out` may be unbound here",
        ),
        ("return self.helper()", "`self.helper` is called without `a`; it is `helper(a, b=2)`"),
        ("return self.helper(1, 2, 3)", "called with 3 positional arguments and takes 2"),
        ("return self.helper(1, c=3)", "`self.helper` has no parameter `c`"),
        ("return self.helper(1, a=3)", "is given `a` twice"),
        ("return max(self.rows, key=lambda r: self.helper(r, 1, 2))", "3 positional arguments"),
        ("return knob()", "`knob` is called without `name`"),
        ("return self.index.find()", "`self.index.find` is called without `text`"),
        ("return self.index.search('x')", "`self.index` (Index) has no attribute `search`"),
        ("return Index()", "`Index` is called without `size`"),
        ("return Index(1, True)", "takes 1"),
        ("return Index(1, deeper=True)", "did you mean `deep`?"),
        ("return KnowledgeItem()", "`KnowledgeItem` is called without `text`"),
        ("return KnowledgeItem(text='x', tag=[])", "did you mean `tags`?"),
        ("return self.row", "did you mean `self.rows`?"),
        ("return self._more()", "give the method `def _more(self, ...)`"),
        ("return self.knob('top_k')", "call it without `self.`"),
        ("return super().read(query)", "has no base class"),
        (
            "return self.toolkit.llm('x')",
            "it has `chroma`, `db`, `embed`, `llm_completion`, `logger`, `vectors`",
        ),
        ("return self.toolkit.embed()", "is called without `texts`"),
        ("return self.toolkit.embed(['x'], 3)", "takes 1"),
        ("return self.toolkit.llm_completion()", "is called without `messages`"),
        ("return self.toolkit.vectors.query([1])", "it has `add`, `remove`, `search`"),
        ("return self.toolkit.vectors.search([1], top_k=3)", "it is `search(embedding, k=5)`"),
        ("return self.toolkit.vectors.add([1])", "is called without `embeddings`"),
        ("return self.toolkit.chroma.create('x')", "did you mean `self.toolkit.chroma.create_collection`"),
        ("return self.toolkit.db.exec('x')", "did you mean `self.toolkit.db.execute`"),
        ("return self.toolkit.db.execute('x').fetch()", "did you mean"),
        ("return self.toolkit.logger.info()", "is called without `text`"),
        ("return self.notes.search('x')", "has no attribute `search`"),
        ("vectors = self.toolkit.vectors\nreturn vectors.find('x')", "`vectors` has no attribute `find`"),
        ("return query.text", "`query` (Query) has no attribute `text`; it has `question`, or add the field"),
        ("q = query\nreturn q.text", "`q` (Query) has no attribute `text`"),
        ("return query['question']", "write `query.question`"),
        ("return query.get('question')", "has no attribute `get`"),
        ("return knob('topk')", "did you mean `top_k`?"),
        ("return KNOBS['size']", "it has `top_k`"),
    ],
)
def test_a_fault_is_found_and_said(body, said):
    assert any(said in message for message in problems(body))


@pytest.mark.parametrize(
    "body",
    [
        "return self.helper(1)",
        "return self.helper(b=1, a=2)",
        "return self.helper(*self.rows)",
        "return self.helper(**{'a': 1})",
        "self.x = 1\nreturn self.x",
        "return getattr(self, 'cache', None) or self.cache",
        "if not hasattr(self, 'cache'):\n    self.cache = {}\nreturn self.cache",
        "return self.__class__.__name__",
        "return query.__dict__",
        "try:\n    return query.text\nexcept AttributeError:\n    return ''",
        "return self.index.find('x', k=4)",
        "return KnowledgeItem('x', ['y'])",
        "vector = self.toolkit.embed(['x'])[0]\nreturn self.toolkit.vectors.search(vector, k=3)",
        "return self.toolkit.llm_completion([{'role': 'user', 'content': 'x'}], temperature=0)",
        "return self.toolkit.db.execute('select ?', (1,)).fetchone()[0]",
        "self.toolkit.db.row_factory = None\nreturn self.toolkit.db.row_factory",
        "self.toolkit.logger.info('x %s', 1)\nreturn ''",
        "return self.notes.query(query_texts=['x'], n_results=3)['ids']",
        "return len(self.toolkit.vectors) if 1 in self.toolkit.vectors else 0",
        "first = True\nfor r in []:\n    if not first:\n        print(last)\n    last = r\n    first = False",
        "for r in self.rows:\n    pass\nreturn r",
        "try:\n    x = 1\nexcept ValueError:\n    pass\nreturn x",
        "try:\n    import json\nexcept ImportError:\n    json = None\nreturn json",
        "if query.question:\n    x = 1\nif query.question:\n    return x",
        "while True:\n    x = 1\n    break\nreturn x",
        "if (m := re.match('x', 'y')):\n    return m.group()",
        "def inner():\n    return later\nlater = 1\nreturn inner()",
        "query = re.sub('x', 'y', query.question)\nreturn query.upper()",
        "match query.question:\n    case 'a':\n        r = 1\n    case _:\n        r = 2\nreturn r",
        "def inner():\n    nonlocal n\n    n = 1\nif self.rows:\n    n = 0\ninner()\nreturn n",
        "global counter\ncounter = 1\nreturn counter",
        "index = None\nif query:\n    index = Index(1)\nreturn index.size",
        "return KNOBS['top_k'][0] + knob('top_k') + (KNOBS.get('x') or 0)",
        "x: Unknown = 1\nreturn x",
        "a, *b = self.rows\ndel self.rows[0]\nreturn b",
        "if self.rows:\n    best = 1\nelse:\n    raise ValueError\nreturn best",
        "return (query for query in [1] if query.real)",
    ],
)
def test_what_may_be_right_is_not_reported(body):
    assert problems(body) == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_seed_and_no_program_of_the_paper_has_a_problem(name):
    assert static_problems(PROGRAMS[name]) == ()


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.sampled_from(sorted(SEEDS)), st.integers(0, 10**6), st.integers(1, 6))
def test_no_program_of_the_rules_has_a_problem(seed, number, steps):
    rng = random.Random(number)
    source = SEEDS[seed]
    no_brief: Any = None  # crossover alone looks at it
    for _ in range(steps):
        operator = rng.choice([o for o in operators() if o.name not in ("crossover",)])
        edit = operator.apply(source, no_brief, rng) if operator.name not in ("knobs",) else None
        source = edit.source if edit else source
    assert static_problems(source) == ()


def test_a_method_that_nothing_calls_is_left_alone():
    broken = "    def helper(self, a, b=2):\n        return a"
    source = PROGRAM.replace("{body}", "return ''").replace(
        broken, broken.replace("return a", "return self.gone")
    )
    assert static_problems(source) == ()
    assert static_problems(source.replace("return ''", "return self.helper(1)"))


def test_parameters_of_helpers_are_known_by_their_calls():
    source = PROGRAM.replace("{body}", "return self.helper(query)")
    assert "`a` (Query)" in static_problems(source.replace("return a", "return a.text"))[0].message
    mixed = source.replace("self.helper(query)", "self.helper(query) or self.helper(1)")
    assert static_problems(mixed.replace("return a", "return a.text")) == ()


def test_what_cannot_be_known_is_left_alone():
    unknown = PROGRAM.replace("{body}", "return self.gone + query.gone")
    assert len(static_problems(unknown)) == 2
    for old, new in (
        ("class KnowledgeBase:", "class KnowledgeBase(Base):"),
        ("        self.rows = []\n", "        self.rows = []\n        self.__dict__.update(gone=1)\n"),
        ("        self.rows = []\n", "        self.rows = []\n        setattr(self, str('gone'), 1)\n"),
        ("    def helper(self", "    def __getattr__(self, name):\n        return 1\n\n    def helper(self"),
    ):
        assert not any("`self`" in p.message for p in static_problems(unknown.replace(old, new)))


def test_a_source_that_does_not_parse_has_problems_of_the_contract_only():
    assert static_problems("def (") == ()
    assert static_problems("x = " + "(" * 500 + ")" * 500) == ()
    assert static_problems("\0") == ()


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(SEEDS)), st.data())
def test_any_program_with_a_line_left_out_is_checked(seed, data):
    lines = SEEDS[seed].split("\n")
    at = data.draw(st.integers(0, len(lines) - 1))
    for problem in static_problems("\n".join([*lines[:at], *lines[at + 1 :]])):
        assert problem.line >= 1
        assert problem.message
