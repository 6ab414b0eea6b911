"""Rank by surroundings too: BM25 over each passage together with those just before and after it."""

KNOBS = {"context_weight": (0.7, 0.0, 2.0), "context_reach": (2, 1, 5)}


class KnowledgeBase:
    def __init__(self, toolkit):
        toolkit.db.execute("CREATE VIRTUAL TABLE surroundings USING fts5(text, tokenize='porter unicode61')")

    def _index(self, fresh):
        self.toolkit.db.executemany("INSERT INTO surroundings (rowid, text) VALUES (?, ?)", self._near(fresh))

    def read(self, query):
        scores = self._add_context(question, scores)

    def _add_context(self, question, scores):
        """Add BM25 over the surroundings of the passages."""
        terms = " OR ".join(f'"{word}"' for word in sorted(set(self.toolkit.words(question))))
        sql = "SELECT rowid, -bm25(surroundings) FROM surroundings WHERE surroundings MATCH ?"
        found = dict(self.toolkit.db.execute(sql, (terms,))) if terms else {}
        return self._fuse(scores, found, knob("context_weight"))

    def _near(self, fresh):
        """The number of each passage, and its words together with those just before and after it."""
        own, reach = [" ".join(self.toolkit.words(p["text"])) for p in fresh], knob("context_reach")
        return [(p["number"], " ".join(own[max(0, n - reach) : n + reach + 1])) for n, p in enumerate(fresh)]
