"""BudgetMem: nothing is prepared; at a question, modules in low, mid and high tiers extract what it needs.

After BudgetMem (Zhang et al., 2026, arXiv 2602.06025). Raw lines are filtered, then looked at for entities,
for time and for topics, then summarised; for each of these modules a router picks a tier by the question and
the budget.

The tiers differ by method ("implementation" in the paper):

- filter: low by shared words; mid with embeddings as well; high with the neighbours of the best lines as well
- entities: low none; mid lines that name whom the question names; high also whom those lines name
- time: low none; mid lines of the dates asked for; high the order of time as well, late or early lines first
- topics: low none; mid lines of episodes on the question's topic; high also of episodes on the same topic
- summary: low the best lines; mid without near-repetitions; high what a model copies out of them

Simplified: the paper trains its router with reinforcement learning; here a rule adds up what makes a question
hard. A model is called by one module only, the summary, since a read may call it once.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

INSTRUCTION_KNOWLEDGE_ITEM = "The episode is kept word for word; name its subject in a few words."
INSTRUCTION_QUERY = (
    "Repeat the question. List the separate facts that must be known to answer it, and the names and the "
    "dates that it mentions."
)
INSTRUCTION_RESPONSE = (
    "Answer from the lines, each with its date, in as few words as possible. If nothing in them fits, "
    "give your best guess."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "budget": (0.5, 0.0, 1.0),
    "low_lines": (20, 5, 60),
    "high_lines": (60, 20, 120),
    "vectors_weight": (1.0, 0.0, 3.0),
    "neighbour_share": (0.3, 0.0, 1.0),
    "entity_weight": (0.3, 0.0, 1.0),
    "time_weight": (0.5, 0.0, 2.0),
    "topic_weight": (0.5, 0.0, 2.0),
}

EXTRACT = """\
Copy from the lines below, unchanged and with their dates, all that help to answer the question, the most
helpful first. Leave out what does not help. Reply with the copied lines only.

{lines}

Question: {question}"""

NAME = re.compile(r"\b[A-Z][\w'-]+\b")
LATE = re.compile(r"\b(?:now|nowadays|currently|still|latest|last|recent(?:ly)?|these days)\b", re.IGNORECASE)
EARLY = re.compile(r"\b(?:first|originally|initially|earliest|used to)\b", re.IGNORECASE)
TIMED = re.compile(
    r"\b(?:when|before|after|since|until|how long|what (?:day|date|month|year))\b", re.IGNORECASE
)
WHOLE = re.compile(
    r"\b(?:both|all|every|how (?:many|often|much)|compare|which of|in common)\b", re.IGNORECASE
)


@dataclass
class KnowledgeItem:
    subject: str = field(default="", metadata={"description": "The subject of the episode, in a few words"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question"})
    facts: list[str] = field(metadata={"description": "The separate facts to be known, one each"})
    persons: list[str] = field(metadata={"description": "The persons that it names"})
    dates: list[str] = field(metadata={"description": "The dates, months and years that it names"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.lines = []  # (heading, text)
        self.topics = []  # the vector of each episode's subject
        self.topic = []  # for each line, the number of its episode in these

    def write(self, item, raw_text):
        heading, *lines = raw_text.strip().split("\n")
        if not lines or len(heading) > 100:
            heading, lines = "", [heading, *lines]
        fresh = [(heading, line.strip()[:600]) for line in lines if line.strip()]
        if fresh:
            keys = range(len(self.lines), len(self.lines) + len(fresh))
            self.toolkit.vectors.add(keys, self.toolkit.embed([text for _, text in fresh]))
            self.lines.extend(fresh)
            subject = f"{item.subject[:500]} {heading}".strip() or fresh[0][1]
            self.topic.extend([len(self.topics)] * len(fresh))
            self.topics.extend(self.toolkit.embed([subject]))

    def read(self, query):
        tiers = self._route(query)
        self.toolkit.logger.debug(" ".join(f"{module}={tier}" for module, tier in tiers.items()))
        scores = self._filter(query.question, tiers["filter"])
        scores = self._entities(query.persons, scores, tiers["entities"])
        scores = self._time(query, scores, tiers["time"])
        scores = self._topics(query.question, scores, tiers["topics"])
        count = knob("low_lines") if tiers["summary"] == "low" else knob("high_lines")
        order = sorted(scores, key=lambda n: (-scores[n], n))[:count]
        return self._summary(query.question, order, tiers["summary"])

    def _route(self, query):
        """The tier of each module: what the question asks of it, against what the budget leaves."""
        facts = len({fact.strip().lower() for fact in query.facts if fact.strip()})
        timed = bool(query.dates or TIMED.search(query.question))
        ordered = bool(LATE.search(query.question) or EARLY.search(query.question))
        whole = bool(WHOLE.search(query.question))
        difficulty = 0.3 * max(0, facts - 1) + 0.2 * (len(query.persons) > 1) + 0.2 * timed + 0.4 * whole
        demands = {
            "filter": 0.25 + difficulty,
            "entities": 0.4 * bool(query.persons) + 0.5 * (len(query.persons) > 1),
            "time": 0.4 * timed + 0.8 * ordered,
            "topics": 0.1 + difficulty,
            "summary": 0.2 + difficulty,
        }
        high, mid = 1.2 - knob("budget"), 0.6 - 0.6 * knob("budget")
        return {
            module: "high" if demand >= high else "mid" if demand >= mid else "low"
            for module, demand in demands.items()
        }

    def _filter(self, question, tier):
        """Number of a line -> relevance; 1 for the line with most of the question's words."""
        asked = set(self._words(question))
        present = [asked.intersection(self._words(text)) for _, text in self.lines]
        spread = Counter(word for found in present for word in found)
        shared = [sum(1 / spread[word] for word in sorted(found)) for found in present]
        best = max(shared, default=0.0) or 1.0
        scores = {number: score / best for number, score in enumerate(shared) if score}
        if tier != "low" and self.lines:
            near = self.toolkit.vectors.search(self.toolkit.embed([question])[0], 200)
            for number, similarity in near:
                scores[number] = scores.get(number, 0.0) + knob("vectors_weight") * max(similarity, 0.0)
        if tier == "high":
            for number, score in sorted(scores.items(), key=lambda pair: -pair[1])[: knob("low_lines")]:
                for other in (number - 1, number + 1):
                    if 0 <= other < len(self.lines) and self.lines[other][0] == self.lines[number][0]:
                        scores[other] = scores.get(other, 0.0) + knob("neighbour_share") * score
        return scores

    def _entities(self, persons, scores, tier):
        if tier == "low":
            return scores
        weights = {name: 1.0 for person in persons for name in NAME.findall(person)}
        if tier == "high":
            for number in sorted(scores, key=lambda n: (-scores[n], n))[: knob("low_lines")]:
                for name in NAME.findall(self.lines[number][1]):
                    weights.setdefault(name, 0.3)
        return {
            number: score
            * (1 + knob("entity_weight") * sum(weights.get(n, 0.0) for n in self._named(number)))
            for number, score in scores.items()
        }

    def _named(self, number):
        return sorted(set(NAME.findall(self.lines[number][1])))

    def _time(self, query, scores, tier):
        if tier == "low":
            return scores
        wanted = set(self._words(" ".join(query.dates)))
        late = 1 if LATE.search(query.question) else -1 if EARLY.search(query.question) else 0
        timed = {}
        for number, score in scores.items():
            gain = len(wanted.intersection(self._words(self.lines[number][0]))) / max(1, len(wanted))
            if tier == "high":
                gain += 0.5 * late * (2 * number / len(self.lines) - 1)
            timed[number] = score * max(0.1, 1 + knob("time_weight") * gain)
        return timed

    def _topics(self, question, scores, tier):
        """Raise the lines of the episodes whose subjects are near to the question, and to the nearest one."""
        if tier == "low" or not self.topics:
            return scores
        subjects = np.stack(self.topics)
        near = subjects @ self.toolkit.embed([question])[0]
        if tier == "high":
            near = np.maximum(near, 0.5 * (subjects @ subjects[int(near.argmax())]))
        best = max(float(near.max()), 1e-9)
        return {
            number: score * (1 + knob("topic_weight") * max(float(near[self.topic[number]]), 0.0) / best)
            for number, score in scores.items()
        }

    def _summary(self, question, order, tier):
        if tier != "low":
            order = self._distinct(order)
        lines = [self._text(number) for number in order]
        kept = self._fitting(lines, 3000)
        if tier != "high" or not lines:
            return kept
        prompt = EXTRACT.format(lines="\n".join(lines), question=" ".join(question.split())[:1000])
        copied = self.toolkit.llm_completion([{"role": "user", "content": prompt}]).strip()
        # What the model did not copy still follows, as far as there is room.
        said = dict.fromkeys(line for line in copied.split("\n") if re.search(r"\w{2}", line))
        return self._fitting([*said, *(line for line in lines if line not in copied)], 3000)

    def _distinct(self, order):
        """The lines without those whose words stand nearly all in a better one."""
        kept, seen = [], []
        for number in order:
            own = set(self._words(self.lines[number][1]))
            if not any(len(own & other) > 0.9 * len(own | other) for other in seen):
                kept.append(number)
                seen.append(own)
        return kept

    def _text(self, number):
        heading, text = self.lines[number]
        return f"{text} ({heading})" if heading else text

    @staticmethod
    def _fitting(lines, left):
        kept = []
        for line in lines:
            if len(line) < left:
                kept.append(line)
                left -= len(line) + 1
        return "\n".join(kept)

    def _words(self, text):
        """Words that say something, by their first letters; of scripts without spaces all."""
        found = self.toolkit.words(text)
        return [word[:6] for word in found if len(word) > 2 or not word.isascii()]
