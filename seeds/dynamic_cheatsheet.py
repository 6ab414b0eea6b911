"""Dynamic Cheatsheet: one sheet for everything, rewritten by a model after each episode and shown whole.

After Dynamic Cheatsheet (Suzgun, Yuksekgonul, Bianchi, Jurafsky and Zou, 2025, arXiv 2504.07952), in its
cumulative form: the curator sees the sheet and the new episode, and returns the sheet that is to replace
it.

Simplified: the curator works once for each episode and sees no answers of later questions. A reply without
both markers, or an empty sheet, is not taken, since a truncated reply would wipe out what is known: the
agent's own insight is then put at the end instead, and what is oldest falls off. A sheet that is too long
is cut at a line.
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

MARKER = re.compile(r"^[^\w\n]*(BEGIN|END) SHEET[^\w\n]*$", re.MULTILINE)


@dataclass
class KnowledgeItem:
    insight: str = field(metadata={"description": "What is most worth having on a cheat sheet"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.sheet = ""

    def write(self, item, raw_text):
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

    def read(self, query):
        return self.sheet

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
