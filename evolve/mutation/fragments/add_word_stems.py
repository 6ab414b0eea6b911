"""Match across inflections: overlap of the first letters of words, the rarer the stem the more it counts."""

import math
from collections import defaultdict

KNOBS = {"stems_weight": (0.7, 0.0, 2.0), "stem_letters": (5, 4, 8)}


class KnowledgeBase:
    def __init__(self, toolkit):
        self.stems = defaultdict(list)

    def _index(self, fresh):
        for passage in fresh:
            for stem in self._stems(passage["text"]):
                self.stems[stem].append(passage["number"])

    def read(self, query):
        scores = self._add_stems(question, scores)

    def _add_stems(self, question, scores):
        """Add the rarity of the stems that a passage shares with the question."""
        found = {}
        for stem in sorted(self._stems(question)):
            holders = self.stems.get(stem, ())
            rarity = math.log((len(self.passages) + 1) / (len(holders) + 1))
            for number in holders:
                found[number] = found.get(number, 0.0) + rarity
        return self._fuse(scores, found, knob("stems_weight"))

    def _stems(self, text):
        size = knob("stem_letters")
        words = self.toolkit.words(text)
        return {word[:size] for word in words if len(word) > 3 or not word.isascii()}
