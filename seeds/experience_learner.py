"""Lessons and facts: two growing lists, both returned whole, the newest first, each cut to its own budget.

One of the three seeds of M* (Pan et al., arXiv 2604.11811), written anew for this project.
"""

from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = (
    "Write one lesson that would help with later questions, and one fact worth keeping."
)
INSTRUCTION_QUERY = "State the question in a few words."
INSTRUCTION_RESPONSE = "Apply the lessons and the facts, then answer in as few words as possible."
ALWAYS_ON_KNOWLEDGE = (
    "Earlier lessons may be wrong for this question: prefer a fact that names its person and date."
)

KNOBS = {
    "lesson_characters": (500, 100, 1500),
    "fact_characters": (500, 100, 1500),
}


def knob(name):
    return KNOBS[name][0]


@dataclass
class KnowledgeItem:
    lesson: str = field(metadata={"description": "A lesson for later questions, in one sentence"})
    fact: str = field(
        metadata={"description": "A fact from this episode, in one sentence with names and dates"}
    )


@dataclass
class Query:
    question: str = field(metadata={"description": "The question in a few words"})


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.lessons = []
        self.facts = []

    def write(self, item, raw_text):
        self.lessons.append(item.lesson)
        self.facts.append(item.fact)

    def read(self, query):
        lessons = self._newest(self.lessons, knob("lesson_characters"))
        facts = self._newest(self.facts, knob("fact_characters"))
        return f"Lessons:\n{lessons}\n\nFacts:\n{facts}"

    @staticmethod
    def _newest(entries, budget):
        """Join the entries from the last to the first, cut to ``budget`` characters."""
        return "\n".join(f"- {entry}" for entry in reversed(entries))[:budget]
