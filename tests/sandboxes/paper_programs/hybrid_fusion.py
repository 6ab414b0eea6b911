"""Rank fusion of words and vectors."""
from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, Optional, Tuple

import chromadb
import numpy as np

COMMIT_MESSAGE = "Fuse BM25 over SQLite with vectors by reciprocal rank; show neighbours of the best hit."
INSTRUCTION_KNOWLEDGE_ITEM = """
Extract a JSON object with the fields of the schema.
Copy names and dates literally.
"""
INSTRUCTION_QUERY = """
Rewrite the question as a statement with the most important words.
"""
INSTRUCTION_RESPONSE = """
Answer shortly.
"""
ALWAYS_ON_KNOWLEDGE = """
Later notes override earlier ones.
"""

WORDS = re.compile(r"[A-Za-z0-9']+")
STOP = frozenset("a an and are as at be but by did do does for from had has have how i in is it of on or".split()
                 + "that the their they this to was were what when where which who why will with you your".split())
K = 60


@dataclass
class KnowledgeItem:
    gist: str = field(default="", metadata={"description": "the gist"})
    names: list[str] = field(default_factory=list, metadata={"description": "names"})


@dataclass
class Query:
    statement: str = field(metadata={"description": "the question as a statement"})
    names: Optional[list[str]] = None


class KnowledgeBase:
    class Lexical:
        """BM25, kept in two tables."""

        K1, B = 1.2, 0.6

        class Row(tuple):
            @property
            def text(self) -> str:
                return self[1]

        def __init__(self, db) -> None:
            self.db = db
            cur = db.cursor()
            cur.executescript("""
                create table line(id integer primary key, text text, size integer);
                create table post(term text, line integer, tf integer, primary key(term, line));
            """)
            cur.close()

        def add(self, ident: int, text: str) -> None:
            terms = Counter(KnowledgeBase.terms(text))
            self.db.execute("insert into line values (?, ?, ?)", (ident, text, sum(terms.values())))
            self.db.executemany("insert into post values (?, ?, ?)", [(t, ident, n) for t, n in terms.items()])
            self.db.commit()

        def row(self, ident: int) -> Optional["KnowledgeBase.Lexical.Row"]:
            found = self.db.execute("select id, text from line where id = ?", (ident,)).fetchone()
            return self.Row(found) if found else None

        def rank(self, text: str, limit: int) -> List[int]:
            (count, mean), = self.db.execute("select count(*), coalesce(avg(size), 1) from line").fetchall()
            scores: Dict[int, float] = defaultdict(float)
            for term in sorted(set(KnowledgeBase.terms(text))):
                posts = self.db.execute(
                    "select line, tf, size from post join line on line.id = post.line where term = ?", (term,)
                ).fetchall()
                idf = math.log(1 + (count - len(posts) + 0.5) / (len(posts) + 0.5))
                for ident, tf, size in posts:
                    scores[ident] += idf * tf * (self.K1 + 1) / (tf + self.K1 * (1 - self.B + self.B * size / mean))
            return sorted(scores, key=lambda ident: (-scores[ident], ident))[:limit]

    class Dense:
        def __init__(self, client) -> None:
            self.collection = client.get_or_create_collection("lines", metadata={"hnsw:space": "cosine"})

        def add(self, idents: Iterable[int], texts: List[str]) -> None:
            self.collection.upsert(ids=[str(i) for i in idents], documents=texts)

        def rank(self, text: str, limit: int) -> List[int]:
            n = min(limit, self.collection.count())
            if not n:
                return []
            return [int(i) for i in self.collection.query(query_texts=[text], n_results=n)["ids"][0]]

    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.lexical = self.Lexical(toolkit.db)
        self.dense = self.Dense(toolkit.chroma)
        self.last = 0
        self.weights = np.array([1.0, 0.8])
        self.client = chromadb.Client()

    @staticmethod
    def terms(text: str) -> List[str]:
        return [w.lower() for w in WORDS.findall(text) if w.lower() not in STOP]

    @classmethod
    def fuse(cls, rankings: List[List[int]], weights) -> List[int]:
        scores: Dict[int, float] = {}
        for ranking, weight in zip(rankings, weights):
            for place, ident in enumerate(ranking, 1):
                scores[ident] = scores.get(ident, 0.0) + float(weight) / (K + place)
        return sorted(scores, key=lambda ident: (-round(scores[ident], 12), ident))

    def write(self, item, raw_text):
        lines: List[str] = [l.strip() for l in re.split(r"\n+|(?<=\.)\s", raw_text) if l.strip()]
        idents = list(range(self.last + 1, self.last + 1 + len(lines)))
        for ident, line in zip(idents, lines):
            self.lexical.add(ident, line)
        if lines:
            self.dense.add(idents, lines)
        self.last += len(lines)

    def read(self, query):
        text = " ".join([query.statement, *(query.names or [])])
        order = self.fuse([self.lexical.rank(text, 10), self.dense.rank(text, 10)], self.weights)
        chosen: List[int] = []
        for place, ident in enumerate(order[:4]):
            around: Tuple[int, ...] = (ident - 1, ident, ident + 1) if place == 0 else (ident,)
            chosen += [i for i in around if i not in chosen]
        rows = [row for row in (self.lexical.row(i) for i in sorted(chosen)) if row]
        return "\n".join(row.text for row in rows)[:3000]
