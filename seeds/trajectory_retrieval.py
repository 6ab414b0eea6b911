"""Trajectory retrieval: whole episodes are kept; those whose tasks are most like the one at hand are shown.

After the exemplar memory of Synapse (Zheng, Wang, Wang and An, 2024, arXiv 2306.07863): similarity is that
of the descriptions of the tasks, and what is shown is the complete trajectory, not a step of it.

As there, the three nearest are shown, the nearest first, as far as they fit.

Simplified: Synapse abstracts the states of a trajectory by a model or by a ranking of page elements, so that
whole ones fit. Here a trajectory that is longer than what is left loses lines from the middle, so that how it
began and how it ended can still be seen. All episodes are kept, where Synapse keeps successful ones.
"""

from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = (
    "Describe the task of this episode: what was to be done or was talked about, by whom, with which "
    "objects and in which surroundings. Do not tell how it went."
)
INSTRUCTION_QUERY = (
    "Describe the task at hand in the same way: what is to be done or found out, by whom, with what."
)
INSTRUCTION_RESPONSE = (
    "You are shown past episodes with similar tasks. Do as they did where it worked, and take facts from "
    "them. Answer in as few words as possible."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "top_k": (3, 1, 6),
    "budget_characters": (3000, 600, 3000),
    "head_share": (0.5, 0.0, 1.0),
}

GAP = "[...]"
LEAST = 300  # characters of a trajectory that are worth showing


@dataclass
class KnowledgeItem:
    task: str = field(metadata={"description": "The task of this episode, in one to three sentences"})


@dataclass
class Query:
    task: str = field(metadata={"description": "The task at hand, in one to three sentences"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.trajectories = []

    def write(self, item, raw_text):
        if raw_text.strip():
            key = item.task.strip() or raw_text[:1000]
            self.toolkit.vectors.add([len(self.trajectories)], self.toolkit.embed([key]))
            self.trajectories.append(raw_text.strip())

    def read(self, query):
        nearest = self.toolkit.vectors.search(self.toolkit.embed([query.task])[0], knob("top_k"))
        shown, left = [], knob("budget_characters")
        for number, _ in nearest:
            text = self.trajectories[number]
            if left < min(len(text), LEAST):
                break
            shown.append(self._shorten(text, left))
            left -= len(shown[-1]) + 2
        return "\n\n".join(shown)

    @staticmethod
    def _shorten(text, budget):
        """The text without lines of its middle, in at most ``budget`` characters."""
        if len(text) <= budget:
            return text
        lines = text.split("\n")
        if len(lines) < 3:
            return text[:budget]
        budget -= len(GAP) + 1
        head, first = [], budget * knob("head_share")
        for line in lines:
            if head and len(line) + 1 > first:
                break
            head.append(line[:budget])
            first -= len(head[-1]) + 1
            budget -= len(head[-1]) + 1
        tail = []
        for line in reversed(lines[len(head) :]):
            if len(line) + 1 > budget:
                break
            tail.append(line)
            budget -= len(line) + 1
        return "\n".join([*head, GAP, *reversed(tail)])
