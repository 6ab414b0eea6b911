"""Full context: every episode is kept as it is, and all that fits is put before the agent, whatever it asks.

The upper end of cost in most papers on memory (e.g. Mem0, Chhikara et al., 2025, arXiv 2504.19413), where
the whole history goes into the prompt.

Simplified: `read` may return 3,000 characters, so only the end of the history is seen, cut at a line, with
the heading of the episode that the cut went through. With a higher `read_characters` limit of the sandbox,
raise `budget_characters` as well: the program is then what its name says.
"""

from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = "The episode is kept word for word; name its subject in a few words."
INSTRUCTION_QUERY = "Repeat the question."
INSTRUCTION_RESPONSE = (
    "You see the latest part of the history, in order. Answer from it in as few words as possible."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {"budget_characters": (3000, 600, 3000)}


@dataclass
class KnowledgeItem:
    subject: str = field(default="", metadata={"description": "The subject of the episode, in a few words"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question"})


class KnowledgeBase:
    def __init__(self, toolkit):
        self.episodes = []

    def write(self, item, raw_text):
        if raw_text.strip():
            self.episodes.append(raw_text.strip())

    def read(self, query):
        left = KNOBS["budget_characters"][0]
        shown = []
        for episode in reversed(self.episodes):
            if len(episode) > left:
                shown.append(self._end(episode, left))
                break
            shown.append(episode)
            left -= len(episode) + 2
        return "\n\n".join(text for text in reversed(shown) if text)

    @staticmethod
    def _end(episode, budget):
        """The heading and the last lines of the episode, in at most ``budget`` characters."""
        heading, *lines = episode.split("\n")
        budget -= len(heading) + len("\n[...]")
        kept = []
        for line in reversed(lines):
            budget -= len(line) + 1
            if budget < 0:
                break
            kept.append(line)
        return "\n".join([heading, "[...]", *reversed(kept)]) if kept else ""
