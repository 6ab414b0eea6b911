import json
import re
import sqlite3
from dataclasses import dataclass, field
from typing import Any

INSTRUCTION_KNOWLEDGE_ITEM = "Name the speakers and the main subject."
INSTRUCTION_QUERY = "State what is asked for and about whom."
INSTRUCTION_RESPONSE = "Use the notes. Answer in at most ten words."
ALWAYS_ON_KNOWLEDGE = ""
COMMIT_MESSAGE = "Digest each text with the model before it is stored, and keep the original beside."

JSON_BLOCK = re.compile(r"\{.*\}", re.S)


@dataclass
class KnowledgeItem:
    subject: str
    speakers: list[str] = field(default_factory=list)


@dataclass
class Query:
    wanted: str
    about: str = ""


def parse_or_none(text: str) -> Any:
    block = JSON_BLOCK.search(text)
    if block is None:
        return None
    try:
        return json.loads(block.group(0))
    except json.JSONDecodeError:
        return None


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.db: sqlite3.Connection = toolkit.db
        self.db.executescript(
            "CREATE TABLE digest (id INTEGER PRIMARY KEY, subject TEXT, digest TEXT, original TEXT);"
            "CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT);"
        )

    def write(self, item, raw_text):
        reply = self.toolkit.llm_completion(
            [{"role": "user", "content": f"{raw_text}\n\nWhat should be remembered about {item.subject}?"}],
            temperature=0,
            max_tokens=300,
        )
        data = parse_or_none(reply)
        digest = "; ".join(map(str, data.values())) if isinstance(data, dict) else reply
        self.db.execute(
            "INSERT INTO digest(subject, digest, original) VALUES (?, ?, ?)", (item.subject, digest, raw_text)
        )
        self.db.execute(
            "INSERT INTO kv VALUES ('writes', '1') ON CONFLICT(key) DO UPDATE SET value = CAST(value AS INT) + 1"
        )
        self.db.commit()

    def read(self, query):
        words = [w for w in re.findall(r"[a-z]+", f"{query.wanted} {query.about}".lower()) if len(w) > 3]
        best = []
        for ident, digest, original in self.db.execute("SELECT id, digest, original FROM digest"):
            low = (digest + " " + original).lower()
            score = sum(1 / (1 + low.count(w)) for w in words if w in low)
            best.append((-score, ident, digest if any(w in digest.lower() for w in words) else original))
        best.sort()
        writes = self.db.execute("SELECT value FROM kv WHERE key = 'writes'").fetchone()
        return f"({writes[0] if writes else 0} texts)\n" + "\n".join(text for _, _, text in best[:2])[:2800]
