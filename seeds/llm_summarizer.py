"""Summarise at read: up to 30,000 characters of raw text are put before the toolkit's model.

One of the three seeds of M* (Pan et al., arXiv 2604.11811), written anew for this project.
"""

from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = "Note in one sentence what this episode is about."
INSTRUCTION_QUERY = "State the question whose answer is to be found in the stored text."
INSTRUCTION_RESPONSE = "Answer from the digest in as few words as possible."
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "text_characters": (30000, 5000, 60000),
    "budget_characters": (3000, 600, 3000),
}


def knob(name):
    return KNOBS[name][0]


@dataclass
class KnowledgeItem:
    topic: str = field(metadata={"description": "What this episode is about, in one sentence"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question to answer"})


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.texts = []

    def write(self, item, raw_text):
        self.texts.append(raw_text)

    def read(self, query):
        question = query.question
        text = "\n\n".join(self.texts)[-knob("text_characters") :]
        prompt = (
            "Below are records of past episodes. Gather, in short lines, everything in them that helps "
            f"to answer the question. Keep names and dates.\n\nRecords:\n{text}\n\nQuestion: {question}"
        )
        digest = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        return digest[: knob("budget_characters")]
