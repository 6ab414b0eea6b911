"""Neighbours: every turn is ranked by BM25 together with the turn before and the turn after it.

A turn of a conversation often answers a question whose words stand in the turn beside it. Words are matched
by their stems (Porter, 1980, in SQLite's full-text index), the question without its common words. Turns are
returned in the order in which they were said, each episode's under its heading, until the budget is full.

Simplified: a turn is a line of the episode, and a long one is never cut; a list of English words is common.
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
    "reach": (1, 0, 4),
    "budget_characters": (3000, 600, 3000),
}

COMMON = """a an and are as at be been but by can could did do does for from had has have he her his how i if
    in into is it its many me much my of on or our she so some that the their them they this to was we were
    what when where which who whom whose why will with would you your"""
LONGEST_HEADING = 100


def knob(name):
    return KNOBS[name][0]


@dataclass
class KnowledgeItem:
    subject: str = field(default="", metadata={"description": "What the episode is about, in a few words"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question, in full"})


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.turns = []  # (heading of the episode, number of the episode, text)
        self.episodes = 0
        toolkit.db.execute("CREATE VIRTUAL TABLE windows USING fts5(text, tokenize='porter unicode61')")

    def write(self, item, raw_text):
        heading, *turns = raw_text.strip().split("\n")
        if not turns or len(heading) > LONGEST_HEADING:  # the first line is a turn like the others
            heading, turns = "", [heading, *turns]
        reach, first = knob("reach"), len(self.turns)
        for place, turn in enumerate(turns):
            window = "\n".join(turns[max(0, place - reach) : place + reach + 1])
            self.toolkit.db.execute(
                "INSERT INTO windows (rowid, text) VALUES (?, ?)",
                (first + place, " ".join(self.toolkit.words(window))),
            )
            self.turns.append((heading, self.episodes, turn))
        self.episodes += 1

    def read(self, query):
        asked = set(self.toolkit.words(query.question))
        telling = asked.difference(COMMON.split()) or asked
        terms = " OR ".join(f'"{word}"' for word in sorted(telling))
        if not terms:
            return ""
        ranked = self.toolkit.db.execute(
            "SELECT rowid FROM windows WHERE windows MATCH ? ORDER BY bm25(windows), rowid", (terms,)
        )
        return self._shown(self._fitting(number for (number,) in ranked))

    def _fitting(self, ranked):
        """The turns that fit the budget, the best first, with the headings that they need."""
        chosen, seen, left = [], set(), knob("budget_characters")
        for number in ranked:
            heading, episode, turn = self.turns[number]
            cost = len(turn) + 1 + (0 if episode in seen or not heading else len(heading) + 1)
            if cost <= left:
                chosen.append(number)
                seen.add(episode)
                left -= cost
        return sorted(chosen)

    def _shown(self, numbers):
        lines, current = [], None
        for number in numbers:
            heading, episode, turn = self.turns[number]
            if heading and episode != current:
                lines.append(heading)
            current = episode
            lines.append(turn)
        return "\n".join(lines)
