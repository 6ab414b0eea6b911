"""Dynamic Cheatsheet: one sheet for everything, rewritten by a model after each episode and shown whole.

After Dynamic Cheatsheet (Suzgun, Yuksekgonul, Bianchi, Jurafsky and Zou, 2025, arXiv 2504.07952). In the
cumulative form, the default, the curator sees the sheet and the new episode, and returns the sheet that is to
replace it. With the knob retrieved above 0 it is the form called retrieval and synthesis: before each task
the curator sees the sheet, the most similar earlier tasks with what was done, and the task that comes next,
and writes the sheet for this task; then the episode is kept, to be retrieved later.

Simplified: the curator works once for each episode and sees no answers of later questions. In the retrieval
form it works once more when a question is read, and this sheet lasts for the question only. A reply without
both markers, or an empty sheet, is not taken, since a truncated reply would wipe out what is known: the
agent's own insight is then put at the end instead, and what is oldest falls off; at a question the retrieved
episodes are then shown as they are, the nearest last, as in the published code. A sheet that is too long is
cut at a line.
"""

import re
from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = (
    "Write down the insight of this episode that is most worth having on a cheat sheet: a reusable "
    "method, a pitfall, or facts with their names and dates."
)
INSTRUCTION_QUERY = "Repeat the question."
INSTRUCTION_RESPONSE = (
    "Look up the cheat sheet first; newer entries override older ones. Answer in as few words as possible."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "retrieved": (0, 0, 6),
    "sheet_characters": (2900, 500, 3000),
    "insight_characters": (400, 80, 1200),
    "prompt_characters": (20000, 4000, 60000),
}

CURATE = """\
You are the curator of a cheat sheet, the only memory of an agent that answers questions and solves tasks.
Bring it up to date with the new episode: add what will be useful later, merge entries that say the same,
correct what turned out to be wrong, drop what is trivial. Keep every entry that may still be needed: what you
leave out is lost. One entry a line, with names, dates and numbers; group them under short headings. At most
{limit} characters. Reply with the complete new sheet between the lines BEGIN SHEET and END SHEET.

Present sheet:
{sheet}

New episode:
{episode}
"""

SYNTHESISE = """\
You are the curator of a cheat sheet, the only memory of an agent that is about to solve the next task. Write
the sheet for it, from the present sheet and from earlier tasks that are like it. They may hold mistakes, so
check them. Keep entries that later tasks may need, add what these tasks teach, and put first what helps with
the next task. One entry a line, with names, dates and numbers; group them under short headings. At most
{limit} characters. Reply with the complete sheet between the lines BEGIN SHEET and END SHEET.

Present sheet:
{sheet}

Earlier tasks:
{earlier}

Next task: {task}
"""

MARKER = re.compile(r"^[^\w\n]*(BEGIN|END) SHEET[^\w\n]*$", re.MULTILINE)


@dataclass
class KnowledgeItem:
    insight: str = field(metadata={"description": "What is most worth having on a cheat sheet"})
    task: str = field(default="", metadata={"description": "The task or topic of the episode, in a sentence"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.sheet = ""
        self.episodes = []

    def write(self, item, raw_text):
        task = " ".join((item.task or raw_text).split())[:500]
        if knob("retrieved"):
            prompt = self._synthesis(task, self._similar(task))
        else:
            prompt = CURATE.format(
                limit=knob("sheet_characters"),
                sheet=self.sheet or "(nothing yet)",
                episode=raw_text[: knob("prompt_characters")],
            )
        reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        sheet = self._between_markers(reply)
        if sheet:
            self.sheet = self._leading(sheet)
        else:
            self.toolkit.logger.debug(f"no sheet in a reply of {len(reply)} characters: insight appended")
            insight = " ".join(item.insight.split())[: knob("insight_characters")]
            self.sheet = self._trailing(f"{self.sheet}\n- {insight}".strip() if insight else self.sheet)
        if knob("retrieved") and task:
            self.toolkit.vectors.add([len(self.episodes)], self.toolkit.embed([task]))
            self.episodes.append(raw_text.strip() or task)

    def read(self, query):
        if not knob("retrieved") or not self.episodes:
            return self.sheet
        earlier = self._similar(query.question)
        prompt = self._synthesis(" ".join(query.question.split())[:1000], earlier)
        reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        return self._leading(self._between_markers(reply) or self._shown(earlier, knob("sheet_characters")))

    def _similar(self, task):
        """The episodes most like the task, the nearest last."""
        if not self.episodes:
            return []
        found = self.toolkit.vectors.search(self.toolkit.embed([task])[0], knob("retrieved"))
        return [self.episodes[number] for number, _ in reversed(found)]

    def _synthesis(self, task, earlier):
        return SYNTHESISE.format(
            limit=knob("sheet_characters"),
            sheet=self.sheet or "(nothing yet)",
            earlier=self._shown(earlier, knob("prompt_characters")) or "(none)",
            task=task,
        )

    @staticmethod
    def _shown(episodes, limit):
        """Episodes in equal shares of so many characters."""
        share = limit // max(len(episodes), 1) - 2
        return "\n\n".join(text[:share] for text in episodes)

    @staticmethod
    def _between_markers(reply):
        """What stands between the first BEGIN and the last END; empty where one of them is missing."""
        markers = {"BEGIN": [], "END": []}
        for marker in MARKER.finditer(reply):
            markers[marker[1]].append(marker)
        if not markers["BEGIN"] or not markers["END"]:
            return ""
        return reply[markers["BEGIN"][0].end() : markers["END"][-1].start()].strip()

    @staticmethod
    def _leading(text):
        """The first lines that fit on the sheet."""
        limit = knob("sheet_characters")
        return text if len(text) <= limit else text[: limit + 1].rpartition("\n")[0] or text[:limit]

    @staticmethod
    def _trailing(text):
        """The last lines that fit on the sheet."""
        limit = knob("sheet_characters")
        return text if len(text) <= limit else text[-limit - 1 :].partition("\n")[2] or text[-limit:]
