from __future__ import annotations

import pytest

from evolve.program import MemoryProgram
from evolve.program.structure import features, structure
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
