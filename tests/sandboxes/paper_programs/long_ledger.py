"""A ledger of people, things and days, grown over many generations.

Texts are cut into clauses; each clause is normalised (verbs to their base, numbers to digits, synonyms to one
word), filed under its people in SQLite, and embedded as it stands. A read asks all indexes and lets them vote.
"""
from __future__ import annotations

import collections
import dataclasses
import json
import math
import re
import sqlite3
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import islice
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

import chromadb
import numpy as np

COMMIT_MESSAGE = """Generation 19: let the person index vote twice when a name is asked for.

- normalise irregular verbs by table
- synonyms count half
- keep the clause before and after the best one
"""

INSTRUCTION_KNOWLEDGE_ITEM = """You fill a ledger. From the text, extract:
1. `persons`: everyone who is named;
2. `clauses`: the facts, one short clause each, with names instead of pronouns;
3. `day`: the day of the text if it has one.
"""
INSTRUCTION_QUERY = """You search a ledger. From the question, extract the `persons` it is about and the `words` that
a clause with the answer would have.
"""
INSTRUCTION_RESPONSE = """Answer from the ledger lines only. Prefer the words of the ledger. Be as short as possible.
"""
ALWAYS_ON_KNOWLEDGE = """Lines that begin with a day were said on that day.
"""

# ---------------------------------------------------------------------------
# Tables
# ---------------------------------------------------------------------------

STOP_WORDS: Set[str] = {
    "a",
    "about",
    "above",
    "after",
    "again",
    "against",
    "all",
    "also",
    "am",
    "an",
    "and",
    "any",
    "are",
    "aren",
    "as",
    "at",
    "be",
    "because",
    "been",
    "before",
    "being",
    "below",
    "between",
    "both",
    "but",
    "by",
    "can",
    "cannot",
    "could",
    "couldn",
    "did",
    "didn",
    "do",
    "does",
    "doesn",
    "doing",
    "don",
    "down",
    "during",
    "each",
    "few",
    "for",
    "from",
    "further",
    "had",
    "hadn",
    "has",
    "hasn",
    "have",
    "haven",
    "having",
    "he",
    "her",
    "here",
    "hers",
    "herself",
    "him",
    "himself",
    "his",
    "how",
    "i",
    "if",
    "in",
    "into",
    "is",
    "isn",
    "it",
    "its",
    "itself",
    "just",
    "let",
    "ll",
    "me",
    "might",
    "more",
    "most",
    "must",
    "my",
    "myself",
    "no",
    "nor",
    "not",
    "now",
    "of",
    "off",
    "on",
    "once",
    "only",
    "or",
    "other",
    "our",
    "ours",
    "ourselves",
    "out",
    "over",
    "own",
    "re",
    "really",
    "same",
    "shan",
    "she",
    "should",
    "shouldn",
    "so",
    "some",
    "such",
    "than",
    "that",
    "the",
    "their",
    "theirs",
    "them",
    "themselves",
    "then",
    "there",
    "these",
    "they",
    "this",
    "those",
    "through",
    "to",
    "too",
    "under",
    "until",
    "up",
    "upon",
    "us",
    "very",
    "was",
    "wasn",
    "we",
    "were",
    "weren",
    "what",
    "when",
    "where",
    "which",
    "while",
    "who",
    "whom",
    "whose",
    "why",
    "will",
    "with",
    "won",
    "would",
    "wouldn",
    "yes",
    "yet",
    "you",
    "your",
    "yours",
    "yourself",
    "yourselves",
}

IRREGULAR: Dict[str, str] = {
    "was": "be",
    "were": "be",
    "been": "be",
    "is": "be",
    "are": "be",
    "began": "begin",
    "begun": "begin",
    "became": "become",
    "bit": "bite",
    "bitten": "bite",
    "blew": "blow",
    "blown": "blow",
    "broke": "break",
    "broken": "break",
    "brought": "bring",
    "built": "build",
    "burnt": "burn",
    "burned": "burn",
    "bought": "buy",
    "caught": "catch",
    "chose": "choose",
    "chosen": "choose",
    "came": "come",
    "costs": "cost",
    "cuts": "cut",
    "cutting": "cut",
    "dug": "dig",
    "did": "do",
    "done": "do",
    "drew": "draw",
    "drawn": "draw",
    "dreamt": "dream",
    "dreamed": "dream",
    "drank": "drink",
    "drunk": "drink",
    "drove": "drive",
    "driven": "drive",
    "ate": "eat",
    "eaten": "eat",
    "fell": "fall",
    "fallen": "fall",
    "fed": "feed",
    "felt": "feel",
    "fought": "fight",
    "found": "find",
    "flew": "fly",
    "flown": "fly",
    "forgot": "forget",
    "forgotten": "forget",
    "forgave": "forgive",
    "forgiven": "forgive",
    "froze": "freeze",
    "frozen": "freeze",
    "got": "get",
    "gotten": "get",
    "gave": "give",
    "given": "give",
    "went": "go",
    "gone": "go",
    "grew": "grow",
    "grown": "grow",
    "hung": "hang",
    "had": "have",
    "has": "have",
    "heard": "hear",
    "hid": "hide",
    "hidden": "hide",
    "hits": "hit",
    "hitting": "hit",
    "held": "hold",
    "hurts": "hurt",
    "kept": "keep",
    "knew": "know",
    "known": "know",
    "laid": "lay",
    "led": "lead",
    "learnt": "learn",
    "learned": "learn",
    "left": "leave",
    "lent": "lend",
    "lay": "lie",
    "lain": "lie",
    "lit": "light",
    "lost": "lose",
    "made": "make",
    "meant": "mean",
    "met": "meet",
    "paid": "pay",
    "puts": "put",
    "putting": "put",
    "reads": "read",
    "reading": "read",
    "rode": "ride",
    "ridden": "ride",
    "rang": "ring",
    "rung": "ring",
    "rose": "rise",
    "risen": "rise",
    "ran": "run",
    "running": "run",
    "said": "say",
    "saw": "see",
    "seen": "see",
    "sold": "sell",
    "sent": "send",
    "sets": "set",
    "setting": "set",
    "shook": "shake",
    "shaken": "shake",
    "shone": "shine",
    "shot": "shoot",
    "showed": "show",
    "shown": "show",
    "shuts": "shut",
    "shutting": "shut",
    "sang": "sing",
    "sung": "sing",
    "sank": "sink",
    "sunk": "sink",
    "sat": "sit",
    "slept": "sleep",
    "spoke": "speak",
    "spoken": "speak",
    "spent": "spend",
    "stood": "stand",
    "stole": "steal",
    "stolen": "steal",
    "stuck": "stick",
    "struck": "strike",
    "swore": "swear",
    "sworn": "swear",
    "swept": "sweep",
    "swam": "swim",
    "swum": "swim",
    "took": "take",
    "taken": "take",
    "taught": "teach",
    "tore": "tear",
    "torn": "tear",
    "told": "tell",
    "thought": "think",
    "threw": "throw",
    "thrown": "throw",
    "understood": "understand",
    "woke": "wake",
    "woken": "wake",
    "wore": "wear",
    "worn": "wear",
    "wove": "weave",
    "woven": "weave",
    "wept": "weep",
    "won": "win",
    "wound": "wind",
    "wrote": "write",
    "written": "write",
}

SYNONYMS: Dict[str, str] = {
    "reply": "answer",
    "response": "answer",
    "solution": "answer",
    "dusk": "evening",
    "night": "evening",
    "twilight": "evening",
    "dawn": "morning",
    "sunrise": "morning",
    "mail": "letter",
    "postcard": "letter",
    "note": "letter",
    "message": "letter",
    "suitcase": "bag",
    "backpack": "bag",
    "rucksack": "bag",
    "shirt": "clothes",
    "dress": "clothes",
    "jacket": "clothes",
    "coat": "clothes",
    "shoes": "clothes",
    "rose-bush": "flower",
    "tulip": "flower",
    "daisy": "flower",
    "orchid": "flower",
    "lily": "flower",
    "tree": "plant",
    "bush": "plant",
    "shrub": "plant",
    "herb": "plant",
    "apple": "fruit",
    "pear": "fruit",
    "plum": "fruit",
    "cherry": "fruit",
    "grape": "fruit",
    "peach": "fruit",
    "iron": "metal",
    "steel": "metal",
    "copper": "metal",
    "brass": "metal",
    "tin": "metal",
    "seat": "chair",
    "bench": "chair",
    "sofa": "chair",
    "couch": "chair",
    "street": "road",
    "lane": "road",
    "avenue": "road",
    "path": "road",
    "creature": "animal",
    "beast": "animal",
    "bird": "animal",
    "horse": "animal",
    "work": "job",
    "profession": "job",
    "occupation": "job",
    "career": "job",
    "position": "job",
    "home": "house",
    "flat": "house",
    "apartment": "house",
    "residence": "house",
    "vehicle": "car",
    "automobile": "car",
    "van": "car",
    "kid": "child",
    "son": "child",
    "daughter": "child",
    "baby": "child",
    "dog": "pet",
    "cat": "pet",
    "hamster": "pet",
    "parrot": "pet",
    "rabbit": "pet",
    "vacation": "holiday",
    "trip": "holiday",
    "journey": "holiday",
    "travel": "holiday",
    "physician": "doctor",
    "surgeon": "doctor",
    "dentist": "doctor",
    "store": "shop",
    "market": "shop",
    "bakery": "shop",
    "college": "school",
    "university": "school",
    "academy": "school",
    "town": "city",
    "village": "city",
    "capital": "city",
    "cash": "money",
    "salary": "money",
    "wage": "money",
    "budget": "money",
    "novel": "book",
    "story": "book",
    "biography": "book",
    "movie": "film",
    "cinema": "film",
    "song": "music",
    "concert": "music",
    "band": "music",
    "album": "music",
    "violin": "instrument",
    "guitar": "instrument",
    "piano": "instrument",
    "cello": "instrument",
    "flute": "instrument",
    "football": "sport",
    "tennis": "sport",
    "swimming": "sport",
    "running": "sport",
    "cycling": "sport",
    "meal": "food",
    "dish": "food",
    "dinner": "food",
    "lunch": "food",
    "breakfast": "food",
    "tea": "drink",
    "coffee": "drink",
    "wine": "drink",
    "juice": "drink",
    "yard": "garden",
    "allotment": "garden",
    "greenhouse": "garden",
    "mate": "friend",
    "pal": "friend",
    "buddy": "friend",
    "spouse": "wife",
    "partner": "wife",
    "husband": "wife",
    "sibling": "brother",
    "sister": "brother",
    "painting": "picture",
    "photo": "picture",
    "photograph": "picture",
    "drawing": "picture",
    "laptop": "computer",
    "machine": "computer",
    "pc": "computer",
    "color": "colour",
    "red": "colour",
    "green": "colour",
    "blue": "colour",
    "yellow": "colour",
    "purple": "colour",
    "large": "big",
    "huge": "big",
    "great": "big",
    "enormous": "big",
    "little": "small",
    "tiny": "small",
    "compact": "small",
    "glad": "happy",
    "joyful": "happy",
    "pleased": "happy",
    "delighted": "happy",
    "unhappy": "sad",
    "upset": "sad",
    "miserable": "sad",
    "ill": "sick",
    "unwell": "sick",
    "injured": "sick",
    "begin": "start",
    "launch": "start",
    "open": "start",
    "finish": "end",
    "stop": "end",
    "close": "end",
    "love": "like",
    "enjoy": "like",
    "prefer": "like",
    "adore": "like",
    "hate": "dislike",
    "loathe": "dislike",
    "avoid": "dislike",
    "purchase": "buy",
    "acquire": "buy",
    "order": "buy",
    "trade": "sell",
    "auction": "sell",
    "relocate": "move",
    "settle": "move",
    "encounter": "meet",
    "join": "meet",
    "learn": "study",
    "research": "study",
    "revise": "study",
    "train": "teach",
    "instruct": "teach",
    "coach": "teach",
    "construct": "build",
    "make": "build",
    "assemble": "build",
    "fix": "repair",
    "mend": "repair",
    "restore": "repair",
    "bake": "cook",
    "grill": "cook",
    "roast": "cook",
    "fry": "cook",
    "wash": "clean",
    "tidy": "clean",
    "scrub": "clean",
    "hike": "walk",
    "stroll": "walk",
    "wander": "walk",
    "jog": "run",
    "race": "run",
    "sprint": "run",
    "flight": "fly",
    "airline": "fly",
    "plane": "fly",
    "railway": "train",
    "rail": "train",
    "ship": "boat",
    "ferry": "boat",
    "kayak": "boat",
    "canoe": "boat",
    "hill": "mountain",
    "peak": "mountain",
    "summit": "mountain",
    "ocean": "sea",
    "beach": "sea",
    "coast": "sea",
    "stream": "river",
    "canal": "river",
    "wood": "forest",
    "woods": "forest",
    "rain": "weather",
    "snow": "weather",
    "storm": "weather",
    "sun": "weather",
    "anniversary": "birthday",
    "party": "birthday",
    "wedding": "marriage",
    "engagement": "marriage",
    "funeral": "death",
    "loss": "death",
    "born": "birth",
    "newborn": "birth",
    "aim": "goal",
    "plan": "goal",
    "ambition": "goal",
    "dream": "goal",
    "issue": "problem",
    "trouble": "problem",
    "difficulty": "problem",
    "assist": "help",
    "support": "help",
    "aid": "help",
    "password": "key",
    "code": "key",
    "lock": "key",
    "conceal": "hide",
    "bury": "hide",
    "stash": "hide",
}

NUMBERS: Dict[str, int] = {
    "zero": 0,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "thirteen": 13,
    "fourteen": 14,
    "fifteen": 15,
    "sixteen": 16,
    "seventeen": 17,
    "eighteen": 18,
    "nineteen": 19,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
}

MONTHS: Dict[str, int] = {
    "january": 1,
    "jan": 1,
    "february": 2,
    "feb": 2,
    "march": 3,
    "mar": 3,
    "april": 4,
    "apr": 4,
    "may": 5,
    "june": 6,
    "jun": 6,
    "july": 7,
    "jul": 7,
    "august": 8,
    "aug": 8,
    "september": 9,
    "sep": 9,
    "october": 10,
    "oct": 10,
    "november": 11,
    "nov": 11,
    "december": 12,
    "dec": 12,
}


# ---------------------------------------------------------------------------
# Patterns
# ---------------------------------------------------------------------------

_CLAUSE = re.compile(r"(?<=[.!?;])\s+|\n+|,\s+(?=and\b|but\b|so\b|because\b)")
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?|\d+(?:[.,]\d+)*")
_NAME = re.compile(r"\b[A-Z][a-z]+(?:\s[A-Z][a-z]+)*\b")
_SPEAKER = re.compile(r"^\s*(?P<name>[A-Z][A-Za-z]+)\s*:\s*(?P<rest>.+)$", re.S)
_DAY_1 = re.compile(r"\b(?P<d>\d{1,2})(?:st|nd|rd|th)?\s+(?P<m>[A-Z][a-z]+),?\s+(?P<y>\d{4})\b")
_DAY_2 = re.compile(r"\b(?P<m>[A-Z][a-z]+)\s+(?P<d>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<y>\d{4})\b")
_DAY_3 = re.compile(r"\b(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})\b")
_AGO = re.compile(r"\b(?P<n>\w+)\s+(?P<unit>day|week|month)s?\s+ago\b", re.I)
_PLURAL = [
    (re.compile(r"(?<=[a-z]{3})ies$"), "y"),
    (re.compile(r"(?<=[a-z]{2}(?:ch|sh|ss))es$"), ""),
    (re.compile(r"(?<=[a-z]{2}[^s])s$"), ""),
]
_ENDING = [
    (re.compile(r"(?<=[a-z]{3})ing$"), ""),
    (re.compile(r"(?<=[a-z]{3})ed$"), ""),
    (re.compile(r"(?<=[a-z]{3})ly$"), ""),
]


# ---------------------------------------------------------------------------
# Contract
# ---------------------------------------------------------------------------


@dataclass
class KnowledgeItem:
    """What the agent extracts from one text."""

    clauses: list[str] = field(default_factory=list, metadata={"description": "facts, one short clause each"})
    persons: list[str] = field(default_factory=list, metadata={"description": "everyone who is named"})
    day: Optional[str] = field(default=None, metadata={"description": "the day of the text"})


@dataclass
class Query:
    """What the agent asks."""

    words: list[str] = field(default_factory=list, metadata={"description": "words of a clause with the answer"})
    persons: list[str] = field(default_factory=list, metadata={"description": "whom it is about"})


# ---------------------------------------------------------------------------
# Helpers
# ---------------------------------------------------------------------------


class Normaliser:
    """Words to their bases."""

    cache: Dict[str, str] = {}

    @classmethod
    def base(cls, word: str) -> str:
        low = word.lower().replace("'s", "")
        if low not in cls.cache:
            cls.cache[low] = cls._base(low)
        return cls.cache[low]

    @staticmethod
    def _base(low: str) -> str:
        if low in NUMBERS:
            return str(NUMBERS[low])
        if low in IRREGULAR:
            return IRREGULAR[low]
        for table in (_PLURAL, _ENDING):
            for pattern, ending in table:
                shorter, changed = pattern.subn(ending, low)
                if changed:
                    low = shorter
                    break
        return low

    @classmethod
    def terms(cls, text: str) -> List[str]:
        words = (w for w in _WORD.findall(text) if w.lower() not in STOP_WORDS)
        return [cls.base(w) for w in words]

    @classmethod
    def weighted(cls, text: str) -> Dict[str, float]:
        """Terms with weight 1, and what they are synonyms of with weight ½."""
        weights: Dict[str, float] = {}
        for term in cls.terms(text):
            weights[term] = 1.0
            other = SYNONYMS.get(term)
            if other:
                weights.setdefault(other, 0.5)
        return weights


class Calendar:
    """Days in text."""

    UNITS = {"day": 1, "week": 7, "month": 30}

    @staticmethod
    def parse(text: str) -> Optional[date]:
        for pattern in (_DAY_1, _DAY_2, _DAY_3):
            for match in pattern.finditer(text):
                month = match["m"]
                number = int(month) if month.isdigit() else MONTHS.get(month.lower())
                if number:
                    try:
                        return date(int(match["y"]), number, int(match["d"]))
                    except ValueError:
                        continue
        return None

    @classmethod
    def relative(cls, text: str, today: Optional[date]) -> Optional[date]:
        if today is None:
            return None
        if re.search(r"\byesterday\b", text, re.I):
            return today - timedelta(days=1)
        if re.search(r"\btomorrow\b", text, re.I):
            return today + timedelta(days=1)
        match = _AGO.search(text)
        if match:
            word = match["n"].lower()
            number = NUMBERS.get(word, int(word) if word.isdigit() else 1)
            return today - timedelta(days=number * cls.UNITS[match["unit"].lower()])
        return None


@dataclass(order=True)
class Vote:
    score: float
    ident: int = field(compare=False)
    reasons: List[str] = field(default_factory=list, compare=False)

    class Box:
        """Collects votes and counts them."""

        def __init__(self) -> None:
            self.votes: "collections.OrderedDict[int, Vote]" = collections.OrderedDict()

        def add(self, idents: Iterable[int], weight: float, reason: str) -> None:
            for place, ident in enumerate(idents):
                vote = self.votes.setdefault(ident, Vote(0.0, ident))
                vote.score += weight / (10 + place)
                vote.reasons.append(reason)

        def counted(self, limit: int) -> List[Vote]:
            ranked = sorted(self.votes.values(), key=lambda v: (-round(v.score, 9), v.ident))
            return list(islice(ranked, limit))


class Store:
    """All tables."""

    SCRIPT = """
    PRAGMA foreign_keys = ON;
    CREATE TABLE text (id INTEGER PRIMARY KEY, day TEXT, meta TEXT NOT NULL DEFAULT '{}');
    CREATE TABLE clause (
        id INTEGER PRIMARY KEY,
        text INTEGER NOT NULL REFERENCES text(id) ON DELETE CASCADE,
        place INTEGER NOT NULL,
        day TEXT,
        words TEXT NOT NULL
    );
    CREATE TABLE term (clause INTEGER REFERENCES clause(id), term TEXT, weight REAL);
    CREATE TABLE person (clause INTEGER REFERENCES clause(id), name TEXT COLLATE NOCASE);
    CREATE INDEX term_term ON term(term);
    CREATE INDEX person_name ON person(name);
    CREATE VIEW line AS
        SELECT clause.id, COALESCE(clause.day, text.day) AS day, words, text.id AS text, place
        FROM clause JOIN text ON text.id = clause.text;
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.db.row_factory = sqlite3.Row
        self.db.executescript(self.SCRIPT)
        self.db.create_function("logp", 1, lambda x: math.log(1.0 + x), deterministic=True)

    def add_text(self, day: Optional[date], meta: Dict[str, Any]) -> int:
        cursor = self.db.cursor()
        cursor.execute(
            "INSERT INTO text(day, meta) VALUES (?, ?)",
            (day.isoformat() if day else None, json.dumps(meta, sort_keys=True)),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def add_clause(self, text: int, place: int, day: Optional[date], words: str, names: Sequence[str]) -> int:
        cursor = self.db.execute(
            "INSERT INTO clause(text, place, day, words) VALUES (?, ?, ?, ?)",
            (text, place, day.isoformat() if day else None, words),
        )
        ident = cursor.lastrowid
        weights = Normaliser.weighted(words)
        self.db.executemany("INSERT INTO term VALUES (?, ?, ?)", [(ident, t, w) for t, w in weights.items()])
        self.db.executemany("INSERT INTO person VALUES (?, ?)", [(ident, name) for name in names])
        return ident

    def by_terms(self, weights: Dict[str, float], limit: int) -> List[int]:
        total = self.db.execute("SELECT COUNT(*) AS n FROM clause").fetchone()["n"] or 1
        scores: Dict[int, float] = collections.defaultdict(float)
        for term, wanted in weights.items():
            rows = self.db.execute("SELECT clause, weight FROM term WHERE term = ?", (term,)).fetchall()
            for row in rows:
                scores[row["clause"]] += wanted * row["weight"] * math.log(1 + total / len(rows))
        return sorted(scores, key=lambda ident: (-round(scores[ident], 9), ident))[:limit]

    def by_person(self, names: Sequence[str], limit: int) -> List[int]:
        if not names:
            return []
        marks = ", ".join("?" for _ in names)
        rows = self.db.execute(
            f"SELECT clause, COUNT(*) AS n FROM person WHERE name IN ({marks}) GROUP BY clause ORDER BY n DESC, clause LIMIT ?",
            (*names, limit),
        )
        return [row["clause"] for row in rows]

    def line(self, ident: int) -> Optional[sqlite3.Row]:
        return self.db.execute("SELECT * FROM line WHERE id = ?", (ident,)).fetchone()

    def beside(self, ident: int) -> Iterator[int]:
        row = self.line(ident)
        if row is not None:
            found = self.db.execute(
                "SELECT id FROM clause WHERE text = ? AND ABS(place - ?) = 1 ORDER BY place", (row["text"], row["place"])
            )
            for other in found.fetchall():
                yield other["id"]


class Memory:
    """Clauses as vectors."""

    NAME = "clauses"

    def __init__(self, client: Any) -> None:
        names = [c if isinstance(c, str) else c.name for c in client.list_collections()]
        if self.NAME in names:
            client.delete_collection(self.NAME)
        self.collection = client.get_or_create_collection(self.NAME, metadata={"hnsw:space": "cosine"})

    def add(self, idents: Sequence[int], words: Sequence[str], text: int) -> None:
        if idents:
            self.collection.upsert(
                ids=[f"c{ident}" for ident in idents],
                documents=list(words),
                metadatas=[{"text": text, "length": len(w)} for w in words],
            )

    def near(self, question: str, limit: int) -> List[Tuple[int, float]]:
        n = min(limit, self.collection.count())
        if n == 0 or not question.strip():
            return []
        found = self.collection.query(query_texts=[question], n_results=n, include=["distances", "metadatas"])
        return [(int(i[1:]), float(d)) for i, d in zip(found["ids"][0], found["distances"][0])]


# ---------------------------------------------------------------------------
# The base
# ---------------------------------------------------------------------------


class KnowledgeBase:
    """The ledger."""

    LIMITS = dict(candidates=12, lines=6, characters=2_900)
    WEIGHTS: Dict[str, float] = {"terms": 1.0, "person": 0.6, "near": 0.9}

    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.store = Store(toolkit.db)
        self.memory = Memory(toolkit.chroma)
        self.client = chromadb.Client()
        self.lengths = np.zeros(0)
        self.known: "collections.Counter[str]" = collections.Counter()

    # -- writing -----------------------------------------------------------

    def write(self, item: KnowledgeItem, raw_text: str) -> None:
        day = Calendar.parse(item.day or "") or Calendar.parse(raw_text)
        text = self.store.add_text(day, dataclasses.asdict(item))
        idents: List[int] = []
        kept: List[str] = []
        for place, (speaker, words) in enumerate(self._clauses(raw_text)):
            names = list(dict.fromkeys([*([speaker] if speaker else []), *self._names(words)]))
            self.known.update(names)
            when = Calendar.relative(words, day)
            line = f"{speaker}: {words}" if speaker else words
            idents.append(self.store.add_clause(text, place, when, line, names))
            kept.append(line)
        self.memory.add(idents, kept, text)
        self.lengths = np.append(self.lengths, [len(line) for line in kept])
        self.toolkit.db.commit()
        self.toolkit.logger.debug("%d clauses, mean length %.1f", len(self.lengths), self.lengths.mean() if len(self.lengths) else 0)

    def _clauses(self, raw_text: str) -> Iterator[Tuple[Optional[str], str]]:
        for paragraph in raw_text.split("\n"):
            match = _SPEAKER.match(paragraph)
            speaker, rest = (match["name"], match["rest"]) if match else (None, paragraph)
            for clause in _CLAUSE.split(rest):
                clause = (clause or "").strip()
                if len(clause) > 3:
                    yield speaker, clause

    @staticmethod
    def _names(words: str) -> List[str]:
        return [n for n in _NAME.findall(words) if n.lower() not in STOP_WORDS and n.lower() not in MONTHS]

    # -- reading -----------------------------------------------------------

    def read(self, query: Query) -> str:
        question = " ".join([*query.persons, *query.words])
        names = [name for name in (*query.persons, *self._names(question)) if self.known[name]]
        box = Vote.Box()
        limit = self.LIMITS["candidates"]
        box.add(self.store.by_terms(Normaliser.weighted(question), limit), self.WEIGHTS["terms"], "terms")
        box.add(self.store.by_person(names, limit), self.WEIGHTS["person"] * (2 if query.persons else 1), "person")
        box.add([ident for ident, _ in self.memory.near(question, limit)], self.WEIGHTS["near"], "near")
        chosen: List[int] = []
        for place, vote in enumerate(box.counted(self.LIMITS["lines"])):
            around = [*self.store.beside(vote.ident)] if place == 0 else []
            chosen.extend(ident for ident in (vote.ident, *around) if ident not in chosen)
        return self._written(chosen)

    def _written(self, idents: Iterable[int]) -> str:
        order: Callable[[Any], Any] = lambda row: (row["text"], row["place"])
        rows = sorted((row for row in map(self.store.line, idents) if row is not None), key=order)
        lines: List[str] = []
        room = self.LIMITS["characters"]
        for row in rows:
            line = f"{row['day']}: {row['words']}" if row["day"] else row["words"]
            if len(line) + 1 > room:
                break
            lines.append(line)
            room -= len(line) + 1
        return "\n".join(lines)
