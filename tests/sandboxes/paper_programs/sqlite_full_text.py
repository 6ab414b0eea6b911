from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

INSTRUCTION_KNOWLEDGE_ITEM = ("Give the text a title. "
                              "Do not leave out numbers.")
INSTRUCTION_QUERY = "Words to search for, separated by spaces."
INSTRUCTION_RESPONSE = "Answer from the excerpts. If they do not say, answer 'not mentioned'."
ALWAYS_ON_KNOWLEDGE = ""

TOKEN = re.compile(r"\w+", re.UNICODE)


@dataclass
class KnowledgeItem:
    title: str
    keywords: Optional[str] = None


@dataclass
class Query:
    words: str
    limit: int = 3


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        with toolkit.db as db:
            db.execute(
                "CREATE VIRTUAL TABLE IF NOT EXISTS notes USING fts5(title, body, keywords, tokenize='porter unicode61')"
            )

    def write(self, item: KnowledgeItem, raw_text: str) -> None:
        with self.toolkit.db:
            self.toolkit.db.execute(
                "INSERT INTO notes(title, body, keywords) VALUES (:title, :body, :keywords)",
                {"title": item.title, "body": raw_text, "keywords": item.keywords or ""},
            )

    def read(self, query: Query) -> str:
        tokens = [f'"{t}"' for t in TOKEN.findall(query.words.lower()) if len(t) > 2]
        if not tokens:
            return ""
        try:
            rows = self.toolkit.db.execute(
                "SELECT title, snippet(notes, 1, '', '', ' ... ', 24), bm25(notes, 2.0, 1.0, 1.5) AS rank "
                "FROM notes WHERE notes MATCH ? ORDER BY rank, rowid LIMIT ?",
                (" OR ".join(tokens), query.limit),
            ).fetchall()
        except Exception as e:  # an odd query must not cost the answer
            self.toolkit.logger.debug(f"search failed: {e}")
            rows = []
        return "\n".join(f"{title}: {text}" for title, text, _ in rows)
