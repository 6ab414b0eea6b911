"""A-MEM: notes with keywords, tags and a context; a new note is linked to older ones and revises them.

After A-MEM (Xu, Liang, Mei, Gao, Tan and Zhang, 2025, arXiv 2502.12110). A note is embedded with everything
that is said about it. Among its nearest notes a model decides which ones it is linked to, which tags it
gets with these links, and whose context and tags it changes. A question finds the nearest notes, and with
each the notes that it is linked to.

Simplified: one note for an episode, its attributes filled by the agent, and one model call for linking,
tags and revising. A link is followed from either end, in the published code from the newer note only, so
that an old note leads to what came of it. Where the reply holds no decision, the new note is linked to
those above a similarity, and revises none. A note keeps the whole text of its episode; since that rarely
fits, what is shown of it are the lines that share most words with the question.
"""

import re
from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = (
    "Make a note of this episode: keywords for what it mentions, broad tags for its topics, and as "
    "context one or two sentences that say who did or said what, when, and why it matters."
)
INSTRUCTION_QUERY = "Repeat the question and list its keywords: names, objects, activities, dates."
INSTRUCTION_RESPONSE = (
    "Notes are given with their context, tags and excerpts; notes that are linked belong together. Answer "
    "in as few words as possible."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "top_k": (3, 1, 8),
    "linked_notes": (2, 0, 8),
    "neighbours": (5, 1, 12),
    "link_similarity": (0.35, 0.0, 0.95),
    "linked_weight": (0.5, 0.0, 1.0),
    "context_characters": (300, 80, 800),
}

EVOLVE = """\
A new note joins a collection. Decide how it changes the collection. Write one line for each decision, and
nothing else, in these forms:
LINK <number of a note that the new one should be linked to>
TAGS: <tags of the new note in the light of the notes that it is linked to, separated by commas>
REVISE <number>: <the context of that note in the light of the new one> | <tags, separated by commas>
NONE
Link notes that share a person, a cause, a plan or an object, not merely a mood. Revise a note only where the
new one changes what it means or shows what it was part of.

New note:
{new}

Notes:
{old}
"""

DECISION = re.compile(
    r"^[^\w\n]*(?:(LINK)[^\w\n]+(\d{1,6})|(REVISE)[^\w\n]+(\d{1,6})[^\w\n]*:([^\n|]+)(?:\|([^\n]*))?)",
    re.MULTILINE,
)
TAGS = re.compile(r"^[^\w\n]*TAGS[^\w\n]*:([^\n<]+)$", re.MULTILINE)


@dataclass
class KnowledgeItem:
    keywords: list[str] = field(metadata={"description": "Keywords, the most specific ones first"})
    tags: list[str] = field(metadata={"description": "Broad topics, three at most"})
    context: str = field(metadata={"description": "A summary of one or two sentences, and why it matters"})
    date: str = field(default="", metadata={"description": "The date of the episode, as it is written there"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question"})
    keywords: list[str] = field(metadata={"description": "Its keywords"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.notes = []

    def _words(self, text):
        return {word[:6] for word in self.toolkit.words(text) if len(word) > 2 or not word.isascii()}

    def write(self, item, raw_text):
        if not raw_text.strip():
            return
        note = {
            "text": raw_text.strip(),
            "keywords": [keyword.strip()[:40] for keyword in item.keywords[:16]],
            "tags": [tag.strip()[:40] for tag in item.tags[:3]],
            "context": self._short(item.context),
            "date": item.date.strip()[:40],
            "links": set(),
        }
        number = len(self.notes)
        vector = self._embed(note)
        near = self.toolkit.vectors.search(vector, knob("neighbours"))
        self.notes.append(note)
        self.toolkit.vectors.add([number], [vector])
        if near:
            self._evolve(number, near)

    def read(self, query):
        vector = self.toolkit.embed([f"{query.question} {' '.join(query.keywords)}"])[0]
        scores = dict(self.toolkit.vectors.search(vector, knob("top_k")))
        for number, score in list(scores.items()):
            for linked in self.notes[number]["links"]:
                scores[linked] = max(scores.get(linked, -1.0), score * knob("linked_weight"))
        order = sorted(scores, key=lambda n: (-scores[n], n))[: knob("top_k") + knob("linked_notes")]
        return self._show(order, self._words(f"{query.question} {' '.join(query.keywords)}"))

    def _evolve(self, number, near):
        """Link the new note and revise its neighbours, as the model decides."""
        known = [other for other, _ in near]
        prompt = EVOLVE.format(
            new=self._describe(self.notes[number]),
            old="\n".join(f"{other}. {self._describe(self.notes[other])}" for other in known),
        )
        reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        found = DECISION.findall(reply)
        if not found and not re.search(r"^\W{0,4}NONE\b", reply, re.MULTILINE):
            found = [
                ("LINK", str(other), "", "", "", "") for other, s in near if s >= knob("link_similarity")
            ]
        for link, linked, _, revised, context, tags in found:
            other = int(linked if link else revised)
            if other not in known:
                continue
            if link:
                self.notes[number]["links"].add(other)
                self.notes[other]["links"].add(number)
            elif context.strip():
                self._revise(other, context, self._tags(tags))
        renamed = TAGS.search(reply)
        if renamed and self.notes[number]["links"]:
            self._revise(number, self.notes[number]["context"], self._tags(renamed[1]))

    @staticmethod
    def _tags(text):
        return [tag.strip("* \t")[:40] for tag in text.split(",") if tag.strip("* \t")]

    def _revise(self, number, context, tags):
        note = self.notes[number]
        note["context"], note["tags"] = self._short(context), tags[:5] or note["tags"]
        self.toolkit.vectors.add([number], [self._embed(note)])

    def _embed(self, note):
        return self.toolkit.embed([f"{self._describe(note)}\n{note['text'][:4000]}"])[0]

    @staticmethod
    def _describe(note):
        """One line with everything that is said about the note."""
        return f"{note['date']} {note['context']} ({', '.join([*note['tags'], *note['keywords']])})".strip()

    def _show(self, order, asked):
        """The notes, best first, each with its share of lines that match what is asked."""
        shown, left = [], 3000
        for rank, number in enumerate(order):
            note = self.notes[number]
            title = f"Note {number}, {note['date']}" if note["date"] else f"Note {number}"
            head = f"{title}: {note['context']} [{', '.join(note['tags'])}]"
            if len(head) > left:
                break
            excerpt = self._excerpt(note["text"], asked, left // (len(order) - rank) - len(head) - 2)
            shown.append(f"{head}\n{excerpt}" if excerpt else head)
            left -= len(shown[-1]) + 1
        return "\n".join(shown)

    def _excerpt(self, text, asked, budget):
        """The lines that share most words with what is asked, in their order."""
        lines = text.split("\n")
        shares = [len(asked & self._words(line)) for line in lines]
        kept = []
        for position in sorted(range(len(lines)), key=lambda p: (-shares[p], p)):
            if shares[position] and len(lines[position]) < budget:
                kept.append(position)
                budget -= len(lines[position]) + 1
        return "\n".join(lines[position] for position in sorted(kept))

    @staticmethod
    def _short(text):
        return " ".join(text.split())[: knob("context_characters")]
