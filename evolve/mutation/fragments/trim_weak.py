"""Do not fill up: passages far below the best one are left out, which saves the reader's tokens."""

KNOBS = {"share_of_best": (0.4, 0.05, 0.9)}


class KnowledgeBase:
    def read(self, query):
        scores = self._trim_weak(scores)

    def _trim_weak(self, scores):
        """Keep the passages that score at least ``share_of_best`` of the best."""
        least = knob("share_of_best") * max(scores.values(), default=0.0)
        return {number: score for number, score in scores.items() if score >= least}
