"""Hybrid neighbours: the words of a turn and of the two beside it, and the meaning of the turn, added.

BM25 ranks every turn together with the turn before and the turn after it, by stems (Porter, 1980, in SQLite's
full-text index), the question without its common words. Cosine similarity of the turn's embedding counts half
as much. Turns are returned in the order in which they were said, each episode's under its heading, until the
budget is full.

Simplified: a turn is a line of the episode; a list of English words is common.
"""

from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = "Every turn is indexed as it stands; give the subject in a few words."
INSTRUCTION_QUERY = "Ask the question as it was asked, with all of its names, dates and things."
INSTRUCTION_RESPONSE = (
    "The turns below were found in the conversations; the heading above them says when. Answer as briefly as "
    "you can, in the words of the turns."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "line_characters": (1500, 150, 1500),
    "context_reach": (1, 0, 5),
    "context_weight": (1.0, 0.0, 2.0),
    "vectors_weight": (0.5, 0.0, 2.0),
    "budget_characters": (3000, 600, 3000),
}

COMMON = (
    "a an and are as at be been but by can could did do does for from had has have he her his how i if in "
    "into is it its many me much my of on or our she so some that the their them they this to was we were "
    "what when where which who whom whose why will with would you your"
)
COMMON_WORDS = frozenset(COMMON.split())


def knob(name):
    return KNOBS[name][0]


@dataclass
class KnowledgeItem:
    subject: str = field(metadata={"description": "What the episode is about, in a few words"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question, in full"})


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.passages = []
        toolkit.db.execute("CREATE VIRTUAL TABLE surroundings USING fts5(text, tokenize='porter unicode61')")

    def write(self, item, raw_text):
        episode = self.passages[-1]["episode"] + 1 if self.passages else 0
        heading, _, body = raw_text.strip().partition("\n")
        if not body or len(heading) > 100:  # no heading, but text from the first line on
            heading, body = "", raw_text
        start = len(self.passages)
        fresh = [
            {"number": start + n, "episode": episode, "heading": heading, "text": text}
            for n, text in enumerate(self._split(body))
        ]
        self.passages.extend(fresh)
        self._index(fresh)

    def read(self, query):
        question = query.question
        question = self._without_common_words(question)
        scores = {}
        scores = self._add_context(question, scores)
        scores = self._add_vectors(question, scores)
        return self._pack(scores)

    def _split(self, text):
        """Cut the text into lines; a longer line is cut into pieces."""
        size = knob("line_characters")
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        return [line[start : start + size] for line in lines for start in range(0, len(line), size)]

    def _index(self, fresh):
        if fresh:
            vectors = self.toolkit.embed([passage["text"] for passage in fresh])
            self.toolkit.vectors.add([passage["number"] for passage in fresh], vectors)
        self.toolkit.db.executemany("INSERT INTO surroundings (rowid, text) VALUES (?, ?)", self._near(fresh))

    def _near(self, fresh):
        """The number of each passage, and its words together with those just before and after it."""
        own, reach = [" ".join(self.toolkit.words(p["text"])) for p in fresh], knob("context_reach")
        return [(p["number"], " ".join(own[max(0, n - reach) : n + reach + 1])) for n, p in enumerate(fresh)]

    def _without_common_words(self, question):
        """The question less its common words; the whole question where nothing else is left."""
        kept = [word for word in question.split() if word.lower().strip("?!.,'\"") not in COMMON_WORDS]
        return " ".join(kept) or question

    def _add_vectors(self, question, scores):
        """Add the cosine similarity of the nearest passages."""
        nearest = self.toolkit.vectors.search(self.toolkit.embed([question])[0], 200)
        return self._fuse(scores, dict(nearest), knob("vectors_weight"))

    def _add_context(self, question, scores):
        """Add BM25 over the surroundings of the passages."""
        terms = " OR ".join(f'"{word}"' for word in sorted(set(self.toolkit.words(question))))
        sql = "SELECT rowid, -bm25(surroundings) FROM surroundings WHERE surroundings MATCH ?"
        found = dict(self.toolkit.db.execute(sql, (terms,))) if terms else {}
        return self._fuse(scores, found, knob("context_weight"))

    def _fuse(self, scores, found, weight):
        """Add the scores found by one signal, scaled so that its best passage counts ``weight``."""
        best = max(found.values(), default=0.0)
        if best <= 0.0:
            return scores
        fused = dict(scores)
        for number, score in found.items():
            fused[number] = fused.get(number, 0.0) + weight * score / best
        return fused

    def _pack(self, scores):
        """Choose the best passages that fit, then print them by episode and in their order."""
        chosen, headings, left = [], set(), knob("budget_characters")
        for number in sorted(sorted(scores), key=scores.get, reverse=True):
            passage = self.passages[number]
            price = len(passage["text"]) + 1
            if passage["heading"] and passage["episode"] not in headings:
                price += len(passage["heading"]) + 1
            if price <= left:
                chosen.append(number)
                headings.add(passage["episode"])
                left -= price
        lines, current = [], None
        for number in sorted(chosen):
            passage = self.passages[number]
            if passage["heading"] and passage["episode"] != current:
                lines.append(passage["heading"])
            current = passage["episode"]
            lines.append(passage["text"])
        return "\n".join(lines)
