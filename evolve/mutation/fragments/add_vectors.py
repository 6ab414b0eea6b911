"""Rank by meaning too: cosine similarity of the embeddings."""

KNOBS = {"vectors_weight": (0.5, 0.0, 2.0)}


class KnowledgeBase:
    def _index(self, fresh):
        if fresh:
            vectors = self.toolkit.embed([passage["text"] for passage in fresh])
            self.toolkit.vectors.add([passage["number"] for passage in fresh], vectors)

    def read(self, query):
        scores = self._add_vectors(question, scores)

    def _add_vectors(self, question, scores):
        """Add the cosine similarity of the nearest passages."""
        nearest = self.toolkit.vectors.search(self.toolkit.embed([question])[0], 200)
        return self._fuse(scores, dict(nearest), knob("vectors_weight"))
