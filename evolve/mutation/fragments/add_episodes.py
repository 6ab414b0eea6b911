"""Let the episode speak for its passages: those of an episode that matches the question as a whole gain."""

KNOBS = {"episodes_weight": (0.3, 0.0, 1.5)}


class KnowledgeBase:
    def __init__(self, toolkit):
        toolkit.db.execute("CREATE VIRTUAL TABLE episodes USING fts5(text, tokenize='porter unicode61')")

    def _index(self, fresh):
        if fresh:
            self.toolkit.db.execute(
                "INSERT INTO episodes (rowid, text) VALUES (?, ?)",
                (fresh[0]["episode"], " ".join(self.toolkit.words("\n".join(p["text"] for p in fresh)))),
            )

    def read(self, query):
        scores = self._add_episodes(question, scores)

    def _add_episodes(self, question, scores):
        """Add BM25 of the whole episode to each of its passages that was found."""
        terms = " OR ".join(f'"{word}"' for word in sorted(set(self.toolkit.words(question))))
        sql = "SELECT rowid, -bm25(episodes) FROM episodes WHERE episodes MATCH ?"
        matches = dict(self.toolkit.db.execute(sql, (terms,))) if terms else {}
        found = {n: matches.get(self.passages[n]["episode"], 0.0) for n in scores}
        return self._fuse(scores, found, knob("episodes_weight"))
