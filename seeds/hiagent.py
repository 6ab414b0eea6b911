"""HiAgent: working memory in chunks of one subgoal each; finished subgoals are folded to a summary.

After HiAgent (Hu, Chen, Chen, Mu, Shao and Luo, 2024, arXiv 2408.09559). The chunk of the subgoal at hand
is seen in full. As soon as it is finished, or another one is begun, what was done and seen for it is folded
to a summary; the full chunk is fetched back when it is asked for.

Simplified: an episode works on one subgoal, as the agent names it; episodes in a row on nearly the same one
make one chunk. A chunk is folded by one model call, in the write that ends it; where the reply is empty the
agent's own summary stands for it. In the paper the agent asks for a chunk by number; here the folded
subgoals most like the question are unfolded, each as far as its lines share words with the question and
there is room.
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
    "same_subgoal": (0.9, 0.5, 1.0),
    "unfolded": (3, 0, 8),
    "unfolded_characters": (1600, 0, 2800),
    "current_characters": (600, 100, 2000),
    "summary_characters": (160, 60, 500),
    "prompt_characters": (20000, 4000, 60000),
}

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

    def _fold(self, chunk, ask):
        """Close the chunk. Where one write ends two, only the later one may be put to the model."""
        reply = ""
        if ask:
            prompt = FOLD.format(
                subgoal=chunk["subgoal"],
                limit=knob("summary_characters"),
                record=chunk["record"][-knob("prompt_characters") :],
            )
            reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        said = reply if re.search(r"\w{2}", reply) else chunk["summary"] or chunk["record"]
        summary = " ".join(said.split())
        chunk["summary"] = summary[: knob("summary_characters")]
        self.toolkit.vectors.add([len(self.folded)], [chunk["vector"]])
        self.folded.append(chunk)

    def read(self, query):
        asked = f"{query.question}\n{query.subgoal}"
        parts, left = [], 2990
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
