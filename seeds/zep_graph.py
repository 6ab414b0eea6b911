"""Zep: a temporal graph of entities and facts; a newer fact ends the validity of the one it contradicts.

After Zep (Rasmussen, Paliychuk, Beauvais, Ryan and Chalef, 2025, arXiv 2501.13956) and its engine Graphiti.
Facts are edges between entities, with two time lines: when a fact was true (valid from, until), and when the
memory learnt it and stopped believing it (the episode that created it, and the one that expired it). Nothing
is deleted. A question is looked up by meaning, by words and by the graph, from the entities that it names,
and the three rankings are fused; each fact is shown with the dates between which it was true.

Simplified: the agent extracts the facts, one call of a model per write compares all of them with stored ones
that share an entity or are near, where Graphiti calls for each fact; entities are one by their name, not
resolved by a model. What is only said as a sentence gets its capitalised words as entities. Facts without a
date are ordered by the episodes in which they were learnt; in Graphiti they do not end one another. Where the
reply says nothing in the asked form, a fact with the same entity and relation ends the older one. Entity
summaries and communities are left out. A question about a time prefers the facts that were true then.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = (
    "List the facts of this episode about people and things, one a line, in the form 'entity | relation | "
    "entity or value | sentence | date from which it is true'. The sentence can be understood alone: names "
    "instead of pronouns, dates instead of 'yesterday'. Write dates as YYYY-MM-DD; leave the last part out "
    "if nothing is said. Give the date of the episode too."
)
INSTRUCTION_QUERY = (
    "Repeat the question; list the names in it; and give the date that it is about, if it is about one."
)
INSTRUCTION_RESPONSE = (
    "Each fact is shown with the dates between which it was true. Use those that were true at the time that "
    "is asked about, by default the present. Answer in as few words as possible."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "top_k": (30, 3, 60),
    "depth": (40, 5, 100),
    "hops": (2, 0, 3),
    "rank_constant": (1.0, 1.0, 60.0),
    "candidates": (6, 1, 15),
    "same_similarity": (0.97, 0.8, 1.0),
    "facts_per_episode": (40, 5, 80),
    "fact_characters": (400, 100, 800),
}

RESOLVE = """\
You keep a graph of facts in which nothing is deleted. M are facts in it, N are new ones. Say of each new fact
whether a stored one says the same, or stopped being true because of it, one line for each case:
N<number> SAME M<number>
N<number> ENDS M<number>
A fact ends another only if both cannot be true at one time. Two likes, two trips or two friends do not end
each other. Reply NONE if there is no such case.

Facts in the graph:
{stored}

New facts:
{new}
"""
DECISION = re.compile(r"^[^\w\n]*N(\d{1,4})[^\w\n]+(SAME|ENDS)[^\w\n]+M(\d{1,6})\b", re.MULTILINE)
NONE = re.compile(r"^[^\w\n]*NONE\b", re.MULTILINE)

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = rf"({'|'.join(MONTHS)})[a-z]*"
DATES = (
    ("ymd", re.compile(r"\b(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?\b")),
    ("dmy", re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)? (?:of )?{MONTH}\.?,? (\d{{4}})\b", re.IGNORECASE)),
    ("mdy", re.compile(rf"\b{MONTH}\.? (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})\b", re.IGNORECASE)),
    ("my", re.compile(rf"\b{MONTH}\.?,? (\d{{4}})\b", re.IGNORECASE)),
    ("y", re.compile(r"\b((?:19|20)\d\d)\b")),
)
ENTITY = re.compile(r"(?<=[\w,;] )[A-Z][\w'-]+(?: [A-Z][\w'-]+)*|^[A-Z][\w'-]+(?=[:\s])")


@dataclass
class KnowledgeItem:
    facts: list[str] = field(
        metadata={"description": "Facts as 'entity | relation | value | sentence | true from', one each"}
    )
    date: str = field(default="", metadata={"description": "The date of the episode, as it is written there"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question, in full"})
    names: list[str] = field(metadata={"description": "Names of persons, places and things in it"})
    date: str = field(default="", metadata={"description": "The date that is asked about; empty for now"})


def knob(name):
    return KNOBS[name][0]


def day(text):
    """The first date of a text as YYYY-MM-DD, as far as given, or ""; such texts sort by time."""
    for order, pattern in DATES:
        found = pattern.search(text)
        if found:
            parts = dict(zip(order, found.groups(), strict=True))
            month, written = (parts.get("m") or "").lower(), parts["y"]
            if month:
                written += f"-{int(month) if month.isdigit() else MONTHS.index(month) + 1:02}"
            return written + (f"-{int(parts['d']):02}" if parts.get("d") else "")
    return ""


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.facts = []  # {"text", "entities", "relation", "valid", "ended", "created", "expired"}
        self.naming = defaultdict(list)  # entity -> facts that are its edges
        self.episode = 0
        toolkit.db.execute("CREATE VIRTUAL TABLE words USING fts5(text, tokenize='porter unicode61')")

    def write(self, item, raw_text):
        self.episode += 1
        date = day(item.date) or day(raw_text.strip().partition("\n")[0][:100])
        fresh = [self._parse(text, date) for text in dict.fromkeys(item.facts)]
        fresh = [fact for fact in fresh if fact["text"]][: knob("facts_per_episode")]
        if not fresh:
            return
        vectors = self.toolkit.embed([fact["text"] for fact in fresh])
        shown = {n: self._candidates(fact, vectors[n]) for n, fact in enumerate(fresh)}
        decided = self._resolve(fresh, shown)
        for n, fact in enumerate(fresh):
            same = [old for kind, old in decided[n] if kind == "SAME" and not self.facts[old]["ended"]]
            if same:  # else it is true again, which is another fact
                self._confirm(self.facts[same[0]], fact)
                continue
            number = self._store(fact, vectors[n])
            for kind, old in decided[n]:
                if kind == "ENDS":
                    self._contradict(self.facts[old], self.facts[number])

    def _parse(self, text, date):
        """A fact from 'entity | relation | value | sentence | true from', or from a sentence alone."""
        parts = [" ".join(part.split()) for part in text.split("|")]
        if len(parts) >= 3 and all(parts[:3]):
            entities, relation = [parts[0], parts[2]], parts[1].lower()
            sentence = parts[3] if len(parts) > 3 and parts[3] else " ".join(parts[:3])
            valid = day(parts[4]) if len(parts) > 4 else ""
        else:
            sentence, relation, valid = " ".join(text.split()), "", ""
            entities = ENTITY.findall(sentence)[:8]
        return {
            "text": sentence[: knob("fact_characters")],
            "entities": list(dict.fromkeys(name.lower()[:80] for name in entities)),
            "relation": relation,
            "valid": valid or date,
            "ended": "",
            "created": self.episode,
            "expired": None,
        }

    def _candidates(self, fact, vector):
        """Stored facts that the new one may repeat or end, those that share an entity first; and copies."""
        near = dict(self.toolkit.vectors.search(vector, knob("depth")))
        shared = {n for name in fact["entities"] for n in self.naming.get(name, ())[-knob("depth") :]}
        order = sorted(near.keys() | shared, key=lambda n: (n not in shared, -near.get(n, 0.0), n))
        copies = {n for n, score in near.items() if score >= knob("same_similarity")}
        return order[: knob("candidates")], copies

    def _resolve(self, fresh, shown):
        """Position of each new fact -> what it is to stored facts, as pairs of SAME or ENDS and a number."""
        decided = {n: [("SAME", old) for old in sorted(copies)] for n, (_, copies) in shown.items()}
        listed = sorted({old for numbers, _ in shown.values() for old in numbers})
        if not listed:
            return decided
        prompt = RESOLVE.format(
            stored="\n".join(f"M{old}. {self._dated(self.facts[old])}" for old in listed),
            new="\n".join(f"N{n}. {self._dated(fact)}" for n, fact in enumerate(fresh, 1)),
        )
        reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        found = [(int(n) - 1, kind, int(old)) for n, kind, old in DECISION.findall(reply)]
        found = [(n, kind, old) for n, kind, old in found if n in decided and old in listed]
        for n, kind, old in found:
            decided[n].append((kind, old))
        if not found and not NONE.search(reply):
            self._by_rule(fresh, shown, decided)
        return decided

    def _by_rule(self, fresh, shown, decided):
        """A fact ends older ones with the same first entity and the same relation."""
        for n, fact in enumerate(fresh):
            for old in shown[n][0]:
                key = [(f["entities"][:1], f["relation"]) for f in (fact, self.facts[old])]
                if fact["relation"] and key[0] == key[1]:
                    decided[n].append(("ENDS", old))

    def _store(self, fact, vector):
        number = len(self.facts)
        self.facts.append(fact)
        for name in fact["entities"]:
            self.naming[name].append(number)
        self.toolkit.vectors.add([number], [vector])
        indexed = " ".join(self.toolkit.words(fact["text"]))
        self.toolkit.db.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (number, indexed))
        return number

    @staticmethod
    def _confirm(old, fact):
        """Another episode says the same: it may have been true for longer than was known."""
        if fact["valid"] and (not old["valid"] or fact["valid"] < old["valid"]):
            old["valid"] = fact["valid"]

    def _contradict(self, old, new):
        """End the earlier of two facts when the later one becomes true, whichever was learnt first."""
        if old["valid"] and new["valid"] and new["valid"] < old["valid"]:
            old, new = new, old  # learnt late: it had ended before the memory heard of it
        if old["ended"] and new["valid"] and old["ended"] <= new["valid"]:
            return
        old["ended"] = new["valid"] or "unknown"
        old["expired"] = self.episode

    @staticmethod
    def _dated(fact):
        if not fact["valid"] and not fact["ended"]:
            return fact["text"]
        return f"{fact['text']} ({fact['valid'] or 'unknown'} - {fact['ended'] or 'present'})"

    def read(self, query):
        if not self.facts:
            return ""
        asked = [name.lower() for name in (*query.names, *ENTITY.findall(query.question))]
        scores = defaultdict(float)
        for ranking in (self._near(query.question), self._worded(query.question), self._connected(asked)):
            for rank, number in enumerate(ranking):
                scores[number] += 1 / (knob("rank_constant") + rank)
        at = day(query.date)
        order = sorted(scores, key=lambda n: (bool(at) and not self._held(n, at), -scores[n], n))
        lines, left = [], 3000
        for number in order[: knob("top_k")]:
            line = "- " + self._dated(self.facts[number])
            if len(line) < left:
                lines.append(line)
                left -= len(line) + 1
        return "\n".join(lines)

    def _held(self, number, at):
        """The fact was true at a date, as far as is known."""
        fact = self.facts[number]
        return fact["valid"][: len(at)] <= at and (not fact["ended"] or at < fact["ended"])

    def _near(self, question):
        vector = self.toolkit.embed([question])[0]
        return [number for number, _ in self.toolkit.vectors.search(vector, knob("depth"))]

    def _worded(self, question):
        terms = " OR ".join(f'"{word}"' for word in dict.fromkeys(self.toolkit.words(question)[:60]))
        sql = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words), rowid LIMIT ?"
        return [row[0] for row in self.toolkit.db.execute(sql, (terms, knob("depth")))] if terms else []

    def _connected(self, names):
        """Facts reached from the entities asked about, breadth first; of one distance the latest first."""
        reached, frontier = [], list(dict.fromkeys(names))
        seen = set(frontier)
        for _ in range(knob("hops")):
            edges = {n for name in frontier for n in self.naming.get(name, ())} - set(reached)
            reached += sorted(edges, reverse=True)
            ends = [name for n in sorted(edges) for name in self.facts[n]["entities"]]
            frontier = [name for name in dict.fromkeys(ends) if name not in seen]
            seen.update(frontier)
        return reached[: knob("depth")]
