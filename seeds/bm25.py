"""BM25: lines of the episodes ranked by Okapi BM25, computed here so that its two numbers can be tuned.

Robertson and Zaragoza, 2009, The Probabilistic Relevance Framework: BM25 and Beyond. The inverse document
frequency is the positive form ln(1 + (N - n + 0.5) / (n + 0.5)), so that words of every line count next to
nothing instead of less than nothing.

Simplified: words are runs of letters and digits in lower case, cut at common English endings; of scripts
without spaces, characters and pairs of them.
"""

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = "The episode is indexed word by word; name its subject in a few words."
INSTRUCTION_QUERY = (
    "List words that the passage which answers the question is likely to contain: names, objects, verbs."
)
INSTRUCTION_RESPONSE = (
    "Each line was said or seen at the date above it. Answer from the lines in as few words as possible."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "k1": (1.2, 0.2, 3.0),
    "b": (0.75, 0.0, 1.0),
    "line_characters": (600, 150, 1500),
    "budget_characters": (3000, 600, 3000),
}

ENDING = re.compile(r"(?<=\w{3})(?:ing|ed|es|s|e)$")


@dataclass
class KnowledgeItem:
    subject: str = field(default="", metadata={"description": "The subject of the episode, in a few words"})


@dataclass
class Query:
    keywords: list[str] = field(metadata={"description": "Words to look for, the most telling ones first"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.headings = []
        self.lines = []  # (number of the episode, text)
        self.lengths = []
        self.postings = defaultdict(dict)  # word -> {number of the line: how often}

    def write(self, item, raw_text):
        heading, *lines = raw_text.strip().split("\n")
        if not lines:
            heading, lines = "", [heading]
        elif len(heading) > 100:  # not a heading: the text begins at once
            heading, lines = "", [heading, *lines]
        self.headings.append(heading)
        size = knob("line_characters")
        for line in lines:
            for start in range(0, len(line), size):
                self._add(len(self.headings) - 1, line[start : start + size])

    def _add(self, episode, text):
        counts = Counter(self._tokens(text))
        for word, count in counts.items():
            self.postings[word][len(self.lines)] = count
        self.lines.append((episode, text))
        self.lengths.append(sum(counts.values()))

    def read(self, query):
        scores = self._scores(self._tokens(" ".join(query.keywords)))
        chosen, left = [], knob("budget_characters")
        seen = set()
        for number in sorted(scores, key=lambda n: (-scores[n], n)):
            episode, text = self.lines[number]
            cost = len(text) + 1 + (0 if episode in seen else len(self.headings[episode]) + 1)
            if cost <= left:
                chosen.append(number)
                seen.add(episode)
                left -= cost
        return self._layout(sorted(chosen))

    def _tokens(self, text):
        """The words of the text in lower case, without the commonest English endings."""
        return [ENDING.sub("", word) for word in self.toolkit.words(text)]

    def _scores(self, asked):
        """Number of a line -> its BM25 for the words asked, each counted once."""
        total = len(self.lines)
        mean = sum(self.lengths) / total if total else 0.0
        scores = defaultdict(float)
        for word in dict.fromkeys(asked):
            found = self.postings.get(word, {})
            idf = math.log(1 + (total - len(found) + 0.5) / (len(found) + 0.5))
            for number, count in found.items():
                norm = knob("k1") * (1 - knob("b") + knob("b") * self.lengths[number] / mean)
                scores[number] += idf * count * (knob("k1") + 1) / (count + norm)
        return scores

    def _layout(self, numbers):
        """The lines in the order in which they came, each episode's under its heading."""
        shown, current = [], None
        for number in numbers:
            episode, text = self.lines[number]
            if episode != current:
                current = episode
                shown.append(self.headings[episode])
            shown.append(text)
        return "\n".join(shown)
