"""ReasoningBank: titled strategies, distilled from successes and from failures, recalled by similar tasks.

After ReasoningBank (Ouyang et al., 2025, arXiv 2509.25140). Of each episode a model distils up to three
items of a title, a description and a content: of a success why it worked, of a failure what would have
prevented it. A new task recalls the items of the most similar past tasks.

Simplified: whether an episode succeeded is said by the agent that extracts, not by a judge of its own. One
model call per write distils; where its reply has no item in the asked form, the agent's own lesson becomes
one. The paper asks for items without what is particular to the task; here names, dates and numbers are
kept, since many questions to a memory ask for them. Items are only added, as in the paper; scaling at test
time (several trajectories for a task) is not a matter of memory and is left out.
"""

import re
from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = (
    "State what was attempted, whether it succeeded, and the lesson that carries over to other attempts. "
    "If nothing was attempted, as in a conversation, state what it was about and what is worth knowing."
)
INSTRUCTION_QUERY = "State the task or question in one sentence, with everything that sets it apart."
INSTRUCTION_RESPONSE = (
    "The notes come from earlier tasks, some of which failed. Use those that fit this one. Answer in as "
    "few words as possible."
)
ALWAYS_ON_KNOWLEDGE = "Before answering, think of which notes apply here and which do not."

KNOBS = {
    "top_k": (4, 1, 12),
    "items_per_episode": (3, 1, 6),
    "content_characters": (700, 150, 1400),
    "prompt_characters": (20000, 4000, 60000),
}

DISTIL = """\
An agent {verdict} at the task below. Read the record and distil at most {count} notes that will help with
other tasks: {focus}. A note must hold beyond this one record, but keeps names, dates and numbers.
Write each note as three lines that begin with these labels:
Title: <a few words>
Description: <one sentence on when it applies>
Content: <one to three sentences on what to do or to know>

Task: {task}

Record:
{record}
"""
SUCCESS = ("succeeded", "why it worked, and which steps or facts can be used again")
FAILURE = ("failed", "what went wrong, how to notice it in time, and what to do instead")

ITEM = re.compile(
    r"^[^\w\n]*title[^\w\n]*:(?P<title>[^\n]+)\n+[^\w\n]*description[^\w\n]*:(?P<description>[^\n]+)\n+"
    r"[^\w\n]*content[^\w\n]*:(?P<content>.+?)(?=^[^\w\n]*title[^\w\n]*:|\Z)",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)


@dataclass
class KnowledgeItem:
    task: str = field(metadata={"description": "What was attempted or talked about, in one sentence"})
    lesson: str = field(metadata={"description": "What carries over to other attempts"})
    succeeded: bool = field(default=True, metadata={"description": "False if the attempt clearly failed"})


@dataclass
class Query:
    task: str = field(metadata={"description": "The task or question, in one sentence"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.experiences = []  # the items of each episode, as text

    def write(self, item, raw_text):
        task = (item.task.strip() or raw_text.strip())[:500]
        if not task:
            return
        items = self._distil(task, item.succeeded, raw_text) or self._own(item)
        if items:
            self.toolkit.vectors.add([len(self.experiences)], self.toolkit.embed([task]))
            self.experiences.append(items)

    def read(self, query):
        nearest = self.toolkit.vectors.search(self.toolkit.embed([query.task])[0], knob("top_k"))
        notes = dict.fromkeys(note for number, _ in nearest for note in self.experiences[number])
        shown, left = [], 3000
        for note in notes:
            if len(note) < left:
                shown.append(note)
                left -= len(note) + 2
        return "\n\n".join(shown)

    def _distil(self, task, succeeded, record):
        verdict, focus = SUCCESS if succeeded else FAILURE
        prompt = DISTIL.format(
            verdict=verdict,
            focus=focus,
            count=knob("items_per_episode"),
            task=task,
            record=record[: knob("prompt_characters")],
        )
        reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        # A title in angle brackets is our own form, quoted back.
        found = [self._note(*match.groups()) for match in ITEM.finditer(reply) if "<" not in match["title"]]
        self.toolkit.logger.debug(f"{len(found)} notes distilled; the agent {verdict}")
        return found[: knob("items_per_episode")]

    def _own(self, item):
        """The lesson of the agent as the only note; nothing where there is none."""
        lesson = item.lesson.strip()
        if not lesson:
            return []
        return [self._note(item.task[:80], "" if item.succeeded else "Learnt from a failure", lesson)]

    @staticmethod
    def _note(title, description, content):
        title, description = (" ".join(text.split()).strip("* ")[:200] for text in (title, description))
        content = content.strip("* \n")[: knob("content_characters")]
        return f"# {title}\n" + (f"{description}\n" if description else "") + content
