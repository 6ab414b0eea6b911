from dataclasses import dataclass

INSTRUCTION_KNOWLEDGE_ITEM = "Summarise the text in one or two sentences. Keep names, numbers and dates."
INSTRUCTION_QUERY = "Write a short search text for the question."
INSTRUCTION_RESPONSE = "Answer in a few words, from the context only."
ALWAYS_ON_KNOWLEDGE = ""


@dataclass
class KnowledgeItem:
    summary: str


@dataclass
class Query:
    query_text: str


class KnowledgeBase:
    def __init__(self, toolkit):
        self.collection = toolkit.chroma.get_or_create_collection("knowledge")
        self._n = 0

    def write(self, item, raw_text):
        self.collection.add(documents=[item.summary + "\n" + raw_text], ids=[f"doc_{self._n}"])
        self._n += 1

    def read(self, query):
        results = self.collection.query(query_texts=[query.query_text], n_results=3)
        documents = results["documents"][0] if results["documents"] else []
        return "\n\n".join(documents)[:3000]
