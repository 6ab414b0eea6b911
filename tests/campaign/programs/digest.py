"""What a model makes of each day, and of them all for a question: one call in each write and read."""

from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = "Note what is worth keeping."
INSTRUCTION_QUERY = "Repeat the question."
INSTRUCTION_RESPONSE = "Answer with the name of the place."
ALWAYS_ON_KNOWLEDGE = ""


def depth():
    return 6


@dataclass
class KnowledgeItem:
    note: str = field(metadata={"description": "What to keep"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question"})


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.notes = []

    def write(self, item, raw_text):
        self.notes.append(self.ask("Shorten this.", raw_text))

    def read(self, query):
        return self.ask(f"Pick what answers: {query.question}", "\n".join(self.notes[-depth() :]))

    def ask(self, what, text):
        return self.toolkit.llm_completion(
            [{"role": "system", "content": what}, {"role": "user", "content": text}], max_tokens=200
        )
