"""Definitions by name: what is replaced, what is added and where, and what stays."""

from __future__ import annotations

import ast
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolve import resources
from evolve.mutation.edits import EditError, NoChange, read_edit
from evolve.program.parsing import parse

SOURCE = '''"""Demo."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

LIMIT = 5  # rows
KNOBS = {
    "top_k": (5, 1, 60),
    "depth": (2, 1, 4),
}


def knob(name):
    return KNOBS[name][0]


# Lower case.
def words(text):
    """The words."""
    return re.findall(r"\\w+", text.lower())


@dataclass
class Query:
    question: str
    topic: str = ""

    def plain(self):
        return self.question.lower()


class Helper:
    def score(self, row):
        return len(row)


class KnowledgeBase:
    def __init__(self, toolkit):
        self.rows = []
        self.helper = Helper()

    # Newest first.
    def read(self, query):
        """Read."""
        found = [r for r in self.rows if query.topic in r][: knob("top_k")]
        return "\\n".join(found[:LIMIT])

    def write(self, item, raw_text):
        self.rows.append(self._clean(raw_text))

    @staticmethod
    def _clean(text):
        return text.strip()
'''


def edited(code: str, source: str = SOURCE) -> str:
    return read_edit(f"```python\n{code}\n```", source, "definitions").source


def refusal(code: str, source: str = SOURCE) -> str:
    with pytest.raises(EditError) as caught:
        edited(code, source)
    return str(caught.value)


def body_of(source: str, name: str) -> str:
    owner, _, member = name.rpartition(".")
    nodes = parse(source).body
    if owner:
        nodes = next(n for n in nodes if isinstance(n, ast.ClassDef) and n.name == owner).body
    return next(ast.unparse(n) for n in nodes if getattr(n, "name", "") == member)


def test_a_method_is_found_by_self_in_the_class_that_has_it():
    assert "return 1" in body_of(edited("def score(self, row):\n    return 1"), "Helper.score")
    assert "return 1" in body_of(edited("def read(self, query):\n    return 1"), "KnowledgeBase.read")


def test_a_method_that_two_other_classes_have_is_refused():
    twice = SOURCE.replace(
        "class Knowledge", "class Other:\n    def score(self):\n        pass\n\n\nclass Knowledge"
    )
    assert "could be that of Helper or Other" in refusal("def score(self):\n    return 2", twice)
    assert "return 2" in body_of(
        edited("class Other:\n    def score(self):\n        return 2", twice), "Other.score"
    )


def test_a_new_method_goes_to_the_end_of_the_knowledge_base():
    result = edited("def _pick(self, n):\n    return self.rows[-n:]")
    assert result == SOURCE + "\n    def _pick(self, n):\n        return self.rows[-n:]\n"


def test_a_new_function_stands_ahead_of_its_user():
    result = edited(
        "def read(self, query):\n    return stem('x')\n\n"
        "def words(text):\n    return [stem(w) for w in text]\n\n"
        "def stem(word):\n    return word[:SIZE]\n\nSIZE = 4"
    )
    assert result.index("def stem") < result.index("# Lower case.\ndef words")
    assert result.index("SIZE = 4") < result.index("def knob")


def test_what_is_needed_at_load_stands_first():
    result = edited(
        "class Best(Helper):\n    size = LIMIT\n\nBEST = Best()\n\n"
        "def read(self, query):\n    return BEST.size"
    )
    assert result.index("class Helper") < result.index("class Best") < result.index("BEST = Best()")
    assert result.index("BEST = Best()") < result.index("class KnowledgeBase")


def test_imports_join_the_others():
    result = edited(
        "import math\nimport re\nfrom __future__ import annotations\nfrom collections import Counter, deque\n"
        "from dataclasses import dataclass, field\nimport requests\n\nLIMIT = math.floor(6.5)"
    )
    assert "import math\nimport re\nfrom collections import Counter, deque\n" in result
    assert "from dataclasses import dataclass, field\n" in result
    assert "requests" not in result  # not allowed, and nothing uses it
    assert result.count("import re\n") == result.count("from __future__") == 1
    assert "import requests\n" in edited("import requests\n\ndef words(text):\n    return requests.get(text)")


def test_constants_are_replaced():
    assert "LIMIT = 9\n" in edited("LIMIT = 9")
    assert edited('INSTRUCTION_QUERY = "Ask."').count('INSTRUCTION_QUERY = "Ask."') == 1


def test_a_table_keeps_the_entries_that_the_program_asks_for():
    result = edited('KNOBS = {\n    "size": (1, 0, 2),\n}')
    assert '"top_k": (5, 1, 60)' in result
    assert '"size": (1, 0, 2)' in result
    assert '"depth"' not in result
    assert '"depth": (3, 1, 4)' in edited('KNOBS["depth"] = (3, 1, 4)')
    assert '"size": (1, 0, 2)' in edited('KNOBS["size"] = (1, 0, 2)')
    assert "no table `TABLE" in refusal('TABLE["size"] = 1')


def test_a_class_with_all_that_is_used_replaces_the_class():
    result = edited(
        "class Helper:\n    def score(self, row):\n        return 1\n\n    def best(self):\n        return 2"
    )
    assert "best" in body_of(result, "Helper")
    whole = "class KnowledgeBase:\n" + "".join(
        f"    def {name}:\n        return 1\n\n"
        for name in ("__init__(self, toolkit)", "read(self, query)", "write(self, item, raw_text)")
    )
    assert "_clean" not in edited(whole)


def test_a_class_in_part_changes_only_what_it_gives():
    result = edited("class KnowledgeBase:\n    def read(self, query):\n        return self._clean('')")
    assert "return self._clean('')" in body_of(result, "KnowledgeBase.read")
    assert body_of(result, "KnowledgeBase.write") == body_of(SOURCE, "KnowledgeBase.write")
    fields = edited("class Query:\n    when: str\n    question: str\n    topic: str = 'x'\n    ...")
    assert "@dataclass\nclass Query:\n    question: str\n    when: str\n    topic: str = 'x'\n" in fields
    assert "def plain(self)" in fields
    assert "topic: str" in edited("@dataclass\nclass Query:\n    question: str\n    when: str = ''")


def test_decorators_that_the_parameters_ask_for_are_kept():
    assert "    @staticmethod\n    def _clean(text):\n        return text\n" in edited(
        "def _clean(text):\n    return text"
    )
    assert "@staticmethod" not in edited("def _clean(self, text):\n    return text")
    assert "@dataclass\nclass Query:\n    question: int" in edited(
        "class Query:\n    question: int\n    topic: str = ''\n    def plain(self):\n        return ''"
    )


def test_comments_above_a_definition_stay_unless_others_are_given():
    new = "def read(self, query):\n    return ''"
    assert "    # Newest first.\n    def read(self, query):\n        return ''\n" in edited(new)
    assert edited(f"# Newest first.\n{new}").count("# Newest first.") == 1
    replaced = edited(f"# Oldest first.\n{new}")
    assert "# Oldest first." in replaced
    assert "# Newest first." not in replaced
    assert "# Newest first." in edited(f"# Updated method\n{new}")


def test_the_docstring_is_that_of_the_new_definition():
    assert '"""Read."""' not in edited("def read(self, query):\n    return ''")


def test_a_body_left_out_leaves_the_definition_as_it_is():
    code = "def read(self, query):\n    ...\n    # ... existing code ...\n\ndef words(text):\n    return []"
    result = edited(code)
    assert body_of(result, "KnowledgeBase.read") == body_of(SOURCE, "KnowledgeBase.read")
    assert "return []" in body_of(result, "words")


@pytest.mark.parametrize(
    "comment",
    ["keep the rest of the budget for later", "the same word twice", "other speakers", "existing rows first"],
)
def test_a_comment_that_explains_is_no_elision(comment):
    assert comment in edited(f"def read(self, query):\n    # {comment}\n    return ''")


@pytest.mark.parametrize(
    "comment",
    [
        "... rest of the method ...",
        "same as before",
        "rest unchanged",
        "(unchanged)",
        "existing code here",
        "Rest of the code remains the same",
        "... other methods",
        "remaining methods stay the same",
    ],
)
def test_a_comment_in_place_of_code_is_an_elision(comment):
    assert "is left out" in refusal(f"def read(self, query):\n    # {comment}\n    return ''")


def test_methods_at_another_margin_than_the_code_before_them():
    method = "    def read(self, query):\n        return half(2)"
    code = f"import math\n\ndef half(n):\n    return n / 2\n\n{method}\n\nLIMIT = 3"
    result = edited(code)
    assert "return half(2)" in body_of(result, "KnowledgeBase.read")
    assert "def read" not in body_of(result, "half")


def test_fences_are_joined():
    result = read_edit(
        "I do this.\n```python\nLIMIT = 9\n```\nand this:\n```\ndef read(self, query):\n    return ''\n```",
        SOURCE,
        "whole",
    )
    assert "LIMIT = 9" in result.source
    assert result.form == "definitions"
    assert body_of(result.source, "KnowledgeBase.read").endswith("return ''")


def test_a_program_on_lines_that_are_shared_is_refused_not_broken():
    assert "more than one statement" in refusal("B = 3", "A = 1; B = 2\n")
    assert "does not parse" in refusal("A = 3\n```\n```\nB = 1", "A = (\n")


SEEDS = [path.read_text("utf-8") for path in sorted(resources.folder("seeds").glob("*.py"))]


def definitions_of(source: str) -> list[tuple[str, str]]:
    """Qualified name and text of each function, method, class and constant."""
    tree = parse(source)
    nodes: list[tuple[str, ast.stmt]] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            nodes += [(f"{node.name}.{n.name}", n) for n in node.body if isinstance(n, ast.FunctionDef)]
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            nodes.append((node.name, node))
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            nodes.append((node.targets[0].id, node))
    return [(name, ast.unparse(node)) for name, node in nodes]


class Renamed(ast.NodeTransformer):
    """Other numbers and strings, so that a program does something else and still parses."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if isinstance(node.value, int) and not isinstance(node.value, bool):
            return ast.Constant(node.value + 1)
        return node


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(SEEDS), st.data())
def test_a_definition_put_in_its_own_place_changes_nothing(source, data):
    _, text = data.draw(st.sampled_from(definitions_of(source)))
    with pytest.raises(NoChange):
        edited(text, source)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(SEEDS), st.data())
def test_definitions_of_another_program_are_taken_over_as_they_are(source, data):
    other = ast.unparse(ast.fix_missing_locations(Renamed().visit(parse(source))))
    before, after = dict(definitions_of(source)), dict(definitions_of(other))
    names = [name for name in after if "." not in name or name.startswith("KnowledgeBase.")]
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True))
    if all(before[name] == after[name] for name in chosen):
        return
    result = dict(definitions_of(edited("\n\n".join(after[name] for name in chosen), source)))
    for name in chosen:
        if name != "KnowledgeBase" or not any(n.startswith("KnowledgeBase.") for n in chosen):
            assert result[name] == after[name] or name == "KnowledgeBase"


PIECES = st.sampled_from(
    [
        *("```python", "```", "~~~", "MESSAGE: x", "def f(self):", "    return 1", "class A:", "    ..."),
        *("# rest unchanged", "@@", "-a", "+b", "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "LIMIT = 9"),
        *("import re", "\tx = 1", "@d", "KNOBS = {}", 'KNOBS["a"] = 1', '"""', "a; b", "{", "\ufeff", "\\"),
        *("class KnowledgeBase: pass", '{"source": "x = 1"}'),
    ]
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(PIECES | st.text(max_size=8), max_size=14).map("\n".join) | st.text(max_size=60),
    st.sampled_from([SOURCE, "", "x = 1\n", "class KnowledgeBase: pass\n", "def broken(\n"]),
    st.sampled_from(["definitions", "blocks", "patch", "whole"]),
    st.booleans(),
)
def test_any_text_gives_an_edit_or_an_edit_error(text, source, form, finished):
    with suppress(EditError):
        assert read_edit(text, source, form, finished=finished).source != source
