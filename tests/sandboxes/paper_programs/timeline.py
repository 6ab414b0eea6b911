"""Events by day, in SQLite; who and what, in vectors."""
from __future__ import annotations

import datetime as dt
import re
import sqlite3
from dataclasses import asdict, dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Iterator, NamedTuple, Optional

COMMIT_MESSAGE = (
    "Resolve 'yesterday' and 'last week' against the date of the conversation, "
    "and sort what is found by day"
)
INSTRUCTION_KNOWLEDGE_ITEM = "What happened, when, and to whom? Leave the date out if it is not said."
INSTRUCTION_QUERY = "Is the question about a time? Which event?"
INSTRUCTION_RESPONSE = "Answer with the date where the question asks when. Otherwise answer in a few words."
ALWAYS_ON_KNOWLEDGE = "Relative dates have been resolved in square brackets."

MONTHS = ("January February March April May June July August September October November December").split()
STAMP = re.compile(r"\[(?P<day>\d{1,2}) (?P<month>" + "|".join(MONTHS) + r") (?P<year>\d{4})\]")
RELATIVE = {
    re.compile(r"\byesterday\b", re.I): 1,
    re.compile(r"\blast week\b", re.I): 7,
    re.compile(r"\btwo days ago\b", re.I): 2,
}


class Kind(Enum):
    EVENT = "event"
    FACT = "fact"


class Entry(NamedTuple):
    day: Optional[str]
    kind: str
    text: str


@dataclass
class KnowledgeItem:
    event: str = field(metadata={"description": "what happened"})
    when: Optional[str] = field(default=None, metadata={"description": "the date, if said"})
    who: list[str] = field(default_factory=list, metadata={"description": "persons"})


@dataclass
class Query:
    event: str = field(metadata={"description": "the event asked about"})
    asks_when: bool = field(default=False, metadata={"description": "whether a date is asked for"})


@lru_cache(maxsize=None)
def month_number(name: str) -> int:
    return MONTHS.index(name) + 1


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.db = toolkit.db
        self.db.row_factory = sqlite3.Row
        self.db.execute("create table event (id integer primary key, day text, kind text, text text)")
        self.notes = toolkit.chroma.get_or_create_collection("events", metadata={"about": "events"})

    @staticmethod
    def _day(text: str) -> Optional[dt.date]:
        m = STAMP.search(text)
        if not m:
            return None
        return dt.date(int(m["year"]), month_number(m["month"]), int(m["day"]))

    def _entries(self, text: str) -> Iterator[Entry]:
        day = self._day(text)
        for line in filter(None, (part.strip() for part in text.splitlines())):
            if STAMP.fullmatch(line):
                continue
            resolved, kind = day, Kind.FACT
            for pattern, days in RELATIVE.items():
                if day and (hit := pattern.search(line)):
                    resolved, kind = day - dt.timedelta(days=days), Kind.EVENT
                    line = f"{line[: hit.end()]} [{resolved.isoformat()}]{line[hit.end():]}"
            yield Entry(resolved.isoformat() if resolved else None, kind.value, line)

    def write(self, item, raw_text):
        fields = asdict(item)
        for entry in self._entries(raw_text):
            cursor = self.db.execute("insert into event (day, kind, text) values (?, ?, ?)", entry)
            self.notes.upsert(
                ids=[f"event/{cursor.lastrowid}"],
                documents=[f"{entry.text} {' '.join(fields['who'])}".strip()],
                metadatas=[{"day": entry.day or "", "row": cursor.lastrowid, "kind": entry.kind}],
            )
        self.db.commit()

    def read(self, query):
        n = self.notes.count()
        if n == 0:
            return "(nothing yet)"
        where = {"day": {"$ne": ""}} if query.asks_when else None
        found = self.notes.query(query_texts=[query.event], n_results=min(4, n), where=where)
        rows = []
        for meta in found["metadatas"][0]:
            row = self.db.execute("select * from event where id = ?", (meta["row"],)).fetchone()
            rows.append(dict(row))
        rows.sort(key=lambda row: (row["day"] or "", row["id"]))
        return "\n".join(f"{row['day'] or 'undated'}: {row['text']}" for row in rows)[:3000]
