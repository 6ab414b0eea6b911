"""Sights: every different thing that was seen in past runs, once; what the goal names is shown first.

For worlds that are visited again: what was seen on all visits fits into what may be read, where two whole
transcripts of them would fill it.
"""

from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = "State the goal of this episode in its own words."
INSTRUCTION_QUERY = "State the goal at hand in its own words."
INSTRUCTION_RESPONSE = (
    "You are shown what was seen on past visits. Things are where they were then. Go the shortest way to "
    "what your goal names."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {"budget_characters": (3000, 600, 3000)}
MOVING = ("put", "insert", "move", "drop", "place")


@dataclass
class KnowledgeItem:
    goal: str = field(metadata={"description": "The goal of this episode"})


@dataclass
class Query:
    goal: str = field(metadata={"description": "The goal at hand"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.sights = {}

    def write(self, item, raw_text):
        begun, moved = False, False
        for line in raw_text.strip().split("\n"):
            if line.startswith(">"):
                begun = True
                # What is seen after something was put down is where this visit left it.
                moved = moved or line.lstrip("> ").startswith(MOVING)
            elif not moved and (begun or not line.lower().startswith(("goal:", "visit"))):
                self.sights.setdefault(line, len(self.sights))

    def read(self, query):
        words = {word.strip(".,:").lower() for word in query.goal.split()}
        words = {word for word in words if len(word) > 2}

        def named(line):
            return sum(word in line.lower() for word in words)

        shown, left = [], knob("budget_characters")
        for line in sorted(self.sights, key=lambda line: (-named(line), self.sights[line])):
            if len(line) < left:
                shown.append(line)
                left -= len(line) + 1
        return "\n".join(shown)
