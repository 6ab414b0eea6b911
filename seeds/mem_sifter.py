"""MemSifter: nothing is indexed; at a question, a model reasons about the task and ranks the raw memories.

After MemSifter (Tan et al., 2026, arXiv 2603.03379). A small proxy model first thinks about what the task
needs and then ranks what is in memory; the working model sees the best ranked ones only.

Simplified: the paper trains its proxy by the outcome of the working model; here the toolkit's model is
asked as it is. It ranks segments of some lines, not whole sessions, since a session can be longer than what
may be read. The published code first takes the 20 sessions nearest by their embeddings; here, so that nothing
has to be embedded, the segments that share rarer words with the task are shown, in their order, when there is
more than fits into the prompt.
What the reply does not rank follows in the order of that first ranking, and the working model sees all in
order of time, both as in the code; that stops at the first session that does not fit, here shorter segments
after it may still do. A reply that ranks nothing may still quote: segments are then ordered by how much
of the reply they hold, and after those by the words that they share with the task.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = "The episode is kept word for word; name its subject in a few words."
INSTRUCTION_QUERY = "State the task or question in full, with all that is known about it."
INSTRUCTION_RESPONSE = (
    "You see what was judged to matter for the task, in order of time. Answer in as few words as possible."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "segment_characters": (450, 150, 1500),
    "prompt_characters": (40000, 5000, 100000),
    "budget_characters": (3000, 600, 3000),
}

SIFT = """\
Memories of past episodes are numbered below. First think, in two or three sentences, about what the task
needs: which people, objects and dates, and what would have to have been said or done. Then rank the memories
that could help, most useful first, twelve at most. End your reply with one line in this form:
RANKING: <numbers, separated by commas>

{memories}

Question: {task}"""

RANKING = re.compile(r"RANKING[^\w\n]*:((?:[^\w\n]*\d{1,7})+)")


@dataclass
class KnowledgeItem:
    subject: str = field(default="", metadata={"description": "The subject of the episode, in a few words"})


@dataclass
class Query:
    task: str = field(metadata={"description": "The task or question in full"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.segments = []

    def write(self, item, raw_text):
        heading, *lines = raw_text.strip().split("\n")
        if not lines or len(heading) > 100:
            heading, lines = "", [heading, *lines]
        size, fresh = knob("segment_characters"), []
        for line in (text[at : at + size] for text in lines for at in range(0, len(text), size)):
            if fresh and len(fresh[-1]) + len(line) < size:
                fresh[-1] += "\n" + line
            else:
                fresh.append(line)
        self.segments.extend(f"[{heading}]\n{text}" if heading else text for text in fresh if text.strip())

    def read(self, query):
        if not self.segments:
            return ""
        overlap = self._overlap(query.task)
        order = sorted(range(len(self.segments)), key=lambda n: (-overlap[n], n))
        shown = sorted(self._fitting(order, knob("prompt_characters"), 12))
        prompt = SIFT.format(
            memories="\n".join(f"Memory {n}: {self.segments[n]}" for n in shown),
            task=" ".join(query.task.split())[:1000],
        )
        reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        ranked = self._ranked(reply, shown) or self._quoted(reply, shown)
        self.toolkit.logger.debug(f"{len(shown)} of {len(order)} segments shown, {len(ranked)} ranked")
        chosen = self._fitting(list(dict.fromkeys([*ranked, *order])), knob("budget_characters"), 1)
        return "\n".join(self.segments[n] for n in sorted(chosen))

    def _overlap(self, task):
        """For each segment the summed rarity of the words that it shares with the task."""
        asked = self._words(task)
        shared = [asked & self._words(segment) for segment in self.segments]
        spread = Counter(word for found in shared for word in found)
        rarity = {word: math.log(1 + len(self.segments) / count) for word, count in spread.items()}
        return [sum(rarity[word] for word in sorted(found)) for found in shared]

    def _fitting(self, order, left, overhead):
        """The leading segments of the order that fit, each with so many characters more."""
        kept = []
        for number in order:
            cost = len(self.segments[number]) + overhead
            if cost <= left:
                kept.append(number)
                left -= cost
        return kept

    @staticmethod
    def _ranked(reply, shown):
        """The numbers after the last RANKING of the reply, those which were shown."""
        found = RANKING.findall(reply)
        return [n for n in map(int, re.findall(r"\d+", found[-1])) if n in set(shown)] if found else []

    def _quoted(self, reply, shown):
        """The segments that hold lines of the reply, those with most characters of it first."""
        lines = [line.strip() for line in reply.split("\n") if len(line.strip()) > 15][:200]
        held = {n: sum(len(line) for line in lines if line in self.segments[n]) for n in shown}
        return sorted((n for n in shown if held[n]), key=lambda n: (-held[n], n))

    def _words(self, text):
        """Words that say something, by their first letters; of scripts without spaces all."""
        found = self.toolkit.words(text)
        return {word[:6] for word in found if len(word) > 2 or not word.isascii()}
