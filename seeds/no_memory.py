"""No memory: nothing is stored and nothing is returned, so that the agent answers from what it knows itself.

The lower end of every comparison, as in M* (Pan et al., 2026, arXiv 2604.11811). The contract asks for a
field in each dataclass; the one of KnowledgeItem has a default and is not looked at.
"""

from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = "Nothing will be kept of this episode: leave the field empty."
INSTRUCTION_QUERY = "Repeat the question."
INSTRUCTION_RESPONSE = "There is no memory. Answer from what you know, in as few words as possible."
ALWAYS_ON_KNOWLEDGE = ""


@dataclass
class KnowledgeItem:
    unused: str = field(default="", metadata={"description": "Leave this empty"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question"})


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit

    def write(self, item, raw_text):
        pass

    def read(self, query):
        return ""
