"""MemoryOS: short-, mid- and long-term memory; what is hot moves up, what is cold is dropped.

After MemoryOS (Kang, Ji, Zhao and Bai, 2025, arXiv 2506.06326). Short-term memory is a queue of the latest
turns. Those that leave it join a segment of mid-term memory with the same topic, by the similarity of their
vectors and of their keywords, or begin one. A segment's heat is the sum of how often it was visited, how
many turns joined it since it was last looked through, and how recent its last visit is. A model looks
through a segment that gets hot and brings long-term memory up to date: one profile, and a queue of known
facts; then its heat starts anew. When there are too many segments, the coldest goes. A question is answered
from all three.

Simplified: a read leaves no trace, so that a segment is visited by what is written about it. A page is one
turn; in the paper it is a turn of the user with the answer. Keywords are the words of a turn, where the
paper asks a model for them, since the only model call of a write looks through the hottest segment. Time is
counted in episodes. Traits of the assistant are left out. Where a reply has neither a profile nor a fact in
the asked form, the facts that the agent extracted join the queue.
"""

import math
import re
from dataclasses import dataclass, field

import numpy as np

INSTRUCTION_KNOWLEDGE_ITEM = (
    "List the lasting facts of this episode about the people in it: one short sentence each, with names and "
    "dates instead of pronouns and 'yesterday'."
)
INSTRUCTION_QUERY = "Repeat the question in full, with every name and date."
INSTRUCTION_RESPONSE = (
    "You see a profile, known facts and turns of past talks with their dates. Answer from them in as few "
    "words as possible; the later holds where two disagree."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "short_term": (8, 1, 40),
    "same_topic": (0.6, 0.1, 1.5),
    "hot": (5.0, 1.0, 30.0),
    "recency_episodes": (24.0, 1.0, 200.0),
    "segments": (400, 3, 2000),
    "segments_read": (5, 1, 20),
    "pages_read": (20, 2, 60),
    "facts": (100, 5, 300),
    "facts_read": (8, 0, 30),
    "profile_characters": (400, 0, 1200),
}

LATEST_CHARACTERS = 750  # of the latest turns, which are always shown

LOOK_THROUGH = """\
Below are turns of talks on one topic, and what is known so far of the people in them. Bring it up to date:
rewrite the profile in at most {limit} characters, with what the turns show of lasting traits, likes and
circumstances; and list the new facts that the turns hold, each in a sentence that can be understood alone.
Reply in this form:
Profile: <the profile>
Fact: <a fact>
Fact: <another fact>

Present profile: {profile}

Turns:
{pages}
"""
PROFILE = re.compile(r"^[^\w\n]*profile[^\w\n]*:[ \t*]*([^\n<]{3,})$", re.IGNORECASE | re.MULTILINE)
FACT = re.compile(r"^[^\w\n]*fact(?: \d+)?[^\w\n]*:[ \t*]*([^\n<]{3,})$", re.IGNORECASE | re.MULTILINE)


@dataclass
class KnowledgeItem:
    facts: list[str] = field(metadata={"description": "Lasting facts, one short sentence each with names"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question, in full"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.episode = 0
        self.short = []  # (text, vector), the latest last
        self.segments = []  # {"pages", "vectors", "mean", "words", "visits", "fresh", "visited"}
        self.facts = []  # (text, vector)
        self.profile = ""

    def write(self, item, raw_text):
        self.episode += 1
        heading, *lines = raw_text.strip().split("\n")
        if not lines or len(heading) > 100:
            heading, lines = "", [heading, *lines]
        lines = [line.strip()[:600] for line in lines if line.strip()]
        if lines:
            texts = [f"{line} ({heading})" if heading else line for line in lines]
            self.short += zip(texts, self.toolkit.embed(lines), strict=True)
        while len(self.short) > knob("short_term"):
            self._page_out(*self.short.pop(0))
        self._evict()
        hottest = max(self.segments, key=self._heat, default=None)
        if hottest and hottest["fresh"] and self._heat(hottest) >= knob("hot"):
            self._look_through(hottest, item.facts)

    def _heat(self, segment):
        recency = math.exp((segment["visited"] - self.episode) / knob("recency_episodes"))
        return segment["visits"] + segment["fresh"] + recency

    def _page_out(self, text, vector):
        """Move a page from short- to mid-term memory, into the segment of its topic."""
        words = self._words(text)
        near = self._alike(vector, words)
        best = int(near.argmax()) if len(near) else -1
        if best < 0 or near[best] < knob("same_topic"):
            best = len(self.segments)
            fresh = {"pages": [], "vectors": [], "mean": 0 * vector, "words": set(), "visits": 0, "fresh": 0}
            self.segments.append(fresh)
        else:
            self.segments[best]["visits"] += self.segments[best]["visited"] < self.episode
        segment = self.segments[best]
        segment["pages"].append(text)
        segment["vectors"].append(vector)
        segment["mean"] = segment["mean"] + (vector - segment["mean"]) / len(segment["pages"])
        segment["words"] |= words
        segment["fresh"] += 1
        segment["visited"] = self.episode

    def _alike(self, vector, words):
        """For each segment the cosine similarity of the vectors plus the share of common keywords."""
        if not self.segments:
            return np.zeros(0)
        means = np.stack([segment["mean"] for segment in self.segments])
        cosine = means @ vector / np.maximum(np.linalg.norm(means, axis=1), 1e-9)
        shared = [len(words & segment["words"]) for segment in self.segments]
        union = [len(words | segment["words"]) or 1 for segment in self.segments]
        return cosine + np.array(shared) / np.array(union)

    def _words(self, text):
        """Words that say something; of scripts without spaces all."""
        return {word for word in self.toolkit.words(text) if len(word) > 3 or not word.isascii()}

    def _evict(self):
        while len(self.segments) > knob("segments"):
            coldest = min(range(len(self.segments)), key=lambda n: (self._heat(self.segments[n]), n))
            del self.segments[coldest]

    def _look_through(self, segment, own):
        """Bring long-term memory up to date with the pages that joined the segment since the last time."""
        pages, segment["visits"] = segment["pages"][-segment["fresh"] :], 0
        segment["fresh"] = 0
        prompt = LOOK_THROUGH.format(
            limit=knob("profile_characters"), profile=self.profile or "none", pages="\n".join(pages)[-20000:]
        )
        reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        profile, facts = PROFILE.search(reply), FACT.findall(reply)
        if profile:
            self.profile = " ".join(profile[1].split()).strip("* ")[: knob("profile_characters")]
        self._learn(facts if profile or facts else own)

    def _learn(self, facts):
        known = {text for text, _ in self.facts}
        fresh = dict.fromkeys(" ".join(fact.split())[:400] for fact in facts[:40])
        fresh = [fact for fact in fresh if fact and fact not in known]
        if fresh:
            self.facts += zip(fresh, self.toolkit.embed(fresh), strict=True)
            del self.facts[: max(len(self.facts) - knob("facts"), 0)]

    def read(self, query):
        vector, words = self.toolkit.embed([query.question])[0], self._words(query.question)
        parts = [f"Profile: {self.profile}"] if self.profile else []
        parts += [f"Known: {fact}" for fact in self._nearest(self.facts, vector, knob("facts_read"))]
        near = np.argsort(-self._alike(vector, words), kind="stable")[: knob("segments_read")]
        read = [self.segments[int(n)] for n in near]
        pages = [pair for s in read for pair in zip(s["pages"], s["vectors"], strict=True)]
        latest = self._fitting([text for text, _ in reversed(self.short)], LATEST_CHARACTERS)
        parts += self._nearest(pages, vector, knob("pages_read"))
        parts = self._fitting(parts, 3000 - sum(len(text) + 1 for text in latest))
        return "\n".join([*parts, *reversed(latest)])

    @staticmethod
    def _fitting(texts, left):
        kept = []
        for text in texts:
            if len(text) < left:
                kept.append(text)
                left -= len(text) + 1
        return kept

    @staticmethod
    def _nearest(memories, vector, count):
        """The texts of the memories most like the vector, best first."""
        if not memories or not count:
            return []
        similarity = np.stack([own for _, own in memories]) @ vector
        return [memories[int(n)][0] for n in np.argsort(-similarity, kind="stable")[:count]]
