"""Spend the budget well: divide scores by a power of the length, so that short passages are tried first."""

KNOBS = {"length_power": (0.2, 0.0, 0.8)}


class KnowledgeBase:
    def read(self, query):
        scores = self._prefer_short(scores)

    def _prefer_short(self, scores):
        """Score for each character spent, softened by ``length_power``."""
        passages, power = self.passages, knob("length_power")
        return {
            number: score / max(40, len(passages[number]["text"])) ** power
            for number, score in scores.items()
        }
