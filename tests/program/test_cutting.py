from __future__ import annotations

import pytest

from evolve.program import MemoryProgram
from evolve.program.cutting import cut, cut_method, steps, without_step
from evolve.program.grafting import apply, parse_graft
from evolve.program.pruning import prune
from evolve.program.resources import resources
from evolve.program.source import Source
from tests.program.hosts import with_line, with_method

STEP = '''import math

KNOBS = {"power": (2.0, 0.0, 4.0), "letters": (3, 1, 9)}
BASE = 10
STRANGE = {n * BASE for n in range(3)}


def rare(n):
    return math.log(BASE + n)


class Query:
    people: list[str] = field(default_factory=list)


class KnowledgeBase:
    def __init__(self, toolkit):
        self.stems = {}
        toolkit.db.execute("CREATE TABLE stems (stem TEXT)")

    def _index(self, fresh):
        for text in fresh:
            self.stems.setdefault(self._stem(text), rare(len(STRANGE)))
        self.toolkit.db.execute("INSERT INTO stems VALUES ('x')")

    def read(self, query):
        scores = self._add_stems(query.people, scores)

    def _add_stems(self, people, scores):
        """Take it from the notes, not into them."""
        rows = self.toolkit.db.execute("SELECT stem FROM stems").fetchall()
        return {n: s ** knob("power") + len(rows) + len(self.stems) for n, s in scores.items()}

    def _stem(self, text):
        return text[: knob("letters")]
'''


@pytest.fixture
def donor(host):
    return apply(host, parse_graft(STEP))


def test_steps(host, donor):
    assert steps(host) == {"_add_a": "scores = self._add_a(question, scores)"}
    assert list(steps(donor)) == ["_add_a", "_add_stems"]


@pytest.mark.parametrize(
    "line",
    [
        "found = self._add_a(question, scores)",  # binds a new name: the rest may need it
        "scores = sorted(scores)",
        "scores = other._add_a(question, scores)",
        "scores = self.unknown(scores)",
        "self._add_a(question, scores)",
    ],
)
def test_what_is_no_step(host, line):
    assert steps(host.replace("scores = self._add_a(question, scores)", line)) == {}


def test_a_program_without_read_has_no_steps():
    assert steps("class KnowledgeBase:\n    pass\n") == {}


def test_cut_takes_all_that_the_step_needs(host, donor, run):
    graft = cut(donor, "_add_stems")
    assert list(graft.methods) == ["_add_stems", "_stem"]
    assert list(graft.definitions) == ["BASE", "STRANGE", "rare", "knob"]
    assert graft.knobs == {"power": "(2.0, 0.0, 4.0)", "letters": "(3, 1, 9)"}
    assert graft.fields == {"Query": {"people": "people: list[str] = field(default_factory=list)"}}
    assert graft.imports == ("import math", "from dataclasses import dataclass, field")
    assert graft.lines["read"] == ("scores = self._add_stems(query.people, scores)",)
    assert len(graft.lines["__init__"]) == 2
    assert len(graft.lines["_index"]) == 2
    child = apply(host, graft)
    assert MemoryProgram(child).fingerprint == MemoryProgram(donor).fingerprint
    run(child)


def test_cut_leaves_the_rest_of_the_donor_behind(donor):
    graft = cut(donor, "_add_a")
    assert list(graft.methods) == ["_add_a"]
    assert graft.lines == {
        "read": ("scores = self._add_a(question, scores)",),
        "__init__": ("self.notes = []",),
        "_index": ("self.notes.extend(fresh)",),
    }
    assert graft.knobs == {}


def test_cut_of_what_is_no_step(host):
    with pytest.raises(KeyError):
        cut(host, "_index")
    with pytest.raises(KeyError):
        cut_method(host, "_pack")


def test_cut_method_brings_helpers_and_imports(host, run):
    donor = (
        host.replace(
            "    def _add_a(self, question, scores):\n        return",
            "    def _clean(self, text):\n        return math.floor(len(text) * LIMIT)\n\n"
            "    def _add_a(self, question, scores):\n        self._clean(question)\n        return",
        )
        .replace("import re\n", "import math\nimport re\n")
        .replace("KNOBS = {", "LIMIT = 3\nKNOBS = {")
    )
    graft = cut_method(donor, "_add_a")
    assert list(graft.methods) == ["_clean", "_add_a"]
    assert graft.imports == ("import math",)
    child = apply(host, graft)
    assert "LIMIT = 3" in child
    run(child)


def test_a_step_comes_and_goes_without_trace(host, donor):
    assert donor != host
    assert without_step(donor, "_add_stems") == host.replace(
        "    question: str\n", "    question: str\n    people: list[str] = field(default_factory=list)\n"
    )


def test_without_a_step_that_is_not_there(host):
    with pytest.raises(KeyError):
        without_step(host, "_index")


def test_what_a_feeding_line_shares_stays(host, run):
    """The set-up of an index outlives its step while a line that also feeds another step fills it."""
    shared = host.replace("self.notes = []", "self.notes = []\n        self.seen = set()").replace(
        "self.notes.extend(fresh)",
        "for x in fresh:\n            self.notes.append(x)\n            self.seen.add(x)",
    )
    shared = with_line(shared, "read", "scores = self._seen(scores)")
    shared = with_method(shared, "_seen", "def _seen(self, scores):\n    return scores if self.seen else {}")
    child = without_step(shared, "_seen")
    assert "self.seen = set()" in child
    assert "self.seen.add" in child
    assert "_seen" not in Source(child).methods
    run(child)


def test_the_last_feeding_line_leaves_a_pass(host, run):
    child = without_step(host, "_add_a")
    assert "    def _index(self, fresh):\n        pass\n" in child
    assert "self.notes" not in child
    run(child)


def test_prune_keeps_what_is_reached_in_other_ways(host):
    text = host + (
        "\n    @staticmethod\n    def _shared(x):\n        return x\n"
        "\n    def _named(self):\n        return KnowledgeBase._shared(1)\n"
        '\n    def peek(self):\n        return getattr(self, "_named")()\n'
    )
    assert prune(text, text) == text


def test_prune_drops_what_calls_only_itself(host):
    text = host + "\n    def _loop(self, n):\n        return self._loop(n - 1)\n"
    assert prune(text, text) == host


def test_prune_keeps_what_was_idle_before(host):
    text = host.replace("import re\n", "import math\nimport re\n").replace(
        '    "size"', '    "spare": (1, 0, 9),\n    "size"'
    )
    text = Source(text).with_definition("SPARE", "SPARE = 3")
    assert prune(text, text) == text


def test_prune_drops_only_the_idle_names_of_an_import(host):
    before = host.replace("import re\n", "import re\nfrom collections import Counter, deque\n").replace(
        "self.notes = []", "self.notes = deque(Counter())"
    )
    text = before.replace("deque(Counter())", "deque()")
    assert "from collections import deque\n" in prune(text, before)


def test_prune_never_empties_the_knobs(host):
    text = host.replace('[: knob("size")]', "[:3]")
    assert '"size": (3, 1, 9)' in prune(text, host)


def test_resources():
    text = '''class KnowledgeBase:
    def f(self):
        """Read from the table: no table."""
        self.a = self.toolkit.vectors.search(self.passages)
        self.toolkit.chroma.count()
        self.toolkit.db.execute("insert INTO Words SELECT * FROM raw")
'''
    source = Source(text)
    assert resources(source, [source.methods["f"]]) == {
        "self.a",
        "toolkit.vectors",
        "toolkit.chroma",
        "table words",
        "table raw",
    }
