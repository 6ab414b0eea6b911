"""Ask twice: the rare words of the best passages are added to the question and searched again."""

import re
from collections import Counter

KNOBS = {"feedback_weight": (0.3, 0.0, 1.0), "feedback_words": (6, 2, 20)}


class KnowledgeBase:
    def read(self, query):
        scores = self._feed_back(scores)

    def _feed_back(self, scores):
        """Add the overlap with the words that the three best passages share or hold alone."""
        best = sorted(scores, key=lambda n: (-scores[n], n))[:3]
        seen = Counter(w for n in scores for w in self._long_words(n))
        words = {w for n in best for w in self._long_words(n)}
        chosen = set(sorted(words, key=lambda w: (seen[w], w))[: knob("feedback_words")])
        found = {n: float(len(chosen & self._long_words(n))) for n in scores}
        return self._fuse(scores, found, knob("feedback_weight"))

    def _long_words(self, number):
        return set(re.findall(r"[a-z]{5,}", self.passages[number]["text"].lower()))
