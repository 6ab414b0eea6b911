"""MemoryBank: lines, daily summaries and a portrait of the people; lines are forgotten unless recalled.

After MemoryBank (Zhong, Guo, Gao, Ye and Wang, 2023, arXiv 2305.10250). Retention follows Ebbinghaus, R =
exp(-t / S): t is the age of a memory, S its strength. Recalling a memory adds 1 to S and sets t back to 0.
Besides the lines of a conversation, a summary of each episode, which is forgotten in the same way, and one
portrait of everyone are kept.

Simplified: the summary of all episodes that the paper keeps beside the portrait is left out, since a write
has one model call. The published code stops at a strength of 3 and after 30 days; here strength grows as in
the paper. t is counted in episodes, not in days. A read may not change what a later read returns, so that a
memory is recalled by what is written: a new line that is similar to an old one reinforces it. The paper
forgets at random with probability 1 - R; here a memory is out of reach while R is below a threshold, so
that runs repeat. The portrait is rewritten by one model call per write; a reply without the asked label
leaves it as it was, and the traits that the agent extracted are added to it.
"""

import math
import re
from dataclasses import dataclass, field

import numpy as np

INSTRUCTION_KNOWLEDGE_ITEM = (
    "Summarise the events of this episode in two sentences with names and dates. List what it shows of "
    "the people in it, one trait, preference or circumstance each, with the name in front."
)
INSTRUCTION_QUERY = "Repeat the question with every name and date."
INSTRUCTION_RESPONSE = (
    "You are shown a portrait of the people, summaries of days, and lines that were said. Answer from "
    "them in as few words as possible."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "top_k": (25, 3, 60),
    "summaries": (2, 0, 8),
    "episodes_per_strength": (12.0, 1.0, 60.0),
    "forgotten_below": (0.1, 0.0, 0.6),
    "recall_similarity": (0.5, 0.2, 0.95),
    "portrait_characters": (500, 0, 1200),
}

SUMMARIES_CHARACTERS = 1800  # with the portrait; the rest of what may be read is for lines

PORTRAIT = """\
Below are a portrait of the people that an assistant knows and the newest episode with them. Rewrite the
portrait: personality, interests, circumstances, relations, as far as they are known and still true, in at
most {limit} characters. Reply with one paragraph that begins with the label Portrait and a colon.

Present portrait: {portrait}

Newest episode:
{episode}
"""
LABELLED = re.compile(r"^[^\w\n]*portrait[^\w\n]*:(.+)", re.IGNORECASE | re.MULTILINE | re.DOTALL)


@dataclass
class KnowledgeItem:
    summary: str = field(metadata={"description": "The events of the episode, in two sentences"})
    traits: list[str] = field(metadata={"description": "What the episode shows of someone, name first"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question with every name and date"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.episode = 0
        self.headings = []
        self.lines = []  # {"episode", "text", "strength", "recalled": the episode in which it was, last}
        self.vectors = []
        self.summaries = []  # as lines
        self.summary_vectors = []
        self.portrait = ""

    def write(self, item, raw_text):
        heading, *lines = raw_text.strip().split("\n")
        if not lines or len(heading) > 100:
            heading, lines = "", [heading, *lines]
        self.headings.append(heading)
        lines = [line.strip()[:600] for line in lines if line.strip()]
        if lines:
            vectors = self.toolkit.embed(lines)
            self._reinforce(self.lines, self.vectors, vectors)
            self._reinforce(self.summaries, self.summary_vectors, vectors)
            self.vectors.extend(vectors)
            self.lines.extend(self._memory(line) for line in lines)
        summary = " ".join(item.summary.split())[:600]
        if summary:
            self.summaries.append(self._memory(summary))
            self.summary_vectors.extend(self.toolkit.embed([summary]))
        self._paint(item.traits, raw_text)
        self.episode += 1

    def _memory(self, text):
        return {"episode": self.episode, "text": text, "strength": 1, "recalled": self.episode}

    def _reinforce(self, memories, vectors, fresh):
        """Strengthen the memories, not forgotten yet, that one of the fresh lines brings back to mind."""
        if not memories:
            return
        nearest = (np.stack(vectors) @ fresh.T).max(axis=1)
        for memory, similarity in zip(memories, nearest, strict=True):
            remembered = self._retention(memory) >= knob("forgotten_below")
            if similarity >= knob("recall_similarity") and remembered:
                memory["strength"] += 1
                memory["recalled"] = self.episode

    def _retention(self, line):
        age = self.episode - line["recalled"]
        return math.exp(-age / (line["strength"] * knob("episodes_per_strength")))

    def _paint(self, traits, raw_text):
        limit = knob("portrait_characters")
        if not limit:
            return
        prompt = PORTRAIT.format(limit=limit, portrait=self.portrait or "none", episode=raw_text[:20000])
        found = LABELLED.search(self.toolkit.llm_completion([{"role": "user", "content": prompt}]))
        if found and found[1].strip():
            self.portrait = " ".join(found[1].split()).strip("* ")[:limit]
        else:  # the newest traits first: what does not fit is the oldest
            known = [" ".join(trait.split())[:150] for trait in traits]
            known = [trait for trait in known if trait and trait not in self.portrait]
            self.portrait = " / ".join([*known[:3], self.portrait] if self.portrait else known[:3])[:limit]

    def read(self, query):
        vector = self.toolkit.embed([query.question])[0]
        parts = [f"Portrait: {self.portrait}"] if self.portrait else []
        for number in self._nearest(self.summaries, self.summary_vectors, vector, knob("summaries")):
            summary = self.summaries[number]
            part = f"Summary of {self.headings[summary['episode']] or 'a day'}: {summary['text']}"
            if sum(map(len, parts)) + len(part) < SUMMARIES_CHARACTERS:
                parts.append(part)
        left = 3000 - sum(len(part) + 1 for part in parts)
        chosen, seen = [], set()
        for number in self._nearest(self.lines, self.vectors, vector, knob("top_k")):
            line = self.lines[number]
            cost = len(line["text"]) + 1
            if line["episode"] not in seen:
                cost += len(self.headings[line["episode"]]) + 1
            if cost <= left:
                chosen.append(number)
                seen.add(line["episode"])
                left -= cost
        for number in sorted(chosen):
            line = self.lines[number]
            if line["episode"] in seen:
                seen.remove(line["episode"])
                parts.append(self.headings[line["episode"]])
            parts.append(line["text"])
        return "\n".join(parts)

    def _nearest(self, memories, vectors, vector, count):
        """The numbers of the most similar memories that are not forgotten, best first."""
        kept = [n for n, memory in enumerate(memories) if self._retention(memory) >= knob("forgotten_below")]
        if not kept:
            return []
        similarity = np.stack([vectors[n] for n in kept]) @ vector
        return [kept[position] for position in np.argsort(-similarity, kind="stable")[:count]]
