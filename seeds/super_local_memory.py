"""SuperLocalMemory: no model in the loop; seven channels rank every memory, and what is not rehearsed fades.

After SuperLocalMemory V3.3 (Bhardwaj, 2026, arXiv 2604.04514): semantic, keyword, entity, temporal,
spreading activation, consolidation and associative (modern Hopfield) channels, fused by reciprocal ranks;
retention follows Ebbinghaus, exp(-age / strength).

The weights of channels, except for consolidation, the constant of the fusion and the numbers of the spreading
are those of the published code.

Simplified: plain cosine similarity is used and not the Fisher-Rao distance; vectors do not lose precision as
memories fade, only rank, and smoothly: the code multiplies by 1, 0.7 or 0.3 and hides what it archives. Age
is counted in episodes and not in hours. A memory's strength grows when what is written later names what it
names, since a read may leave no trace; the code adds up accesses, importance, confirmations and emotion.
Entities are capitalised words that do not only begin sentences, and their channel takes no steps in a graph.
The temporal channel compares words of dates, not distances in days. Activation has no sigmoid, which lifts
all that is active to about one half, and spreads to neighbours and shared entities, not to similar vectors.
The Hopfield step is sharper than 1/sqrt(dimension), at which it returns the mean of all memories. Left out:
weights by the kind of question, reranking by a cross-encoder, trust, soft prompts.
"""

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

INSTRUCTION_KNOWLEDGE_ITEM = (
    "Consolidate the episode into one or two sentences that name who did what, and when."
)
INSTRUCTION_QUERY = "Repeat the question; list the names, places and things, and the dates that it mentions."
INSTRUCTION_RESPONSE = (
    "Memories are given with their dates, the strongest first. Answer from them in as few words as possible."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "rank_constant": (15.0, 1.0, 100.0),
    "semantic": (1.5, 0.0, 2.0),
    "keyword": (1.0, 0.0, 2.0),
    "entity": (1.0, 0.0, 2.0),
    "temporal": (1.0, 0.0, 2.0),
    "spreading": (1.0, 0.0, 2.0),
    "consolidation": (0.3, 0.0, 2.0),
    "associative": (0.8, 0.0, 2.0),
    "strength_episodes": (40.0, 2.0, 200.0),
    "retention_floor": (0.4, 0.0, 1.0),
    "hopfield_beta": (8.0, 1.0, 32.0),
    "depth": (50, 10, 200),
}

ACTIVE = 10  # memories that stay active after a step of spreading, the strongest

ENTITY = re.compile(r"(?<=[\w,;:] )[A-Z][\w'-]+|^[A-Z][\w'-]+(?=:)")


@dataclass
class KnowledgeItem:
    summary: str = field(metadata={"description": "The episode in one or two sentences"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question"})
    entities: list[str] = field(metadata={"description": "Names, places and things that it mentions"})
    dates: list[str] = field(metadata={"description": "Dates, months and years that it mentions"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.memories = []  # {"episode", "text", "entities", "strength"}
        self.episodes = []  # (heading, vector of the summary)
        self.vectors = []
        self.naming = defaultdict(list)  # entity -> memories that name it
        toolkit.db.execute("CREATE VIRTUAL TABLE words USING fts5(text, tokenize='porter unicode61')")

    def write(self, item, raw_text):
        heading, *lines = raw_text.strip().split("\n")
        if not lines or len(heading) > 100:
            heading, lines = "", [heading, *lines]
        lines = [line.strip()[:600] for line in lines if line.strip()]
        if not lines:
            return
        summary = item.summary.strip() or lines[0]
        own, *vectors = self.toolkit.embed([f"{heading} {summary}", *lines])
        for text, vector in zip(lines, vectors, strict=True):
            self._remember(text, vector)
        self.episodes.append((heading, own))

    def _remember(self, text, vector):
        number = len(self.memories)
        entities = sorted(set(ENTITY.findall(text)))
        for entity in entities:
            if len(self.naming[entity]) < 50:  # one that all name rehearses nothing in particular
                for other in self.naming[entity]:
                    self.memories[other]["strength"] += 1 / len(self.naming[entity])
            self.naming[entity].append(number)
        episode = len(self.episodes)
        self.memories.append({"episode": episode, "text": text, "entities": entities, "strength": 1.0})
        self.vectors.append(vector)
        indexed = " ".join(self.toolkit.words(text))
        self.toolkit.db.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (number, indexed))

    def read(self, query):
        if not self.memories:
            return ""
        matrix, vector = np.stack(self.vectors), self.toolkit.embed([query.question])[0]
        similarity = matrix @ vector
        channels = {
            "semantic": self._top(similarity),
            "keyword": self._keyword(query.question),
            "entity": self._entity([*query.entities, *ENTITY.findall(query.question)]),
            "temporal": self._temporal(query.dates),
            "spreading": self._spreading(similarity),
            "consolidation": self._consolidation(vector, similarity),
            "associative": self._associative(matrix, similarity),
        }
        scores = defaultdict(float)
        for channel, ranking in channels.items():
            for rank, number in enumerate(ranking, 1):
                scores[number] += knob(channel) / (knob("rank_constant") + rank)
        for number in scores:
            scores[number] *= knob("retention_floor") + (1 - knob("retention_floor")) * self._retention(
                number
            )
        return self._layout(sorted(scores, key=lambda n: (-scores[n], n)))

    def _retention(self, number):
        memory = self.memories[number]
        age = len(self.episodes) - 1 - memory["episode"]
        return math.exp(-age / (memory["strength"] * knob("strength_episodes")))

    @staticmethod
    def _top(values):
        return [int(n) for n in np.argsort(-values, kind="stable")[: knob("depth")]]

    def _keyword(self, question):
        terms = " OR ".join(f'"{word}"' for word in dict.fromkeys(self.toolkit.words(question)[:60]))
        sql = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words), rowid LIMIT ?"
        return [row[0] for row in self.toolkit.db.execute(sql, (terms, knob("depth")))] if terms else []

    def _entity(self, names):
        """By shared entities, each worth the less the more memories name it."""
        scores = Counter()
        for name in dict.fromkeys(word for text in names for word in text.split()):
            for number in self.naming.get(name, ()):
                scores[number] += math.log(1 + len(self.memories) / len(self.naming[name]))
        return [number for number, _ in scores.most_common(knob("depth"))]

    def _temporal(self, dates):
        """Memories of the episodes whose headings have most of the words of the dates asked for."""
        asked = {word for text in dates for word in self.toolkit.words(text)}
        matches = [len(asked.intersection(self.toolkit.words(heading))) for heading, _ in self.episodes]
        if not any(matches):
            return []
        found = [n for n, memory in enumerate(self.memories) if matches[memory["episode"]] == max(matches)]
        return found[: knob("depth")]

    def _spreading(self, similarity):
        """From the nearest memories, activation passes in three steps to those linked with them."""
        activation = {n: float(similarity[n]) for n in self._top(similarity)[:ACTIVE] if similarity[n] > 0}
        for _ in range(3):
            passed = defaultdict(float)
            for number, amount in activation.items():
                passed[number] += 0.5 * amount
                linked = self._linked(number)
                for other in linked:
                    passed[other] += 0.8 * amount / len(linked)
            strongest = sorted(passed, key=lambda n: (-passed[n], n))[:ACTIVE]
            activation = {n: passed[n] for n in strongest}
        return list(activation)

    def _linked(self, number):
        """The lines beside a memory, and those that name the same where few do."""
        beside = [n for n in (number - 1, number + 1) if self._same_episode(number, n)]
        rare = [e for e in self.memories[number]["entities"] if len(self.naming[e]) <= 10]
        return [*beside, *(n for entity in rare for n in self.naming[entity] if n != number)]

    def _same_episode(self, one, other):
        inside = 0 <= other < len(self.memories)
        return inside and self.memories[one]["episode"] == self.memories[other]["episode"]

    def _consolidation(self, vector, similarity):
        """The memories of the three episodes whose consolidated summaries are nearest, episode by episode."""
        nearest = np.argsort(-np.stack([own for _, own in self.episodes]) @ vector, kind="stable")[
            :3
        ].tolist()
        found = [n for n, memory in enumerate(self.memories) if memory["episode"] in nearest]
        place = {n: (nearest.index(self.memories[n]["episode"]), -similarity[n]) for n in found}
        return sorted(found, key=place.__getitem__)[: knob("depth")]

    def _associative(self, matrix, similarity):
        """One step of a modern Hopfield network: the memories nearest to what the question calls to mind."""
        weights = np.exp(knob("hopfield_beta") * (similarity - similarity.max()))
        return self._top(matrix @ ((weights / weights.sum()) @ matrix))

    def _layout(self, order):
        shown, left = [], 3000
        for number in order:
            memory = self.memories[number]
            heading = self.episodes[memory["episode"]][0]
            line = f"{memory['text']} ({heading})" if heading else memory["text"]
            if len(line) < left:
                shown.append(line)
                left -= len(line) + 1
        return "\n".join(shown)
