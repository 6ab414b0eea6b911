"""A write that raises for every second episode."""

from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = "Summarise the day."
INSTRUCTION_QUERY = "Repeat the question."
INSTRUCTION_RESPONSE = "Answer with the name of the place."
ALWAYS_ON_KNOWLEDGE = ""


def depth():
    return 3


@dataclass
class KnowledgeItem:
    summary: str = field(metadata={"description": "What happened"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question"})


class KnowledgeBase:
    def __init__(self, toolkit):
        self.lines = []

    def write(self, item, raw_text):
        if int(raw_text.split()[1]) % 2:
            raise KeyError("an odd day")
        self.lines.extend(raw_text.splitlines())

    def read(self, query):
        return "\n".join(self.lines[-depth() :])
