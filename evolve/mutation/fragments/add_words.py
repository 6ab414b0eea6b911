"""Rank by words too: BM25 over the passages in SQLite's full-text index."""

KNOBS = {"words_weight": (1.0, 0.0, 2.0)}


class KnowledgeBase:
    def __init__(self, toolkit):
        toolkit.db.execute("CREATE VIRTUAL TABLE words USING fts5(text, tokenize='porter unicode61')")

    def _index(self, fresh):
        self.toolkit.db.executemany(
            "INSERT INTO words (rowid, text) VALUES (?, ?)",
            [(p["number"], " ".join(self.toolkit.words(p["text"]))) for p in fresh],
        )

    def read(self, query):
        scores = self._add_words(question, scores)

    def _add_words(self, question, scores):
        """Add BM25 over the words of the passages."""
        terms = " OR ".join(f'"{word}"' for word in sorted(set(self.toolkit.words(question))))
        sql = "SELECT rowid, -bm25(words) FROM words WHERE words MATCH ?"
        found = dict(self.toolkit.db.execute(sql, (terms,))) if terms else {}
        return self._fuse(scores, found, knob("words_weight"))
