import re
import sqlite3
from dataclasses import dataclass, field

COMMIT_MESSAGE = """Initial relational version.

Facts, people and their links in three tables; a read scores facts by shared words.
"""
INSTRUCTION_KNOWLEDGE_ITEM = "List the facts of the text, each a full sentence, and the entities in them."
INSTRUCTION_QUERY = "List the keywords of the question."
INSTRUCTION_RESPONSE = "Answer the question. Be brief."
ALWAYS_ON_KNOWLEDGE = ""

_WORD = re.compile(r"[a-z0-9]+")
_DATE = re.compile(r"\[(\d{1,2}) ([A-Z][a-z]+) (\d{4})\]")


@dataclass
class KnowledgeItem:
    facts: list[str] = field(default_factory=list)
    entities: list[str] = field(default_factory=list)


@dataclass
class Query:
    keywords: list[str] = field(default_factory=list)


class KnowledgeBase:
    SCHEMA = """
        CREATE TABLE IF NOT EXISTS fact (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            text TEXT NOT NULL,
            day TEXT,
            UNIQUE(text)
        );
        CREATE TABLE IF NOT EXISTS word (fact INTEGER REFERENCES fact(id), word TEXT);
        CREATE INDEX IF NOT EXISTS word_word ON word(word);
        CREATE TABLE IF NOT EXISTS entity (fact INTEGER REFERENCES fact(id), name TEXT COLLATE NOCASE);
    """

    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.db = toolkit.db
        self.db.row_factory = sqlite3.Row
        self.db.executescript(self.SCHEMA)
        self.db.create_function("shout", 1, lambda text: text.upper())
        self.db.commit()

    def write(self, item, raw_text):
        match = _DATE.search(raw_text)
        day = " ".join(match.groups()) if match else None
        lines = list(item.facts) or [line.strip() for line in raw_text.split("\n") if line.strip()]
        cursor = self.db.cursor()
        for line in lines:
            cursor.execute("INSERT OR IGNORE INTO fact(text, day) VALUES (?, ?)", (line, day))
            if cursor.rowcount == 0:
                continue
            ident = cursor.lastrowid
            words = sorted(set(_WORD.findall(line.lower())))
            cursor.executemany("INSERT INTO word VALUES (?, ?)", [(ident, word) for word in words])
            cursor.executemany("INSERT INTO entity VALUES (?, ?)", [(ident, name) for name in item.entities])
        self.db.commit()

    def read(self, query):
        words = sorted({w for k in query.keywords for w in _WORD.findall(k.lower())})
        if not words:
            return ""
        marks = ",".join("?" * len(words))
        rows = self.db.execute(
            f"""
            SELECT f.text AS text, f.day AS day, SUM(1.0 / n.uses) AS score
            FROM word w JOIN fact f ON f.id = w.fact
            JOIN (SELECT word, COUNT(*) AS uses FROM word GROUP BY word) n ON n.word = w.word
            WHERE w.word IN ({marks})
            GROUP BY f.id ORDER BY score DESC, f.id LIMIT 4
            """,
            words,
        ).fetchall()
        out = []
        for row in rows:
            assert set(row.keys()) == {"text", "day", "score"}
            out.append(f"[{row['day']}] {row['text']}" if row["day"] else row["text"])
        total = self.db.execute("SELECT COUNT(*) AS n, shout('facts') AS what FROM fact").fetchone()
        return f"{total['n']} {total['what']}\n" + "\n".join(out)
