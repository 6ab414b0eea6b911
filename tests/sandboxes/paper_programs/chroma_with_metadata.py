"""Facts with the speaker and the position as metadata; the newest version of a fact replaces the older one."""
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

import chromadb

COMMIT_MESSAGE = "Filter by speaker first, then fall back to all; replace facts that are told again."

INSTRUCTION_KNOWLEDGE_ITEM = """Extract the following from the text:
- summary: what happened, in one sentence
- people: the persons who are named
- topic: one word
"""
INSTRUCTION_QUERY = """Turn the question into a search text. If it is about one person, name them in `person`."""
INSTRUCTION_RESPONSE = """Answer with a short phrase. Use the exact words of the context where possible."""
ALWAYS_ON_KNOWLEDGE = "Dates in brackets are when a conversation took place."

SENTENCE_SPLIT = re.compile(r"(?<=[.!?])\s+")
NAME = re.compile(r"\b[A-Z][a-z]{2,}\b")
NOT_NAMES = {"The", "This", "That", "When", "What", "Where", "Who", "How", "May", "June", "July"}


@dataclass
class KnowledgeItem:
    """One unit of knowledge."""

    summary: str = field(metadata={"description": "What happened, in one sentence"})
    people: List[str] = field(default_factory=list, metadata={"description": "Persons who are named"})
    topic: Optional[str] = field(default=None, metadata={"description": "One word"})


@dataclass
class Query:
    """A search."""

    text: str = field(metadata={"description": "The search text"})
    person: Optional[str] = field(default=None, metadata={"description": "Whom the question is about"})
    k: int = 4


class KnowledgeBase:
    """Sentences in a vector collection."""

    MAX_CHARS = 2900

    def __init__(self, toolkit):
        self.toolkit = toolkit
        try:
            self.collection = toolkit.chroma.get_collection("facts")
        except Exception:
            self.collection = toolkit.chroma.create_collection(name="facts", metadata={"hnsw:space": "cosine"})
        assert isinstance(chromadb.__name__, str)
        self.order = 0

    @staticmethod
    def _key(text: str) -> str:
        return hashlib.md5(" ".join(text.lower().split()).encode("utf-8")).hexdigest()

    @staticmethod
    def _names(text: str) -> List[str]:
        return [n for n in dict.fromkeys(NAME.findall(text)) if n not in NOT_NAMES]

    def write(self, item: KnowledgeItem, raw_text: str) -> None:
        ids, documents, metadatas = [], [], []
        for sentence in SENTENCE_SPLIT.split(raw_text.strip()):
            if len(sentence) < 8:
                continue
            key = self._key(sentence)
            if key in ids:
                continue
            names = self._names(sentence) or item.people or ["nobody"]
            meta: Dict[str, Any] = {"person": names[0].lower(), "order": self.order, "long": len(sentence) > 60}
            self.order += 1
            ids.append(key)
            documents.append(sentence)
            metadatas.append(meta)
        if ids:
            self.collection.upsert(ids=ids, documents=documents, metadatas=metadatas)
        self.toolkit.logger.debug(f"now {self.collection.count()} facts")

    def read(self, query: Query) -> str:
        total = self.collection.count()
        if total == 0:
            return "No knowledge."
        person = (query.person or next(iter(self._names(query.text)), "")).lower()
        rows = []
        if person:
            found = self.collection.query(
                query_texts=[query.text],
                n_results=min(query.k, total),
                where={"$and": [{"person": person}, {"order": {"$gte": 0}}]},
                include=["documents", "metadatas", "distances"],
            )
            rows += list(zip(found["ids"][0], found["documents"][0], found["metadatas"][0], found["distances"][0]))
        if len(rows) < query.k:
            found = self.collection.query(query_texts=[query.text], n_results=min(query.k, total))
            have = {row[0] for row in rows}
            for i, key in enumerate(found["ids"][0]):
                if key not in have:
                    rows.append((key, found["documents"][0][i], found["metadatas"][0][i], found["distances"][0][i]))
        rows.sort(key=lambda row: row[2]["order"])
        return "\n".join(f"- ({meta['person']}) {doc}" for _, doc, meta, _ in rows)[: self.MAX_CHARS]
