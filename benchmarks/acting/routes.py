"""Routes: of past runs the goal and the commands, not what was seen; those with the likest goals are shown.

For worlds where the way is what recurs: a run of a hundred steps fits into what may be read, where its
transcript would lose its middle.
"""

from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = "State the goal of this episode in its own words."
INSTRUCTION_QUERY = "State the goal at hand in its own words."
INSTRUCTION_RESPONSE = (
    "You are shown the commands of past runs with similar goals. Do the same with the things that your goal "
    "names; leave out what is not possible."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {"top_k": (3, 1, 10), "budget_characters": (3000, 600, 3000)}


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
        self.routes = []

    def write(self, item, raw_text):
        lines = raw_text.strip().split("\n")
        first = next((n for n, line in enumerate(lines) if line.startswith(">")), 0)
        if first:
            # A transcript says its goal before the first command, sometimes behind a title.
            said = (line for line in lines[:first] if line.lower().startswith(("goal:", "your task")))
            goal = next(said, lines[0])
            self.toolkit.vectors.add([len(self.routes)], self.toolkit.embed([goal]))
            self.routes.append("\n".join([goal, *(line for line in lines[first:] if line.startswith(">"))]))

    def read(self, query):
        shown, left = [], knob("budget_characters")
        for number, _ in self.toolkit.vectors.search(self.toolkit.embed([query.goal])[0], knob("top_k")):
            if len(self.routes[number]) < left:
                shown.append(self.routes[number])
                left -= len(shown[-1]) + 2
        return "\n\n".join(shown)
