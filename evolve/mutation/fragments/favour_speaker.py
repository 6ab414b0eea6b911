"""Favour the person asked about: lines spoken by somebody whom the question names weigh more."""

import re
from collections import defaultdict

KNOBS = {"speaker_factor": (1.3, 1.0, 2.5)}


class KnowledgeBase:
    def __init__(self, toolkit):
        self.spoken_by = defaultdict(set)

    def _index(self, fresh):
        for passage in fresh:
            for word in self._speakers(passage["text"]):
                self.spoken_by[word].add(passage["number"])

    def read(self, query):
        scores = self._favour_speaker(question, scores)

    def _favour_speaker(self, question, scores):
        """Multiply the scores of passages in which a person named in the question speaks."""
        named = set(re.findall(r"[A-Z]\w+", question))
        spoken = set().union(*(self.spoken_by.get(word, ()) for word in named))
        factor = knob("speaker_factor")
        return {number: score * factor if number in spoken else score for number, score in scores.items()}

    def _speakers(self, text):
        """The words of the names before a colon: a name may have several."""
        pattern = r"^([^\W\d_][\w.'’-]*(?: [^\W\d_][\w.'’-]*){0,3}):"
        names = re.findall(pattern, text, flags=re.MULTILINE)
        return {word for name in names for word in re.findall(r"\w+", name)}
