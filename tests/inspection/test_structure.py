from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.inspection.projection import project
from evolve.inspection.structure import features, structure
from evolve.program import MemoryProgram, with_knobs
from evolve.seeds import seed_names, seed_program

SOURCE = '''
from collections import defaultdict

class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.seen, self.facts = set(), []
        self.names: dict = defaultdict(list)
        toolkit.db.execute("CREATE TABLE IF NOT EXISTS facts (id INTEGER, text TEXT)")
        toolkit.db.execute("""CREATE VIRTUAL TABLE words
            USING fts5(text, tokenize='porter')""")

    def write(self, item, raw_text):
        self._store(raw_text)

    def read(self, query):
        return helper(self._search(query.question))

    def _store(self, text):
        """Keep a text.

        And more.
        """
        self.toolkit.vectors.add([1], self.toolkit.embed([text]))

    def _search(self, question):
        return self.toolkit.db.execute("SELECT text FROM words")

def helper(found):
    """Join what was found."""
    return "".join(found)
'''


def test_structure() -> None:
    found = structure(MemoryProgram(SOURCE))
    assert found is not None
    assert [(table.name, table.module, table.columns) for table in found.tables] == [
        ("facts", "", "id INTEGER, text TEXT"),
        ("words", "fts5", "text, tokenize='porter'"),
    ]
    assert found.attributes == {"names": "defaultdict"}
    assert [(s.method, s.summary) for s in found.phases["write"].steps] == [("_store", "Keep a text.")]
    assert dict(found.phases["write"].uses) == {"vectors": 1, "embed": 1}
    assert [s.method for s in found.phases["read"].steps] == ["helper", "_search"]
    assert found.phases["read"].sql == ("SELECT text FROM words",)
    assert found.uses["db"] == 3


def test_what_does_not_parse_has_none() -> None:
    assert structure(MemoryProgram("def f(:")) is None
    assert features(MemoryProgram("\x00")) is None


@pytest.mark.parametrize("name", seed_names())
def test_every_seed_has_features(name: str) -> None:
    found = features(seed_program(name))
    assert found is not None
    assert set(found) == {"storage", "shape", "steps", "schema", "knobs"}
    assert found["shape"]["Call"] > 0


def test_the_map_puts_like_to_like() -> None:
    lexical, other = seed_program("lexical"), seed_program("llm_summarizer")
    twin = MemoryProgram(with_knobs(lexical.source, {"chunk_characters": 300}))
    found = [features(program) for program in (lexical, twin, other)]
    projection = project([entry for entry in found if entry])
    points = projection.points
    assert points.shape == (3, 2)
    assert np.linalg.norm(points[0] - points[1]) < np.linalg.norm(points[0] - points[2]) / 4
    assert 0 < projection.axes[0].share <= 1
    assert projection.axes[0].loadings


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), st.floats(-5, 5)), max_size=6))
def test_any_features_can_be_projected(values: list[dict[str, float]]) -> None:
    projection = project([{"shape": entry} for entry in values])
    assert projection.points.shape == (len(values), 2)
    assert np.isfinite(projection.points).all()
    again = project([{"shape": entry} for entry in values])
    assert np.array_equal(projection.points, again.points)
    for axis in projection.axes:
        assert 0 <= axis.share <= 1 + 1e-9
        assert not axis.loadings or axis.loadings[0][1] > 0
