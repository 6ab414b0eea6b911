"""LightMem: a filter, a buffer of topics, and entries that are consolidated between episodes.

After LightMem (Fang et al., 2025, arXiv 2510.18866), modelled on human memory. Sensory memory leaves out what
says little and cuts the rest into topics, where neighbouring turns are unlike. Short-term memory gathers
topics until it is full; then one model call writes the facts of all of them into long-term memory, at once
and without a comparison. What later entries change is dealt with apart, in a "sleep": each old entry is
compared with the newer ones that are near to it, and updated, deleted or left alone.

Simplified: the filter is a rule that drops whole turns, those whose words are the most common so far, where
the paper has a small model drop tokens; attention, which gives the paper its first set of topic boundaries,
is not available, so similarity alone cuts. A memory has one model call per write, so that a sleep takes a
write in which short-term memory is not full, every so many episodes, with one call for the old entries whose
newer neighbours are most like them. No episode is known to be the last, so topics still in short-term memory
are read as they are. Where a reply has no facts in the asked form, the turns of a topic become the entries;
where a sleep's reply decides nothing, an old entry that a newer one nearly repeats is deleted.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = "The episode is kept as it is; give its date or title in a few words."
INSTRUCTION_QUERY = "Repeat the question in full, with every name and date."
INSTRUCTION_RESPONSE = (
    "Each line has the date or title of the episode that it comes from; where two disagree, the later one "
    "holds. Answer in as few words as possible."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "top_k": (30, 3, 60),
    "kept_share": (0.85, 0.3, 1.0),
    "short_term_characters": (2400, 300, 12000),
    "least_similarity": (0.2, 0.0, 0.5),
    "sleep_every": (6, 2, 40),
    "update_similarity": (0.8, 0.4, 1.0),
    "queue": (5, 1, 10),
    "updates": (12, 1, 40),
}

TURN = 500  # characters of a turn at most
HIGHEST, STEP = 0.5, 0.05  # of the similarity below which a topic ends, and by how much it is raised
REPEATED = 0.97

EXTRACT = """\
Below are turns of conversations or records, grouped by topic and numbered. Go through them in order and write
every fact that they contain as a sentence that can be understood alone: names instead of pronouns, and what
the date or title of the topic says about when. Leave out greetings and fillers only. One fact a line:
<number of the turn>: <fact>

{topics}
"""
SLEEP = """\
Each numbered old memory is followed by newer ones that are like it. Decide about every old memory, one line
each, in one of these forms:
<number> UPDATE: <the old memory with what the newer ones add, in one sentence>
<number> DELETE
<number> KEEP
UPDATE where they are about one thing and the newer ones say more. DELETE where a newer one contradicts it or
says all of it. KEEP where they are about different things.

{pairs}
"""
FACT = re.compile(r"^[^\w\n]*(\d{1,4})[^\w\n]*:[ \t*]*([^\n<]{4,})$", re.MULTILINE)
DECISION = re.compile(r"^[^\w\n]*(\d{1,4})[^\w\n]+(UPDATE|DELETE|KEEP)\b[ \t:*–-]*([^\n]*)$", re.MULTILINE)


@dataclass
class KnowledgeItem:
    date: str = field(default="", metadata={"description": "The date of the episode, as it is written there"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question, in full"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.seen = Counter()  # words of all turns, by which the filter knows what is common
        self.topics = []  # short-term memory: (heading, turns)
        self.entries = {}  # long-term memory: number -> (heading, text)
        self.count = 0
        self.awake = 0  # episodes since the last sleep
        self.fresh = []  # entries since the last sleep

    def write(self, item, raw_text):
        heading, turns = self._turns(raw_text)
        heading = heading or " ".join(item.date.split())[:60]
        turns = self._filter(turns)
        self.topics += [(heading, topic) for topic in self._cut(turns)]
        self.awake += 1
        if sum(len(turn) for _, topic in self.topics for turn in topic) > knob("short_term_characters"):
            self._extract()
        elif self.awake >= knob("sleep_every"):
            self._sleep()

    @staticmethod
    def _turns(text):
        heading, *lines = text.strip().split("\n")
        if not lines or len(heading) > 100:
            heading, lines = "", [heading, *lines]
        parts = [line[at : at + TURN] for line in lines for at in range(0, len(line), TURN)]
        return heading, [part.strip() for part in parts if part.strip()]

    def _filter(self, turns):
        """Sensory memory: the share of the turns that say most, by how rare their words are so far."""
        words = [self.toolkit.words(turn) for turn in turns]
        for found in words:
            self.seen.update(set(found))
        surprise = [sum(1 / self.seen[word] for word in sorted(set(found))) for found in words]
        kept = -int(-knob("kept_share") * len(turns) // 1)  # rounded up
        best = sorted(range(len(turns)), key=lambda n: (-surprise[n], n))[:kept]
        return [turns[n] for n in sorted(best)]

    def _cut(self, turns):
        """Topics: cut between turns that are unlike; where all are alike, ever likelier ones are cut."""
        if len(turns) < 2:
            return [turns] if turns else []
        vectors = self.toolkit.embed(turns)
        alike = (vectors[:-1] * vectors[1:]).sum(axis=1)
        threshold, cuts = knob("least_similarity"), []
        while threshold <= HIGHEST and not cuts:
            cuts = [n + 1 for n, value in enumerate(alike) if value < threshold]
            threshold += STEP
        return [turns[start:end] for start, end in zip([0, *cuts], [*cuts, len(turns)], strict=True)]

    def _extract(self):
        """Write the facts of short-term memory into long-term memory, and empty it."""
        turns = [(heading, turn) for heading, topic in self.topics for turn in topic]
        lines, number = [], 0
        for topic, (heading, content) in enumerate(self.topics, 1):
            lines.append(f"Topic {topic}" + (f" ({heading})" if heading else ""))
            lines += [f"{number + n}: {turn}" for n, turn in enumerate(content, 1)]
            number += len(content)
        prompt = EXTRACT.format(topics="\n".join(lines))
        reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        copied = {line.strip() for line in lines}
        facts = [
            (turns[int(n) - 1][0], fact.strip()[:TURN])
            for n, fact in FACT.findall(reply)
            if 0 < int(n) <= len(turns) and f"{n}: {fact.strip()}" not in copied
        ]
        self.toolkit.logger.debug(f"{len(self.topics)} topics, {len(turns)} turns, {len(facts)} facts")
        self._add(facts or turns)
        self.topics = []

    def _add(self, facts):
        numbers = range(self.count, self.count + len(facts))
        self.count += len(facts)
        self.fresh += numbers
        self.entries.update(zip(numbers, facts, strict=True))
        self.toolkit.vectors.add(list(numbers), self.toolkit.embed([fact for _, fact in facts]))

    def _sleep(self):
        """Consolidate long-term memory: let the newest entries change the old ones that they are like."""
        queues, self.awake, self.fresh = self._queues(), 0, []
        if not queues:
            return
        pairs = [
            "\n".join([f"{n}. {self._dated(old)}", *(f"   newer: {self._dated(new)}" for new, _ in queue)])
            for n, (old, queue) in enumerate(queues, 1)
        ]
        prompt = SLEEP.format(pairs="\n".join(pairs))
        reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        decided = {int(n): (kind, text.strip()) for n, kind, text in DECISION.findall(reply)}
        for n, (old, queue) in enumerate(queues, 1):
            repeated = not decided and queue[0][1] >= REPEATED
            kind, text = decided.get(n, ("DELETE" if repeated else "KEEP", ""))
            if kind == "DELETE":
                del self.entries[old]
                self.toolkit.vectors.remove([old])
            elif kind == "UPDATE" and text and "<" not in text:
                self.entries[old] = (self.entries[old][0], text[:TURN])
                self.toolkit.vectors.add([old], self.toolkit.embed([text[:TURN]]))

    def _queues(self):
        """Pairs of an old entry and the new ones near to it, with their similarity; the nearest first."""
        if not self.fresh:
            return []
        vectors, queues = self.toolkit.embed([self.entries[n][1] for n in self.fresh]), {}
        for new, vector in zip(self.fresh, vectors, strict=True):
            for old, alike in self.toolkit.vectors.search(vector, 2 * knob("queue")):
                if old < new and alike >= knob("update_similarity"):
                    queues.setdefault(old, []).append((new, alike))
        for queue in queues.values():
            queue.sort(key=lambda pair: -pair[1])
            del queue[knob("queue") :]
        return sorted(queues.items(), key=lambda pair: (-pair[1][0][1], pair[0]))[: knob("updates")]

    def _dated(self, number):
        heading, text = self.entries[number]
        return f"{text} ({heading})" if heading else text

    def read(self, query):
        vector = self.toolkit.embed([query.question])[0]
        found = [(score, self._dated(n)) for n, score in self.toolkit.vectors.search(vector, knob("top_k"))]
        recent = [(heading, turn) for heading, topic in self.topics for turn in topic]
        if recent:
            alike = self.toolkit.embed([turn for _, turn in recent]) @ vector
            found += [
                (float(score), f"{turn} ({heading})" if heading else turn)
                for score, (heading, turn) in zip(alike, recent, strict=True)
            ]
        lines, left = [], 3000
        for _, line in sorted(found, key=lambda pair: -pair[0])[: knob("top_k")]:
            if len(line) < left:
                lines.append(line)
                left -= len(line) + 1
        return "\n".join(lines)
