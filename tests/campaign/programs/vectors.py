"""Lines by the similarity of their embeddings."""

from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = "Write a headline for the day."
INSTRUCTION_QUERY = "Put the question in a few words."
INSTRUCTION_RESPONSE = "Answer with the name of the place."
ALWAYS_ON_KNOWLEDGE = ""


def depth():
    return 1


@dataclass
class KnowledgeItem:
    headline: str = field(metadata={"description": "What happened, in a headline"})
    people: list[str] = field(metadata={"description": "Who was there"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question"})


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.lines = []

    def write(self, item, raw_text):
        fresh = raw_text.splitlines()
        keys = range(len(self.lines), len(self.lines) + len(fresh))
        self.toolkit.vectors.add([str(key) for key in keys], self.toolkit.embed(fresh))
        self.lines.extend(fresh)

    def read(self, query):
        (vector,) = self.toolkit.embed([query.question])
        found = self.toolkit.vectors.search(vector, depth()) if self.lines else []
        return "\n".join(self.lines[int(key)] for key, _ in found)
