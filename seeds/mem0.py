"""Mem0: atomic facts; each new one is added, merged into a stored one, replaces one, or is dropped.

After Mem0 (Chhikara, Khant, Aryan, Singh and Yadav, 2025, arXiv 2504.19413). The agent extracts the facts
of an episode; a model compares them with the nearest facts stored so far and says ADD, UPDATE, DELETE or
NONE.

Simplified: one model call decides on all facts of an episode, as in the published code; the paper describes
one for each. With nothing stored, none is needed. A new fact is compared with 5 stored ones (the code; the
paper says 10). Facts that the reply passes over are added unless a stored one is nearly the same, where the
code loses them. Extraction is the agent's and sees the whole episode: the paper extracts from each pair of
messages, with ten messages before it and a running summary. Left out: the graph variant, and the later
versions of the code that only add.
"""

import re
from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = (
    "List the facts of this episode that could matter later: about people, their plans, preferences, "
    "possessions, relations and what happened to them. One short sentence each, that can be understood "
    "alone: write names instead of pronouns, and turn 'yesterday' or 'next week' into dates. Leave out "
    "greetings and small talk."
)
INSTRUCTION_QUERY = "State what must be known to answer, in one sentence with every name of the question."
INSTRUCTION_RESPONSE = (
    "Answer from the facts, each with the date on which it was learnt, in as few words as possible. Where "
    "two facts disagree the later one holds, unless the question is about the past."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "top_k": (30, 3, 60),
    "neighbours": (5, 1, 12),
    "same_similarity": (0.95, 0.7, 1.0),
    "fact_characters": (400, 100, 800),
    "facts_per_episode": (40, 5, 80),
}

STORED_CHARACTERS = 40_000  # of the facts that are put before the model

DECIDE = """\
You keep a list of facts about people up to date. M are facts in the list, N are new ones learnt on {date}.
Decide about every new fact, one line for each, in one of these forms:
N<number> ADD
N<number> UPDATE M<number>: <the stored fact and the new one merged into one sentence>
N<number> DELETE M<number>
N<number> NONE
ADD what is not in the list. UPDATE where both speak of one thing and the new one says more or changes it.
DELETE a stored fact that the new one shows to be false; add a line with ADD if the new one is to be kept.
NONE where the list says it already.

Facts in the list:
{stored}

New facts:
{new}
"""

LINE = re.compile(
    r"^[^\w\n]*N(\d{1,4})[^\w\n]+(ADD|UPDATE|DELETE|NONE)\b(?:[^\w\n]+M(\d{1,6})\b)?[ \t:–-]*(.*)$",
    re.MULTILINE,
)


def knob(name):
    return KNOBS[name][0]


@dataclass
class KnowledgeItem:
    facts: list[str] = field(metadata={"description": "Facts, each one short sentence with names and dates"})
    date: str = field(default="", metadata={"description": "The date of the episode, as it is written there"})


@dataclass
class Query:
    question: str = field(metadata={"description": "What must be known, with every name of the question"})


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.facts = {}  # number -> (date, text)
        self.count = 0

    def write(self, item, raw_text):
        fresh = [" ".join(fact.split())[: knob("fact_characters")] for fact in item.facts]
        fresh = list(dict.fromkeys(fact for fact in fresh if fact))[: knob("facts_per_episode")]
        date = " ".join(item.date.split())[:40]
        if not fresh:
            return
        near = [self.toolkit.vectors.search(row, knob("neighbours")) for row in self.toolkit.embed(fresh)]
        shown = sorted({number for found in near for number, _ in found})
        decisions = self._decide(fresh, shown, date) if shown else {}
        for position, fact in enumerate(fresh):
            if position in decisions:
                for (operation, target), text in decisions[position].items():
                    self._apply(operation, target, text, fact, date)
            elif not near[position] or near[position][0][1] < knob("same_similarity"):
                self._store(None, date, fact)

    def read(self, query):
        lines, left = [], 3000
        for number, _ in self.toolkit.vectors.search(self.toolkit.embed([query.question])[0], knob("top_k")):
            date, text = self.facts[number]
            line = f"- {text} ({date})" if date else f"- {text}"
            if len(line) < left:
                lines.append(line)
                left -= len(line) + 1
        return "\n".join(lines)

    def _decide(self, fresh, shown, date):
        """Position of a new fact -> operations on it, as far as the model's reply can be understood."""
        prompt = DECIDE.format(
            date=date or "an unknown date",
            stored="\n".join(f"M{number}. {self.facts[number][1]}" for number in shown)[:STORED_CHARACTERS],
            new="\n".join(f"N{position}. {fact}" for position, fact in enumerate(fresh, 1)),
        )
        reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        decisions = {}
        for position, operation, target, text in LINE.findall(reply):
            position, target = int(position) - 1, int(target) if target else None
            aimed = operation in ("UPDATE", "DELETE")
            if 0 <= position < len(fresh) and (target in shown if aimed else True):
                # A reply that repeats itself, first in its reasoning, decides once.
                decisions.setdefault(position, {}).setdefault((operation, target), text.strip())
        self.toolkit.logger.debug(f"{len(fresh)} facts, decided: {decisions}")
        return decisions

    def _apply(self, operation, target, text, fact, date):
        if operation == "ADD" or (operation == "UPDATE" and target not in self.facts):
            self._store(None, date, fact)
        elif operation == "UPDATE":
            self._store(target, date, text[: knob("fact_characters")] or fact)
        elif operation == "DELETE" and target in self.facts:
            del self.facts[target]
            self.toolkit.vectors.remove([target])

    def _store(self, number, date, text):
        """Put a fact at ``number``, in place of what is there; at a new number for None."""
        if number is None:
            self.count += 1
            number = self.count
        self.facts[number] = (date, text)
        self.toolkit.vectors.add([number], self.toolkit.embed([text]))
