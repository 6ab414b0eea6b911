"""HiAgent: working memory in chunks of one subgoal each; finished subgoals are folded to a summary.

After HiAgent (Hu, Chen, Chen, Mu, Shao and Luo, 2024, arXiv 2408.09559). Within a task, the chunk of the
subgoal at hand is seen action by action. As soon as the subgoal is finished, or another one is begun, the
chunk is folded to a summary by one model call. So the working memory is one line for each finished subgoal
and the latest actions.

Simplified: in the paper the agent names each subgoal and asks for a folded chunk by number, and the working
memory takes the place of the history. Here the agent is fixed and shows its history as well, so a chunk ends
by rule: with an action that did more than move or look, or with another goal; nothing is unfolded. The
paper's memory ends with the task. Here episodes before the task are folded in the same way: an episode works
on one subgoal, as the agent names it, and episodes in a row on nearly the same one make one chunk. The folded
chunks most like the goal at hand are unfolded, each as far as its lines share words with it and there is
room. With the knob within_task at 0 the program is read once, from the episodes alone.
"""

import re
from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = (
    "Name the subgoal that this episode works on, whether it is finished at the end, and what came of it. "
    "For a conversation the subgoal is its main topic, finished when the conversation ends."
)
INSTRUCTION_QUERY = "Repeat the question; name the subgoal or topic under which its answer was seen."
INSTRUCTION_RESPONSE = (
    "You see finished subgoals as summaries, some with details, and the subgoal at hand in full. Answer "
    "in as few words as possible."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "within_task": (1, 0, 1),
    "same_subgoal": (0.9, 0.5, 1.0),
    "unfolded": (3, 0, 8),
    "unfolded_characters": (1600, 0, 2800),
    "current_characters": (600, 100, 2000),
    "summary_characters": (160, 60, 500),
    "prompt_characters": (20000, 4000, 60000),
    "task_characters": (900, 0, 2000),
}

LOOKING = ("go", "look", "examine", "open", "close", "read", "search", "inventory", "enter", "wait")
NOTHING = re.compile(r"nothing happens|not possible|can't|cannot|don't understand|no known action", re.I)

FOLD = """\
A subgoal is finished: {subgoal}
Fold the record of it to one or two sentences: what was done, what was found, what state things are in now.
Keep names, dates and numbers. At most {limit} characters, in plain text.

Record:
{record}
"""


@dataclass
class KnowledgeItem:
    subgoal: str = field(metadata={"description": "The subgoal or main topic, as a short headline"})
    summary: str = field(metadata={"description": "What came of it, in one or two sentences"})
    finished: bool = field(
        default=True, metadata={"description": "False if work on it goes on after the episode"}
    )


@dataclass
class Query:
    question: str = field(metadata={"description": "The question"})
    subgoal: str = field(metadata={"description": "The question's subgoal or topic"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.folded = []  # chunks of finished subgoals: {"subgoal", "record", "summary"}
        self.current = None  # the chunk that is not finished, or None
        self.goal = ""  # of the task, as it is now; empty before its first step
        self.task_chunks = []  # finished subgoals of the task: a line each
        self.actions = []  # of the subgoal at hand: "command: observation"

    def write(self, item, raw_text):
        record = raw_text.strip()
        if not record:
            return
        subgoal = " ".join(item.subgoal.split())[:200] or record.split("\n")[0][:200]
        vector = self.toolkit.embed([f"{subgoal}\n{record[:2000]}"])[0]
        if self.current is not None and float(vector @ self.current["vector"]) >= knob("same_subgoal"):
            self.current["record"] += "\n" + record
            self.current["summary"] = item.summary.strip() or self.current["summary"]
        else:
            ended = self.current
            self.current = {"subgoal": subgoal, "record": record, "summary": item.summary, "vector": vector}
            if ended is not None:  # left for another one
                self._fold(ended, ask=not item.finished)
        if item.finished:
            self._fold(self.current, ask=True)
            self.current = None

    def observe(self, step):
        """Add a step to the subgoal at hand; fold that where the step ends it. The memory is read anew."""
        if not knob("within_task"):
            return False
        if self.goal and step.goal != self.goal:
            self._fold_task(self.goal)  # the step told of another goal, after it was made for this one
        self.goal = step.goal
        self.actions.append(f"{step.command}: {' '.join(step.observation.split())}")
        verb = step.command.split(" ")[0].lower()
        if verb not in LOOKING and not NOTHING.search(step.observation):
            self._fold_task(step.command)
        return True

    def _fold_task(self, subgoal):
        """Fold the actions of a finished subgoal of the task to one line; one action needs no model."""
        record = "\n".join(self.actions)
        if len(self.actions) > 1:
            record = self._summary(subgoal, record, "")
        if record:
            self.task_chunks.append(f"- {subgoal[:60]}: {record[: knob('summary_characters')]}")
        self.actions = []

    def _fold(self, chunk, ask):
        """Close the chunk. Where one write ends two, only the later one may be put to the model."""
        own = chunk["summary"] or chunk["record"]
        chunk["summary"] = self._summary(chunk["subgoal"], chunk["record"], own, ask)
        self.toolkit.vectors.add([len(self.folded)], [chunk["vector"]])
        self.folded.append(chunk)

    def _summary(self, subgoal, record, own, ask=True):
        """The record in a sentence or two by the model; the agent's own words where it says nothing."""
        reply = ""
        if ask:
            prompt = FOLD.format(
                subgoal=subgoal,
                limit=knob("summary_characters"),
                record=record[-knob("prompt_characters") :],
            )
            reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        said = reply if re.search(r"\w{2}", reply) else own or record
        return " ".join(said.split())[: knob("summary_characters")]

    def _working(self):
        """The working memory of the task: folded subgoals, then the actions of the one at hand.

        The goal is not repeated: the agent is told it, and would take it for something remembered.
        """
        left, kept = knob("task_characters"), []
        for line in reversed([*self.task_chunks, *self.actions]):  # the latest ones, where not all fit
            left -= len(line) + 1
            if left < 0:
                break
            kept.append(line)
        return "\n".join(["Done in this task:", *reversed(kept)]) if kept else ""

    def read(self, query):
        asked = self.goal or f"{query.question}\n{query.subgoal}"
        parts, left = [], 2990
        working = self._working()
        if working:
            parts.append(working)
            left -= len(working) + 2
        if self.current is not None:
            end = self.current["record"][-knob("current_characters") :]
            parts.append(f"Subgoal at hand: {self.current['subgoal']}\n{end}")
            left -= len(parts[-1])
        details = self._unfold(asked, min(left, knob("unfolded_characters")))
        if details:
            parts.insert(0, f"Details of finished subgoals:\n{details}")
            left -= len(parts[0])
        summaries = []
        for chunk in reversed(self.folded):  # the latest ones, where not all fit
            line = f"- {chunk['subgoal'][:60]}: {chunk['summary']}"
            if len(line) + 22 < left:
                summaries.append(line)
                left -= len(line) + 1
        if summaries:
            parts.insert(0, "\n".join(["Finished subgoals:", *reversed(summaries)]))
        return "\n\n".join(parts)[:3000]

    def _unfold(self, asked, budget):
        """The lines that share most words with what is asked, of the folded chunks most like it."""
        nearest = self.toolkit.vectors.search(self.toolkit.embed([asked])[0], knob("unfolded"))
        wanted, found = self._words(asked), []
        for number, similarity in nearest:
            lines = self.folded[number]["record"].split("\n")
            for position, line in enumerate(lines):
                shared = len(wanted & self._words(line))
                if shared or position == 0:  # the first line is what the rest is read by: a date, a place
                    found.append((-shared if position else -99, -similarity, number, position, line))
        kept = []
        for *_, number, position, line in sorted(found):
            if len(line) < budget:
                kept.append((number, position, line))
                budget -= len(line) + 1
        return "\n".join(line for *_, line in sorted(kept))

    def _words(self, text):
        """Words that say something, by their first letters; of scripts without spaces all."""
        found = self.toolkit.words(text)
        return {word[:6] for word in found if len(word) > 2 or not word.isascii()}
