from dataclasses import dataclass

INSTRUCTION_KNOWLEDGE_ITEM = "Repeat the most important sentence of the text."
INSTRUCTION_QUERY = "Repeat the question."
INSTRUCTION_RESPONSE = "Give the final answer from the notes."
ALWAYS_ON_KNOWLEDGE = ""
COMMIT_MESSAGE = "Let the model condense what was found."

PROMPT = """You are given notes and a question. Copy the lines that help to answer it.

Notes:
{notes}

Question: {question}"""


@dataclass
class KnowledgeItem:
    sentence: str


@dataclass
class Query:
    question: str


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.collection = toolkit.chroma.get_or_create_collection(name="notes")
        self.texts = {}

    def write(self, item, raw_text):
        key = f"note-{len(self.texts)}"
        self.texts[key] = raw_text
        self.collection.add(ids=[key], documents=[item.sentence], metadatas=[{"length": len(raw_text)}])

    def read(self, query):
        if not self.texts:
            return ""
        hits = self.collection.query(query_texts=[query.question], n_results=min(5, self.collection.count()))
        notes = "\n".join(self.texts[key] for key in hits["ids"][0])
        messages = [
            {"role": "system", "content": "You pick relevant lines from notes."},
            {"role": "user", "content": PROMPT.format(notes=notes[:8000], question=query.question)},
        ]
        try:
            answer = self.toolkit.llm_completion(messages, temperature=0)
        except Exception as error:
            self.toolkit.logger.debug(f"no model: {error}")
            return notes[:3000]
        return (answer.strip() or notes)[:3000]
