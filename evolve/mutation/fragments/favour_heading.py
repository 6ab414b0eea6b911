"""Use the heading: passages under a heading that has a month, a year or a name of the question weigh more."""

import re

KNOBS = {"heading_factor": (1.4, 1.0, 3.0)}


class KnowledgeBase:
    def read(self, query):
        scores = self._favour_heading(question, scores)

    def _favour_heading(self, question, scores):
        """Multiply the scores of passages under a heading that shares a number or a proper noun."""
        marks = set(re.findall(r"\b(?:[A-Z][a-z]+|\d+)\b", question))
        return {
            number: score * (knob("heading_factor") if marks & self._heading_words(number) else 1.0)
            for number, score in scores.items()
        }

    def _heading_words(self, number):
        return set(re.findall(r"\w+", self.passages[number]["heading"]))
