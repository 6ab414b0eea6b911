"""Favour the kind of answer: passages with a time, number, name or place, where the question asks for one."""

import re
from collections import defaultdict

KNOBS = {"kind_factor": (1.3, 1.0, 2.5)}

ASKED = {
    "time": r"\bwhen\b|\b(?:what|which) (?:day|date|month|year|time)\b|\bhow long\b",
    "number": r"\bhow (?:many|much|old|often)\b",
    "name": r"\b(?:who|whose|whom)\b",
    "place": r"\bwhere\b|\b(?:what|which) (?:city|town|country|place)\b",
}
HELD = {
    "time": (
        r"(?i)\b(?:\d+|ago|yesterday|today|tonight|tomorrow|last|next|since|"
        r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|"
        r"january|february|march|april|june|july|august|september|october|november|december)\b"
    ),
    "number": (
        r"(?i)\b(?:\d[\d.,:]*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|once|twice|"
        r"first|second|third)\b"
    ),
    "name": r"(?<=[a-z,] )[A-Z]\w+",
    "place": r"\b(?:in|at|from|to|near) (?:the )?[A-Z]\w+",
}


class KnowledgeBase:
    def __init__(self, toolkit):
        self.holding = defaultdict(set)

    def _index(self, fresh):
        for kind, held in HELD.items():
            self.holding[kind].update(p["number"] for p in fresh if re.search(held, p["text"]))

    def read(self, query):
        scores = self._favour_answer_kind(query, scores)

    def _favour_answer_kind(self, query, scores):
        """Multiply the scores of passages that hold what is asked for: a time, number, name or place."""
        question = " ".join(str(value) for value in vars(query).values()).lower()
        kinds = [kind for kind, asked in ASKED.items() if re.search(asked, question)]
        held = set().union(*(self.holding[kind] for kind in kinds))
        factor = knob("kind_factor")
        return {number: score * factor if number in held else score for number, score in scores.items()}
