"""Hybrid retrieval: the same chunks in a full-text index and in a vector index, their scores added."""

from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = "Summarise the episode in one or two sentences that name who did what, and when."
INSTRUCTION_QUERY = "Repeat the question in full, with every name, date and object that it mentions."
INSTRUCTION_RESPONSE = (
    "Answer from the excerpts in as few words as possible. Quote names and dates as they stand."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "chunk_characters": (500, 150, 1500),
    "budget_characters": (3000, 600, 3000),
    "words_weight": (1.0, 0.0, 2.0),
    "vectors_weight": (0.5, 0.0, 2.0),
}


def knob(name):
    return KNOBS[name][0]


@dataclass
class KnowledgeItem:
    summary: str = field(metadata={"description": "What happened in this episode, in one or two sentences"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question to answer, in full"})


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.passages = []
        toolkit.db.execute("CREATE VIRTUAL TABLE words USING fts5(text, tokenize='porter unicode61')")

    def write(self, item, raw_text):
        episode = self.passages[-1]["episode"] + 1 if self.passages else 0
        heading, _, body = raw_text.partition("\n")
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
        scores = {}
        scores = self._add_words(question, scores)
        scores = self._add_vectors(question, scores)
        return self._pack(scores)

    def _split(self, text):
        """Cut the text into chunks of equal length."""
        size = knob("chunk_characters")
        return [text[start : start + size] for start in range(0, len(text), size)]

    def _index(self, fresh):
        self.toolkit.db.executemany(
            "INSERT INTO words (rowid, text) VALUES (?, ?)",
            [(p["number"], " ".join(self.toolkit.words(p["text"]))) for p in fresh],
        )
        if fresh:
            vectors = self.toolkit.embed([passage["text"] for passage in fresh])
            self.toolkit.vectors.add([passage["number"] for passage in fresh], vectors)

    def _add_words(self, question, scores):
        """Add BM25 over the words of the passages."""
        terms = " OR ".join(f'"{word}"' for word in sorted(set(self.toolkit.words(question))))
        sql = "SELECT rowid, -bm25(words) FROM words WHERE words MATCH ?"
        found = dict(self.toolkit.db.execute(sql, (terms,))) if terms else {}
        return self._fuse(scores, found, knob("words_weight"))

    def _add_vectors(self, question, scores):
        """Add the cosine similarity of the nearest passages."""
        nearest = self.toolkit.vectors.search(self.toolkit.embed([question])[0], 200)
        return self._fuse(scores, dict(nearest), knob("vectors_weight"))

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
        """Return the best passages that fit, best first."""
        lines, left = [], knob("budget_characters")
        for number in sorted(scores, key=lambda n: (-scores[n], n)):
            text = "{heading}\n{text}".format(**self.passages[number]).strip()
            if len(text) < left:
                lines.append(text)
                left -= len(text) + 1
        return "\n".join(lines)
