"""ExpeL: insights voted up and down by comparing successes with failures, shown with similar successes.

After ExpeL (Zhao, Huang, Xu, Lin, Liu and Huang, 2023, arXiv 2308.10144). A model compares a success with a
failure of the same task, or reads several successes together, and then votes on the list of insights: ADD
(which starts at importance 2), AGREE (+1), EDIT (+1), REMOVE (-1, or -3 while the list is too long). An
insight whose importance falls to 0 is dropped. A new task is shown the insights, most important first, and
the successful trajectories of the tasks most like it.

Simplified: the paper collects all trials first, with reflections between them, and extracts insights
afterwards from every pair. Here each write has one model call: it compares the new episode with the nearest
one of the other outcome, if their tasks are nearly the same, and otherwise reads the successes that no call
has read yet, as soon as there are enough of them. The insight to vote on is found by its number, in the
published code by its text. Where a reply holds no vote, the agent's own insight is added, or agreed to if it
is there. The published code leaves out trajectories that are too long; here they are shortened to the lines
that share words with the task.
"""

import re
from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = (
    "State the task of this episode or, for a conversation, its topic; whether it succeeded; and one general "
    "insight that helps with other tasks of this kind, in one sentence."
)
INSTRUCTION_QUERY = "State the task or question in one sentence, with every object and name."
INSTRUCTION_RESPONSE = (
    "You see insights, the most important first, and records of similar tasks that succeeded. Follow the "
    "insights that apply and take facts from the records. Answer in as few words as possible."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "top_k": (2, 1, 6),
    "same_task": (0.8, 0.3, 1.0),
    "successes_together": (8, 2, 16),
    "insights": (20, 5, 40),
    "insights_characters": (900, 0, 2000),
    "prompt_characters": (24000, 4000, 60000),
}

EXTRA = 5  # insights beyond the list's length before REMOVE weighs 3; twice as many, and the last ones go
STRENGTH = {"ADD": 2, "AGREE": 1, "EDIT": 1}

COMPARE = """\
An agent solved the first of two nearly equal tasks and failed at the second. Find out what made the
difference.

Success:
{success}

Failure:
{failure}
"""
READ_SUCCESSES = """\
An agent succeeded at the tasks below. Find out what helped in all of them.

{successes}
"""
VOTE = """\

Insights so far:
{insights}

Vote on this list so that it helps with other tasks. Write at most four lines, one vote each, in these forms:
AGREE <number>: <the insight, where it matters here>
REMOVE <number>: <the insight, where it is wrong or repeats another>
EDIT <number>: <the insight, made more general or more exact>
ADD: <a new insight, unlike all others>
An insight is one general sentence. Do not mention the records.{full}
"""
FULL = " The list is full: remove first, and add only what is much better."

LINE = re.compile(
    r"^[^\w\n]*(AGREE|REMOVE|EDIT|ADD)(?:[^\w\n:]+(\d{1,4}))?[^\w\n:]*:[ \t*]*([^\n]*)$", re.MULTILINE
)


@dataclass
class KnowledgeItem:
    task: str = field(metadata={"description": "The task or the topic of the episode, in one sentence"})
    insight: str = field(metadata={"description": "One general insight for other tasks, one sentence"})
    succeeded: bool = field(default=True, metadata={"description": "False if it clearly ended in failure"})


@dataclass
class Query:
    task: str = field(metadata={"description": "The task or question, in one sentence with every name"})


def knob(name):
    return KNOBS[name][0]


def one_line(text):
    return " ".join(text.split()).strip("* ")[:300]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.trials = []  # {"text", "succeeded"}
        self.unread = []  # successes that no model call has read
        self.insights = []  # [text, importance], the most important first

    def write(self, item, raw_text):
        text = raw_text.strip() or item.task.strip()
        if not text:
            return
        number, vector = len(self.trials), self.toolkit.embed([(item.task.strip() or text)[:500]])[0]
        rival = self._nearest(vector, not item.succeeded, 1, knob("same_task"))
        self.toolkit.vectors.add([number], [vector])
        self.trials.append({"text": text, "succeeded": item.succeeded})
        if item.succeeded:
            self.unread.append(number)
        if rival:
            success, failure = (number, rival[0]) if item.succeeded else (rival[0], number)
            half = knob("prompt_characters") // 2
            prompt = COMPARE.format(
                success=self.trials[success]["text"][:half], failure=self.trials[failure]["text"][:half]
            )
        elif len(self.unread) >= knob("successes_together"):
            share = knob("prompt_characters") // len(self.unread)
            prompt = READ_SUCCESSES.format(
                successes="\n\n".join(self.trials[n]["text"][:share] for n in self.unread)
            )
            self.unread = []
        else:
            return
        self._count(self._ask(prompt) or self._own(one_line(item.insight)))

    def _nearest(self, vector, succeeded, count, least=-1.0):
        """The numbers of the trials of this outcome that are most like the task."""
        same, width = [], 64
        while len(same) < count and width < 2 * len(self.trials) + 64:  # nearly always once
            found = self.toolkit.vectors.search(vector, width)
            same = [n for n, score in found if self.trials[n]["succeeded"] == succeeded and score >= least]
            if found and found[-1][1] < least:
                break
            width *= 4
        return same[:count]

    def _ask(self, prompt):
        """The model's votes as (kind, position in the list or None, text)."""
        listed = "\n".join(f"{n}. {text}" for n, (text, _) in enumerate(self.insights, 1))
        full = FULL if len(self.insights) >= knob("insights") else ""
        prompt += VOTE.format(insights=listed or "(none)", full=full)
        reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        votes = []
        for kind, number, text in LINE.findall(reply):
            position, text = int(number) - 1 if number else None, one_line(text)
            known = position is not None and 0 <= position < len(self.insights)
            if "<" not in text and (bool(text) if kind == "ADD" else known):
                votes.append((kind, position, text))
        return votes[:4]

    def _own(self, insight):
        """The vote for the agent's own insight."""
        position = self._position(insight)
        return [("ADD", None, insight) if position is None else ("AGREE", position, "")] if insight else []

    def _count(self, votes):
        """Apply votes in the order REMOVE, AGREE, EDIT, ADD; at most one on each insight."""
        removal = 3 if len(self.insights) >= knob("insights") + EXTRA else 1
        voted = set()
        for wanted in ("REMOVE", "AGREE", "EDIT", "ADD"):
            for kind, position, text in votes:
                repeated = self._position(text) if kind in ("EDIT", "ADD") else None
                if kind == "EDIT" and repeated is not None:  # says what is there already
                    kind, position = "AGREE", repeated
                if kind != wanted or position in voted or (kind == "ADD" and repeated is not None):
                    continue
                if kind == "ADD":
                    self.insights.append([text, STRENGTH["ADD"]])
                    continue
                voted.add(position)
                self.insights[position][1] += -removal if kind == "REMOVE" else STRENGTH[kind]
                if kind == "EDIT" and text:
                    self.insights[position][0] = text
        kept = sorted((pair for pair in self.insights if pair[1] > 0), key=lambda pair: -pair[1])
        self.insights = kept[: knob("insights") + 2 * EXTRA]
        self.toolkit.logger.debug(f"votes: {votes}; {len(self.insights)} insights")

    def _position(self, text):
        """The position of the insight that says the same in the same words; None without one."""
        words = self.toolkit.words(text)
        same = [n for n, (known, _) in enumerate(self.insights) if self.toolkit.words(known) == words]
        return same[0] if same else None

    def read(self, query):
        parts, left = [], min(knob("insights_characters"), 2900)
        for text, _ in self.insights:
            if len(text) + 3 <= left:
                parts.append(f"- {text}")
                left -= len(text) + 3
        shown = "Insights:\n" + "\n".join(parts) + "\n\n" if parts else ""
        left = 3000 - len(shown)
        nearest = self._nearest(self.toolkit.embed([query.task])[0], True, knob("top_k"))
        records = []
        for rank, number in enumerate(nearest):
            room = left // (len(nearest) - rank) - 2
            records.append(self._shorten(self.trials[number]["text"], query.task, room))
            left -= len(records[-1]) + 2
        return (shown + "\n\n".join(record for record in records if record)).strip()

    def _shorten(self, text, task, room):
        """The first line and those that share most words with the task, in their order."""
        if len(text) <= room:
            return text
        asked, lines = set(self.toolkit.words(task)), text.split("\n")
        shared = [len(asked.intersection(self.toolkit.words(line))) for line in lines]
        chosen = set()
        for n in sorted(range(len(lines)), key=lambda n: (n > 0, -shared[n], n)):
            if len(lines[n]) + 1 <= room:
                chosen.add(n)
                room -= len(lines[n]) + 1
        return "\n".join(lines[n] for n in sorted(chosen)) or text[: max(room, 0)]
