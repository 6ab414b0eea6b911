"""Bring the neighbours along: a passage gains from the scores of those just before and after it."""

KNOBS = {"neighbour_share": (0.3, 0.0, 0.9)}


class KnowledgeBase:
    def read(self, query):
        scores = self._spread(scores)

    def _spread(self, scores):
        """Give the passages on either side, within the episode, a share of each score."""
        spread = dict(scores)
        for number, score in scores.items():
            for other in (number - 1, number + 1):
                inside = 0 <= other < len(self.passages)
                if inside and self.passages[other]["episode"] == self.passages[number]["episode"]:
                    spread[other] = spread.get(other, 0.0) + knob("neighbour_share") * score
        return spread
